// permessage-deflate's bytes (RFC 7692 section 7.2), by zlib alone: what the bridge's own are held
// against.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace testing_support {

// The payload of a compressed message: raw deflate, flushed, without its last four bytes.
std::string deflated(std::string_view message);

// The message of such a payload, or nullopt where it is none.
std::optional<std::string> inflated(std::string_view payload);

}  // namespace testing_support
