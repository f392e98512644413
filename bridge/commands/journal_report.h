// The journal as the commands tell of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "event/json_writer.h"
#include "event/messages.h"

namespace bridge {

struct JournalReport {
  std::string problem;  // "" = it is written
  std::uint64_t bytes = 0, bytes_max = 0;
  std::int64_t age_max_us = 0;
  std::uint64_t disk_free_bytes = 0;
  double events_per_s = 0;
  double event_bytes = 0;         // 0: there are too few events to tell
  std::uint64_t packed_events = 0, packed_bytes = 0, unpacked_bytes = 0;  // of old ones that are compressed: after, before
  std::optional<double> holds_s;  // at the present rate; nothing: it is not known yet
};

// What the commands ask of the journal. One thread: the log's.
class JournalKeeper {
 public:
  virtual ~JournalKeeper() = default;
  virtual JournalReport report() const = 0;
  // Copies it into `file`; `done` is called once, later or at once, with the result as JSON.
  virtual void backup(const std::string& file, std::function<void(const Result<std::string, RequestError>&)> done) = 0;
};

// The member `journal` of an object that is begun.
void put_journal(JsonWriter& json, const JournalReport& report);

}  // namespace bridge
