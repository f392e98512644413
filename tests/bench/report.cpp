#include "report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <thread>

#include "peers/peer_report.h"
#include "peers/peers.h"
#include "report_parts.h"
#include "statistics.h"

namespace bench {
namespace {

using Round = ThroughputRound;

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, 10, "model name") == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string machine() {
  utsname system{};
  ::uname(&system);
  return std::to_string(std::thread::hardware_concurrency()) + " x " + processor() + ", Linux " +
         system.release;
}

using RoundFigure = RoundTrips CommandsRound::*;

double median_of(const std::vector<CommandsRound>& rounds, RoundFigure side,
                 double RoundTrips::*figure) {
  std::vector<double> values;
  for (const CommandsRound& round : rounds) values.push_back(round.*side.*figure);
  return median(std::move(values));
}

void print_commands(const Report& report) {
  if (report.commands.empty()) return;
  const CommandsRow& first = report.commands.front();
  std::printf(
      "\ncommands one at a time, beside %.0f events/s to one client; bodies of %zu and %zu bytes\n"
      "  %-8s %-9s %13s %9s %9s %9s\n",
      first.events_per_s, first.request_bytes, first.reply_bytes, "cores", "subject",
      "round trips", "p50 us", "p99 us", "max us");
  for (const CommandsRow& row : report.commands) {
    if (!row.lost.empty()) {
      std::printf("  %-8s %-9s %13s %s\n", row.cores.c_str(), "bridge", "LOST", row.lost.c_str());
      continue;
    }
    const auto line = [&](const char* name, RoundFigure side) {
      std::printf("  %-8s %-9s %13.0f %9.1f %9.1f %9.1f\n", row.cores.c_str(), name,
                  median_of(row.rounds, side, &RoundTrips::count),
                  median_of(row.rounds, side, &RoundTrips::p50_us),
                  median_of(row.rounds, side, &RoundTrips::p99_us),
                  median_of(row.rounds, side, &RoundTrips::max_us));
    };
    line("req/rep", &CommandsRound::bare);
    line("bridge", &CommandsRound::bridge);
    std::printf("  %-8s %-9s %13s %9s %9s\n", row.cores.c_str(), "x req/rep", "",
                times(median_of(row.rounds, &CommandsRound::p50_times)).c_str(),
                times(median_of(row.rounds, &CommandsRound::p99_times)).c_str());
  }
}

void print_journal(const Report& report) {
  for (const JournalRow& row : report.journal) {
    std::printf("\njournal, %zu rows\n  %-16s %12.0f rows/s\n  %-16s %12.0f rows/s  %s, %.0f rows a CPU second\n", row.rows,
                "bare inserts", bench::median_of(row.rounds, &JournalRound::bare_rows_per_s),
                "journal", bench::median_of(row.rounds, &JournalRound::journal_rows_per_s),
                times(bench::median_of(row.rounds, &JournalRound::times)).c_str(),
                bench::median_of(row.rounds, &JournalRound::journal_rows_per_cpu_s));
  }
  for (const ResumeRow& row : report.resume) {
    std::printf("\na client that was away for %zu events, beside %zu that stayed, %.0f events/s\n",
                row.events, row.clients, row.events_per_s);
    if (!row.lost.empty()) {
      std::printf("  LOST %s\n", row.lost.c_str());
      continue;
    }
    const auto middle = [&row](double ResumeRound::*figure) {
      return bench::median_of(row.rounds, figure);
    };
    std::printf("  %-16s %12.0f rows/s\n  %-16s %12.0f rows/s  %s\n", "bare scan",
                middle(&ResumeRound::scan_rows_per_s), "client",
                middle(&ResumeRound::resume_rows_per_s), times(middle(&ResumeRound::times)).c_str());
    std::printf("  %-16s %12.3f ms\n  %-16s %12.3f ms      %s\n", "p99 before",
                middle(&ResumeRound::p99_before_ms), "p99 while",
                middle(&ResumeRound::p99_while_ms), times(middle(&ResumeRound::p99_times)).c_str());
  }
}

void write_journal(Writer& writer, const Report& report) {
  writer.Key("journal");
  writer.StartArray();
  for (const JournalRow& row : report.journal) {
    for (const JournalRound& round : row.rounds) {
      writer.StartObject();
      member(writer, "rows", row.rows);
      member(writer, "bare_rows_per_s", round.bare_rows_per_s);
      member(writer, "journal_rows_per_s", round.journal_rows_per_s);
      member(writer, "journal_rows_per_cpu_s", round.journal_rows_per_cpu_s);
      member(writer, "times", round.times);
      writer.EndObject();
    }
  }
  writer.EndArray();
  writer.Key("resume");
  writer.StartArray();
  for (const ResumeRow& row : report.resume) {
    for (const ResumeRound& round : row.rounds) {
      writer.StartObject();
      member(writer, "events", row.events);
      member(writer, "clients", row.clients);
      member(writer, "lost", row.lost);
      member(writer, "scan_rows_per_s", round.scan_rows_per_s);
      member(writer, "resume_rows_per_s", round.resume_rows_per_s);
      member(writer, "times", round.times);
      member(writer, "p99_before_ms", round.p99_before_ms);
      member(writer, "p99_while_ms", round.p99_while_ms);
      member(writer, "p99_times", round.p99_times);
      writer.EndObject();
    }
  }
  writer.EndArray();
}

void write_round_trips(Writer& writer, const char* key, const RoundTrips& trips) {
  writer.Key(key);
  writer.StartObject();
  member(writer, "count", trips.count);
  member(writer, "p50_us", trips.p50_us);
  member(writer, "p99_us", trips.p99_us);
  member(writer, "max_us", trips.max_us);
  writer.EndObject();
}

void write_commands(Writer& writer, const Report& report) {
  write_objects(writer, report.commands, [&](const CommandsRow& row) {
    member(writer, "cores", row.cores);
    member(writer, "events_per_s", row.events_per_s);
    member(writer, "request_bytes", row.request_bytes);
    member(writer, "reply_bytes", row.reply_bytes);
    member(writer, "lost", row.lost);
    member(writer, "p50_times", median_of(row.rounds, &CommandsRound::p50_times));
    member(writer, "p99_times", median_of(row.rounds, &CommandsRound::p99_times));
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const CommandsRound& round) {
      write_round_trips(writer, "bare", round.bare);
      write_round_trips(writer, "bridge", round.bridge);
      member(writer, "p50_times", round.p50_times);
      member(writer, "p99_times", round.p99_times);
    });
  });
}

void print_throughput(const Report& report) {
  std::size_t clients = 0;
  std::size_t batch = 0;
  for (const ThroughputRow& row : report.throughput) {
    if (row.clients != clients || row.batch != batch) {
      clients = row.clients;
      batch = row.batch;
      std::printf("\n%zu client%s, %s\n", clients, clients == 1 ? "" : "s",
                  batch == 1 ? "one event a message"
                             : ("ZeroMQ messages of " + std::to_string(batch) + " events").c_str());
      std::printf("  %-9s %14s %9s %8s %11s %9s %7s %7s %9s %9s\n", "subject", "deliveries/s",
                  "MB/s", "B/deliv", "CPU us/del", "RSS MB", "srv CPU", "rdr CPU", "x plain",
                  "x raw B/s");
    }
    if (const std::string lost = lost_of(row); !lost.empty()) {
      std::printf("  %-9s %14s %s\n", row.subject.c_str(), "LOST", lost.c_str());
      continue;
    }
    std::printf("  %-9s %14.0f %9.1f %8.1f %11.4f %9.1f %7.2f %7.2f %9s %9s\n", row.subject.c_str(),
                median_of(row.rounds, &Round::deliveries_per_s),
                median_of(row.rounds, &Round::bytes_per_s) / 1e6,
                median_of(row.rounds, &Round::bytes_per_delivery),
                median_of(row.rounds, &Round::cpu_us_per_delivery),
                median_of(row.rounds, &Round::resident_bytes) / 1e6,
                median_of(row.rounds, &Round::server_cpu),
                median_of(row.rounds, &Round::reader_cpu),
                times(ratio_to(report.throughput, row, "plain", &Round::deliveries_per_s)).c_str(),
                times(ratio_to(report.throughput, row, "raw", &Round::bytes_per_s)).c_str());
  }
}

void write_throughput(Writer& writer, const Report& report) {
  write_objects(writer, report.throughput, [&](const ThroughputRow& row) {
    member(writer, "clients", row.clients);
    member(writer, "batch", row.batch);
    member(writer, "subject", row.subject);
    member(writer, "lost", lost_of(row));
    member(writer, "times_plain_deliveries",
           ratio_to(report.throughput, row, "plain", &Round::deliveries_per_s));
    member(writer, "times_raw_bytes", ratio_to(report.throughput, row, "raw", &Round::bytes_per_s));
    member(writer, "deliveries_per_s", median_of(row.rounds, &Round::deliveries_per_s));
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const Round& round) {
      member(writer, "lost", round.lost);
      member(writer, "deliveries_per_s", round.deliveries_per_s);
      member(writer, "bytes_per_s", round.bytes_per_s);
      member(writer, "bytes_per_delivery", round.bytes_per_delivery);
      member(writer, "cpu_us_per_delivery", round.cpu_us_per_delivery);
      member(writer, "resident_bytes", round.resident_bytes);
      member(writer, "server_cpu", round.server_cpu);
      member(writer, "reader_cpu", round.reader_cpu);
    });
  });
}

void write_peer_ratios(Writer& writer, const Report& report) {
  writer.Key("bridge_times_peer");
  write_objects(writer, peer_ratios(report.throughput), [&](const PeerRatio& ratio) {
    member(writer, "clients", ratio.clients);
    member(writer, "batch", ratio.batch);
    member(writer, "peer", ratio.peer);
    member(writer, "times", ratio.times);
  });
}

}  // namespace

std::string today() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  ::gmtime_r(&now, &date);
  std::strftime(text, sizeof text, "%Y-%m-%d", &date);
  return text;
}

std::string lost_of(const ThroughputRow& row) {
  for (const Round& round : row.rounds) {
    if (!round.lost.empty()) return round.lost;
  }
  return {};
}

double ratio_to(const std::vector<ThroughputRow>& rows, const ThroughputRow& row,
                const std::string& other_subject, double Round::*figure) {
  for (const ThroughputRow& other : rows) {
    if (other.clients != row.clients || other.batch != row.batch) continue;
    if (other.subject != other_subject) continue;
    if (!lost_of(row).empty() || !lost_of(other).empty()) return 0.0;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(row.rounds.size(), other.rounds.size()); ++i) {
      if (other.rounds[i].*figure > 0) {
        ratios.push_back(row.rounds[i].*figure / other.rounds[i].*figure);
      }
    }
    return median(std::move(ratios));
  }
  return 0.0;
}

void print_tables(const Report& report, const Options& options) {
  std::printf("%s, %s; events of %zu bytes as published\n", today().c_str(), machine().c_str(),
              options.event_bytes);
  print_throughput(report);
  if (!report.idle_memory.empty()) {
    std::printf("\nidle clients, connected and registered\n  %-9s %8s %14s %14s %14s\n", "subject",
                "clients", "RSS before MB", "RSS after MB", "bytes/client");
  }
  for (const IdleMemoryRow& row : report.idle_memory) {
    std::printf("  %-9s %8zu %14.1f %14.1f %14.0f\n", row.subject.c_str(), row.clients,
                row.resident_bytes_before / 1e6, row.resident_bytes_after / 1e6,
                row.bytes_per_client);
  }
  if (!report.latency.empty()) {
    std::printf("\nlatency, publish() due to client's read, ms\n  %-9s %8s %9s %9s %9s %9s %9s %8s %9s\n",
                "subject", "clients", "events/s", "p50", "p90", "p99", "max", "srv CPU", "sleeps/ev");
  }
  for (const LatencyRow& row : report.latency) {
    std::printf("  %-9s %8zu %9.0f ", row.subject.c_str(), row.clients, row.events_per_s);
    if (!row.lost.empty()) {
      std::printf("LOST %s\n", row.lost.c_str());
      continue;
    }
    std::printf("%9.3f %9.3f %9.3f %9.3f %8.3f %9.2f\n", row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms, row.server_cpu,
                row.switches_per_event);
    if (row.reloads != 0) {
      std::printf("  %-9s %llu times another configuration was read; of events then the latest took %.3f ms, of the others %.3f ms\n", "",
                  static_cast<unsigned long long>(row.reloads), row.reload_max_ms, row.calm_max_ms);
    }
  }
  print_hop(report.hop, options);
  print_commands(report);
  print_journal(report);
  print_subscriptions(report.subscriptions);
  print_threads(report.threads);
  print_storm(report.storm);
  print_ingest(report.ingest);
  print_cluster(report.cluster, options);
  print_rows(report.rows);
  print_peer_ratios(report);
}

std::string to_json(const Report& report, const Options& options) {
  rapidjson::StringBuffer out;
  Writer writer(out);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  member(writer, "date", today());
  member(writer, "machine", machine());
  member(writer, "event_bytes", options.event_bytes);
  member(writer, "seconds", options.seconds);
  member(writer, "window_events", std::size_t{options.window_events});
  writer.Key("throughput");
  write_throughput(writer, report);
  write_peer_ratios(writer, report);
  writer.Key("idle_memory");
  write_objects(writer, report.idle_memory, [&](const IdleMemoryRow& row) {
    member(writer, "subject", row.subject);
    member(writer, "clients", row.clients);
    member(writer, "resident_bytes_before", row.resident_bytes_before);
    member(writer, "resident_bytes_after", row.resident_bytes_after);
    member(writer, "bytes_per_client", row.bytes_per_client);
  });
  writer.Key("latency");
  write_objects(writer, report.latency, [&](const LatencyRow& row) {
    member(writer, "subject", row.subject);
    member(writer, "clients", row.clients);
    member(writer, "events_per_s", row.events_per_s);
    member(writer, "lost", row.lost);
    member(writer, "p50_ms", row.p50_ms);
    member(writer, "p90_ms", row.p90_ms);
    member(writer, "p99_ms", row.p99_ms);
    member(writer, "max_ms", row.max_ms);
    member(writer, "server_cpu", row.server_cpu);
    member(writer, "cpu_us_per_delivery", row.cpu_us_per_delivery);
    member(writer, "switches_per_event", row.switches_per_event);
    member(writer, "preemptions_per_event", row.preemptions_per_event);
    member(writer, "reloads", row.reloads);
    member(writer, "reload_max_ms", row.reload_max_ms);
    member(writer, "calm_max_ms", row.calm_max_ms);
  });
  writer.Key("hop");
  write_hop(writer, report.hop);
  writer.Key("commands");
  write_commands(writer, report);
  write_journal(writer, report);
  writer.Key("subscriptions");
  write_subscriptions(writer, report.subscriptions);
  writer.Key("threads");
  write_threads(writer, report.threads);
  writer.Key("storm");
  write_storm(writer, report.storm);
  writer.Key("ingest");
  write_ingest(writer, report.ingest);
  writer.Key("cluster");
  write_cluster(writer, report.cluster);
  writer.Key("rows");
  write_rows(writer, report.rows);
  writer.EndObject();
  return std::string(out.GetString(), out.GetSize()) + "\n";
}

bool lost_anything(const Report& report) {
  const auto of_any = [](const auto& rows, const auto& lost) {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return !lost(row).empty(); });
  };
  const auto any = [&](const auto& rows) { return of_any(rows, [](const auto& row) { return row.lost; }); };
  const auto any_of_ours = [&](const auto& rows, const auto& lost) {
    return of_any(rows, [&](const auto& row) { return is_peer(row.subject) ? std::string() : lost(row); });
  };
  return any_of_ours(report.throughput, [](const auto& row) { return lost_of(row); }) ||
         any_of_ours(report.latency, [](const auto& row) { return row.lost; }) || any(report.hop) || any(report.commands) ||
         any(report.resume) || any(report.storm) || any(report.cluster) || any(report.rows.rows) ||
         of_any(report.subscriptions, [](const auto& row) { return lost_of(row); }) ||
         of_any(report.threads, [](const auto& row) { return lost_of(row); });
}

}  // namespace bench
