#include "threads.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "event_text.h"
#include "fan_reader.h"
#include "load.h"
#include "statistics.h"
#include "subject.h"
#include "support/scratch_directory.h"

namespace bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kThreadsBatch = 100;

// Counted runs publish about so many events, and twice as many: the difference leaves out start and end.
constexpr std::uint64_t kCountedEvents = 10'000;
constexpr std::size_t kCountedClientsMax = 100;

Options with_threads(const Options& options, std::size_t threads) {
  Options changed = options;
  changed.bridge_settings.push_back("websocket.threads=" + std::to_string(threads));
  return changed;
}

ThreadsRound measure(const ThreadsRow& row, const Options& options) {
  const std::unique_ptr<Subject> subject =
      make_subject("bridge", with_threads(options, row.threads));
  subject->start();
  FanReader reader(connect_clients(*subject, row.clients, options.receive_buffer_bytes),
                   subject->sequence_rule(), nullptr);
  reader.start();
  const EventText events(options.event_bytes);
  ClosedLoopLoad load(*subject, events, kThreadsBatch, options.window_events, reader);
  pass(options.warmup_seconds, reader);
  const auto begin = steady_clock::now();
  const std::uint64_t before = reader.deliveries();
  const double cpu = cpu_seconds_of(*subject);
  const double sleeps = switches_of(*subject).sleeps;
  pass(options.seconds, reader);
  const double seconds = seconds_since(begin);
  const auto delivered = static_cast<double>(reader.deliveries() - before);
  ThreadsRound round;
  round.deliveries_per_s = delivered / seconds;
  if (delivered > 0) {
    round.cpu_us_per_delivery = (cpu_seconds_of(*subject) - cpu) * 1e6 / delivered;
    round.switches_per_1000 = (switches_of(*subject).sleeps - sleeps) * 1e3 / delivered;
  }
  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (reader.failed()) {
    round.lost = reader.failure();
  } else if (!drained || delivered == 0) {
    round.lost = load.failure().empty() ? "not all events came" : load.failure();
  }
  subject->stop();
  return round;
}

struct Counted {
  double instructions = 0;
  double deliveries = 0;
};

// Callgrind's total of a run that delivers `count` events to each client, or a few more.
Counted count_instructions(const ThreadsRow& row, std::size_t clients, std::uint64_t count,
                           const Options& options) {
  const testing_support::ScratchDirectory directory;
  Options changed = with_threads(options, row.threads);
  const std::string file = directory.file("callgrind");
  changed.bridge_prefix = {"valgrind", "--tool=callgrind", "--callgrind-out-file=" + file, "-q"};
  const std::unique_ptr<Subject> subject = make_subject("bridge", changed);
  subject->start();
  Counted counted;
  bool drained = false;
  {
    // Its clients must be gone before the bridge is stopped, or it would wait for them.
    FanReader reader(connect_clients(*subject, clients, options.receive_buffer_bytes),
                     subject->sequence_rule(), nullptr);
    reader.start();
    const EventText events(options.event_bytes);
    // A short window, so that it stops close to what is asked for.
    ClosedLoopLoad load(*subject, events, kThreadsBatch, kThreadsBatch, reader);
    while (!interrupted && !reader.failed() && load.published() < count) pass(0.001, reader);
    load.stop();
    drained = load.failure().empty() && wait_drained(reader, load.published());
    counted.deliveries = static_cast<double>(reader.deliveries());
  }
  subject->stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (!drained) throw std::runtime_error("under callgrind not all events came");
  std::ifstream counts(file);
  for (std::string word; counts >> word;) {
    double total = 0;
    if ((word == "totals:" || word == "summary:") && counts >> total) {
      counted.instructions = total;
      return counted;
    }
  }
  throw std::runtime_error("callgrind wrote no totals to " + file + "; is valgrind installed?");
}

}  // namespace

std::vector<ThreadsRow> measure_threads(const Options& options) {
  const auto& names = options.subjects;
  if (std::find(names.begin(), names.end(), "bridge") == names.end()) return {};
  std::vector<ThreadsRow> rows;
  for (const std::size_t clients : options.thread_clients) {
    for (const std::size_t threads : options.threads) rows.push_back({clients, threads, {}});
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (ThreadsRow& row : rows) {
      row.rounds.push_back(measure(row, options));
      const ThreadsRound& got = row.rounds.back();
      std::fprintf(stderr, "%5zu clients, %2zu threads, round %zu, %12.0f deliveries/s%s%s\n",
                   row.clients, row.threads, round + 1, got.deliveries_per_s,
                   got.lost.empty() ? "" : "  LOST: ", got.lost.c_str());
    }
  }
  if (!options.count_instructions) return rows;
  for (ThreadsRow& row : rows) {
    const std::size_t clients = std::min(row.clients, kCountedClientsMax);
    const Counted once = count_instructions(row, clients, kCountedEvents, options);
    const Counted twice = count_instructions(row, clients, 2 * kCountedEvents, options);
    row.instructions_per_delivery =
        (twice.instructions - once.instructions) / (twice.deliveries - once.deliveries);
    std::fprintf(stderr, "%5zu clients, %2zu threads, %.1f instructions a delivery\n", clients,
                 row.threads, row.instructions_per_delivery);
  }
  return rows;
}

void print_threads(const std::vector<ThreadsRow>& rows) {
  if (rows.empty()) return;
  std::printf("\nwebsocket.threads; instructions are the bridge's own, to at most %zu clients\n",
              kCountedClientsMax);
  std::printf("  %7s %7s %14s %11s %15s %17s\n", "clients", "threads", "deliveries/s", "CPU us/del",
              "switches/1,000", "instructions/del");
  for (const ThreadsRow& row : rows) {
    std::printf("  %7zu %7zu ", row.clients, row.threads);
    if (const std::string lost = lost_of(row); !lost.empty()) {
      std::printf("LOST %s\n", lost.c_str());
      continue;
    }
    char counted[32] = "-";
    if (row.instructions_per_delivery > 0) {
      std::snprintf(counted, sizeof counted, "%.1f", row.instructions_per_delivery);
    }
    std::printf("%14.0f %11.4f %15.3f %17s\n",
                median_of(row.rounds, &ThreadsRound::deliveries_per_s),
                median_of(row.rounds, &ThreadsRound::cpu_us_per_delivery),
                median_of(row.rounds, &ThreadsRound::switches_per_1000), counted);
  }
}

void write_threads(Writer& writer, const std::vector<ThreadsRow>& rows) {
  write_objects(writer, rows, [&](const ThreadsRow& row) {
    member(writer, "clients", row.clients);
    member(writer, "threads", row.threads);
    member(writer, "lost", lost_of(row));
    member(writer, "instructions_per_delivery", row.instructions_per_delivery);
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const ThreadsRound& round) {
      member(writer, "deliveries_per_s", round.deliveries_per_s);
      member(writer, "cpu_us_per_delivery", round.cpu_us_per_delivery);
      member(writer, "switches_per_1000_deliveries", round.switches_per_1000);
    });
  });
}

std::string lost_of(const ThreadsRow& row) {
  for (const ThreadsRound& round : row.rounds) {
    if (!round.lost.empty()) return round.lost;
  }
  return {};
}

}  // namespace bench
