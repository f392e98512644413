// Server-to-client WebSocket frames, written in place (RFC 6455 section 5.2): unmasked, unfragmented.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace bridge {

// Bytes of the header of a frame with a payload of this size: 2, 4 or 10.
inline std::size_t frame_header_size(std::uint64_t payload_size) {
  return payload_size < 126 ? 2 : payload_size <= 0xFFFF ? 4 : 10;
}

// Writes the header of a final text frame, frame_header_size() bytes; returns where it ends. `compressed`:
// its payload is (RFC 7692: RSV1).
inline char* write_text_frame_header(char* p, std::uint64_t payload_size, bool compressed = false) {
  *p++ = static_cast<char>(compressed ? 0xC1 : 0x81);  // FIN, opcode text
  if (payload_size < 126) {
    *p++ = static_cast<char>(payload_size);
    return p;
  }
  const int bytes = payload_size <= 0xFFFF ? 2 : 8;
  *p++ = static_cast<char>(bytes == 2 ? 126 : 127);
  for (int i = bytes - 1; i >= 0; --i) {
    *p++ = static_cast<char>((payload_size >> (8 * i)) & 0xFF);
  }
  return p;
}

// Appends it.
inline void append_text_frame_header(std::string& out, std::uint64_t payload_size,
                                     bool compressed = false) {
  char header[10];
  const char* const end = write_text_frame_header(header, payload_size, compressed);
  out.append(header, static_cast<std::size_t>(end - header));
}

// A whole text frame. REQUIRES: `payload` is UTF-8.
inline std::string text_frame(std::string_view payload) {
  assert(is_utf8(payload));
  std::string out;
  out.reserve(payload.size() + 10);
  append_text_frame_header(out, payload.size());
  out.append(payload);
  return out;
}

// The payload of a whole frame that was made here.
inline std::string_view frame_payload(std::string_view frame) {
  const auto size = static_cast<unsigned char>(frame[1]);
  return frame.substr(size < 126 ? 2 : size == 126 ? 4 : 10);
}

// Makes it of its payload. REQUIRES: that is UTF-8.
inline void put_text_frame_header(std::string& payload) {
  assert(is_utf8(payload));
  char header[10];
  const char* const end = write_text_frame_header(header, payload.size());
  payload.insert(0, header, static_cast<std::size_t>(end - header));
}

// A whole pong. REQUIRES: `payload` is a ping's, so at most 125 bytes.
inline std::string pong_frame(std::string_view payload) {
  return std::string{static_cast<char>(0x8A), static_cast<char>(payload.size())}.append(payload);
}

}  // namespace bridge
