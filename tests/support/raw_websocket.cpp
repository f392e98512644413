#include "raw_websocket.h"

#include <stdexcept>
#include <utility>

namespace testing_support {

RawWebSocket RawWebSocket::open(const TcpAddress& address, const WebSocketOptions& options) {
  const Deadline deadline(options.timeout);
  RawWebSocket client;
  TcpAddress plain = address;
  plain.tls = false;
  client.socket_ = TcpSocket::connect(plain, options.timeout, options.receive_buffer_bytes);
  if (address.tls) client.socket_.start_tls(options.tls, deadline.left());
  const std::string key = websocket_key();
  HttpHeaders headers = options.headers;
  const auto add = [&](const std::string& name, const std::string& value) {
    for (const auto& [given, unused] : options.headers) {
      if (given == name) return;
    }
    headers.emplace_back(name, value);
  };
  add("Upgrade", "websocket");
  add("Connection", "Upgrade");
  add("Sec-WebSocket-Key", key);
  add("Sec-WebSocket-Version", "13");
  (void)client.socket_.send_all(http_request(address, "GET", options.path, headers, {}),
                                deadline.left());
  std::size_t head_end = 0;
  while ((head_end = client.buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!client.fill(deadline)) {
      throw std::runtime_error("no whole answer to the WebSocket handshake, only: " +
                               client.buffer_);
    }
  }
  client.handshake_ = parse_http_head(std::string_view(client.buffer_).substr(0, head_end));
  client.consumed_ = head_end + 4;
  client.upgraded_ = client.handshake_.status == 101 &&
                     client.handshake_.header("Sec-WebSocket-Accept") == websocket_accept(key);
  return client;
}

RawWebSocket RawWebSocket::connect(const TcpAddress& address, const WebSocketOptions& options) {
  RawWebSocket client = open(address, options);
  if (!client.upgraded_) {
    throw std::runtime_error("the WebSocket handshake was answered with " + client.buffer_);
  }
  return client;
}

HttpResponse RawWebSocket::try_connect(const TcpAddress& address, const WebSocketOptions& options) {
  return open(address, options).handshake_;
}

bool RawWebSocket::send_text(std::string_view text, milliseconds timeout) {
  return send_frame({Opcode::kText, std::string(text), true, true, 0, {}}, timeout);
}

bool RawWebSocket::send_binary(std::string_view bytes, milliseconds timeout) {
  return send_frame({Opcode::kBinary, std::string(bytes), true, true, 0, {}}, timeout);
}

bool RawWebSocket::send_ping(std::string_view payload, milliseconds timeout) {
  return send_frame({Opcode::kPing, std::string(payload), true, true, 0, {}}, timeout);
}

bool RawWebSocket::send_close(std::uint16_t code, std::string_view reason, milliseconds timeout) {
  return send_frame({Opcode::kClose, close_payload(code, reason), true, true, 0, {}}, timeout);
}

bool RawWebSocket::send_frame(const FrameSpec& spec, milliseconds timeout) {
  return send_raw(encode_frame(spec), timeout);
}

bool RawWebSocket::send_raw(std::string_view bytes, milliseconds timeout) {
  return socket_.send_all(bytes, timeout);
}

bool RawWebSocket::fill(const Deadline& deadline) {
  if (ended_) return false;
  if (consumed_ > buffer_.size() / 2) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  const TcpSocket::Read read = socket_.receive(buffer_, deadline.left(), 64 * 1024);
  if (read == TcpSocket::Read::kEnd) ended_ = true;
  return read == TcpSocket::Read::kData;
}

std::optional<Frame> RawWebSocket::receive_frame(milliseconds timeout) {
  const Deadline deadline(timeout);
  for (;;) {
    if (const auto header = decode_frame_header(unread())) {
      if (header->payload_bytes > kFrameBytesMax) {
        throw std::runtime_error("the server sent a frame that claims " +
                                 std::to_string(header->payload_bytes) + " bytes");
      }
      if (header->masked) throw std::runtime_error("the server sent a masked frame");
      const std::size_t size =
          header->header_bytes + static_cast<std::size_t>(header->payload_bytes);
      if (unread().size() >= size) {
        Frame frame{
            header->opcode, header->fin, header->rsv,
            std::string(unread().substr(header->header_bytes, size - header->header_bytes))};
        consumed_ += size;
        return frame;
      }
    }
    if (!fill(deadline)) return std::nullopt;
  }
}

void RawWebSocket::note_close(const Frame& frame) {
  if (close_code_) return;
  if (frame.payload.size() < 2) {
    close_code_ = kCloseWithoutCode;
    return;
  }
  close_code_ = static_cast<std::uint8_t>(frame.payload[0]) << 8 |
                static_cast<std::uint8_t>(frame.payload[1]);
  close_reason_ = frame.payload.substr(2);
}

std::optional<Frame> RawWebSocket::receive_message(milliseconds timeout) {
  const Deadline deadline(timeout);
  std::optional<Frame> message;
  while (auto frame = receive_frame(deadline.left())) {
    switch (frame->opcode) {
      case Opcode::kPing:
        if (answer_pings_) {
          send_frame({Opcode::kPong, frame->payload, true, true, 0, {}}, deadline.left());
        }
        continue;
      case Opcode::kPong:
        continue;
      case Opcode::kClose:
        note_close(*frame);
        return std::nullopt;
      case Opcode::kText:
      case Opcode::kBinary:
        if (message) throw std::runtime_error("a new message inside a fragmented one");
        message = std::move(frame);
        break;
      case Opcode::kContinuation:
        if (!message) throw std::runtime_error("a continuation frame with nothing to continue");
        message->payload += frame->payload;
        message->fin = frame->fin;
        break;
      default:
        throw std::runtime_error("a frame with a reserved opcode");
    }
    if (message->fin) return message;
  }
  return std::nullopt;
}

std::optional<std::string> RawWebSocket::receive_text(milliseconds timeout) {
  auto message = receive_message(timeout);
  if (!message) return std::nullopt;
  if (message->opcode != Opcode::kText) {
    throw std::runtime_error("a binary message where a text was expected");
  }
  return std::move(message->payload);
}

std::optional<int> RawWebSocket::wait_close(milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!close_code_) {
    if (receive_message(deadline.left()) || close_code_) continue;
    if (ended_) return kClosedWithoutFrame;
    if (deadline.passed()) return std::nullopt;
  }
  return close_code_;
}

std::optional<std::string> RawWebSocket::receive_raw(milliseconds timeout) {
  if (unread().empty() && !fill(Deadline(timeout))) return std::nullopt;
  std::string bytes(unread());
  consumed_ = buffer_.size();
  return bytes;
}

TcpSocket RawWebSocket::release(std::string& unread_bytes) {
  unread_bytes = unread();
  consumed_ = buffer_.size();
  return std::move(socket_);
}

}  // namespace testing_support
