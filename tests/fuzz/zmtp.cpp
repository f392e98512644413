// What a source's connection says, in parts of different lengths: it comes to the same, and what it holds is bounded.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "net/zmtp.h"

namespace {

using namespace bridge;

constexpr std::size_t kMessageMax = 4096;
constexpr std::size_t kHeldMax = 8 * 1024 + 9;  // a command with its header, which may be longer than a message here

[[noreturn]] void fail(const char* what, std::string_view input) {
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

struct Heard {
  std::vector<std::string> messages;
  std::string answer, failure;
  bool operator!=(const Heard& other) const {
    return messages != other.messages || answer != other.answer || failure != other.failure;
  }
};

Heard hear(std::string_view input, std::size_t part) {
  Heard heard;
  Zmtp zmtp(kMessageMax);
  std::string have;
  std::size_t at = 0;
  while (true) {
    const Zmtp::Step step = zmtp.next(have);
    if (step.consumed > have.size()) fail("took more than there is", input);
    if (step.found == Zmtp::Found::broken) break;
    if (step.found == Zmtp::Found::message) heard.messages.emplace_back(step.message);
    if (step.found == Zmtp::Found::nothing) {
      if (step.wanted <= have.size()) fail("wants what is there", input);
      if (step.wanted > kHeldMax) fail("wants to hold too much", input);
      if (at == input.size()) break;
      have.append(input.substr(at, part));
      at = std::min(input.size(), at + part);
      continue;
    }
    if (step.consumed == 0) fail("stands still", input);
    have.erase(0, step.consumed);
  }
  if ((zmtp.broken() == Zmtp::Broken::none) != zmtp.failure().empty()) fail("broken without a reason", input);
  if (zmtp.unsent().size() > 2048) fail("says too much", input);
  heard.answer = zmtp.unsent();
  heard.failure = zmtp.failure();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Heard whole = hear(input, std::max<std::size_t>(1, size));
  for (const std::size_t part : {std::size_t{1}, std::size_t{13}}) {
    if (hear(input, part) != whole) fail("heard something else in parts", input);
  }
  return 0;
}
