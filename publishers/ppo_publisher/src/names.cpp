#include "names.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <random>
#include <set>

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

std::string program_name() {
  const std::string_view name = program_invocation_short_name;
  return name.empty() ? "program" : std::string(name);
}

namespace {

struct MadeUp {
  std::mutex mutex;
  pid_t pid = 0;
  std::string first;
  std::set<std::string> in_use;
};

MadeUp& made_up() {
  static MadeUp* const all = new MadeUp;  // also for publishers that end after main()
  return *all;
}

}  // namespace

std::string made_up_source() {
  MadeUp& all = made_up();
  const std::lock_guard lock(all.mutex);
  if (all.pid != getpid()) {
    all.pid = getpid();
    all.in_use.clear();
    constexpr std::size_t kPartCharsMax = 24;  // two of them, and what follows, fit
    all.first = host_name().substr(0, kPartCharsMax) + '-' +
                program_name().substr(0, kPartCharsMax) + '-' + fresh_run().substr(0, 6);
    std::replace_if(
        all.first.begin(), all.first.end(), [](char c) { return !is_name_char(c); }, '-');
  }
  std::string name = all.first;
  for (int n = 2; !all.in_use.insert(name).second; ++n) name = all.first + '-' + std::to_string(n);
  return name;
}

void give_back_source(const std::string& source) noexcept {
  MadeUp& all = made_up();
  const std::lock_guard lock(all.mutex);
  all.in_use.erase(source);
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
