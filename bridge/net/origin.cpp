#include "net/origin.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/address.h"

namespace bridge {

bool is_own_origin(std::string_view origin, std::string_view host, std::uint16_t port) {
  if (origin.empty()) return true;
  constexpr std::string_view kScheme = "http://";
  const auto lower = [](std::string_view s) {
    std::string out(s);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
  };
  const std::string page = lower(origin);
  if (page.compare(0, kScheme.size(), kScheme) != 0) return false;
  const std::string authority = page.substr(kScheme.size());
  // A port that is not named is http's 80.
  const auto address = parse_address(authority.find_last_of(":") == std::string::npos ||
                                             authority.back() == ']'
                                         ? authority + ":80"
                                         : authority);
  if (!address || !is_loopback(address.value().host)) return false;
  return address.value().port == port || authority == lower(host);
}

}  // namespace bridge
