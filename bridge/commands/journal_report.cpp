#include "commands/journal_report.h"

#include "base/text.h"

namespace bridge {

void put_journal(JsonWriter& json, const JournalReport& report) {
  // A path may be no UTF-8.
  json.key("journal").object().key("problem").text_or_null(is_utf8(report.problem) ? report.problem : printable(report.problem, report.problem.size()));
  json.field("bytes", report.bytes).field("bytes_max", report.bytes_max);
  json.field("age_max_s", static_cast<std::uint64_t>(report.age_max_us / 1'000'000));
  json.field("disk_free_bytes", report.disk_free_bytes).field("events_per_s", report.events_per_s);
  json.key("bytes_per_event");
  report.event_bytes > 0 ? json.add(report.event_bytes) : json.raw("null");
  json.field("packed_events", report.packed_events).field("packed_bytes", report.packed_bytes);
  json.field("unpacked_bytes", report.unpacked_bytes);
  json.field("holds_s", report.holds_s).end_object();
}

}  // namespace bridge
