#include "log/epochs.h"

#include <doctest/doctest.h>

#include "base/wall_watch.h"
#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

constexpr std::int64_t kMonthUs = 30ll * 86'400 * 1'000'000;
constexpr std::int64_t kSecondUs = 1'000'000;

// A log whose clock was a month ahead for three seconds: events 1-10 at 0..9 s, 11-13 a month ahead, 14-20
// at 13..19 s.
struct SteppedLog {
  SteppedLog() : log("e", {100, 1 << 20}) {
    for (int i = 0; i < 20; ++i) {
      append(start_us + i * kSecondUs + (i >= 10 && i < 13 ? kMonthUs : 0));
    }
    log.seal();
  }
  void append(std::int64_t wall_us) {
    Envelope event;
    event.type = "t";
    event.data = "{}";
    log.append(event, wall_us);
  }
  std::int64_t stamp(std::uint64_t seq) {
    log.seal();
    const BlockPtr block = log.history().find(seq);
    return block->entry(static_cast<std::size_t>(seq - block->first_seq())).timestamp_us;
  }
  std::uint64_t since_s(std::int64_t s) { return log.first_seq_since(start_us + s * kSecondUs); }

  const std::int64_t start_us = 1'619'395'200'000'000;
  EventLog log;
};

}  // namespace

TEST_CASE("epochs: stamps come back to the true time, numbers go on, and so do clients") {
  SteppedLog at;
  CHECK(at.stamp(13) == at.start_us + 12 * kSecondUs + kMonthUs);
  CHECK(at.stamp(14) == at.start_us + 13 * kSecondUs);
  REQUIRE(at.log.epochs().size() == 2);
  CHECK(at.log.epochs()[1].first_seq == 14);
  CHECK(at.log.epoch() != "e");
  // Who never heard of the new one agrees with all, and who knows an event that is not there with none more.
  CHECK(at.log.shared_until("e", 12) == 12);
  CHECK(at.log.shared_until("e", 17) == 17);
  CHECK(at.log.shared_until("e", 99) == 20);
  CHECK(at.log.shared_until(at.log.epoch(), 17) == 17);
}

TEST_CASE("epochs: a small step back, as of a leap second, stands still; drifting back further does not") {
  SteppedLog at;
  at.append(at.start_us + 18 * kSecondUs);
  CHECK(at.log.epochs().size() == 2);
  CHECK(at.stamp(21) == at.stamp(20));
  at.append(at.start_us + 17 * kSecondUs);
  CHECK(at.log.epochs().size() == 3);
  CHECK(at.stamp(22) == at.start_us + 17 * kSecondUs);
}

TEST_CASE("epochs: those who listen hear of one before the history has an event of it") {
  SteppedLog at;
  std::vector<std::string> heard;
  at.log.add_on_epochs([&] { heard.push_back(at.log.epoch()); });
  at.log.add_on_seal([&](const BlockPtr& block) { heard.push_back(std::to_string(block->last_seq())); });
  at.append(at.start_us + 20 * kSecondUs);
  at.append(at.start_us);
  at.log.seal();
  CHECK(heard == std::vector<std::string>{"21", at.log.epoch(), "22"});
}

TEST_CASE("epochs: a time is found behind the epoch that was ahead of it, or before") {
  SteppedLog at;
  CHECK(at.since_s(0) == 1);
  CHECK(at.since_s(5) == 6);
  CHECK(at.since_s(9) == 10);
  CHECK(at.since_s(10) == 11);  // of the month ahead: it came then
  CHECK(at.since_s(13) == 11);  // the newest epoch is as old as that: what came before may be
  CHECK(at.since_s(14) == 15);
  CHECK(at.since_s(19) == 20);
  CHECK(at.since_s(20) == 21);
  CHECK(at.since_s(86'400) == 21);
}

TEST_CASE("epochs: a time before the first epoch that is known is found as any other") {
  const auto at = [](std::uint64_t seq) { return std::optional(StampedSeq{seq, static_cast<std::int64_t>(seq) * kSecondUs}); };
  CHECK(first_seq_since({{"e", 11}}, 1, 21, 5 * kSecondUs, at) == 5);
  CHECK(first_seq_since({{"e", 11}}, 1, 21, 15 * kSecondUs, at) == 15);
  CHECK(first_seq_since({}, 1, 21, 5 * kSecondUs, at) == 5);
  const auto ahead = [&at](std::uint64_t seq) { return std::optional(StampedSeq{seq, at(seq)->timestamp_us + (seq < 11 ? kMonthUs : 0)}); };
  CHECK(first_seq_since({{"e", 11}}, 1, 21, 15 * kSecondUs, ahead) == 15);
}

TEST_CASE("epochs: a replay by time gives what was stamped so, on both sides of a step back") {
  SteppedLog at;
  FakeClock clock;
  Snapshot snapshot{100, 1 << 20};
  Cohorts cohorts{at.log, snapshot, clock};
  const auto replayed = [&](std::int64_t from_s, std::int64_t to_s) {
    ReplayRequest request;
    request.from.time_us = at.start_us + from_s * kSecondUs;
    request.to.time_us = at.start_us + to_s * kSecondUs;
    request.speed = 0;
    request.subscription = subscription("{}");
    Replay replay(1, std::move(request), at.log, cohorts, clock);
    std::vector<std::uint64_t> got;
    for (int i = 0; i < 10 && !replay.ended(); ++i) {
      std::uint64_t work = 0;
      replay.look_on(1 << 20, std::uint64_t{1} << 40, &work);
      const auto frames = replay.take();
      if (!frames) continue;
      for (const std::uint64_t seq : seqs(payloads(std::string_view(*frames)))) got.push_back(seq);
    }
    CHECK(replay.ended());
    return got;
  };
  CHECK(replayed(5, 14) == std::vector<std::uint64_t>{6, 7, 8, 9, 10, 14, 15});
  CHECK(replayed(15, 16) == std::vector<std::uint64_t>{16, 17});
  CHECK(replayed(2, 3) == std::vector<std::uint64_t>{3, 4});
}

TEST_CASE("wall watch: steps are told once, slewing is followed, a step ahead is doubted for a while") {
  WallWatch watch;
  FakeClock clock;
  const auto observe = [&] { return watch.observe(clock.wall_us(), clock.steady_us()); };
  CHECK(observe() == 0);
  clock.advance_us(3600 * kSecondUs);
  CHECK(observe() == 0);
  for (int i = 0; i < 100; ++i) {
    clock.advance_us(kSecondUs);
    clock.step_wall_us(-500);
    CHECK(observe() == 0);
  }
  clock.step_wall_us(kSecondUs);  // a leap second
  CHECK(observe() == 0);
  CHECK(watch.doubted_us() == 0);
  clock.step_wall_us(kMonthUs);
  CHECK(observe() == kMonthUs);
  CHECK(observe() == 0);
  CHECK(watch.doubted_us() == kMonthUs);
  clock.advance_us(3 * kSecondUs);
  clock.step_wall_us(-kMonthUs);
  CHECK(observe() == -kMonthUs);
  CHECK(watch.doubted_us() == 0);
  clock.step_wall_us(kMonthUs);
  CHECK(observe() == kMonthUs);
  clock.advance_us(599 * kSecondUs);
  observe();
  CHECK(watch.doubted_us() == kMonthUs);
  clock.advance_us(kSecondUs);
  observe();
  CHECK(watch.doubted_us() == 0);
}
