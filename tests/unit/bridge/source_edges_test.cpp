// Holes at the edge of what is known: a tail of one event, a number next to the end of all numbers, a word that is taken
// back, and a source that is asked again.

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "fixture.h"
#include "tracking.h"

using namespace bridge;

TEST_CASE("edges: a tail of one event is asked for as one of many is") {
  Timed t;
  t.events(1, 3).announce(Tracking::numbers(4, 1)).take();
  t.after(kTailGraceUs / 2);
  t.after(kTailGraceUs / 2);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 4);
  CHECK(t.answer({4}).take() == "4");
  t.after(1);
  CHECK_FALSE(t.tracker.busy());
}

TEST_CASE("edges: what was sent again broken may still be on its way, where the source only spoke of it") {
  Timed t;
  t.announce(Tracking::numbers(3, 1)).event(1).take();
  t.after(kTailGraceUs);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.answer({2, 0}).take() == "2");
  SUBCASE("and comes") {
    CHECK(t.event(3).take() == "3");
    CHECK(t.tally().lost == 0);
  }
  SUBCASE("and is asked for once more") {
    t.after(kRepairRetryUs - 1);
    CHECK(t.link.asked.size() == 1);
    t.after(1);
    REQUIRE(t.link.asked.size() == 2);
    CHECK(t.answer({3}).take() == "3");
  }
  SUBCASE("and is lost where it comes broken again, and nothing else does") {
    t.after(kGoneGraceUs);
    CHECK(t.answer({0}).take() == "!3-3");
  }
}

TEST_CASE("edges: a source whose word does not cover a hole is asked again, however long that goes on") {
  Timed t;
  t.announce(Tracking::numbers(1, 1)).event(1).event(7).take();
  CHECK(t.answer({}).take().empty());
  t.now += kRepairPatienceUs - kRepairRetryUs;
  t.announce(Tracking::numbers(1, 1)).answer({}).take();
  CHECK(t.after(kRepairRetryUs).empty());  // it has been waited for long enough, and nothing may be given up
  const std::size_t asked = t.link.asked.size();
  t.after(kRepairRetryUs);
  CHECK(t.link.asked.size() == asked + 1);
  CHECK(t.answer({2, 3, 4, 5, 6}).take() == "2 3 4 5 6 7");
}

TEST_CASE("edges: near the largest number there is one is believed as far as elsewhere") {
  Tracking t;
  t.link.connected = false;
  t.tracker.restore({{"s", "r", kSourceSeqMax - 2 * kUnannouncedMax}}, nullptr, false);
  const std::uint64_t believed = kSourceSeqMax - kUnannouncedMax;
  CHECK(t.event(believed + 1).take() == std::to_string(believed + 1) + "?");
  t.event(believed).pass(kNoChannelPatienceUs);
  CHECK(t.take() == "!" + std::to_string(believed - kUnannouncedMax + 1) + "-" + std::to_string(believed - 1) + " " +
                        std::to_string(believed));
}

TEST_CASE("edges: what was given up on words alone is taken back with them, whatever else waits beyond them") {
  Timed t;
  t.announce(Tracking::numbers(1, 1)).event(1).announce(Tracking::numbers(5, 1));
  SUBCASE("an event that no word covers is no more than a word") {
    CHECK(t.event(7).answer({}).take() == "1 !2-5");
    t.announce(Tracking::numbers(1, 1));
    CHECK(t.announce(Tracking::numbers(1, 1)).take() == "7?");
    CHECK(t.event(2).take() == "2");
  }
  SUBCASE("one that is covered shows that those before it were published") {
    CHECK(t.event(5).answer({}).take() == "1 !2-4 5");
    t.announce(Tracking::numbers(1, 1)).announce(Tracking::numbers(1, 1));
    CHECK(t.event(2).take().empty());
    CHECK(t.tally().duplicates == 1);
  }
}

TEST_CASE("edges: what is given up in front of the last event that a source speaks for is not taken back with its words") {
  Timed t;
  constexpr std::uint64_t kFar = 200'000;  // more than is asked for at a time
  t.announce(Tracking::numbers(kFar, 1)).event(1).event(kFar).take();
  CHECK(t.answer({}).take() == "!2-" + std::to_string(1 + RunOrder::kAskSpanMax));
  t.announce(Tracking::numbers(1, 1)).announce(Tracking::numbers(1, 1)).take();
  CHECK(t.event(2).take().empty());
}

TEST_CASE("edges: what a hello says of a run's events counts, and of events without a run it can say nothing") {
  for (const bool named : {true, false}) {
    Bench bench;
    bench.take(R"({"type":"t","data":{},"source":"s")" + std::string(named ? R"(,"run":"r")" : "") + R"(,"source_seq":1})");
    REQUIRE(bench.hello("c", R"({"type":"_source","source":"s")" + std::string(named ? R"(,"run":"r")" : "") +
                                 R"(,"data":{"head":3,"oldest":1,"state":"stopped"}})"));
    CHECK(bench.link.sent.size() == (named ? 1 : 0));
  }
}

TEST_CASE("edges: a name that is only commanded is kept as long as a command is under way on its line") {
  Bench bench;
  bench.link.connected = {"x"};
  int answered = 0;
  Command pause;
  pause.name = "pause";
  pause.target = "x";
  pause.deadline_us = 60'000'000;
  bench.dispatcher.router().submit(pause, [&answered](const CommandOutcome&) { ++answered; });
  REQUIRE(bench.link.sent.size() == 1);
  bench.sources.tick(1.0, bench.clock.steady_us());
  CHECK(bench.sources.find("x") != nullptr);
  const std::string id = parse_json(bench.link.sent[0].second)["id"].GetString();
  bench.dispatcher.router().on_answer("x", R"({"id":")" + id + R"(","success":true})");
  CHECK(answered == 1);
  bench.sources.tick(1.0, bench.clock.steady_us());
  CHECK(bench.sources.find("x") == nullptr);
}

TEST_CASE("edges: one that stops with a wild word is looked for as far as is plausible, and again") {
  Timed t;
  t.announce(Tracking::numbers(1, 1), "r", false).event(1);
  t.announce(Tracking::numbers(3 * kUnannouncedMax, 1, true), "r", false).take();
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.answer({}).take().empty());
  t.after(kRepairRetryUs);
  CHECK(t.link.asked.size() == 2);
}

TEST_CASE("edges: what came in time or late is told by the state that it is in") {
  Bench bench;
  struct Told final : SourceWatch {
    using SourceWatch::SourceWatch;
    void on_source(const Run&, SourceChange change) override { changes.push_back(change); }
    std::vector<SourceChange> changes;
  } told(bench.sources, bench.tracker, bench.dispatcher.router(), bench.own_events);
  const auto after = [&](std::int64_t us) {
    bench.clock.advance_us(us);
    bench.sources.tick(1.0, bench.clock.steady_us());
    bench.take(R"({"type":"t","data":{},"source":"s","run":"r"})");
    return std::exchange(told.changes, {});
  };
  using Changes = std::vector<SourceChange>;
  const std::string word = R"({"type":"_source","source":"s","run":"r","data":{)";
  SUBCASE("of one that only publishes") {
    bench.take(word + "}}");
    told.changes.clear();
    CHECK(after(kStalledAfterUs) == Changes{SourceChange::stalled, SourceChange::recovered});
    CHECK(after(kLiveUs) == Changes{SourceChange::gone, SourceChange::connected});
  }
  SUBCASE("of one that is connected, which says itself that it goes on") {
    REQUIRE(bench.hello("c", word + "}}"));
    told.changes.clear();
    CHECK(after(kStalledAfterUs) == Changes{SourceChange::stalled, SourceChange::recovered});
    REQUIRE(bench.hello("c", word + R"("state":"stopped"}})"));
    CHECK(told.changes == Changes{SourceChange::gone});
    told.changes.clear();
    CHECK(after(1).empty());
    CHECK(bench.sources.find("s", "r")->state == SourceState::gone);
  }
  bench.sources.set_listener(&bench.watch);
}

TEST_CASE("edges: a start that has a name stands for its source before events that name none") {
  Bench bench;
  bench.take(R"({"type":"t","data":{},"source":"s","run":"r"})");
  bench.take(R"({"type":"t","data":{},"source":"s"})");
  CHECK(bench.sources.find("s")->current()->id == "r");
}

TEST_CASE("edges: what a source may not publish it may not send again either, and that is lost") {
  for (const bool may : {true, false}) {
    Bench bench;
    bench.link.connected = {"t"};
    const auto body = [](int seq) { return R"({"type":"tick","data":{},"source":"t","run":"r","source_seq":)" + std::to_string(seq) + "}"; };
    bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":3,"oldest":1}})");
    for (const int seq : {1, 3}) bench.take(body(seq));
    REQUIRE(bench.link.sent.size() == 1);
    const std::string events = "[" + body(2) + "]";
    const SenderRule rule = [may](std::string_view type, std::string_view) { return may || type != "tick"; };
    RepairAnswer answer;
    answer.source = "t";
    answer.run = "r";
    answer.from = answer.to = 2;
    answer.outcome = RepairOutcome::events;
    answer.events = events;
    CHECK(bench.intake.take_repair(answer, &rule));
    CHECK(bench.sources.find("t")->tally.repaired == (may ? 1 : 0));
    CHECK(bench.sources.find("t")->tally.lost == (may ? 0 : 1));
  }
}

TEST_CASE("edges: of two that only publish the second word of each makes them two processes") {
  Bench bench;
  const auto say = [&bench](const std::string& run) {
    bench.clock.advance_us(1'000'000);
    bench.take(R"({"type":"_source","source":"s","run":")" + run + R"(","data":{}})");
    return bench.sources.find("s")->in_conflict;
  };
  CHECK_FALSE(say("r1"));
  CHECK_FALSE(say("r2"));
  CHECK_FALSE(say("r1"));
  CHECK(say("r2"));
}
