// What is written for people to read holds no token, whatever it quotes.
#pragma once

#include <string>
#include <string_view>

namespace bridge {

// With "(token)" for each `ppo1_...`, or beginning of one.
inline std::string without_tokens(std::string_view s) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text(s);
  for (std::size_t at = 0; (at = text.find("ppo1_", at)) != std::string::npos;) {
    const std::size_t end = text.find_first_not_of(kLetters, at);
    text.replace(at, end == std::string::npos ? end : end - at, "(token)");
  }
  return text;
}

}  // namespace bridge
