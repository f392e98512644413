// Which web pages may talk to the bridge (RFC 6454, RFC 6455 section 10.2), and by which names it is asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace bridge {

// What the configuration adds to loopback. Names in lower case.
struct WebSites {
  std::vector<std::string> hosts;    // websocket.hosts
  std::vector<std::string> origins;  // websocket.origins
  bool secure = false;               // the port speaks TLS
};

// An entry of websocket.hosts or websocket.origins; "" = it is one, else what is wrong with it.
std::string check_site_host(std::string_view text);
std::string check_site_origin(std::string_view text);

// Whether a request with this Host header means the bridge: loopback, the address it listens on, or one of
// the hosts, whatever the port (a tunnel may show another). Else a page of another site may have had its own
// name resolved to the bridge's address ("DNS rebinding"), which no Origin shows. No Host is no browser: true.
bool is_own_host(std::string_view host, const Address& listen, const WebSites& sites);

// Whether a request with this Origin header comes from a page of the bridge itself, or from no browser at all
// (no Origin). REQUIRES: is_own_host(host). A page is the bridge's own if it was loaded over http (https where TLS is spoken) from the very
// authority that the request is addressed to, or from a loopback name and the port that the bridge listens on;
// or if it is one of the origins.
bool is_own_origin(std::string_view origin, std::string_view host, const Address& listen, const WebSites& sites);

}  // namespace bridge
