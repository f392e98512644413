#include "hop.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "event_text.h"
#include "fan_reader.h"
#include "histogram.h"
#include "load.h"
#include "placement.h"
#include "statistics.h"
#include "subject.h"
#include "support/wait.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::milliseconds;

const char* const kBare = "bare-hop";
// Short against whatever else happens on the machine.
constexpr double kHopTurnSeconds = 0.5;
// A turn begins so long after the one before, that no event meets the end of another subject's.
constexpr milliseconds kPause{5};

// When each event left, for the thread that reads it. An event is read soon after it was sent, so a
// few thousand places, used again and again, are enough.
class Departures : public EventListener {
 public:
  // Call before publishing.
  void depart(std::uint64_t number, steady_clock::time_point at) {
    place(number).store(at.time_since_epoch().count(), std::memory_order_release);
  }

  void on_event(std::uint64_t number, steady_clock::time_point read_at) override {
    const steady_clock::duration left(place(number).load(std::memory_order_acquire));
    histogram_->add(read_at.time_since_epoch() - left);
  }

  // What has been counted since the last call. Nothing may be on its way.
  std::unique_ptr<Histogram> take() {
    return std::exchange(histogram_, std::make_unique<Histogram>());
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  std::atomic<steady_clock::rep>& place(std::uint64_t number) { return places_[number % kPlaces]; }

  std::vector<std::atomic<steady_clock::rep>> places_ =
      std::vector<std::atomic<steady_clock::rep>>(kPlaces);
  std::unique_ptr<Histogram> histogram_ = std::make_unique<Histogram>();
};

// One subject with its publisher and its client, for the whole run.
class Lane {
 public:
  Lane(const std::string& name, const Options& options)
      : subject_(start(name, options)),
        events_(options.event_bytes),
        publisher_(subject_->connect_publisher()),
        reader_(connect_clients(*subject_, 1, options.receive_buffer_bytes),
                subject_->sequence_rule(), &departures_) {
    reader_.start();
  }
  ~Lane() {
    reader_.stop();
    subject_->stop();
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  const Subject& subject() const { return *subject_; }

  // Publishes `count` events and waits until all have been read. Throws std::runtime_error if one is
  // lost.
  void take_turn(std::uint64_t count, double events_per_s) {
    const auto begin = steady_clock::now() + kPause;
    for (std::uint64_t i = 1; i <= count && !interrupted; ++i) {
      const auto due_at = due(begin, events_per_s, i);
      const bool kept = steady_clock::now() >= due_at;
      if (!kept) std::this_thread::sleep_until(due_at);
      body_.clear();
      subject_->append_message(body_, events_, published_ + 1, published_ + 1);
      departures_.depart(published_ + 1, kept ? due_at : steady_clock::now());
      if (!publisher_->publish(body_, testing_support::kPatience)) {
        throw std::runtime_error("an event found no room");
      }
      ++published_;
    }
    if (!wait_drained(reader_, published_)) {
      reader_.stop();
      throw std::runtime_error(reader_.failure().empty() ? "not all events came"
                                                         : reader_.failure());
    }
  }

  std::unique_ptr<Histogram> take_histogram() { return departures_.take(); }

 private:
  static std::unique_ptr<Subject> start(const std::string& name, const Options& options) {
    auto subject = make_subject(name, options);
    subject->start();
    return subject;
  }

  const std::unique_ptr<Subject> subject_;
  const EventText events_;
  Departures departures_;
  const std::unique_ptr<Publisher> publisher_;
  FanReader reader_;
  std::string body_;
  std::uint64_t published_ = 0;
};

// A round of all lanes in turns, `seconds` each; returns one a lane, in their order.
std::vector<HopRound> run_round(const std::vector<std::unique_ptr<Lane>>& lanes, double seconds,
                                const Options& options, std::vector<std::string>& lost) {
  const double turns = std::max(1.0, std::floor(seconds / kHopTurnSeconds));
  const auto events = static_cast<std::uint64_t>(
      std::max(1.0, seconds * options.hop_events_per_s / turns));
  for (double turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < lanes.size() && !interrupted; ++i) {
      if (!lost[i].empty()) continue;
      try {
        lanes[i]->take_turn(events, options.hop_events_per_s);
      } catch (const std::exception& error) {
        lost[i] = error.what();
      }
    }
  }
  if (interrupted) throw std::runtime_error("interrupted");
  std::vector<HopRound> rounds;
  for (const auto& lane : lanes) {
    const auto histogram = lane->take_histogram();
    HopRound round;
    round.count = static_cast<double>(histogram->count());
    round.p50_us = in_us(histogram->percentile(0.5));
    round.p99_us = in_us(histogram->percentile(0.99));
    round.max_us = in_us(histogram->max());
    const HopRound& bare = rounds.empty() ? round : rounds.front();
    if (bare.p50_us > 0) round.p50_times = round.p50_us / bare.p50_us;
    if (bare.p99_us > 0) round.p99_times = round.p99_us / bare.p99_us;
    rounds.push_back(round);
  }
  return rounds;
}

}  // namespace

std::vector<HopRow> measure_hop(const Options& options) {
  std::vector<std::string> names{kBare};
  for (const std::string& name : options.subjects) {
    if (name != "raw" && name != kBare) names.push_back(name);
  }
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const std::string& name : names) lanes.push_back(std::make_unique<Lane>(name, options));
  std::vector<pid_t> threads = threads_of(::getpid());
  for (const auto& lane : lanes) {
    for (const pid_t process : lane->subject().processes()) {
      for (const pid_t thread : threads_of(process)) threads.push_back(thread);
    }
  }
  Placement placement(std::move(threads));

  std::vector<std::string> lost(lanes.size());
  std::vector<HopRow> rows;
  for (const char* cores : {"one", "any"}) {
    for (const std::string& name : names) rows.push_back({cores, name, {}, {}});
  }
  if (options.warmup_seconds > 0) run_round(lanes, options.warmup_seconds, options, lost);
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t first = 0; first < rows.size(); first += lanes.size()) {
      rows[first].cores == "one" ? placement.use_one_core() : placement.use_any_core();
      const std::vector<HopRound> got = run_round(lanes, options.seconds, options, lost);
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        HopRow& row = rows[first + i];
        row.lost = lost[i];
        row.rounds.push_back(got[i]);
        std::fprintf(stderr,
                     "hop, round %zu, %s core, %-9s p50 %.0f us (x %.2f), p99 %.0f us (x %.2f)%s%s\n",
                     round + 1, row.cores.c_str(), row.subject.c_str(), got[i].p50_us,
                     got[i].p50_times, got[i].p99_us, got[i].p99_times,
                     lost[i].empty() ? "" : "  LOST: ", lost[i].c_str());
      }
    }
  }
  return rows;
}

void print_hop(const std::vector<HopRow>& rows, const Options& options) {
  if (rows.empty()) return;
  std::printf(
      "\na lone event, publish() to the one client's read, %.0f events/s\n"
      "  %-8s %-9s %9s %9s %9s %9s %9s\n",
      options.hop_events_per_s, "cores", "subject", "p50 us", "p99 us", "max us", "p50 x", "p99 x");
  for (const HopRow& row : rows) {
    std::printf("  %-8s %-9s ", row.cores.c_str(), row.subject.c_str());
    if (!row.lost.empty()) {
      std::printf("LOST %s\n", row.lost.c_str());
      continue;
    }
    double max_us = 0.0;
    for (const HopRound& round : row.rounds) max_us = std::max(max_us, round.max_us);
    const bool bare = row.subject == kBare;
    std::printf("%9.1f %9.1f %9.1f %9s %9s\n", median_of(row.rounds, &HopRound::p50_us),
                median_of(row.rounds, &HopRound::p99_us), max_us,
                bare ? "" : times(median_of(row.rounds, &HopRound::p50_times)).c_str(),
                bare ? "" : times(median_of(row.rounds, &HopRound::p99_times)).c_str());
  }
}

void write_hop(Writer& writer, const std::vector<HopRow>& rows) {
  write_objects(writer, rows, [&](const HopRow& row) {
    member(writer, "cores", row.cores);
    member(writer, "subject", row.subject);
    member(writer, "lost", row.lost);
    member(writer, "p50_times", median_of(row.rounds, &HopRound::p50_times));
    member(writer, "p99_times", median_of(row.rounds, &HopRound::p99_times));
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const HopRound& round) {
      member(writer, "count", round.count);
      member(writer, "p50_us", round.p50_us);
      member(writer, "p99_us", round.p99_us);
      member(writer, "max_us", round.max_us);
      member(writer, "p50_times", round.p50_times);
      member(writer, "p99_times", round.p99_times);
    });
  });
}

bool check_hop(const std::vector<HopRow>& rows, double p50_times_max, double p99_times_max) {
  bool met = true;
  for (const HopRow& row : rows) {
    if (row.subject != "bridge" || !row.lost.empty()) continue;
    const std::string what = "lone event / bare hop, " + row.cores + " core, ";
    met &= meets((what + "p50").c_str(), median_of(row.rounds, &HopRound::p50_times), p50_times_max,
                 true);
    met &= meets((what + "p99").c_str(), median_of(row.rounds, &HopRound::p99_times), p99_times_max,
                 true);
  }
  return met;
}

}  // namespace bench
