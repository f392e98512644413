// What a client says of permessage-deflate, up to the first line break, and a compressed message
// behind it.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "event/deflate.h"
#include "net/deflate_offer.h"

namespace {

using namespace bridge;

constexpr std::size_t kLimit = 4096;

[[noreturn]] void fail(const char* what, std::string_view input) {
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());

  const std::string_view header = input.substr(0, line);
  const auto answer = answer_extensions(header);
  // Taken up, one offer stands alone, too; and whoever took it named what the answer names.
  if (answer && !answer.value().empty()) {
    if (answer.value().find("permessage-deflate; server_no_context_takeover;") != 0) {
      fail("an answer that no client could read", input);
    }
    if (header.find("permessage-deflate") == std::string_view::npos) {
      fail("an answer to no offer", input);
    }
    if (answer.value().find("window_bits") != std::string::npos &&
        header.find("server_max_window_bits") == std::string_view::npos) {
      fail("an answer that names what was not offered", input);
    }
  }

  const std::string_view payload = input.substr(std::min(line + 1, input.size()));
  std::string message;
  const Inflated result = inflate_message(payload, kLimit, message);
  if (message.size() > kLimit || message.capacity() > kLimit) fail("beyond the limit", input);
  if (result != Inflated::whole) return 0;
  // What it says survives being said again.
  static Deflater deflater(1);
  const std::string again(deflater.compress(message));
  std::string same;
  if (!again.empty() &&
      (inflate_message(again, kLimit, same) != Inflated::whole || same != message)) {
    fail("not the same when compressed again", input);
  }
  // Nor does it fit in less room than it takes.
  if (!message.empty() &&
      inflate_message(payload, message.size() - 1, same) != Inflated::too_large) {
    fail("more than the limit was taken", input);
  }
  return 0;
}
