// Bytes as text: base64url without padding (RFC 4648 section 5), as in JWT and cookies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bridge {

std::string base64url(std::string_view bytes);

// Nothing where it is none. There is one text for any bytes: bits that are left over must be 0.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace bridge
