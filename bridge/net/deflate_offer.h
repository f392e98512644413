// What a client offers in Sec-WebSocket-Extensions, and the bridge's answer: permessage-deflate
// (RFC 7692).
//
// The bridge compresses a message once for all clients, so it agrees only to what every client can
// read: no context of earlier messages, and the whole window of 32 KB.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bridge {

// One extension of the header's list, its parameters in order; nothing where one has no value. What
// stood in quotes stands here without them.
struct ExtensionOffer {
  std::string name;
  std::vector<std::pair<std::string, std::optional<std::string>>> parameters;
};

// Reads the header's value (RFC 6455 section 9.1; elements of the list may be empty, RFC 7230
// section 7). Fails where it does not follow the grammar: such a handshake is to be refused.
Result<std::vector<ExtensionOffer>> parse_extensions(std::string_view header);

// Whether this is an offer of permessage-deflate that the bridge can take up. RFC 7692 section 7.1:
// not one with an unknown parameter, one that stands twice or one with a wrong value; nor one that
// demands a smaller window of the bridge. What a client says of its own window is its own affair.
bool acceptable_deflate(const ExtensionOffer& offer);

// The answer for the first offer that can be taken up; "" where there is none. Fails as
// parse_extensions().
Result<std::string> answer_extensions(std::string_view header);

}  // namespace bridge
