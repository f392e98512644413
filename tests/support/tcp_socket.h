// A TCP client socket, plain or with TLS on it, with deadlines, and addresses such as the ready line names them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wait.h"

struct ssl_st;  // OpenSSL's

namespace testing_support {

struct TcpAddress {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;

  // "host:port"
  std::string text() const { return host + ":" + std::to_string(port); }
};

// Takes "127.0.0.1:80", "tcp://127.0.0.1:80", "ws://127.0.0.1:80/ws", "wss://127.0.0.1:80/ws" (with TLS) and
// "[::1]:80".
// Throws std::invalid_argument for anything else.
TcpAddress parse_address(std::string_view text);

// What a client of TLS insists on.
struct TlsOptions {
  int min_version = 0;  // TLS1_2_VERSION and so on; 0: OpenSSL decides
  int max_version = 0;
  const char* suites = nullptr;   // of TLS 1.2, any that OpenSSL has
  std::string_view protocols = {};  // ALPN as it is on the wire: "\x08http/1.1"
};

// An owned, connected, non-blocking socket. Belongs to one thread.
class TcpSocket {
 public:
  enum class Read { kData, kTimeout, kEnd };

  // `receive_buffer_bytes` > 0 fixes SO_RCVBUF before connecting: what a client that stops reading
  // can still take in. `from`: the IPv4 address that it comes from. With TLS where the address says so. Throws
  // std::system_error if it cannot connect in time, std::runtime_error where TLS fails.
  static TcpSocket connect(const TcpAddress& address, milliseconds timeout = kPatience,
                           int receive_buffer_bytes = 0, const char* from = nullptr);

  explicit TcpSocket(int descriptor = -1) : descriptor_(descriptor) {}
  ~TcpSocket() { close(); }
  TcpSocket(TcpSocket&& other) noexcept : ssl_(std::move(other.ssl_)), descriptor_(other.release()) {}
  TcpSocket& operator=(TcpSocket&& other) noexcept;

  // Shakes hands; no certificate is checked. Throws std::runtime_error where it fails.
  void start_tls(const TlsOptions& options = {}, milliseconds timeout = kPatience);
  ssl_st* ssl() const { return ssl_.get(); }  // null: plain

  // False if the peer has gone or the time is over; part of `bytes` may have left by then.
  [[nodiscard]] bool send_all(std::string_view bytes, milliseconds timeout = kPatience);

  // Appends what has arrived (at most `bytes_max`) to `into`, waiting for the first byte. A reset
  // is an end.
  Read receive(std::string& into, milliseconds timeout = kPatience,
               std::size_t bytes_max = 256 * 1024);

  // What is there, up to `bytes_max`, and does not wait: 0 where that is nothing, -1 at the end.
  long read_now(char* into, std::size_t bytes_max);

  // Ends the sending side: the peer reads an end, and can still send.
  void shutdown_sending();
  void close();
  // Closes with a RST instead of a FIN, as a crashed peer's machine does.
  void reset();

  int descriptor() const { return descriptor_; }
  // Gives the descriptor away; the caller closes it.
  int release();

 private:
  bool wait_tls(int result, const Deadline& deadline, bool& ready) const;

  std::shared_ptr<ssl_st> ssl_;
  int descriptor_;
};

}  // namespace testing_support
