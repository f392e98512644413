#include "net/origin.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

// HOST or HOST:PORT.
Result<Address> parse_authority(const std::string& text, const char* default_port = ":80") {
  const bool bare = text.find_last_of(':') == std::string::npos || text.back() == ']';
  return parse_address(bare ? text + default_port : text);
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::string check_site_host(std::string_view text) {
  const auto address = parse_authority(std::string(text));
  if (text.empty() || text.size() > 255 || !address || in_lower_case(text) != text || text == "*" ||
      (address.value().host != text && "[" + address.value().host + "]" != text)) {
    return "\"" + printable(text) + "\" is no host: a name in lower case or an address, without a port";
  }
  return {};
}

std::string check_site_origin(std::string_view text) {
  const std::string_view scheme = text.substr(0, kHttps.size()) == kHttps ? kHttps : kHttp;
  const bool has_scheme = text.substr(0, scheme.size()) == scheme;
  const std::string authority(text.substr(has_scheme ? scheme.size() : 0));
  if (!has_scheme || text.size() > 255 || in_lower_case(text) != text || !parse_authority(authority) ||
      authority.find_first_of("/*@") != std::string::npos) {
    return "\"" + printable(text) + "\" is no origin: http://HOST, https://HOST, either with :PORT, in lower case";
  }
  return {};
}

bool is_own_host(std::string_view host, const Address& listen, const WebSites& sites) {
  if (host.empty()) return true;
  const auto address = parse_authority(in_lower_case(host));
  if (!address) return false;
  const std::string& name = address.value().host;
  return is_loopback(name) || name == listen.host || contains(sites.hosts, name) ||
         contains(sites.hosts, "[" + name + "]");
}

bool is_own_origin(std::string_view origin, std::string_view host, const Address& listen, const WebSites& sites) {
  if (origin.empty()) return true;
  const std::string page = in_lower_case(origin);
  if (contains(sites.origins, page)) return true;
  const std::string_view scheme = sites.secure ? kHttps : kHttp;
  if (page.compare(0, scheme.size(), scheme) != 0) return false;
  const std::string authority = page.substr(scheme.size());
  if (authority == in_lower_case(host)) return true;
  const auto address = parse_authority(authority, sites.secure ? ":443" : ":80");
  return address && is_loopback(address.value().host) && address.value().port == listen.port;
}

}  // namespace bridge
