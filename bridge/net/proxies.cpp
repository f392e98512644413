#include "net/proxies.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kMappedBits = 96;  // of ::ffff:0:0/96

std::string_view last_element(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  std::string_view element = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return without_spaces(element);
}

// Of ADDRESS, ADDRESS:PORT, [ADDRESS] or [ADDRESS]:PORT.
std::string_view without_port(std::string_view text) {
  if (!text.empty() && text.front() == '[') return text.substr(1, text.find(']') - 1);
  const std::size_t colon = text.find(':');
  return colon == text.rfind(':') ? text.substr(0, colon) : text;
}

}  // namespace

bool TrustedProxies::read_address(std::string_view text, Bytes* bytes) {
  const std::string terminated(text);
  if (::inet_pton(AF_INET6, terminated.c_str(), bytes->data()) == 1) return true;
  *bytes = {};
  (*bytes)[10] = (*bytes)[11] = 0xFF;
  return ::inet_pton(AF_INET, terminated.c_str(), bytes->data() + 12) == 1;
}

bool TrustedProxies::read_network(std::string_view text, Network* network) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (!read_address(address, &network->bytes)) return false;
  network->bits = 128;
  if (slash != std::string_view::npos) {
    const std::string_view bits = text.substr(slash + 1);
    std::uint8_t count = 0;
    const auto read = std::from_chars(bits.data(), bits.data() + bits.size(), count);
    if (bits.empty() || read.ec != std::errc() || read.ptr != bits.data() + bits.size()) return false;
    network->bits = count + (address.find(':') == std::string_view::npos ? kMappedBits : 0);
    if (network->bits > 128) return false;
  }
  // What is behind must be zero: 10.0.0.1/8 may be a mistake for 10.0.0.1.
  for (std::size_t bit = network->bits; bit < 128; ++bit) {
    if ((network->bytes[bit / 8] & (0x80u >> (bit % 8))) != 0) return false;
  }
  return true;
}

std::string check_proxy(std::string_view text) {
  TrustedProxies::Network network;
  if (TrustedProxies::read_network(text, &network)) return {};
  return "\"" + printable(text) + "\" is no address nor network such as 10.0.0.0/8 or fd00::/8, with zeros behind its bits";
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  for (const std::string& text : networks) {
    Network network;
    if (read_network(text, &network)) networks_.push_back(network);
  }
}

bool TrustedProxies::trusts(const Bytes& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&address](const Network& network) {
    const std::size_t whole = network.bits / 8;
    if (std::memcmp(address.data(), network.bytes.data(), whole) != 0) return false;
    const std::size_t rest = network.bits % 8;
    return rest == 0 || ((address[whole] ^ network.bytes[whole]) >> (8 - rest)) == 0;
  });
}

bool TrustedProxies::trusts(std::string_view remote) const {
  Bytes address{};
  return !networks_.empty() && read_address(without_port(remote), &address) && trusts(address);
}

Asker TrustedProxies::asker(Asker peer, const HttpHead& head) const {
  Bytes address{};
  if (!trusts(peer.remote)) return peer;
  const std::string proto = head.field("x-forwarded-proto");
  std::string_view protos = proto;
  if (!proto.empty()) peer.secure = last_element(protos) == "https";
  // From the right: each proxy adds who it heard from, and only what trusted ones add counts.
  const std::string forwarded = head.field("x-forwarded-for");
  for (std::string_view left = forwarded; !left.empty();) {
    const std::string_view text = without_port(last_element(left));
    if (!read_address(text, &address)) break;
    peer.remote = (text.find(':') == std::string_view::npos ? std::string(text) : "[" + std::string(text) + "]") + ":0";
    if (!trusts(address)) break;
  }
  return peer;
}

}  // namespace bridge
