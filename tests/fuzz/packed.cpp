// A row of `packed`: how many events it should hold and how large its text should be, up to the first line break, and its
// data behind it.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "runs/packed_text.h"

namespace {

using namespace bridge;

[[noreturn]] void fail(const char* what, std::string_view input) {
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

bool same(const PackedEvent& a, const PackedEvent& b) {
  return a.seq == b.seq && a.timestamp_us == b.timestamp_us && a.source_seq == b.source_seq && a.data_bytes == b.data_bytes &&
         a.type == b.type && a.source == b.source && a.run == b.run && a.agent_id == b.agent_id && a.item == b.item &&
         a.body == b.body && (a.source.data() == nullptr) == (b.source.data() == nullptr) &&
         (a.agent_id.data() == nullptr) == (b.agent_id.data() == nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string head(input.substr(0, line));
  char* rest = nullptr;
  const std::uint64_t events = std::strtoull(head.c_str(), &rest, 10);
  const std::string_view packed = input.substr(std::min(line + 1, input.size()));
  const std::uint64_t stated = std::strtoull(rest, nullptr, 10);
  PackedTextReader reader;
  // As text, and as it says itself.
  for (const std::uint64_t text_bytes : {std::uint64_t{packed.size()}, stated}) {
    if (!reader.read(packed, text_bytes, 7, events)) {
      if (!reader.events().empty()) fail("events of what cannot be read", input);
      continue;
    }
    if (reader.events().size() != events) fail("not as many events as it should hold", input);
    // What it says survives being said again, unless that cannot be told exactly.
    PackedTextWriter writer;
    bool all = true;
    for (const PackedEvent& event : reader.events()) all = all && writer.add(event);
    if (!all) continue;
    std::size_t bytes = 0;
    const std::string again = writer.pack(&bytes);
    PackedTextReader second;
    if (!second.read(again, bytes, 7, events)) fail("what was packed cannot be read", input);
    for (std::size_t i = 0; i < events; ++i) {
      if (!same(reader.events()[i], second.events()[i])) fail("not the same when packed again", input);
    }
  }
  return 0;
}
