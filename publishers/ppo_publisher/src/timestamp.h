// Wall time, as events and hellos have it.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ppo {

// Microseconds since 1970.
inline std::int64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

// As seconds with six decimals, without allocating. REQUIRES: not negative
class Timestamp {
 public:
  explicit Timestamp(std::int64_t us) {
    char* p = std::to_chars(text_.data(), text_.data() + 20, us / 1'000'000).ptr;
    *p++ = '.';
    auto rest = us % 1'000'000;
    for (int i = 5; i >= 0; --i, rest /= 10) p[i] = static_cast<char>('0' + rest % 10);
    size_ = static_cast<std::size_t>(p + 6 - text_.data());
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 32> text_;
  std::size_t size_ = 0;
};

}  // namespace ppo
