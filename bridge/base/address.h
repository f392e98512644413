// Addresses as they stand in the configuration: HOST:PORT, and ZeroMQ's tcp:// and ipc://.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridge {

struct Address {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;  // 0 = any free one
};

// HOST:PORT with HOST a name, an IPv4 address or an IPv6 address in brackets; PORT 0..65535 or *.
Result<Address> parse_address(std::string_view text);

// "host:port", with brackets where the host needs them.
std::string to_string(const Address& address);

// True for localhost, 127.0.0.0/8 and ::1 (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
bool is_loopback(std::string_view host);

// Whom ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT belongs to, as far as it shows: an IPv4 address, or the /64 of an IPv6
// one, which is what one customer is given (RFC 6177). A key to compare, not to show.
std::string peer_of(std::string_view remote);

// Checks a ZeroMQ endpoint that the bridge listens on or connects to: tcp://HOST:PORT or ipc://PATH. The failure says
// what is wrong with it, without naming the key it came from.
Result<std::string> check_zmq_endpoint(std::string_view endpoint);

// Whether it is one that other machines may reach, or be: tcp:// with another host than loopback.
bool is_beyond_loopback(std::string_view zmq_endpoint);

}  // namespace bridge
