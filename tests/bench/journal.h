// Mode journal: what the journal writes a second, beside a bare loop of inserts of the same rows.
// Mode resume: what a client that was away reads back, beside a bare scan of the same file, and what
// that does to those who stayed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"

namespace bench {

struct JournalRound {
  double bare_rows_per_s = 0.0;
  double journal_rows_per_s = 0.0;
  double journal_rows_per_cpu_s = 0.0;  // of the whole process, which has nothing else to do
  double times = 0.0;  // the journal's divided by the bare loop's
};

struct JournalRow {
  std::size_t rows = 0;  // each time
  std::string lost;      // "" or what went wrong, and then the figures mean nothing
  std::vector<JournalRound> rounds;
};

// Both into new files in the same directory, in turns: one table, one SQLite, the same settings. The
// journal's part is all of it: blocks over its queue to its thread, with the positions of the sources.
std::vector<JournalRow> measure_journal(const Options& options);

struct ResumeRound {
  double scan_rows_per_s = 0.0;
  double resume_rows_per_s = 0.0;
  double times = 0.0;  // the client's divided by the scan's
  double p99_before_ms = 0.0;
  double p99_while_ms = 0.0;
  double p99_times = 0.0;
};

struct ResumeRow {
  std::size_t events = 0;  // that the client was away for
  std::size_t clients = 0;  // that stayed
  double events_per_s = 0.0;
  std::string lost;
  std::vector<ResumeRound> rounds;
};

// One round; `lost` is set where something was, and then the figures mean nothing.
ResumeRound measure_resume_once(const Options& options, std::string* lost);

// The bridge keeps only 10,000 events in memory. The resuming client checks each event.
std::vector<ResumeRow> measure_resume(const Options& options);

}  // namespace bench
