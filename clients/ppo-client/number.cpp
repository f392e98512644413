#include "ppo-client/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <iterator>

#include "ppo-client/json_text.h"

namespace client {
namespace {

std::string with_commas(std::string digits) {
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::uint64_t magnitude(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? 0 - bits : bits;
}

// Three digits of value/unit, cut off, without zeros at the end: 1670794 and 1000000 -> "1.67".
std::string three_digits(std::uint64_t value, std::uint64_t unit) {
  const std::uint64_t whole = value / unit;
  if (whole >= 100) return with_commas(std::to_string(whole));
  const std::uint64_t parts = whole >= 10 ? 10 : 100;
  std::string fraction = std::to_string(value % unit / (unit / parts));
  if (parts == 100 && fraction.size() == 1) fraction.insert(0, 1, '0');
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return std::to_string(whole) + (fraction.empty() ? "" : "." + fraction);
}

std::string format(const char* pattern, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, value);
  return buffer.data();
}

// Before the year 10000.
bool is_time(double timestamp) {
  return timestamp >= 0 && timestamp < 253402300800.0;
}

std::string local(const char* pattern, std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  localtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), pattern, &parts);
  return text.data();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Decimal places that a letter moves the point by; 0 for none.
size_t places(char letter) {
  const size_t at = std::string_view("kKmMbB").find(letter);
  return at == std::string_view::npos ? 0 : 3 * (at / 2 + 1);
}

}  // namespace

std::string grouped(std::uint64_t value) {
  return with_commas(std::to_string(value));
}

std::string grouped(std::int64_t value) {
  return (value < 0 ? "-" : "") + grouped(magnitude(value));
}

std::string gp(std::int64_t value) {
  const std::uint64_t size = magnitude(value);
  const std::string sign = value < 0 ? "-" : "";
  if (size < 10'000) return sign + grouped(size);
  if (size < 1'000'000) return sign + three_digits(size, 1'000) + "k";
  if (size < 1'000'000'000) return sign + three_digits(size, 1'000'000) + "m";
  return sign + three_digits(size, 1'000'000'000) + "b";
}

std::string gp(const rapidjson::Value& value) {
  if (value.IsInt64()) return gp(value.GetInt64());
  if (!value.IsNumber()) return "?";
  const double amount = value.GetDouble();
  if (std::abs(amount) < 9e18) return gp(static_cast<std::int64_t>(amount));
  return format("%.3g", amount);
}

std::string percent(double fraction) {
  return format("%.2f%%", fraction * 100);
}

std::string figure(double value) {
  return format("%.4g", value);
}

std::string number(const rapidjson::Value& value) {
  if (value.IsInt64()) return grouped(value.GetInt64());
  if (value.IsUint64()) return grouped(value.GetUint64());
  if (!value.IsNumber()) return "?";
  const double real = value.GetDouble();
  // 1500000.0 is an integer that some language wrote as a float.
  if (std::abs(real) >= 1000 && std::abs(real) < 1e15 && real == std::trunc(real)) {
    return grouped(static_cast<std::int64_t>(real));
  }
  return figure(real);
}

std::string cell_of(const rapidjson::Value* value) {
  if (value == nullptr || value->IsNull()) return "-";
  if (value->IsString()) return string_of(value);
  return value->IsNumber() ? number(*value) : to_text(*value);
}

std::string time_cell_of(const rapidjson::Value* value) {
  return value != nullptr && value->IsNumber() ? local_date_time(value->GetDouble()) : "-";
}

std::string byte_size(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (std::abs(bytes) >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return format(unit == 0 ? "%.0f " : "%.1f ", bytes) + kUnits[unit];
}

std::string duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e12)) return figure(seconds) + " s";
  if (seconds < 60) return format("%.3g", seconds) + " s";
  const auto whole = static_cast<std::uint64_t>(seconds);
  const std::string minutes = std::to_string(whole / 60 % 60) + " min";
  if (whole < 3600) return minutes + " " + std::to_string(whole % 60) + " s";
  const std::string hours = std::to_string(whole / 3600 % 24) + " h ";
  if (whole < 86400) return hours + minutes;
  return grouped(whole / 86400) + " d " + hours + minutes;
}

std::string local_time(double timestamp) {
  if (!is_time(timestamp)) return "--:--:--.---";
  const auto milliseconds = static_cast<std::int64_t>(std::llround(timestamp * 1e6) / 1000);
  std::string fraction = std::to_string(milliseconds % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return local("%H:%M:%S", milliseconds / 1000) + "." + fraction;
}

std::string local_date_time(double timestamp) {
  if (!is_time(timestamp)) return "----------";
  return local("%Y-%m-%d %H:%M:%S", static_cast<std::int64_t>(timestamp));
}

std::optional<std::string> parse_amount(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t shift = text.empty() ? 0 : places(text.back());
  if (shift > 0) text.remove_suffix(1);
  // An exponent is JSON's own way; it goes through as it is.
  std::string exponent;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos && shift == 0) {
    exponent = text.substr(e);
    text = text.substr(0, e);
    const size_t digits = exponent.size() > 1 && (exponent[1] == '-' || exponent[1] == '+') ? 2 : 1;
    if (digits >= exponent.size() ||
        !std::all_of(exponent.begin() + static_cast<std::ptrdiff_t>(digits), exponent.end(),
                     is_digit)) {
      return std::nullopt;
    }
  }

  const size_t point = text.find('.');
  std::string whole;
  for (size_t at = 0; at < text.substr(0, point).size(); ++at) {
    const bool separates = (text[at] == ',' || text[at] == '_') && at > 0 && at + 1 < text.size() &&
                           is_digit(text[at + 1]) && is_digit(text[at - 1]);
    if (!separates) whole += text[at];
  }
  std::string fraction(point == std::string_view::npos ? std::string_view()
                                                       : text.substr(point + 1));
  const bool has_point = point != std::string_view::npos;
  if (whole.empty() || (has_point && fraction.empty())) return std::nullopt;
  if (!std::all_of(whole.begin(), whole.end(), is_digit) ||
      !std::all_of(fraction.begin(), fraction.end(), is_digit)) {
    return std::nullopt;
  }
  if (whole.size() > 1 && whole.front() == '0') return std::nullopt;  // 007 is a name

  if (shift > 0) {
    fraction.resize(std::max(fraction.size(), shift), '0');
    whole += fraction.substr(0, shift);
    fraction.erase(0, shift);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  }
  return (negative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction) + exponent;
}

}  // namespace client
