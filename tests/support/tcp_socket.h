// A plain TCP client socket with deadlines, and addresses such as the ready line names them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wait.h"

namespace testing_support {

struct TcpAddress {
  std::string host;
  std::uint16_t port = 0;

  // "host:port"
  std::string text() const { return host + ":" + std::to_string(port); }
};

// Takes "127.0.0.1:80", "tcp://127.0.0.1:80", "ws://127.0.0.1:80/ws" and "[::1]:80".
// Throws std::invalid_argument for anything else.
TcpAddress parse_address(std::string_view text);

// An owned, connected, non-blocking socket. Belongs to one thread.
class TcpSocket {
 public:
  enum class Read { kData, kTimeout, kEnd };

  // `receive_buffer_bytes` > 0 fixes SO_RCVBUF before connecting: what a client that stops reading
  // can still take in. `from`: the IPv4 address that it comes from. Throws std::system_error if it cannot connect in time.
  static TcpSocket connect(const TcpAddress& address, milliseconds timeout = kPatience,
                           int receive_buffer_bytes = 0, const char* from = nullptr);

  explicit TcpSocket(int descriptor = -1) : descriptor_(descriptor) {}
  ~TcpSocket() { close(); }
  TcpSocket(TcpSocket&& other) noexcept : descriptor_(other.release()) {}
  TcpSocket& operator=(TcpSocket&& other) noexcept;

  // False if the peer has gone or the time is over; part of `bytes` may have left by then.
  [[nodiscard]] bool send_all(std::string_view bytes, milliseconds timeout = kPatience);

  // Appends what has arrived (at most `bytes_max`) to `into`, waiting for the first byte. A reset
  // is an end.
  Read receive(std::string& into, milliseconds timeout = kPatience,
               std::size_t bytes_max = 256 * 1024);

  // Ends the sending side: the peer reads an end, and can still send.
  void shutdown_sending();
  void close();
  // Closes with a RST instead of a FIN, as a crashed peer's machine does.
  void reset();

  int descriptor() const { return descriptor_; }
  // Gives the descriptor away; the caller closes it.
  int release();

 private:
  int descriptor_;
};

}  // namespace testing_support
