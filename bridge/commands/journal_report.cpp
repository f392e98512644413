#include "commands/journal_report.h"

#include "base/text.h"

namespace bridge {

void put_journal(JsonWriter& json, const JournalReport& report) {
  json.key("journal").object().key("problem");
  // A path may be no UTF-8.
  if (report.problem.empty()) {
    json.raw("null");
  } else {
    json.add(is_utf8(report.problem) ? report.problem : printable(report.problem, report.problem.size()));
  }
  json.field("bytes", report.bytes).field("bytes_max", report.bytes_max);
  json.field("age_max_s", static_cast<std::uint64_t>(report.age_max_us / 1'000'000));
  json.field("disk_free_bytes", report.disk_free_bytes).field("events_per_s", report.events_per_s);
  json.key("bytes_per_event");
  report.event_bytes > 0 ? json.add(report.event_bytes) : json.raw("null");
  json.field("packed_events", report.packed_events).field("packed_bytes", report.packed_bytes);
  json.field("unpacked_bytes", report.unpacked_bytes);
  json.key("holds_s");
  report.holds_s ? json.add(*report.holds_s) : json.raw("null");
  json.end_object();
}

}  // namespace bridge
