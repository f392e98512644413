#include "ppo-client/event_printer.h"

#include <algorithm>

#include "feed/json.h"
#include "ppo-client/event_details.h"
#include "ppo-client/json_text.h"
#include "ppo-client/number.h"

namespace client {
namespace {

using rapidjson::Value;

constexpr size_t kSeqMax = 15;
constexpr size_t kTypeMax = 24;
constexpr size_t kNameMax = 28;  // of who and item, where there is room enough
constexpr size_t kNameMin = 10;
constexpr size_t kWhoMin = 17;     // trainer-1/agent_0
constexpr size_t kTimeNarrow = 8;  // 00:00:00

// What the columns show of an event. Read one by one, so that a number which no double can hold
// spoils only the member it stands in.
struct Fields {
  std::string type;
  std::string seq;
  std::string source;
  double timestamp = -1;
  std::string_view data;
};

Fields read_fields(std::string_view event) {
  Fields fields;
  feed::json::for_each_member(event, [&](std::string_view key, std::string_view value) {
    if (key == "type") {
      fields.type = feed::json::as_string(value).value_or("");
    } else if (key == "seq") {
      const auto seq = feed::json::as_u64(value);
      fields.seq = seq ? grouped(*seq) : std::string();
    } else if (key == "source") {
      fields.source = feed::json::as_string(value).value_or("");
    } else if (key == "timestamp") {
      const auto timestamp = parse(value);
      fields.timestamp = timestamp && timestamp->IsNumber() ? timestamp->GetDouble() : -1;
    } else if (key == "data") {
      fields.data = value;
    }
  });
  return fields;
}

// "trainer-1/agent_0"
std::string who_of(const std::string& source, const std::string& agent) {
  if (agent.empty()) return source;
  return source.empty() ? agent : source + "/" + agent;
}

// Grows towards what is needed, and never shrinks.
size_t widen(size_t& width, std::string_view text, size_t width_max) {
  width = std::max(width, std::min(display_width(printable(text)), width_max));
  return std::min(width, width_max);
}

std::string range(const char* noun, std::uint64_t from, std::uint64_t to) {
  if (from == to) return std::string(noun) + " " + grouped(from);
  return std::string(noun) + "s " + grouped(from) + ".." + grouped(to);
}

}  // namespace

std::string EventPrinter::event(std::string_view text) {
  const Fields fields = read_fields(text);
  if (fields.type.empty()) return Line().add(compact(text)).render(style_);
  const auto data = parse(fields.data);
  const Value nothing;
  const Value& known = data ? *data : nothing;
  const std::string who = who_of(fields.source, string_of(find(known, "agent_id")));
  const std::string item = string_of(find(known, "item"));

  const size_t share = style_.width_max == 0 ? kNameMax : style_.width_max / (narrow() ? 8 : 7);
  const size_t name_max = std::clamp(share, kNameMin, kNameMax);
  const char* const between = narrow() ? " " : "  ";
  const size_t who_max = std::max(name_max, kWhoMin);
  Line line;
  // Who, what and how much come before when to the millisecond, and which number it has.
  const std::string time = local_time(fields.timestamp);
  line.add(narrow() ? time.substr(0, kTimeNarrow) : time, Colour::kDim).add(between);
  if (!narrow()) {
    line.right_column(fields.seq, widen(widths_.seq, fields.seq, kSeqMax), Colour::kDim).add(between);
  }
  line.column(fields.type, widen(widths_.type, fields.type, kTypeMax), type_colour(fields.type))
      .add(between);
  line.column(who, widen(widths_.who, who, who_max), Colour::kPlain, Cut::kBeginning).add(between);
  line.column(item, widen(widths_.item, item, name_max), Colour::kBold).add(between);
  if (!add_details(line, fields.type, known)) line.add(compact(fields.data));
  return line.render(style_);
}

std::string EventPrinter::gap(const feed::Gap& gap) const {
  std::string what;
  if (!gap.source.empty()) {
    what = gap.source;
    what += gap.from_source_seq && gap.to_source_seq
                ? ": " + range("event", *gap.from_source_seq, *gap.to_source_seq) + " missing"
                : ": events missing";
  } else if (!gap.from_seq || !gap.to_seq) {
    what = "events missing";
  } else if (*gap.to_seq < *gap.from_seq) {
    // None of this epoch; those before it have no numbers here.
    what = "what came before this epoch may be missing";
  } else {
    what = range("event", *gap.from_seq, *gap.to_seq) + " missing";
  }
  const std::string reason = gap.reason.empty() ? "" : " (" + gap.reason + ")";
  return Line().add("-- gap: " + what + reason + " --", Colour::kYellow).render(style_);
}

}  // namespace client
