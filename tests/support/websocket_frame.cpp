#include "websocket_frame.h"

#include <array>
#include <random>

namespace testing_support {
namespace {

constexpr std::array<std::uint8_t, 4> kMaskingKey{0x37, 0xfa, 0x21, 0x3d};

std::uint32_t rotated(std::uint32_t value, unsigned bits) {
  return (value << bits) | (value >> (32 - bits));
}

// FIPS 180-4, 6.1; good enough for the one hash that the handshake wants.
std::string sha1(std::string_view text) {
  std::string message(text);
  message.push_back('\x80');
  while (message.size() % 64 != 56) message.push_back('\0');
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) {
    message.push_back(static_cast<char>((bits >> shift) & 0xff));
  }
  std::array<std::uint32_t, 5> hash{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (std::size_t block = 0; block < message.size(); block += 64) {
    std::array<std::uint32_t, 80> w{};
    for (std::size_t i = 0; i < 64; ++i) {
      w[i / 4] = (w[i / 4] << 8) | static_cast<std::uint8_t>(message[block + i]);
    }
    for (std::size_t i = 16; i < 80; ++i) {
      w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = hash;
    for (std::size_t i = 0; i < 80; ++i) {
      const std::uint32_t f = i < 20   ? (b & c) | (~b & d)
                              : i < 40 ? b ^ c ^ d
                              : i < 60 ? (b & c) | (b & d) | (c & d)
                                       : b ^ c ^ d;
      constexpr std::array<std::uint32_t, 4> k{0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
      const std::uint32_t next = rotated(a, 5) + f + e + k[i / 20] + w[i];
      e = d;
      d = c;
      c = rotated(b, 30);
      b = a;
      a = next;
    }
    hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e};
  }
  std::string digest;
  for (const std::uint32_t word : hash) {
    for (unsigned shift = 32; shift > 0; shift -= 8) {
      digest.push_back(static_cast<char>((word >> (shift - 8)) & 0xff));
    }
  }
  return digest;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text.push_back(i + j > bytes.size() ? '=' : kAlphabet[(group >> (18 - 6 * j)) & 63]);
    }
  }
  return text;
}

}  // namespace

std::string encode_frame(const FrameSpec& spec) {
  std::string frame;
  const unsigned mask = spec.masked ? 0x80u : 0u;
  const std::uint64_t length = spec.claimed_length.value_or(spec.payload.size());
  frame.push_back(static_cast<char>((spec.fin ? 0x80u : 0u) | ((spec.rsv & 7u) << 4) |
                                    static_cast<unsigned>(spec.opcode)));
  const int length_bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const std::uint64_t first = length_bytes == 0 ? length : length_bytes == 2 ? 126u : 127u;
  frame.push_back(static_cast<char>(mask | first));
  for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>((length >> shift) & 0xff));
  }
  if (!spec.masked) return frame + spec.payload;
  for (const std::uint8_t byte : kMaskingKey) frame.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < spec.payload.size(); ++i) {
    frame.push_back(static_cast<char>(spec.payload[i] ^ kMaskingKey[i % 4]));
  }
  return frame;
}

std::optional<FrameHeader> decode_frame_header(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  FrameHeader header;
  header.opcode = static_cast<Opcode>(byte(0) & 0x0f);
  header.fin = (byte(0) & 0x80) != 0;
  header.rsv = static_cast<std::uint8_t>((byte(0) >> 4) & 7);
  header.masked = (byte(1) & 0x80) != 0;
  const std::uint8_t first = byte(1) & 0x7f;
  const std::size_t length_bytes = first == 126 ? 2 : first == 127 ? 8 : 0;
  header.header_bytes = 2 + length_bytes + (header.masked ? 4 : 0);
  if (bytes.size() < header.header_bytes) return std::nullopt;
  header.payload_bytes = length_bytes == 0 ? first : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    header.payload_bytes = (header.payload_bytes << 8) | byte(2 + i);
  }
  return header;
}

std::string websocket_key() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<char>(random() & 0xff));
  return base64(bytes);
}

std::string websocket_accept(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code & 0xff));
  return payload.append(reason);
}

}  // namespace testing_support
