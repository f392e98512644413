#include "mqtt_protocol.h"

#include <cstdint>

namespace bench {
namespace {

// First bytes: the packet's type and, below it, its flags.
constexpr unsigned kConnect = 0x10;
constexpr unsigned kPublish = 0x30;
constexpr unsigned kSubscribe = 0x82;
constexpr unsigned kTypeMask = 0xf0;
constexpr unsigned kQosMask = 0x06;
constexpr std::size_t kPacketBytesMax = 1 << 20;

void append_byte(std::string& out, unsigned value) {
  out += static_cast<char>(static_cast<unsigned char>(value));
}

void append_text(std::string& out, std::string_view text) {
  append_byte(out, static_cast<unsigned>(text.size() >> 8));
  append_byte(out, static_cast<unsigned>(text.size() & 0xff));
  out.append(text);
}

// 2.2.3: seven bits a byte, the lowest first.
void append_header(std::string& out, unsigned first, std::size_t remaining) {
  append_byte(out, first);
  do {
    const bool more = remaining > 0x7f;
    append_byte(out, static_cast<unsigned>(remaining & 0x7f) | (more ? 0x80u : 0u));
    remaining >>= 7;
  } while (remaining > 0);
}

}  // namespace

std::string mqtt_connect(std::string_view client_id) {
  std::string body;
  append_text(body, "MQTT");
  append_byte(body, 4);     // the protocol's level: 3.1.1
  append_byte(body, 0x02);  // clean session
  body.append(2, '\0');     // keep alive: off
  append_text(body, client_id);
  std::string packet;
  append_header(packet, kConnect, body.size());
  return packet + body;
}

std::string mqtt_subscribe(std::string_view topic) {
  std::string body("\x00\x01", 2);  // the packet's identifier
  append_text(body, topic);
  append_byte(body, 0);  // QoS 0
  std::string packet;
  append_header(packet, kSubscribe, body.size());
  return packet + body;
}

void append_mqtt_publish(std::string& out, std::string_view topic, std::string_view body) {
  append_header(out, kPublish, 2 + topic.size() + body.size());
  append_text(out, topic);
  out.append(body);
}

StreamSyntax::Message MqttStream::front(std::string_view stream) const {
  const auto byte = [&](std::size_t i) { return unsigned{static_cast<std::uint8_t>(stream[i])}; };
  std::size_t remaining = 0;
  std::size_t header = 1;
  for (;;) {
    if (header == stream.size()) return {};
    if (header == 5) return {header, {}, "a packet's length without an end"};
    const unsigned digit = byte(header);
    remaining |= std::size_t{digit & 0x7fu} << (7 * (header - 1));
    ++header;
    if ((digit & 0x80u) == 0) break;
  }
  const std::size_t bytes = header + remaining;
  if (bytes > kPacketBytesMax) return {header, {}, "a packet too large for the bench"};
  if (stream.size() < bytes) return {};
  const unsigned first = byte(0);
  if ((first & kTypeMask) != kPublish) return {bytes, {}, {}};
  const std::size_t identifier = (first & kQosMask) == 0 ? 0 : 2;
  const std::size_t topic = remaining < 2 ? bytes : byte(header) << 8 | byte(header + 1);
  const std::size_t fixed = 2 + topic + identifier;
  if (fixed > remaining) return {bytes, {}, "a packet shorter than its topic"};
  return {bytes, stream.substr(header + fixed, remaining - fixed), {}};
}

}  // namespace bench
