#include "app/kept_journal.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "event/json_writer.h"

namespace bridge {

JournalReport KeptJournal::report() const {
  const JournalStatus status = journal_.status();
  JournalReport report;
  report.problem = status.problem;
  report.bytes = status.file_bytes;
  report.bytes_max = status.bytes_max;
  report.age_max_us = status.age_max_us;
  report.disk_free_bytes = status.disk_free_bytes;
  report.events_per_s = status.events_per_s;
  report.event_bytes = status.event_bytes;
  report.packed_events = status.packed.events;
  report.packed_bytes = status.packed.packed_bytes;
  report.unpacked_bytes = status.packed.text_bytes;
  report.holds_s = status.holds_s;
  return report;
}

void KeptJournal::backup(const std::string& file, std::function<void(const Result<std::string, RequestError>&)> done) {
  const auto path = backup_.path_of(file);
  if (!path) return done(RequestError{ErrorType::bad_request, "params." + path.error().message});
  if (backup_.busy()) return done(RequestError{ErrorType::busy, "a copy is being made already"});
  // Never ahead of the journal, so it is the first of the two.
  const std::string mark = mark_path_.empty() ? "" : path.value() + "-cluster";
  std::error_code wrong;
  if (!mark.empty() && !std::filesystem::exists(mark_path_, wrong)) {
    return done(RequestError{ErrorType::busy, printable(mark_path_, 200) + " is not there yet; it is written within a second or two of the start"});
  }
  if (!mark.empty() && !std::filesystem::copy_file(mark_path_, mark, wrong)) {
    return done(RequestError{ErrorType::rejected, "cannot write " + printable(mark, 200) + ": " + wrong.message()});
  }
  backup_.begin(path.value(), [mark, done = std::move(done)](const Result<BackupDone>& made) {
    std::error_code none;
    if (!made && !mark.empty()) std::filesystem::remove(mark, none);
    if (!made) return done(RequestError{ErrorType::rejected, made.error().message});
    JsonWriter json;
    const std::string& copy = made.value().file;
    json.object().field("file", is_utf8(copy) ? copy : printable(copy, copy.size())).field("bytes", made.value().bytes);
    json.field("seq", made.value().last_seq).field("took_s", static_cast<double>(made.value().took_us) / 1e6);
    done(json.end_object().take());
  });
}

std::string KeptJournal::notice() const {
  const JournalStatus status = journal_.status();
  std::string lines;
  if (status.wal_is_held) {
    lines += "journal: its log has grown to " + std::to_string(status.wal_bytes) +
             " bytes: another program reads it in one transaction\n";
  }
  if (status.holds_s && *status.holds_s * 1e6 < static_cast<double>(status.age_max_us)) {
    lines += "journal: at the present rate it holds " + std::to_string(static_cast<std::int64_t>(*status.holds_s)) +
             " s, less than journal.age_max_s\n";
  }
  return lines;
}

}  // namespace bridge
