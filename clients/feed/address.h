#pragma once

#include <string>

#include "feed/result.h"

namespace feed {

inline constexpr const char* kDefaultUrl = "ws://127.0.0.1:5178/ws";

// The URL in full: `ws://HOST:PORT/PATH`, or with TLS `wss://`. The port may be left out (5178), and so may the path
// (/ws); HOST is a name, an IPv4 address or an IPv6 address in brackets.
Result<std::string> complete_url(const std::string& url);

}  // namespace feed
