// Where the bounds of sources/ lie: to the event, to the byte and to the microsecond.

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "tracking.h"

using namespace bridge;

TEST_CASE("bounds: events of one run wait up to so many, and of all up to so many bytes") {
  SUBCASE("events") {
    Tracking t(1 << 30);
    t.event(1).events(3, kHeldEventsPerRunMax + 2);
    CHECK(t.tally().held == kHeldEventsPerRunMax);
    CHECK(t.counters.events_put_off == 0);
    t.event(kHeldEventsPerRunMax + 3);
    CHECK(t.tally().held == kHeldEventsPerRunMax);
    CHECK(t.counters.events_put_off == 1);
  }
  SUBCASE("bytes") {
    Tracking t(9);  // of "r:3" and so on
    t.event(1).events(3, 5);
    CHECK(t.tracker.held_bytes() == 9);
    CHECK(t.counters.events_put_off == 0);
    t.event(6);
    CHECK(t.counters.events_put_off == 1);
    // What is needed sooner has the better claim; the very next one always goes on.
    CHECK(t.event(2).take() == "1 2 3 4 5");
    t.event(9).event(8).event(7);
    CHECK(t.tracker.held_events() == 3);
  }
  SUBCASE("of one that cannot be asked all goes on at once") {
    Tracking t(9);
    t.link.connected = false;
    t.events(3, 5);
    CHECK(t.take().empty());
    CHECK(t.event(6).take() == "3 4 5 6");
    CHECK(t.counters.events_put_off == 0);
  }
}

TEST_CASE("bounds: what is put off is asked for, up to the last that was seen") {
  Tracking t(40);
  t.announce(Tracking::numbers(30, 1)).event(1).events(3, 30).answer({2});
  CHECK(t.link.asked.back().to == 30);
}

TEST_CASE("bounds: how long a hole is waited for") {
  Timed t;
  SUBCASE("of who is asked and says nothing") {
    t.event(1).event(3).take();
    CHECK(t.after(kRepairPatienceUs - 1).empty());
    CHECK(t.after(1) == "!2-2 3");
  }
  SUBCASE("anew once it has got smaller") {
    t.event(1).event(4).take();
    CHECK(t.after(kRepairPatienceUs - 1).empty());
    CHECK(t.event(2).take() == "2");
    CHECK(t.after(kRepairPatienceUs - 1).empty());
    CHECK(t.after(1) == "!3-3 4");
  }
}

TEST_CASE("bounds: how long one that nobody is connected for is waited for") {
  for (const std::int64_t too_early_us : {0, 1}) {
    Timed t;
    t.link.connected = false;
    SUBCASE("one that announces itself") {
      t.announce(Tracking::numbers(0, 1)).event(1).event(3).take();
      CHECK(t.after(kNoChannelPatienceUs - too_early_us) == (too_early_us == 0 ? "!2-2 3" : ""));
    }
    SUBCASE("one that the bridge before this knew") {
      t.tracker.restore({{"s", "r", 1}}, nullptr, false);
      t.event(3);
      CHECK(t.after(kNoChannelPatienceUs - too_early_us) == (too_early_us == 0 ? "!2-2 3" : ""));
    }
    SUBCASE("at first sight, one that was met later than all others") {
      t.event(1, "q");
      t.after(kComingBackUs);
      t.event(7).take();
      CHECK(t.after(kFirstSightUs - too_early_us) == (too_early_us == 0 ? "7" : ""));
    }
    SUBCASE("at first sight, the first of all") {
      t.event(7);
      CHECK(t.after(kComingBackUs - too_early_us) == (too_early_us == 0 ? "7" : ""));
    }
    SUBCASE("at first sight, one soon after the first") {
      t.event(1, "q");
      t.after(100'000);
      t.event(7).take();
      CHECK(t.after(kComingBackUs - 100'000 - too_early_us) == (too_early_us == 0 ? "7" : ""));
    }
  }
}

TEST_CASE("bounds: when the source is asked, and again") {
  Timed t;
  SUBCASE("for a tail, once its head has stood still") {
    t.announce(Tracking::numbers(0, 1)).event(1);
    t.now += 1'000'000;
    t.announce(Tracking::numbers(2, 1));
    t.after(kTailGraceUs - 1);
    CHECK(t.link.asked.empty());
    t.announce(Tracking::numbers(2, 1));  // the same again is no news
    t.after(1);
    CHECK(t.link.asked.size() == 1);
  }
  SUBCASE("for a tail, once nothing has moved") {
    t.announce(Tracking::numbers(3, 1));
    t.now += kTailGraceUs - 1;
    t.event(1);
    t.after(kTailGraceUs - 1);
    CHECK(t.link.asked.empty());
    t.after(1);
    CHECK(t.link.asked.size() == 1);
  }
  SUBCASE("a moment after it refused") {
    t.event(1).event(3).answer({}, RepairOutcome::failed);
    t.after(kRepairRetryUs - 1);
    CHECK(t.link.asked.size() == 1);
    t.after(1);
    CHECK(t.link.asked.size() == 2);
  }
  SUBCASE("a moment after it had nothing that it has announced yet") {
    t.announce(Tracking::numbers(1, 1)).event(1).event(3).answer({});
    t.after(kRepairRetryUs - 1);
    CHECK(t.link.asked.size() == 1);
    t.after(1);
    CHECK(t.link.asked.size() == 2);
  }
  SUBCASE("a moment after its line was not there, which is no refusal") {
    t.link.connected = false;
    t.announce(Tracking::numbers(0, 1)).event(1).event(3);
    t.link.connected = true;
    t.after(19'999);
    CHECK(t.link.asked.empty());
    t.after(1);
    CHECK(t.link.asked.size() == 1);
    for (int i = 0; i < 5; ++i) {
      t.answer({}, RepairOutcome::unsent);
      t.after(kRepairRetryUs);
    }
    CHECK(t.link.asked.size() == 6);
    CHECK(t.counters.repairs_failed == 0);
  }
  SUBCASE("refusals count in a row") {
    t.event(1).event(9);
    for (int i = 1; i < kRepairFailuresMax; ++i) {
      t.answer({}, RepairOutcome::failed);
      t.after(kRepairRetryUs);
    }
    t.answer({2});
    for (int i = 1; i < kRepairFailuresMax; ++i) {
      t.answer({}, RepairOutcome::failed);
      t.after(kRepairRetryUs);
    }
    CHECK(t.take() == "");
    t.answer({}, RepairOutcome::failed);
    CHECK(t.take() == "!3-8 9");
  }
  SUBCASE("for the next hole, a moment after the one before was given up") {
    t.event(1).event(3).event(5);
    for (int i = 0; i < kRepairFailuresMax; ++i) t.answer({}, RepairOutcome::failed);
    CHECK(t.take() == "1 !2-2 3");
    CHECK(t.link.asked.size() == 1);
    t.after(kRepairRetryUs - 1);
    CHECK(t.link.asked.size() == 1);
    t.after(1);
    CHECK(t.link.asked.size() == 2);
  }
  SUBCASE("for so many at a time") {
    t.announce(Tracking::numbers(200'000, 1)).event(1).event(200'000);
    CHECK(t.link.asked[0].to == 1 + RunOrder::kAskSpanMax);
    t.answer({}, RepairOutcome::broken);
    CHECK(t.link.asked[1].to == 1 + RunOrder::kAskSpanMax / 2);
    t.answer({2});
    CHECK(t.link.asked[2].to == 2 + RunOrder::kAskSpanMax);
    t.answer({3});
    CHECK(t.link.asked[3].to == 3 + RunOrder::kAskSpanMax);
  }
  SUBCASE("for half of what could not be read, however little that was") {
    t.event(1).event(5);
    t.answer({}, RepairOutcome::broken);  // 2 to 4
    CHECK(t.link.asked[1].to == 2);
    t.answer({2});
    CHECK(t.link.asked[2].to == 4);
    t.answer({}, RepairOutcome::broken).answer({}, RepairOutcome::broken);  // 3 and 4, then 3
    CHECK(t.take() == "1 2 !3-3");
    CHECK(t.link.asked.back().from == 4);
  }
}

TEST_CASE("bounds: what a source takes back is asked for again, and nothing of it is lost") {
  Timed t;
  t.announce(Tracking::numbers(1, 1)).event(1).announce(Tracking::numbers(100, 1)).take();
  t.after(kTailGraceUs);
  CHECK(t.answer({}).take() == "!2-100");
  t.announce(Tracking::numbers(1, 1));
  CHECK(t.event(2).take().empty());
  t.announce(Tracking::numbers(1, 1));  // twice: it is meant
  CHECK(t.event(2).event(5).take() == "2");
  CHECK(t.answer({3}).take() == "3");
  CHECK(t.link.asked.back().from == 4);
  CHECK(t.answer({4}).take() == "4 5");
}

TEST_CASE("bounds: what a source takes back is asked for behind what has come, whatever it says that it has") {
  Timed t;
  t.announce(Tracking::numbers(1, 1)).event(1).event(2).announce(Tracking::numbers(100, 1)).take();
  t.after(kTailGraceUs);
  CHECK(t.answer({}).take() == "!3-100");
  t.announce(Tracking::numbers(1, 1)).announce(Tracking::numbers(1, 1));
  CHECK(t.event(3).take() == "3");
}

TEST_CASE("bounds: how far a number is believed") {
  Tracking t;
  SUBCASE("where nothing is announced, so far beyond the last that came through") {
    t.link.connected = false;
    t.event(1).event(2 + kUnannouncedMax);
    CHECK(t.take() == "1 1000002?");
    t.event(1 + kUnannouncedMax);
    CHECK(t.take() == "!2-1000000 1000001");
  }
  SUBCASE("to the largest that there is") {
    t.event(kSourceSeqMax + 1);
    CHECK(t.take() == std::to_string(kSourceSeqMax + 1) + "?");
    t.link.connected = false;
    t.event(kSourceSeqMax).pass(kComingBackUs + 20'000);
    CHECK(t.take() == std::to_string(kSourceSeqMax));
  }
  SUBCASE("to the announced head, and one more waits") {
    t.announce(Tracking::numbers(5, 1)).event(1).event(5);
    t.answer({2, 3, 4});
    CHECK(t.take() == "1 2 3 4 5");
    t.event(7).answer({});
    CHECK(t.take().empty());
    t.announce(Tracking::numbers(5, 1));
    CHECK(t.take().empty());
    t.announce(Tracking::numbers(5, 1));
    CHECK(t.take() == "7?");
  }
  SUBCASE("to the lower of two heads of one that only publishes") {
    t.announce(Tracking::numbers(1, 1), "r", false).event(1).event(10);
    t.announce(Tracking::numbers(10, 1), "r", false);
    CHECK(t.answer({}).pass(2 * kRepairRetryUs).answer({}).take() == "1");  // the second is one word so far
    t.announce(Tracking::numbers(10, 1), "r", false).pass(2 * kRepairRetryUs);
    CHECK(t.answer({}).take() == "!2-9 10");
  }
}

TEST_CASE("bounds: a source speaks until it has been silent for so long") {
  // Then what waits beyond its word is believed as of one that says nothing; before, it will cover it, or not.
  for (const bool silent : {false, true}) {
    Tracking t;
    t.announce(Tracking::numbers(1, 1)).event(1).event(5).take();
    t.now += kStalledAfterUs - (silent ? 0 : 1);
    for (int i = 0; i < kRepairFailuresMax; ++i) t.answer({}, RepairOutcome::failed);
    CHECK(t.take() == (silent ? "!2-4 5" : ""));
  }
}

TEST_CASE("bounds: what is lost is counted, and the sum stays at its end") {
  Tracking t;
  t.link.connected = false;
  t.event(1).event(5);
  CHECK(t.counters.events_lost == 3);
  t.counters.events_lost = UINT64_MAX - 1;
  t.event(9);
  CHECK(t.counters.events_lost == UINT64_MAX);
  CHECK(t.tally().lost == 6);
}

TEST_CASE("bounds: a position at the end of the numbers is none") {
  Tracking t;
  t.tracker.restore({{"s", "r", kSourceSeqMax}, {"s", "q", kSourceSeqMax - 1}}, nullptr, false);
  CHECK(t.event(1).take() == "1");
  CHECK(t.event(1, "q").take().empty());
}

TEST_CASE("bounds: what is known of all sources together ends at so many bytes") {
  Counters counters;
  SourceTable table(100, counters);
  Tracking listener;  // only listens
  table.set_listener(&listener);
  Announcement said;
  constexpr std::size_t kMost = 1 << 20;
  table.set_detail_bytes_max(2 * kMost);  // half of it for those that are not connected
  said.commands_json = std::string(kMost / 4, 'x');
  for (int i = 0; i < 4; ++i) {
    Run& run = *table.meet("s" + std::to_string(i), "r", 1, 1);
    table.announce(run, said, 1);
    CHECK(run.commands_json.size() == kMost / 4);
  }
  CHECK(table.detail_bytes() == kMost);
  Announcement small;
  small.host = "h";
  small.agents = {"a"};
  Run& run = *table.meet("s4", "r", 1, 1);
  table.announce(run, small, 1);
  CHECK(run.host.empty());
  CHECK(run.agents.empty());
  // What one says anew takes the place of what it said before.
  table.announce(*table.find("s0", "r"), small, 1);
  table.announce(run, small, 1);
  CHECK(run.host == "h");
  CHECK(run.agents.size() == 1);
  CHECK(table.detail_bytes() < kMost);
  Run& connected = *table.hello("c", "s5", "r", said, 1, 1);
  CHECK(connected.commands_json == said.commands_json);
}

TEST_CASE("bounds: live, stalled and gone") {
  Tracking t;
  t.announce(Tracking::numbers(0, 1), "r", false);
  const Run& run = t.run();
  const auto state_after = [&](std::int64_t us) {
    t.table.tick(1.0, t.now + us);
    return run.state;
  };
  CHECK(state_after(kStalledAfterUs - 1) == SourceState::live);
  CHECK(state_after(kStalledAfterUs) == SourceState::stalled);
  CHECK(state_after(kLiveUs - 1) == SourceState::stalled);
  CHECK(state_after(kLiveUs) == SourceState::gone);
  CHECK_FALSE(is_live(run));
}

TEST_CASE("bounds: who is forgotten, and when there is room again") {
  Counters counters;
  SourceTable table(80, counters);  // 70 for those who only publish
  Tracking listener;
  table.set_listener(&listener);
  const auto hear = [&table](int n, std::int64_t now) {
    return table.hear("s" + std::to_string(n), "r", 1, now) != nullptr;
  };
  for (int i = 0; i < 70; ++i) CHECK(hear(i, 1'000 + i));
  CHECK_FALSE(hear(99, kLiveUs + 999));  // all are live
  CHECK(counters.runs_refused == 1);
  CHECK(hear(0, kLiveUs + 999));
  CHECK_FALSE(hear(99, kLiveUs + 1'000));
  // One at a time, who was silent longest.
  CHECK(hear(99, kLiveUs + 1'001));
  CHECK(counters.runs_forgotten == 1);
  CHECK(table.runs() == 70);
  CHECK(table.find("s0") != nullptr);
  CHECK(table.find("s1") == nullptr);
  CHECK(table.find("s2") != nullptr);
  // One who was silent for exactly so long may go, and nobody else.
  SourceTable other(16, counters);
  other.set_listener(&listener);
  for (int i = 0; i < 14; ++i) {
    (void)other.hear("s" + std::to_string(i), "r", 1, 1'000 + (i == 0 ? 0 : 1));
  }
  CHECK(other.hear("x", "r", 1, kLiveUs + 1'000) != nullptr);
  CHECK(other.find("s0") == nullptr);
  CHECK(other.find("s1") != nullptr);
}

TEST_CASE("bounds: what a run said before it ended may come late") {
  Tracking t;
  t.announce(Tracking::numbers(0, 1), "q", false);
  t.announce(Tracking::numbers(0, 1), "r", false);
  const Run& ended = t.run("q");
  const std::int64_t at = t.now;
  CHECK(ended.ended_us == at);
  t.now = at + 899'999;
  t.announce(Tracking::numbers(0, 1), "q", false);
  CHECK(ended.ended());
  t.now = at + 900'000;
  t.announce(Tracking::numbers(0, 1), "q", false);
  CHECK_FALSE(ended.ended());
}

TEST_CASE("bounds: what is read of an announcement, and what is left out") {
  const auto said = [](const std::string& data) { return read_announcement("{" + data + "}"); };
  CHECK(said(R"("head":9223372036854775807)").head == kSourceSeqMax);
  CHECK(said(R"("head":9223372036854775808)").head == 0);
  CHECK(said(R"("head":-1,"oldest":1.5)").head == 0);
  CHECK(said(R"("head":7,"oldest":3)").oldest == 3);
  const auto commands = [&said](std::size_t bytes) {
    return said(R"("commands":[")" + std::string(bytes - 4, 'x') + "\"]").commands_json.size();
  };
  CHECK(commands(kCommandsJsonBytesMax) == kCommandsJsonBytesMax);
  CHECK(commands(kCommandsJsonBytesMax + 1) == 2);
  const auto parameters = [&said](std::size_t bytes) {
    return said(R"("parameters":[{"name":")" + std::string(bytes - 13, 'x') + "\"}]").parameters_json.size();
  };
  CHECK(parameters(kParametersJsonBytesMax) == kParametersJsonBytesMax);
  CHECK(parameters(kParametersJsonBytesMax + 1) == 0);
  const auto control = [&said](std::size_t bytes) {
    return said(R"("control":")" + std::string(bytes, 'x') + "\"").control.size();
  };
  CHECK(control(kHostBytesMax) == kHostBytesMax);
  CHECK(control(kHostBytesMax + 1) == 0);
  std::string agents = "\"a\",5,\"no name\"";
  for (std::size_t i = 0; i < kAgentsPerSourceMax; ++i) agents += ",\"a" + std::to_string(i) + '"';
  const Announcement many = said("\"agents\":[" + agents + "]");
  CHECK(many.agents.size() == kAgentsPerSourceMax);
  CHECK(many.agents[1] == "a0");
  CHECK(said(R"("replay":"any_time")").repairs_any_time);
  CHECK_FALSE(said(R"("replay":"never")").repairs_any_time);
  const Announcement wrong = said(R"("host":5,"state":5,"pid":"7","control":5,"clock":"x","agents":5,"commands":{})");
  CHECK(wrong.host.empty());
  CHECK(wrong.activity.empty());
  CHECK(wrong.pid == 0);
  CHECK(wrong.clock_json.empty());
  CHECK(wrong.commands_json.empty());
  CHECK(read_announcement("[]").agents.empty());
}
