// Reading the data of an event whose text is known to be valid JSON.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/text.h"
#include "event/json_scanner.h"

namespace bridge {

// What a curve has a point for: a number, or null, which a NaN has become.
inline bool is_measure(std::string_view json) {
  return !json.empty() && (json == "null" || json[0] == '-' || (json[0] >= '0' && json[0] <= '9'));
}

// The number that `json` is; nothing where it is none, or too large for a double.
inline std::optional<double> number_of(std::string_view json) {
  if (!is_measure(json) || json == "null") return std::nullopt;
  double value = 0;
  const char* const end = json.data() + json.size();
  const auto [behind, error] = std::from_chars(json.data(), end, value);
  // Too small is 0, too large is none.
  if (error == std::errc::result_out_of_range) value = std::strtod(std::string(json).c_str(), nullptr);
  if (behind != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The meaning of the string that `json` is; nothing where it is none.
inline std::optional<std::string> text_of(std::string_view json) {
  if (json.size() < 2 || json[0] != '"') return std::nullopt;
  std::string out;
  append_decoded(out, json.substr(1, json.size() - 2));
  return out;
}

struct WantedMember {
  std::string_view name;
  std::string_view* value;  // its JSON text; as it was where there is no such member
};

// Of several members of one name the first counts. Reads no further than the last that is wanted.
inline void read_members(std::string_view object, std::initializer_list<WantedMember> wanted) {
  std::size_t left = wanted.size();
  for_each_member(object, [&](const JsonString& key, std::string_view value) {
    for (const WantedMember& member : wanted) {
      if (!same_name(key.raw, member.name) || key.escaped || !member.value->empty()) continue;
      *member.value = value;
      --left;
      break;
    }
    return left != 0;
  });
}

}  // namespace bridge
