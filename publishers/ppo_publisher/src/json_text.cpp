#include "json_text.h"

#include <utility>
#include <vector>

#include "base/limits.h"
#include "event/json_scanner.h"

namespace ppo {
namespace {

// Whether all of the text is one object, and how many bytes of it were read.
std::pair<bool, std::size_t> read_object(std::string_view text, int depth_max) {
  std::vector<bridge::TextSpan> not_finite;
  bridge::JsonScanner scan(text, &not_finite);
  const bool object = scan.peek() == '{' && scan.value(bridge::kJsonDepthMax - depth_max + 1) && scan.at_end();
  return {object, static_cast<std::size_t>(scan.position() - text.data())};
}

}  // namespace

JsonText check_json_object(std::string_view text, int depth_max) {
  if (!read_object(text, depth_max).first) return JsonText::malformed;
  // Not find_first_of(), which calls memchr() for every byte: that took a quarter of publish().
  const bool has_breaks = text.find('\n') != text.npos || text.find('\r') != text.npos;
  return has_breaks ? JsonText::object_with_breaks : JsonText::object;
}

std::size_t malformed_at(std::string_view text, int depth_max) { return read_object(text, depth_max).second; }

}  // namespace ppo
