#include "ingest.h"

#include <cstdio>

#include "ingest_text.h"
#include "statistics.h"

namespace bench {
namespace {

constexpr std::size_t kIngestBatch = 100;

}  // namespace

IngestReport measure_ingest(const Options& options) {
  IngestReport report;
  report.body_bytes = IngestText("r1").body_bytes();
  report.parse_batch = kIngestBatch;
  report.parse = measure_parse(options, kIngestBatch);
  report.take.push_back(measure_take(options, 1, false));
  report.take.push_back(measure_take(options, kIngestBatch, true));
  return report;
}

double intake_times(const IngestReport& report) {
  return median_of(report.parse, &ParseRound::times);
}

double unbatched_times(const IngestReport& report) {
  for (const TakeRow& row : report.take) {
    if (row.batch == 1) return median_of(row.rounds, &TakeRound::times);
  }
  return 0.0;
}

void print_ingest(const IngestReport& report) {
  if (!report.parse.empty()) {
    std::printf("\nbatches of %zu taken in on one thread, bodies of %.0f bytes\n", report.parse_batch,
                report.body_bytes);
    std::printf("  %-16s %12.0f events/s\n  %-16s %12.0f events/s  %.2f\n", "RapidJSON's parse",
                median_of(report.parse, &ParseRound::rapidjson_events_per_s), "intake",
                median_of(report.parse, &ParseRound::intake_events_per_s), intake_times(report));
  }
  for (const TakeRow& row : report.take) {
    const auto middle = [&row](double TakeRound::*figure) { return median_of(row.rounds, figure); };
    const auto line = [&row](const char* name, double messages_per_s, double cpu_us, double times) {
      std::printf("  %-16s %12.0f messages/s %12.0f events/s", name, messages_per_s,
                  messages_per_s * static_cast<double>(row.batch));
      if (cpu_us > 0.0) std::printf("  %.2f us CPU a message", cpu_us);
      if (times > 0.0) std::printf("  %.2f", times);
      std::printf("\n");
    };
    std::printf("\nwhole processes, %zu event%s a message\n", row.batch, row.batch == 1 ? "" : "s");
    line("bare ZeroMQ", middle(&TakeRound::bare_messages_per_s), middle(&TakeRound::bare_cpu_us), 0);
    line("bridge", middle(&TakeRound::bridge_messages_per_s), middle(&TakeRound::bridge_cpu_us),
         middle(&TakeRound::times));
    const double journal = middle(&TakeRound::journal_messages_per_s);
    if (journal > 0.0) line("with a journal", journal, 0, 0);
    const double keys = middle(&TakeRound::keys_messages_per_s);
    if (keys > 0.0) line("with keys", keys, 0, 0);
    const double schemas = middle(&TakeRound::schemas_messages_per_s);
    if (schemas > 0.0) {
      const double cpu_us = middle(&TakeRound::schemas_cpu_us);
      line("with schemas", schemas, cpu_us, 0);
      std::printf("  a check costs %.2f us CPU an event\n",
                  (cpu_us - middle(&TakeRound::bridge_cpu_us)) / static_cast<double>(row.batch));
    }
  }
}

void write_ingest(Writer& writer, const IngestReport& report) {
  writer.StartObject();
  member(writer, "body_bytes", report.body_bytes);
  member(writer, "intake_times", intake_times(report));
  member(writer, "unbatched_times", unbatched_times(report));
  writer.Key("parse");
  write_objects(writer, report.parse, [&](const ParseRound& round) {
    member(writer, "rapidjson_events_per_s", round.rapidjson_events_per_s);
    member(writer, "intake_events_per_s", round.intake_events_per_s);
    member(writer, "times", round.times);
  });
  writer.Key("take");
  writer.StartArray();
  for (const TakeRow& row : report.take) {
    for (const TakeRound& round : row.rounds) {
      writer.StartObject();
      member(writer, "batch", row.batch);
      member(writer, "bare_messages_per_s", round.bare_messages_per_s);
      member(writer, "bridge_messages_per_s", round.bridge_messages_per_s);
      member(writer, "journal_messages_per_s", round.journal_messages_per_s);
      member(writer, "keys_messages_per_s", round.keys_messages_per_s);
      member(writer, "schemas_messages_per_s", round.schemas_messages_per_s);
      member(writer, "times", round.times);
      member(writer, "bare_cpu_us", round.bare_cpu_us);
      member(writer, "bridge_cpu_us", round.bridge_cpu_us);
      member(writer, "schemas_cpu_us", round.schemas_cpu_us);
      writer.EndObject();
    }
  }
  writer.EndArray();
  writer.EndObject();
}

}  // namespace bench
