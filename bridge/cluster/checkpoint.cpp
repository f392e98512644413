#include "cluster/checkpoint.h"

#include <algorithm>
#include <utility>

#include "base/exact_text.h"
#include "base/hex.h"
#include "base/text.h"
#include "event/deflate.h"

namespace bridge {
namespace {

constexpr std::string_view kCheckpointMagic = "CHECK1 {\"node\":\"";
constexpr int kCheckpointLevel = Deflater::kLevelMin;  // nothing else goes on meanwhile

}  // namespace

bool read_checkpoint_message(std::string_view message, CheckpointMessage* read) {
  CheckpointMessage one;
  ExactText text(message);
  if (!text.take(kCheckpointMagic) || !text.take_until('"', &one.node) || !is_node_name(one.node) || !text.take(",\"")) return false;
  if (text.take("mark\":\"")) {
    one.is_mark = true;
    if (!text.take_hex(&one.mark) || !text.take("\",\"older\":") || !text.take_number(INT64_MAX, &one.older) || !text.take("}\n") ||
        !text.at_end()) {
      return false;
    }
    *read = one;
    return true;
  }
  std::uint64_t packed = 0;
  if (!text.take("at\":") || !text.take_number(INT64_MAX, &one.at) || !text.take(",\"seq\":") || !text.take_number(INT64_MAX, &one.seq) ||
      !text.take(",\"digest\":\"") || !text.take_hex(&one.digest) || !text.take("\",\"bytes\":") ||
      !text.take_number(kCheckpointBytesMax, &one.bytes) || !text.take(",\"packed\":") || !text.take_number(1, &packed) ||
      !text.take(",\"part\":") || !text.take_number(kCheckpointPartsMax, &one.part) || !text.take(",\"parts\":") ||
      !text.take_number(kCheckpointPartsMax, &one.parts) || !text.take(",\"before\":") || !text.take_number(INT64_MAX, &one.before) ||
      !text.take(",\"older\":") || !text.take_number(INT64_MAX, &one.older) || !text.take("}\n")) {
    return false;
  }
  one.packed = packed == 1;
  one.body = text.left();
  if (one.at == 0 || one.part == 0 || one.part > one.parts || (one.part == 1) != (one.before == 0) || one.body.empty() ||
      one.body.size() > kCheckpointPartBytes || (one.part < one.parts && one.body.size() != kCheckpointPartBytes)) {
    return false;
  }
  *read = one;
  return true;
}

std::string write_checkpoint_message(const CheckpointMessage& message) {
  std::string out(kCheckpointMagic);
  out.append(message.node).append("\",\"");
  if (message.is_mark) {
    append_hex64(message.mark, &out.append("mark\":\""));
    append_number(out.append("\",\"older\":"), message.older);
    return out.append("}\n");
  }
  append_number(out.append("at\":"), message.at);
  append_number(out.append(",\"seq\":"), message.seq);
  append_hex64(message.digest, &out.append(",\"digest\":\""));
  append_number(out.append("\",\"bytes\":"), message.bytes);
  append_number(out.append(",\"packed\":"), message.packed ? 1 : 0);
  append_number(out.append(",\"part\":"), message.part);
  append_number(out.append(",\"parts\":"), message.parts);
  append_number(out.append(",\"before\":"), message.before);
  append_number(out.append(",\"older\":"), message.older);
  return out.append("}\n").append(message.body);
}

std::vector<std::string> checkpoint_parts(std::string_view state, bool* packed) {
  std::vector<std::string> parts;
  if (state.size() > kCheckpointBytesMax) return parts;
  Deflater deflater(kCheckpointLevel);
  const std::string_view smaller = deflater.compress(state);
  *packed = !smaller.empty();
  for (std::string_view left = *packed ? smaller : state; !left.empty(); left.remove_prefix(parts.back().size())) {
    parts.emplace_back(left.substr(0, kCheckpointPartBytes));
  }
  return parts;
}

std::string checkpoint_state(const CheckpointMessage& message, std::string_view body, Fold empty) {
  std::string state;
  if (!message.packed) {
    state = body;
  } else if (inflate_message(body, static_cast<std::size_t>(message.bytes), state) != Inflated::whole) {
    return {};
  }
  const bool whole = state.size() == message.bytes && empty.restore(state) && empty.state_digest() == message.digest &&
                     empty.stream_seq() == message.at && empty.last_seq() == message.seq;
  return whole ? state : std::string();
}

}  // namespace bridge
