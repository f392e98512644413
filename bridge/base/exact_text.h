// Reads text that has one spelling only: what is not byte for byte as our writer writes it is refused.
#pragma once

#include <cstdint>
#include <string_view>

namespace bridge {

// What is left to read. A function that returns false has taken nothing, or the text is wrong as a whole.
class ExactText {
 public:
  explicit ExactText(std::string_view text) : left_(text) {}

  std::string_view left() const { return left_; }
  bool at_end() const { return left_.empty(); }

  bool take(std::string_view text) {
    if (left_.substr(0, text.size()) != text) return false;
    left_.remove_prefix(text.size());
    return true;
  }
  // So many bytes; fewer where there are no more.
  std::string_view take_bytes(std::size_t bytes) {
    const std::string_view taken = left_.substr(0, bytes);
    left_.remove_prefix(taken.size());
    return taken;
  }
  // What stands in front of `end`, and `end`.
  bool take_until(char end, std::string_view* out) {
    const std::size_t size = left_.find(end);
    if (size == std::string_view::npos) return false;
    *out = left_.substr(0, size);
    left_.remove_prefix(size + 1);
    return true;
  }
  // Decimal digits without zeros in front, 0..max.
  bool take_number(std::uint64_t max, std::uint64_t* out) {
    std::uint64_t n = 0;
    std::size_t size = 0;
    for (; size < left_.size() && left_[size] >= '0' && left_[size] <= '9'; ++size) {
      const auto digit = static_cast<std::uint64_t>(left_[size] - '0');
      if (digit > max || n > (max - digit) / 10) return false;
      n = n * 10 + digit;
    }
    if (size == 0 || (size > 1 && left_.front() == '0')) return false;
    left_.remove_prefix(size);
    *out = n;
    return true;
  }
  // Sixteen digits of 0-9 and a-f.
  bool take_hex(std::uint64_t* out) {
    if (left_.size() < 16) return false;
    std::uint64_t n = 0;
    for (const char c : left_.substr(0, 16)) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) return false;
      n = n << 4 | static_cast<std::uint64_t>(digit);
    }
    left_.remove_prefix(16);
    *out = n;
    return true;
  }

 private:
  std::string_view left_;
};

}  // namespace bridge
