// Mode ingest: what the bridge takes in, beside what nobody can do without: batches beside RapidJSON's
// bare validating parse of the same bytes, single messages beside a bare ZeroMQ pair.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

// In this process, on one thread: both take the same messages, a few MB of them in turns.
struct ParseRound {
  double rapidjson_events_per_s = 0.0;
  double intake_events_per_s = 0.0;
  double times = 0.0;  // the intake's divided by RapidJSON's
};

// Whole processes, fed by the same publisher one after the other.
struct TakeRound {
  double bare_messages_per_s = 0.0;
  double bridge_messages_per_s = 0.0;
  double journal_messages_per_s = 0.0;  // of a bridge that keeps them; 0 where not measured
  double keys_messages_per_s = 0.0;     // of one whose publisher has a key (CURVE); 0 where not measured
  double schemas_messages_per_s = 0.0;  // of one that holds each event against its schema; 0 where not measured
  double times = 0.0;                   // the bridge's, without a journal, divided by the bare pair's
  double bare_cpu_us = 0.0;             // a message, of the receiving process
  double bridge_cpu_us = 0.0;
  double schemas_cpu_us = 0.0;
};

struct TakeRow {
  std::size_t batch = 0;  // events a message
  std::vector<TakeRound> rounds;
};

struct IngestReport {
  double body_bytes = 0.0;
  std::size_t parse_batch = 0;  // events a message
  std::vector<ParseRound> parse;
  std::vector<TakeRow> take;
};

// Throws std::runtime_error where anything was lost or refused.
IngestReport measure_ingest(const Options& options);

// The parts of it.
std::vector<ParseRound> measure_parse(const Options& options, std::size_t batch);
TakeRow measure_take(const Options& options, std::size_t batch, bool with_more);

// Median over the rounds; 0 where it was not measured.
double intake_times(const IngestReport& report);
double unbatched_times(const IngestReport& report);

// A table on stdout, nothing where nothing was measured; and everything as a JSON object.
void print_ingest(const IngestReport& report);
void write_ingest(Writer& writer, const IngestReport& report);

}  // namespace bench
