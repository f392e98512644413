#include "sources/source_tracker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/limits.h"
#include "tracking.h"

using namespace bridge;

TEST_CASE("tracker: while no more should come in it asks for nothing and gives nothing up") {
  Tracking t;
  t.announce(Tracking::numbers(1, 1)).event(1);
  t.tracker.set_paused(true);
  t.event(4).announce(Tracking::numbers(9, 1)).pass(30'000'000);
  CHECK(t.link.asked.empty());
  CHECK(t.counters.events_lost == 0);
  t.tracker.set_paused(false);
  t.pass(500'000);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 2);
  t.answer({2, 3});
  CHECK(t.counters.events_lost == 0);
}

TEST_CASE("tracker: what is next goes straight on, what was there before does not") {
  Tracking t;
  t.events(1, 3).event(2).event(3).event(4);
  CHECK(t.take() == "1 2 3 4");
  CHECK(t.tally().duplicates == 2);
  CHECK(t.counters.events_duplicate == 2);
  CHECK(t.link.asked.empty());
  CHECK_FALSE(t.tracker.busy());
}

TEST_CASE("tracker: a hole is asked for, later events wait, and all come out in order") {
  Tracking t;
  t.events(1, 3).events(6, 8);
  CHECK(t.take() == "1 2 3");
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 4);
  CHECK(t.link.asked[0].to == 5);
  CHECK(t.tally().held == 3);
  t.event(9).answer({4, 5});
  CHECK(t.take() == "4 5 6 7 8 9");
  CHECK(t.tally().held == 0);
  CHECK(t.tally().repaired == 2);
  CHECK(t.tally().lost == 0);
  CHECK(t.tracker.held_bytes() == 0);
  t.pass(1'000'000);
  CHECK_FALSE(t.tracker.busy());
  CHECK(t.event(10).take() == "10");
}

TEST_CASE("tracker: several holes are closed one after the other") {
  Tracking t;
  t.event(1).event(3).event(6);
  CHECK(t.answer({2}).take() == "1 2 3");
  REQUIRE(t.link.asked.size() == 2);
  CHECK(t.link.asked[1].from == 4);
  CHECK(t.link.asked[1].to == 5);
  CHECK(t.answer({4, 5}).take() == "4 5 6");
}

TEST_CASE("tracker: an answer that holds a part is followed by a question for the rest") {
  Tracking t;
  t.event(1).event(10);
  t.answer({2, 3, 4});
  CHECK(t.take() == "1 2 3 4");
  REQUIRE(t.link.asked.size() == 2);
  CHECK(t.link.asked[1].from == 5);
  CHECK(t.link.asked[1].to == 9);
  CHECK(t.answer({5, 6, 7, 8, 9}).take() == "5 6 7 8 9 10");
}

TEST_CASE("tracker: what the source no longer has is lost at once, counted, and the rest goes on") {
  Tracking t;
  SUBCASE("because its answer begins later") {
    t.event(1).event(10).answer({7, 8, 9});
    CHECK(t.take() == "1 !2-6 7 8 9 10");
  }
  SUBCASE("because its answer has holes") {
    t.event(1).event(10).answer({2, 3, 5, 6, 9});
    CHECK(t.take() == "1 2 3 !4-4 5 6 !7-8 9 10");
    CHECK(t.tally().lost == 3);
    return;
  }
  SUBCASE("because its answer is empty") {
    t.event(1).event(7).answer({});
    CHECK(t.take() == "1 !2-6 7");
  }
  SUBCASE("because it announced so") {
    t.link.connected = false;
    t.event(1).announce(Tracking::numbers(0, 1)).event(10);
    CHECK(t.take() == "1");
    t.link.connected = true;
    t.announce(Tracking::numbers(10, 7));
    CHECK(t.take() == "!2-6");
    CHECK(t.link.asked.back().from == 7);
  }
  CHECK(t.tally().lost == 5);
  CHECK(t.counters.events_lost == 5);
}

TEST_CASE("tracker: a hole that closes by itself needs no answer, and a late one does no harm") {
  Tracking t;
  t.event(1).event(4).event(2).event(3);
  CHECK(t.take() == "1 2 3 4");
  t.answer({2, 3});
  CHECK(t.take().empty());
  CHECK(t.tally().duplicates == 0);
  CHECK(t.event(5).take() == "5");
}

TEST_CASE("tracker: a source that does not know the command is not asked again") {
  Tracking t;
  t.event(1).event(3).answer({}, RepairOutcome::unknown);
  CHECK(t.take() == "1 !2-2 3");
  CHECK(t.event(7).take() == "!4-6 7");
  CHECK(t.link.asked.size() == 1);
}

TEST_CASE("tracker: a source that refuses or hangs is asked a few times, and then given up") {
  Tracking t;
  t.event(1).event(3);
  for (int i = 1; i < kRepairFailuresMax; ++i) {
    CHECK(t.link.asked.size() == static_cast<std::size_t>(i));
    t.answer({}, RepairOutcome::failed).pass(kRepairRetryUs + 20'000);
    CHECK(t.tally().held == 1);
  }
  t.answer({}, RepairOutcome::failed);
  CHECK(t.take() == "1 !2-2 3");
  CHECK(t.counters.repairs_failed == kRepairFailuresMax);
}

TEST_CASE("tracker: of who refuses the whole hole is given up, however long it is") {
  Tracking t;
  t.announce(Tracking::numbers(900'000'000, 1)).event(1).event(900'000'000);
  for (int i = 0; i < 50; ++i) t.answer({}, RepairOutcome::failed).pass(kRepairRetryUs + 20'000);
  CHECK(t.link.asked.size() == kRepairFailuresMax);
  CHECK(t.take() == "1 !2-899999999 900000000");
}

TEST_CASE("tracker: an answer counts in full, also where nothing is missed any more when it comes") {
  Tracking t;
  t.announce(Tracking::numbers(1, 1)).event(1).event(9'000'000);
  t.announce(Tracking::numbers(1, 1)).announce(Tracking::numbers(10, 1));
  CHECK(t.take() == "1 9000000?");
  REQUIRE(t.link.asked.size() == 1);
  t.answer({2, 3, 4});  // as much as fits into one
  CHECK(t.take() == "2 3 4");
  CHECK(t.tally().repaired == 3);
  CHECK(t.counters.events_repaired == 3);
  t.pass(2 * kTailGraceUs);
  CHECK(t.link.asked.back().from == 5);
  CHECK(t.answer({5, 6, 7, 8, 9, 10}).take() == "5 6 7 8 9 10");
}

TEST_CASE("tracker: an empty answer says nothing of what was published after the question") {
  Tracking t;
  t.announce(Tracking::numbers(1, 1)).event(1).event(9'000'000);
  REQUIRE(t.link.asked.size() == 1);
  t.announce(Tracking::numbers(2, 1)).answer({});
  CHECK(t.take() == "1");
  CHECK(t.event(2).take() == "2");
  CHECK(t.tally().lost == 0);
}

TEST_CASE("tracker: without a control channel a hole is a loss at once") {
  Tracking t;
  t.link.connected = false;
  t.event(1).event(5);
  CHECK(t.take() == "1 !2-4 5");
  t.event(3);
  CHECK(t.take().empty());
  CHECK(t.tally().duplicates == 1);
  CHECK_FALSE((t.pass(100'000), t.tracker.busy()));
}

TEST_CASE("tracker: a control channel that is away for a moment is waited for") {
  Tracking t;
  t.link.connected = false;
  t.announce(Tracking::numbers(0, 1)).event(1).event(5);
  t.pass(kNoChannelPatienceUs / 2);
  CHECK(t.take() == "1");
  SUBCASE("and comes back") {
    t.link.connected = true;
    t.pass(40'000);
    CHECK(t.answer({2, 3, 4}).take() == "2 3 4 5");
  }
  SUBCASE("but not for ever") {
    t.pass(kNoChannelPatienceUs);
    CHECK(t.take() == "!2-4 5");
  }
}

TEST_CASE("tracker: first met in the middle") {
  Tracking t;
  SUBCASE("one that can be asked is asked from 1") {
    t.event(50);
    REQUIRE(t.link.asked.size() == 1);
    CHECK(t.link.asked[0].from == 1);
    CHECK(t.link.asked[0].to == 49);
    t.answer({49});
    CHECK(t.take() == "!1-48 49 50");
  }
  SUBCASE("one whose control channel opens a moment later as well") {
    t.link.connected = false;
    t.event(3).event(4).pass(kFirstSightUs / 2);
    CHECK(t.take().empty());
    t.link.connected = true;
    t.pass(40'000).answer({1, 2});
    CHECK(t.take() == "1 2 3 4");
  }
  SUBCASE("one that cannot begins where it was met, after a moment, and nothing is lost") {
    t.link.connected = false;
    t.event(1, "q").pass(kComingBackUs).take();
    t.event(1000).event(1001).pass(kFirstSightUs + 20'000);
    CHECK(t.take() == "1000 1001");
    CHECK(t.tally().lost == 0);
    CHECK(t.event(1003).take() == "!1002-1002 1003");
  }
  SUBCASE("soon after the start of the bridge it may take its control channel longer to come back") {
    t.link.connected = false;
    t.event(3).pass(2 * kFirstSightUs);
    CHECK(t.take().empty());
    t.pass(kComingBackUs - 2 * kFirstSightUs + 20'000);
    CHECK(t.take() == "3");
  }
  SUBCASE("without any control socket on the bridge it does not wait at all") {
    t.tracker.set_link(nullptr);
    CHECK(t.event(1000).event(1001).take() == "1000 1001");
  }
}

TEST_CASE("tracker: what the source has let go of may be on its way yet") {
  Tracking t;
  t.events(1, 3).announce(Tracking::numbers(3, 1)).take();
  t.announce(Tracking::numbers(9, 8));  // 4 to 7 were sent, and its words were quicker
  t.pass(2 * kTailGraceUs);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 8);  // what it has is not waited for
  CHECK(t.answer({8, 9}).take().empty());
  SUBCASE("and comes") {
    t.event(4).pass(kGoneGraceUs - kTailGraceUs);
    CHECK(t.events(5, 9).take() == "4 5 6 7 8 9");
    CHECK(t.tally().lost == 0);
  }
  SUBCASE("and does not come: a later event comes in its place") {
    CHECK(t.event(10).take() == "!4-7 8 9 10");
  }
  SUBCASE("and does not come: nothing does") {
    CHECK(t.pass(kGoneGraceUs - 4 * kTailGraceUs).take().empty());
    CHECK(t.pass(4 * kTailGraceUs).take() == "!4-7 8 9");
  }
  CHECK(t.link.asked.size() == 1);
}

TEST_CASE("tracker: a lost tail is asked for when the announced head stays ahead") {
  Tracking t;
  t.events(1, 3).announce(Tracking::numbers(5, 1));
  CHECK(t.tracker.busy());
  t.pass(kTailGraceUs / 2);
  CHECK(t.link.asked.empty());  // it may be on its way
  SUBCASE("and does not come") {
    t.pass(kTailGraceUs);
    REQUIRE(t.link.asked.size() == 1);
    CHECK(t.link.asked[0].from == 4);
    CHECK(t.answer({4, 5}).take() == "1 2 3 4 5");
  }
  SUBCASE("but not when it comes") {
    t.events(4, 5).pass(2 * kTailGraceUs);
    CHECK(t.link.asked.empty());
  }
  SUBCASE("at once where the source stops") {
    t.announce(Tracking::numbers(5, 1, true));
    REQUIRE(t.link.asked.size() == 1);
    CHECK(t.answer({4, 5}).take() == "1 2 3 4 5");
  }
}

TEST_CASE("tracker: a source that is first heard of by its announcement is asked from 1") {
  Tracking t;
  t.announce(Tracking::numbers(900, 1)).event(901);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 1);
  CHECK(t.link.asked[0].to == 900);
}

TEST_CASE("tracker: a restored position goes on from there") {
  Tracking t;
  t.tracker.restore({{"s", "old", 70}, {"s", "r", 500}}, nullptr, false);
  t.event(499).event(500);
  CHECK(t.take().empty());
  t.event(503);
  REQUIRE(t.link.asked.size() == 1);
  CHECK(t.link.asked[0].from == 501);
  CHECK(t.answer({501, 502}).take() == "501 502 503");
  CHECK(t.event(71, "old").take() == "old:71");
}

TEST_CASE("tracker: a restored source is waited for: its channel may open behind its events") {
  Tracking t;
  t.tracker.restore({{"s", "r", 500}}, nullptr, false);
  t.link.connected = false;
  t.event(503).pass(kNoChannelPatienceUs / 2);
  CHECK(t.take().empty());
  SUBCASE("it opens") {
    t.link.connected = true;
    t.pass(40'000).answer({501, 502});
    CHECK(t.take() == "501 502 503");
  }
  SUBCASE("it does not, and then nobody waits again") {
    t.pass(kNoChannelPatienceUs);
    CHECK(t.take() == "!501-502 503");
    t.event(505);
    CHECK(t.take() == "!504-504 505");
  }
}

TEST_CASE("tracker: a new run with a hello settles the old one first, and counts from 1") {
  Tracking t;
  t.event(1, "q").event(4, "q").event(5, "q");
  SUBCASE("that is its first word") {
    t.announce(Tracking::numbers(0, 1));
    CHECK(t.take() == "q:1 q:!2-3 q:4 q:5");
  }
  SUBCASE("after its first events") {
    CHECK(t.event(1).event(2).take() == "q:1 1 2");
    CHECK(t.announce(Tracking::numbers(2, 1)).take() == "q:!2-3 q:4 q:5");
  }
  // What is still on its way of the old one keeps its order, too.
  t.event(3, "q").event(6, "q").event(8, "q");
  CHECK(t.take() == "q:6 q:!7-7 q:8");
}

TEST_CASE("tracker: a new run that is only published costs the old one nothing") {
  Tracking t;
  t.event(1, "q").event(4, "q");
  SUBCASE("by an event") { t.event(1); }
  SUBCASE("by announcements") {
    t.announce(Tracking::numbers(1, 1), "r", false).announce(Tracking::numbers(1, 1), "r", false).event(1);
  }
  CHECK(t.take() == "q:1 1");
  t.announce(Tracking::numbers(4, 1), "q", false);  // soon after, and counts all the same
  CHECK(t.table.find("s", "q")->order.announcements == 1);
  CHECK(t.link.asked.back().run == "q");
  CHECK(t.answer({2, 3}).take() == "q:2 q:3 q:4");
  CHECK(t.event(6, "q").pass(2 * kRepairRetryUs).take().empty());
  CHECK(t.answer({5}).take() == "q:5 q:6");
}

TEST_CASE("tracker: where there is no room events are put off, and asked for later") {
  Tracking t(40);  // bytes
  t.event(1).events(3, 30);
  CHECK(t.take() == "1");
  CHECK(t.tracker.held_bytes() <= 40);
  CHECK(t.counters.events_put_off > 0);
  t.answer({2});
  REQUIRE(t.link.asked.size() == 2);
  const auto [source, run, from, to] = t.link.asked[1];
  CHECK(to == 30);
  std::vector<std::uint64_t> rest;
  for (std::uint64_t seq = from; seq <= to; ++seq) rest.push_back(seq);
  t.answer(rest);
  std::string all = "1";
  for (int i = 2; i <= 30; ++i) all += ' ' + std::to_string(i);
  CHECK(t.out == all.substr(2));
  CHECK(t.tally().lost == 0);
}

TEST_CASE("tracker: what is needed sooner takes the room of what is needed later") {
  Tracking t(12);
  t.event(1).event(8).event(9).event(7).event(6).event(5).event(4);
  t.answer({2, 3});
  CHECK(t.take().substr(0, 9) == "1 2 3 4 5");
}

TEST_CASE("tracker: the end of the bridge leaves to the next one what can be asked for") {
  Tracking t;
  t.event(1).event(4);
  SUBCASE("of a source that can replay it") {
    t.tracker.stop();
    t.follow_up();
    CHECK(t.take() == "1");
  }
  SUBCASE("but not what can not") {
    t.link.connected = false;
    t.announce(Tracking::numbers(0, 1), "p").event(7, "p");
    t.take();
    t.tracker.stop();
    t.follow_up();
    CHECK(t.take() == "p:!1-6 p:7");
  }
}

TEST_CASE("tracker: a name that is forgotten takes with it what it held, and goes on where it was") {
  struct Store : PositionStore {
    bool find(const std::string&, const std::string& run, Found found) override {
      asked.push_back(run);
      answers.push_back(std::move(found));
      return true;
    }
    std::vector<std::string> asked;
    std::vector<Found> answers;
  } store;
  Tracking t;
  t.tracker.restore({}, &store, false);
  t.events(1, 5).event(8);
  CHECK(t.take() == "1 2 3 4 5");
  CHECK(store.asked.empty());  // nobody was ever forgotten
  for (int i = 0; i < 87; ++i) t.event(1, "run" + std::to_string(i));
  t.now += kLiveUs;
  t.event(1, "one more");
  CHECK(t.table.runs() <= 100);
  CHECK(t.table.find("s", "r") == nullptr);
  CHECK(t.tracker.held_events() == t.table.find("s", "one more")->order.held.size());
  CHECK(t.counters.runs_forgotten > 0);
  t.take();
  store.answers.clear();
  store.asked.clear();
  t.now += 10 * kRepairPatienceUs;  // as on a machine that has run for long
  t.event(5).event(6).event(8);
  CHECK(store.asked == std::vector<std::string>{"r"});
  CHECK(t.take().empty());
  SUBCASE("as the store has it") {
    store.answers.at(0)(5);
    t.follow_up();
    CHECK(t.take() == "6");
    CHECK(t.tally().duplicates == 1);
    CHECK(t.link.asked.back().from == 7);
    CHECK(t.tally().lost == 0);
  }
  SUBCASE("and its line may open behind its events") {
    t.link.connected = false;
    store.answers.at(0)(5);
    t.follow_up();
    CHECK(t.take() == "6");
    t.pass(kNoChannelPatienceUs / 2);
    CHECK(t.take().empty());
    t.link.connected = true;
    t.pass(100'000);
    CHECK(t.link.asked.back().from == 7);
  }
  SUBCASE("which may know nothing of it") {
    store.answers.at(0)(std::nullopt);
    t.follow_up();
    CHECK(t.link.asked.back().from == 1);
  }
  SUBCASE("or what is no place to go on from") {
    store.answers.at(0)(kSourceSeqMax);
    t.follow_up();
    CHECK(t.link.asked.back().from == 1);
    CHECK(t.tally().duplicates == 0);
  }
}

TEST_CASE("tracker: a number is believed as far as the source's own word covers it") {
  Tracking t;
  constexpr std::uint64_t kWild = 9'000'000'000'000'000'000;
  SUBCASE("of one that announces nothing, so far ahead") {
    t.link.connected = false;
    t.event(1).event(kWild).event(UINT64_MAX).event(2 + kUnannouncedMax).event(2);
    CHECK(t.take() == "1 " + std::to_string(kWild) + "? 18446744073709551615? 1000002? 2");
    CHECK(t.counters.events_unbelieved == 3);
    CHECK(t.event(2 + kUnannouncedMax).take() == "!3-1000001 1000002");
  }
  SUBCASE("of a connected one it waits for two more words") {
    t.announce(Tracking::numbers(1, 1)).event(1).event(kWild);
    CHECK(t.take() == "1");
    t.answer({}).event(2).announce(Tracking::numbers(2, 1));
    CHECK(t.take() == "2");
    CHECK(t.announce(Tracking::numbers(2, 1)).take() == std::to_string(kWild) + "?");
    CHECK(t.event(3).take() == "3");
    CHECK(t.tally().lost == 0);
  }
  SUBCASE("that cover it in the end") {
    t.announce(Tracking::numbers(1, 1)).event(1).event(3'000'000).answer({});
    CHECK(t.take() == "1");
    t.announce(Tracking::numbers(3'000'000, 2'999'999));
    CHECK(t.take() == "!2-2999998");
    CHECK(t.answer({2'999'999}).take() == "2999999 3000000");
  }
}

TEST_CASE("tracker: wild announcements of anybody neither hang nor lose anything") {
  Tracking t;
  const Announcement wild = Tracking::numbers(UINT64_MAX, UINT64_MAX);
  SUBCASE("published beside a connected source") {
    t.announce(Tracking::numbers(0, 1)).event(1).announce(wild, "r", false).event(2);
    CHECK(t.table.find("s", "r")->order.announcements == 1);
  }
  SUBCASE("once, of a source that only publishes") {
    t.announce(Tracking::numbers(0, 1), "r", false).event(1).announce(wild, "r", false);
    t.pass(900'000).announce(Tracking::numbers(1, 1), "r", false).event(2);
  }
  SUBCASE("of another run") {
    t.announce(Tracking::numbers(0, 1)).event(1).announce(wild, "x", false).event(2);
  }
  SUBCASE("while a source's connection is away for a moment") {
    t.announce(Tracking::numbers(0, 1)).event(1);
    t.table.disconnected("to r");
    t.pass(kStalledAfterUs - 20'000).event(4).announce(wild, "r", false).announce(wild, "r", false);
    CHECK(t.answer({2, 3}).take() == "1 2 3 4");
    CHECK(t.tally().lost == 0);
    return;
  }
  CHECK(t.pass(kRepairPatienceUs).take() == "1 2");
  CHECK(t.tally().lost == 0);
  CHECK(t.link.asked.size() < 100);
}

TEST_CASE("tracker: a head that a source never reaches costs it nothing") {
  Tracking t;
  t.announce(Tracking::numbers(0, 1)).event(1);
  t.announce(Tracking::numbers(1 << 30, 1)).pass(1'000'000);
  REQUIRE(t.link.asked.size() == 1);
  t.answer({}).pass(60'000'000);
  CHECK(t.link.asked.size() == 1);  // it was told that there is nothing
  CHECK_FALSE(t.tracker.busy());
  CHECK(t.take() == "1");
  CHECK(t.event(2).take() == "2");
  // A smaller one is a loss, until the source takes it back.
  t.announce(Tracking::numbers(100, 1)).pass(1'000'000);
  t.answer({});
  CHECK(t.take() == "!3-100");
  t.announce(Tracking::numbers(2, 1)).announce(Tracking::numbers(2, 1));
  CHECK(t.event(3).take() == "3");
}

TEST_CASE("tracker: a head that was denied is not looked for behind another hole") {
  Tracking t;
  t.announce(Tracking::numbers(0, 1)).event(1);
  t.announce(Tracking::numbers(std::uint64_t{1} << 40, 1)).pass(1'000'000).answer({});
  t.event(3).announce(Tracking::numbers(3, 1)).answer({2});
  CHECK(t.take() == "1 2 3");
  CHECK(t.pass(5'000'000).link.asked.size() == 2);
  CHECK_FALSE(t.tracker.busy());
}

TEST_CASE("tracker: what is sent again broken loses that one event, and holds up nothing") {
  Tracking t;
  SUBCASE("in a list that can be read") {
    t.event(1).event(5).answer({2, 0, 4});
    CHECK(t.take() == "1 2 !3-3 4 5");
  }
  SUBCASE("at its end") {
    t.event(1).event(5).answer({2, 3, 0});
    CHECK(t.take() == "1 2 3 !4-4 5");
  }
  SUBCASE("at its end, before more that is missing") {
    t.event(1).event(9).answer({2, 0});
    CHECK(t.take() == "1 2 !3-3");
    CHECK(t.link.asked.back().from == 4);
  }
  SUBCASE("in one that cannot") {
    t.event(1).event(10);
    // 4 breaks every answer that it is in.
    for (int round = 0; round < 20 && !t.link.asked.empty(); ++round) {
      const Question asked = t.link.asked.back();
      if (asked.from > 9) break;
      if (asked.from <= 4 && 4 <= asked.to) {
        t.answer({}, RepairOutcome::broken);
      } else {
        std::vector<std::uint64_t> events;
        for (std::uint64_t seq = asked.from; seq <= asked.to; ++seq) events.push_back(seq);
        t.answer(events);
      }
    }
    CHECK(t.take() == "1 2 3 !4-4 5 6 7 8 9 10");
    CHECK(t.now == 1'000'000);  // without waiting
  }
}

TEST_CASE("tracker: a run that is connected is not superseded by what is published") {
  Tracking t;
  t.announce(Tracking::numbers(4, 1)).event(1).event(4).event(1, "x").event(2, "x");
  CHECK(t.take() == "1 x:1 x:2");
  CHECK(t.link.asked.back().run == "r");
  CHECK(t.answer({2, 3}).take() == "2 3 4");
  // Nor once its connection has ended, but by who says a hello after that.
  t.event(9);
  t.announce(Tracking::numbers(2, 1), "x", false);
  t.table.disconnected("to r");
  t.follow_up();
  CHECK(t.announce(Tracking::numbers(2, 1), "x", false).take().empty());
  CHECK(t.announce(Tracking::numbers(2, 1), "x").take() == "!5-8 9");
}

TEST_CASE("tracker: whatever comes in whatever order, what goes out is in order or a named loss") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    Tracking t(random() % 2 == 0 ? 60 : 1 << 20);
    const std::uint64_t last = 200;
    std::uint64_t next = 1;
    while (next <= last) {
      switch (random() % 8) {
        case 0:
          next += random() % 5;  // dropped on the way
          break;
        case 1:
          t.event(1 + random() % last);  // out of order, or again
          break;
        case 2:
          t.pass(static_cast<std::int64_t>(random() % 400'000));
          break;
        case 3:
          t.announce(Tracking::numbers(next - 1, next > 40 ? next - 40 : 1));
          break;
        case 4:
          t.link.connected = random() % 4 != 0;
          break;
        case 5:
          if (t.link.asked.empty()) break;
          {
            const Question asked = t.link.asked.back();
            std::vector<std::uint64_t> events;
            for (std::uint64_t s = asked.from; s <= asked.to; ++s) {
              if (random() % 20 != 0) events.push_back(s);
            }
            t.answer(events, random() % 5 == 0 ? RepairOutcome::failed : RepairOutcome::events);
          }
          break;
        default:
          for (auto n = random() % 10; n > 0; --n) t.event(next++);
      }
    }
    t.pass(3 * kRepairPatienceUs);
    std::uint64_t expected = 0;
    std::uint64_t lost_from = UINT64_MAX;
    std::string text = t.take();
    INFO("seed " << seed << ": " << text);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      const std::string word = text.substr(at, end - at);
      at = end + 1;
      if (word.back() == '?') continue;  // ahead of what was announced
      const bool lost = word[0] == '!';
      const std::uint64_t from = std::stoull(word.substr(lost ? 1 : 0));
      // Only the very first may begin in the middle; and a loss on the source's word is taken back on it.
      if (expected != 0 && (lost || from < lost_from || from > expected)) REQUIRE(from == expected);
      lost_from = lost ? from : from < expected ? lost_from : UINT64_MAX;
      expected = (lost ? std::stoull(word.substr(word.find('-') + 1)) : from) + 1;
    }
    REQUIRE(t.tracker.held_events() + t.tracker.held_bytes() <= 200 * 10);
  }
}
