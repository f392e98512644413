// RFC 6455 on paper: the bytes of a frame, of the opening handshake and of a close payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace testing_support {

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// A frame to be sent; the defaults make a correct one from a client, and every field can break it.
struct FrameSpec {
  Opcode opcode = Opcode::kText;
  std::string payload;
  bool fin = true;
  bool masked = true;
  std::uint8_t rsv = 0;  // bits 0..7, RSV1 being 4
  // What the header claims, where that shall differ from payload.size().
  std::optional<std::uint64_t> claimed_length;
};

// RFC 6455, 5.2. The masking key is fixed: it protects proxies, and there is none here.
std::string encode_frame(const FrameSpec& spec);

struct FrameHeader {
  Opcode opcode = Opcode::kText;
  bool fin = true;
  bool masked = false;
  std::uint8_t rsv = 0;
  std::size_t header_bytes = 0;  // masking key included
  std::uint64_t payload_bytes = 0;
};

// The header at the front of `bytes`, or nullopt while it is not all there.
std::optional<FrameHeader> decode_frame_header(std::string_view bytes);

// 16 random bytes in base64, for Sec-WebSocket-Key.
std::string websocket_key();

// Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2).
std::string websocket_accept(std::string_view key);

// The payload of a close frame: two bytes of code, then the reason.
std::string close_payload(std::uint16_t code, std::string_view reason);

}  // namespace testing_support
