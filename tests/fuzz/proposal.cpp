// What a shared log brings: read strictly, so it can be written again byte for byte, folded, and the fold saved and
// restored. The same bytes as a saved fold.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "cluster/checkpoint.h"
#include "cluster/fold.h"

namespace {

using namespace bridge;

constexpr std::size_t kPayloadMax = 1 << 20;

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

Envelope envelope_of(const EventLine& line) {
  Envelope event;
  event.type = line.type;
  event.data = line.data;
  event.source = line.source;
  event.run = line.run;
  event.source_seq = line.source_seq;
  // What is behind the fields that are known, as one piece: a line without it ends right there.
  std::string text;
  append_event_line(text, event);
  const std::string_view rest = line.text.substr(text.size() - 1);
  if (rest.size() > 1) event.others = {rest.substr(1, rest.size() - 2)};
  return event;
}

std::string written_again(const Proposal& proposal) {
  ProposalWriter writer;
  for (const Segment& segment : proposal.segments) {
    switch (segment.kind) {
      case Segment::Kind::lost:
        writer.add_lost(segment.source, segment.run, segment.first, segment.last(),
                        envelope_of(proposal.lines[segment.line]));
        break;
      case Segment::Kind::begin:
        writer.add_begin(segment.source, segment.run, segment.first);
        break;
      case Segment::Kind::epoch:
        writer.add_epoch(segment.source, segment.first);
        break;
      case Segment::Kind::format:
        return {};  // no bridge writes one yet
      default:
        for (std::size_t i = 0; i < segment.lines(); ++i) writer.add(envelope_of(proposal.lines[segment.line + i]));
    }
  }
  return writer.take(proposal.header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Fold fold(kPayloadMax);
  if (fold.restore(input)) require(fold.save() == input, "a fold is saved otherwise than it was", input);

  CheckpointMessage message;
  if (read_checkpoint_message(input, &message)) {
    require(write_checkpoint_message(message) == input, "a checkpoint reads as what is written otherwise", input);
    (void)checkpoint_state(message, message.body, Fold(kPayloadMax));
  }

  Fold from_nothing(kPayloadMax);
  const Folded& folded = from_nothing.apply(1, input);
  if (folded.verdict == FoldVerdict::unknown_format || folded.verdict == FoldVerdict::malformed) return 0;
  const Proposal& proposal = from_nothing.proposal();
  require(is_utf8(input.substr(0, input.find('\n'))), "a header that is not UTF-8", input);
  std::uint64_t lines = 0;
  for (const Folded::Range& range : folded.ranges) {
    lines += range.lines;
    require(range.line + range.lines <= proposal.lines.size(), "lines that are not there", input);
  }
  require(lines == folded.events, "events are miscounted", input);
  for (const EventLine& line : proposal.lines) require(is_utf8(line.text), "a line that cannot be sent", input);
  const std::string again = written_again(proposal);
  require(again.empty() || again == input, "it reads as what is written otherwise", input);
  const std::string saved = from_nothing.save();
  Fold restored(kPayloadMax);
  require(restored.restore(saved) && restored.save() == saved, "a fold does not come back", input);
  return 0;
}
