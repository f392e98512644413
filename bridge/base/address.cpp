#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace bridge {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const auto bad = [text] {
    return Failure{"\"" + printable(text) + "\" is not HOST:PORT with a port 0..65535"};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  Address address;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.back() != ']') return bad();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  address.host = host;
  if (port == "*") return address;
  const auto r = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || r.ec != std::errc{} || r.ptr != port.data() + port.size()) return bad();
  return address;
}

std::string to_string(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  if (host.substr(0, 4) != "127.") return false;
  // The rest must be an address too: 127.evil.example is a name.
  int dots = 0;
  for (const char c : host) {
    if (c == '.') ++dots;
    if (c != '.' && (c < '0' || c > '9')) return false;
  }
  return dots == 3;
}

std::string peer_of(std::string_view remote) {
  const std::size_t colon = remote.rfind(':');
  if (colon == std::string_view::npos || remote.find(':') == colon) return std::string(remote.substr(0, colon));
  const std::size_t bracket = remote.find(']');
  const std::string text(remote[0] == '[' && bracket != std::string_view::npos ? remote.substr(1, bracket - 1) : remote);
  std::array<unsigned char, 16> address{};
  if (::inet_pton(AF_INET6, text.c_str(), address.data()) != 1) return text;
  constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(kMapped.begin(), kMapped.end(), address.begin())) return std::string(address.begin(), address.begin() + 8);
  std::array<char, INET_ADDRSTRLEN> v4{};
  return ::inet_ntop(AF_INET, address.data() + kMapped.size(), v4.data(), v4.size());
}

Result<std::string> check_zmq_endpoint(std::string_view endpoint) {
  if (endpoint.substr(0, kIpc.size()) == kIpc && endpoint.size() > kIpc.size()) return std::string(endpoint);
  if (endpoint.substr(0, kTcp.size()) != kTcp) {
    return Failure{"\"" + printable(endpoint) + "\" must be tcp://HOST:PORT or ipc://PATH"};
  }
  const auto address = parse_address(endpoint.substr(kTcp.size()));
  if (!address) return address.error();
  return std::string(endpoint);
}

bool is_beyond_loopback(std::string_view zmq_endpoint) {
  if (zmq_endpoint.substr(0, kTcp.size()) != kTcp) return false;
  const auto address = parse_address(zmq_endpoint.substr(kTcp.size()));
  return address && !is_loopback(address.value().host);
}

}  // namespace bridge
