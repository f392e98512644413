// Which web pages may talk to the bridge (RFC 6454, RFC 6455 section 10.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace bridge {

// True where a request with this Origin header comes from a page of the bridge itself, or from no
// browser at all (no Origin). A page counts as the bridge's own if it was loaded over http from a
// loopback name and either from the port that the bridge listens on or from the very authority that
// the request is addressed to (`host`, the Host header: a tunnel may show another port).
bool is_own_origin(std::string_view origin, std::string_view host, std::uint16_t port);

}  // namespace bridge
