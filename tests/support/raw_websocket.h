// A WebSocket client that hides nothing: for tests that must see, or send, exact frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http.h"
#include "tcp_socket.h"
#include "websocket_frame.h"

namespace testing_support {

struct WebSocketOptions {
  std::string path = "/ws";
  // Such as {"Origin", "http://evil.example"}; one named like a handshake's own replaces that.
  HttpHeaders headers;
  // 0 = the kernel's choice; small for a client that is to be slow.
  int receive_buffer_bytes = 0;
  milliseconds timeout = kPatience;
  TlsOptions tls = {};  // where the address says TLS
};

struct Frame {
  Opcode opcode = Opcode::kText;
  bool fin = true;
  std::uint8_t rsv = 0;
  std::string payload;
};

// One connection; blocking, with a deadline on everything. Belongs to one thread. To "stop reading"
// is not to call a receive function (and to connect with a small receive buffer).
class RawWebSocket {
 public:
  // Close codes that never travel (RFC 6455, 7.4.1), as received_close_code() reports them.
  static constexpr int kCloseWithoutCode = 1005;
  static constexpr int kClosedWithoutFrame = 1006;
  // A frame that claims more than this is an error of the server.
  static constexpr std::uint64_t kFrameBytesMax = 256u << 20;

  // Connects and upgrades. Throws std::runtime_error with the server's answer if it refuses.
  static RawWebSocket connect(const TcpAddress& address, const WebSocketOptions& options = {});

  // Asks for an upgrade and returns the server's answer, 101 or not, then closes.
  static HttpResponse try_connect(const TcpAddress& address, const WebSocketOptions& options = {});

  // Each returns false if the peer has gone or does not take the bytes in time.
  bool send_text(std::string_view text, milliseconds timeout = kPatience);
  bool send_binary(std::string_view bytes, milliseconds timeout = kPatience);
  bool send_ping(std::string_view payload = {}, milliseconds timeout = kPatience);
  bool send_close(std::uint16_t code = 1000, std::string_view reason = {},
                  milliseconds timeout = kPatience);
  bool send_frame(const FrameSpec& spec, milliseconds timeout = kPatience);
  bool send_raw(std::string_view bytes, milliseconds timeout = kPatience);

  // The next frame of any kind as it came; nothing is answered. nullopt when the time is over or
  // the connection is: ended() tells which.
  std::optional<Frame> receive_frame(milliseconds timeout = kPatience);

  // The next text or binary message, its fragments joined. Answers pings (see answer_pings) and
  // notes a close frame, after which it returns nullopt. The opcode of the answer is the message's.
  std::optional<Frame> receive_message(milliseconds timeout = kPatience);

  // The same for who only wants texts: the payload. Throws std::runtime_error for a binary message.
  std::optional<std::string> receive_text(milliseconds timeout = kPatience);

  // Reads on, letting messages go, until the server has closed; returns the close code (or one of
  // the two above), nullopt when the time is over.
  std::optional<int> wait_close(milliseconds timeout = kPatience);

  // Bytes as they come, what was read ahead first; nullopt as for receive_frame().
  std::optional<std::string> receive_raw(milliseconds timeout = kPatience);

  // Whether the server has ended the connection and all it sent has been read.
  bool ended() const { return ended_; }
  // The code of the close frame that receive_message() or wait_close() read.
  std::optional<int> received_close_code() const { return close_code_; }
  const std::string& received_close_reason() const { return close_reason_; }

  // On by default. Off: a client whose pongs never come.
  void answer_pings(bool answer) { answer_pings_ = answer; }

  // The server's answer to the handshake.
  const HttpResponse& handshake() const { return handshake_; }

  TcpSocket& socket() { return socket_; }

  // Gives the connection away, and in `unread` what was read of it and not yet returned.
  TcpSocket release(std::string& unread);

 private:
  RawWebSocket() = default;
  static RawWebSocket open(const TcpAddress& address, const WebSocketOptions& options);
  std::string_view unread() const { return std::string_view(buffer_).substr(consumed_); }
  // Reads more into buffer_; false when the time is over or the connection is.
  bool fill(const Deadline& deadline);
  void note_close(const Frame& frame);

  TcpSocket socket_;
  HttpResponse handshake_;
  std::string buffer_;
  std::size_t consumed_ = 0;
  bool ended_ = false;
  bool answer_pings_ = true;
  bool upgraded_ = false;
  std::optional<int> close_code_;
  std::string close_reason_;
};

}  // namespace testing_support
