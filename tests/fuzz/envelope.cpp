// What sources send: the body parser, held against RapidJSON, and the block that it is written into.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/limits.h"
#include "base/text.h"
#include "event/envelope.h"
#include "log/event_log.h"

namespace {

using namespace bridge;

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

int depth_of(const rapidjson::Value& v) {
  int deepest = 0;
  if (v.IsObject()) {
    for (const auto& m : v.GetObject()) deepest = std::max(deepest, depth_of(m.value));
    return deepest + 1;
  }
  if (v.IsArray()) {
    for (const auto& e : v.GetArray()) deepest = std::max(deepest, depth_of(e));
    return deepest + 1;
  }
  return 0;
}

// Where RapidJSON and the scanner are meant to differ: NaN and infinities, numbers beyond double; and RapidJSON passes over
// a part of a byte order mark, and takes the second half of a surrogate pair alone.
bool comparable(std::string_view text) {
  return text.find_first_of("\xef\xbb\xbf") != 0 && text.find("\\ud") == text.npos && text.find("\\uD") == text.npos &&
         text.find("NaN") == text.npos && text.find("Inf") == text.npos &&
         text.find_first_of("eE") == text.npos && text.size() < 300;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static EnvelopeParser parser(1 << 16);
  const Reject reject = parser.parse(input);

  if (comparable(input)) {
    rapidjson::Document document;
    const std::string text(input);
    document.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag>(
        text.data(), text.size());
    // RapidJSON takes a NUL for the end of the text and does not count levels.
    const bool json = !document.HasParseError() && text.find('\0') == text.npos;
    if (json && depth_of(document) <= kJsonDepthMax) {
      require(reject != Reject::not_json && reject != Reject::not_utf8, "refused what is JSON",
              input);
    }
    if (!json) require(reject != Reject::none, "took what is not JSON", input);
  }
  if (reject != Reject::none) return 0;

  // What goes out is JSON and UTF-8, and data is as it came.
  EventLog log("e", {10, 1 << 20});
  log.append(parser.envelope(), 1);
  log.seal();
  const BlockPtr block = log.history().find(1);
  const std::string_view json = block->json(0);
  require(is_utf8(json), "what goes out is not UTF-8", input);
  EnvelopeParser again(1 << 17);
  require(again.parse(json) == Reject::none, "what goes out does not parse", input);
  require(again.not_finite_count() == 0, "NaN goes out", input);
  require(again.envelope().data == parser.envelope().data, "data was changed", input);
  require(again.envelope().type == parser.envelope().type, "type was changed", input);
  require(block->text(block->entry(0).item) == parser.envelope().item.text, "item was changed",
          input);
  return 0;
}
