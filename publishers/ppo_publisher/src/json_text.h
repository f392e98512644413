// Is this text a JSON object that the bridge will accept? As the bridge itself reads it.
#pragma once

#include <cstddef>
#include <string_view>

namespace ppo {

// Of containers in an event's `data`, which is itself the second level of a body of at most 64.
inline constexpr int kDataDepthMax = 63;

enum class JsonText {
  malformed,
  object,              // can stand in a line as it is
  object_with_breaks,  // has line breaks between its tokens; nowhere else, or it were malformed
};

[[nodiscard]] JsonText check_json_object(std::string_view text, int depth_max = kDataDepthMax);

// How many bytes of a malformed one were read before it was seen to be that.
std::size_t malformed_at(std::string_view text, int depth_max = kDataDepthMax);

}  // namespace ppo
