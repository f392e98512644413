#include <chrono>
#include <cstdio>
#include <stdexcept>

#include <rapidjson/reader.h>

#include "base/clock.h"
#include "base/limits.h"
#include "ingest.h"
#include "ingest_text.h"
#include "sources/intake.h"
#include "statistics.h"
#include "stream/snapshot.h"

namespace bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kEventsPerTurn = 10'000;       // 2 MB: no clock or past cache counts
constexpr std::size_t kSealedAfterBytes = 64 * 1024; // what the bridge takes in at a time

struct NoHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, NoHandler> {};

// A validating parse that keeps nothing.
class BareParse {
 public:
  void take(const std::string& message) {
    rapidjson::StringStream stream(message.c_str());
    while (stream.Peek() != '\0') {
      constexpr unsigned kFlags =
          rapidjson::kParseValidateEncodingFlag | rapidjson::kParseStopWhenDoneFlag;
      if (!reader_.Parse<kFlags>(stream, handler_)) throw std::runtime_error("a bad body");
      ++events_;
      if (stream.Peek() == '\n') stream.Take();
    }
  }
  std::uint64_t events() const { return events_; }

 private:
  rapidjson::Reader reader_;
  NoHandler handler_;
  std::uint64_t events_ = 0;
};

// All that stands between ZeroMQ and the history, with a reader that takes every block, put together
// as the bridge does it.
class WayIn {
 public:
  void take(const std::string& message) {
    intake_.take(message);
    bytes_ += message.size();
    if (bytes_ < kSealedAfterBytes) return;
    bytes_ = 0;
    log_.seal();
  }
  std::uint64_t events() const { return log_.last_seq(); }

 private:
  const bridge::SystemClock clock_;
  bridge::Counters counters_;
  bridge::Snapshot snapshot_{bridge::kSnapshotEntriesMax, bridge::kSnapshotBytesMax};
  bridge::EventLog log_{"bench", {}, [this](const bridge::Block& b) { snapshot_.fold(b); }};
  bridge::SourceTable sources_{4096, counters_};
  bridge::SourceTracker tracker_{sources_, 64 << 20, counters_};
  bridge::TypeCounts types_;
  bridge::OwnEvents own_events_{log_, types_, clock_, [] {}};
  bridge::Intake intake_{1 << 20, log_,      sources_, tracker_, types_, own_events_,
                         counters_, clock_, {}};
  std::size_t bytes_ = 0;
};

template <typename Subject>
double seconds_of(Subject& subject, const std::vector<std::string>& messages) {
  const auto begin = steady_clock::now();
  for (const std::string& message : messages) subject.take(message);
  return seconds_since(begin);
}

}  // namespace

std::vector<ParseRound> measure_parse(const Options& options, std::size_t batch) {
  const IngestText text("r1");
  BareParse bare;
  WayIn way_in;
  std::vector<std::string> messages(kEventsPerTurn / batch);
  std::uint64_t number = 0;
  std::uint64_t turns = 0;
  double bare_s = 0.0;
  double way_in_s = 0.0;
  const auto take_turn = [&] {
    for (std::string& message : messages) {
      message.clear();
      text.append_message(message, number + 1, number + batch);
      number += batch;
    }
    // Who comes second finds the text in the caches, so each does so as often.
    if (++turns % 2 == 0) bare_s += seconds_of(bare, messages);
    way_in_s += seconds_of(way_in, messages);
    if (turns % 2 != 0) bare_s += seconds_of(bare, messages);
  };
  // Until the history is full and lets go of as much as comes in.
  while (number < 2 * bridge::HistoryLimits{}.events_max) take_turn();

  std::vector<ParseRound> rounds;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    bare_s = way_in_s = 0.0;
    const std::uint64_t before = number;
    while (bare_s + way_in_s < options.seconds) {
      if (interrupted) throw std::runtime_error("interrupted");
      take_turn();
    }
    const auto events = static_cast<double>(number - before);
    const ParseRound got{events / bare_s, events / way_in_s, bare_s / way_in_s};
    std::fprintf(stderr, "ingest, round %zu, RapidJSON %.0f events/s, intake %.0f events/s: %.2f\n",
                 round + 1, got.rapidjson_events_per_s, got.intake_events_per_s, got.times);
    rounds.push_back(got);
  }
  if (bare.events() != number || way_in.events() != number) {
    throw std::runtime_error("not all events were taken in");
  }
  return rounds;
}

}  // namespace bench
