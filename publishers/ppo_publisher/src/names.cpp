#include "names.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <random>

namespace ppo {
namespace {

constexpr std::size_t kNameCharsMax = 64;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_type_char(char c) {
  return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-';
}
bool is_name_char(char c) {
  return is_type_char(c) || c == ':';
}

std::uint64_t random_bits() {
  try {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) ^ device();
  } catch (const std::exception&) {
    // No entropy source: two starts in the same nanosecond by the same process id do not happen.
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    const auto seed =
        static_cast<std::uint64_t>(now) ^ (static_cast<std::uint64_t>(getpid()) << 40);
    return std::mt19937_64(seed)();
  }
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameCharsMax &&
         std::all_of(text.begin(), text.end(), is_name_char);
}

bool is_event_type(std::string_view text) {
  return !text.empty() && text.size() <= kNameCharsMax && text.front() != '_' &&
         std::all_of(text.begin(), text.end(), is_type_char);
}

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown) {
    if (c < 0x20 || c > 0x7E) c = '?';
  }
  if (text.size() > kShown) shown += "...";
  return shown;
}

std::string host_name() {
  std::array<char, 256> buffer{};
  std::string host;
  if (gethostname(buffer.data(), buffer.size() - 1) == 0) host = buffer.data();
  if (host.empty()) host = "host";
  return host;
}

std::string made_up_source() {
  std::string host = host_name();
  for (char& c : host) {
    if (!is_name_char(c)) c = '-';
  }
  const std::string pid = '-' + std::to_string(getpid());
  host.resize(std::min(host.size(), kNameCharsMax - pid.size()));
  return host + pid;
}

std::string fresh_run() {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string run(8, '0');
  std::uint64_t bits = random_bits();
  for (char& c : run) {
    c = kDigits[bits % kDigits.size()];
    bits /= kDigits.size();
  }
  return run;
}

}  // namespace ppo
