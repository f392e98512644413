// Texts of protocols, as HTTP has them: letters in either case, tokens, lists, quotes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/text.h"

namespace bridge {

// With small letters in place of A-Z.
inline std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

// Without blanks and tabs around it.
inline std::string_view without_spaces(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

// RFC 9110, 5.6.2.
inline bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Takes away and returns what stands before the first `end`, or all; `end` goes with it.
inline std::string_view take_until(std::string_view& left, char end) {
  const std::string_view taken = left.substr(0, left.find(end));
  left.remove_prefix(std::min(taken.size() + 1, left.size()));
  return taken;
}

// As a person is shown what somebody sent.
inline std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

// As JSON. REQUIRES: is_utf8(text).
inline std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace bridge
