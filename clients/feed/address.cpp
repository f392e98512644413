#include "feed/address.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace feed {
namespace {

constexpr std::string_view kPlain = "ws://";
constexpr std::string_view kSecure = "wss://";
constexpr std::string_view kDefaultPort = "5178";
constexpr std::string_view kDefaultPath = "/ws";

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 65535;
}

// Anything else would have to be escaped, and could smuggle a header into the handshake.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Error bad(const std::string& url, const char* must) {
  return Error{"the address is '" + url + "'; " + must};
}

}  // namespace

Result<std::string> complete_url(const std::string& url) {
  std::string_view rest = url;
  const std::string_view scheme = rest.substr(0, kSecure.size()) == kSecure ? kSecure : kPlain;
  if (rest.substr(0, scheme.size()) == scheme) {
    rest.remove_prefix(scheme.size());
  } else if (rest.find("://") != std::string_view::npos) {
    return bad(url, "it must start with ws:// or wss://");
  }
  if (!is_plain(rest)) return bad(url, "it must be plain ASCII without spaces");

  const size_t slash = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  if (path.empty() || path == "/") path = kDefaultPath;
  if (path.front() != '/' || path.find('#') != std::string_view::npos) {
    return bad(url, "its path must start with / and have no fragment");
  }

  // The colon of the port is the one after an IPv6 address's bracket.
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  std::string_view port =
      colon == std::string_view::npos ? kDefaultPort : authority.substr(colon + 1);
  if (host.empty()) return bad(url, "it must name a host");
  if ((host.front() == '[') != (host.back() == ']')) return bad(url, "its brackets do not match");
  if (host.find('@') != std::string_view::npos) return bad(url, "it must not hold a password");
  if (!is_port(port)) return bad(url, "its port must be 1..65535");

  std::string full(scheme);
  full.append(host).append(":").append(port).append(path);
  return full;
}

}  // namespace feed
