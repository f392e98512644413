#include "event/event_line.h"

#include <cassert>

#include "base/exact_text.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::string_view kTypeKey = R"({"type":")", kDataKey = R"(,"data":)", kSourceKey = R"(,"source":")",
                           kRunKey = R"(,"run":")", kSourceSeqKey = R"(,"source_seq":)",
                           kSourceTimestampKey = R"(,"source_timestamp":)";

}  // namespace

void append_event_line(std::string& out, const Envelope& event) {
  out.append(kTypeKey).append(event.type).append("\"").append(kDataKey).append(event.data);
  if (!event.source.empty()) out.append(kSourceKey).append(event.source) += '"';
  if (!event.run.empty()) out.append(kRunKey).append(event.run) += '"';
  if (event.source_seq != 0) append_number(out.append(kSourceSeqKey), event.source_seq);
  if (!event.source_timestamp.empty()) out.append(kSourceTimestampKey).append(event.source_timestamp);
  for (const std::string_view other : event.others) (out += ',').append(other);
  out += '}';
}

bool read_event_line(std::string_view text, std::size_t data_bytes, EventLine* line) {
  assert(text.size() < std::size_t{1} << 31);
  *line = EventLine();
  line->text = text;
  ExactText rest(text);
  // Names have no escapes, so the next quote ends one.
  if (!rest.take(kTypeKey) || !rest.take_until('"', &line->type) || !is_type_name(line->type)) return false;
  if (!rest.take(kDataKey) || data_bytes < 2) return false;
  line->data = rest.take_bytes(data_bytes);
  if (line->data.size() != data_bytes || line->data.front() != '{' || line->data.back() != '}') return false;
  if (rest.take(kSourceKey) && (!rest.take_until('"', &line->source) || !is_name(line->source))) return false;
  if (rest.take(kRunKey) && (!rest.take_until('"', &line->run) || !is_name(line->run))) return false;
  if (rest.take(kSourceSeqKey) && (!rest.take_number(INT64_MAX, &line->source_seq) || line->source_seq == 0)) {
    return false;
  }
  const std::string_view others = rest.left();
  const bool ends = others == "}" || (others.size() > 2 && others.front() == ',' && others.back() == '}');
  return ends && is_utf8(text);
}

}  // namespace bridge
