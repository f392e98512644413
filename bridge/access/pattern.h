// Entries of a role's lists: a name, the beginning of one with `*` behind it, or `*`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge {

inline bool covers(std::string_view pattern, std::string_view text) {
  if (pattern.empty() || pattern.back() != '*') return pattern == text;
  pattern.remove_suffix(1);
  return text.substr(0, pattern.size()) == pattern;
}

// Whether it covers everything that begins with `prefix`.
inline bool covers_all_behind(std::string_view pattern, std::string_view prefix) {
  return !pattern.empty() && pattern.back() == '*' && covers(pattern, prefix);
}

// With the name of who holds it in place of {name}. Names have no `*`.
inline std::string for_holder(std::string pattern, std::string_view name) {
  constexpr std::string_view kPlaceholder = "{name}";
  for (std::size_t at = 0; (at = pattern.find(kPlaceholder, at)) != std::string::npos; at += name.size()) {
    pattern.replace(at, kPlaceholder.size(), name);
  }
  return pattern;
}

inline std::vector<std::string> for_holder(std::vector<std::string> patterns, std::string_view name) {
  for (std::string& pattern : patterns) pattern = for_holder(std::move(pattern), name);
  return patterns;
}

// Of a list that leaves nothing out: empty, or with a "*" in it.
inline bool is_all(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern == "*") return true;
  }
  return patterns.empty();
}

// An empty list covers all; a text that is empty stands for what is not there, which only such a list covers, or "*".
inline bool any_covers(const std::vector<std::string>& patterns, std::string_view text) {
  if (patterns.empty()) return true;
  for (const std::string& pattern : patterns) {
    if (pattern == "*" || (!text.empty() && covers(pattern, text))) return true;
  }
  return false;
}

}  // namespace bridge
