#include "sources/source_table.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/limits.h"
#include "fixture.h"

using namespace bridge;

namespace {

// Keeps what is told, as "t connected", beside what follows from it.
struct Hearing : SourceListener {
  explicit Hearing(Bench& b) : bench(b) { bench.sources.set_listener(this); }
  void on_source(const Run& run, SourceChange change) override {
    const char* const names[] = {"connected", "restarted", "stalled",      "recovered",
                                 "gone",      "conflict",  "conflict_over"};
    heard.push_back(run.source->name + " " + names[static_cast<int>(change)]);
    bench.watch.on_source(run, change);
  }
  void on_line_lost(ControlLine& line, Lane& lane, const std::string& why) override {
    bench.watch.on_line_lost(line, lane, why);
  }
  void on_superseded(Run& run) override { bench.watch.on_superseded(run); }
  void on_forget(Run& run) override { bench.watch.on_forget(run); }
  std::vector<std::string> take() { return std::exchange(heard, {}); }

  Bench& bench;
  std::vector<std::string> heard;
};
using Heard = std::vector<std::string>;

std::string announcement(const std::string& source, const std::string& run,
                         const std::string& data = R"("agents":["a"])") {
  return R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{)" + data + "}}";
}

void wait(Bench& bench, int seconds) {
  for (int i = 0; i < seconds; ++i) {
    bench.clock.advance_us(1'000'000);
    bench.sources.tick(1.0, bench.clock.steady_us());
  }
}

std::string body(const std::string& source, const std::string& run, int seq) {
  return R"({"type":"t","data":{"agent_id":"a"},"source":")" + source + R"(","run":")" + run +
         R"(","source_seq":)" + std::to_string(seq) + "}";
}

}  // namespace

TEST_CASE("sources: what an event took to come is told in the bridge's time, once the source's clock is known") {
  Bench bench;
  const auto text = [&bench](std::int64_t us_from_now) {
    std::string seconds;
    append_seconds(seconds, bench.clock.wall_us() + us_from_now);
    return seconds;
  };
  constexpr std::int64_t kAhead = 3'600'000'000;
  const auto publish = [&] {  // 20 ms ago, by a clock that is an hour ahead
    bench.take(R"({"type":"t","data":{},"source":"s","run":"r1","timestamp":)" + text(kAhead - 20'000) + "}");
  };
  REQUIRE(bench.hello("c1", announcement("s", "r1", R"("clock":)" + text(kAhead))));
  const std::string asked = bench.hello_reply.substr(bench.hello_reply.find(R"("at":)") + 5);
  const std::string at = asked.substr(0, asked.find(','));
  publish();
  const Source& source = *bench.sources.find("s");
  CHECK(source.publish_to_receive.count() == 0);
  // A trainer that knows nothing of it says only its time again; one that does, also what it heard and when.
  bench.clock.advance_us(500);
  const std::string heard = text(kAhead);
  bench.clock.advance_us(1'000'000);
  const std::string said = text(kAhead);
  bench.clock.advance_us(500);
  SUBCASE("known") {
    REQUIRE(bench.hello("c1", announcement("s", "r1", R"("clock":)" + said + R"(,"clock_heard":{"at":)" + at + R"(,"clock":)" + heard + "}")));
    publish();
    CHECK(source.publish_to_receive.count() == 1);
    CHECK(source.publish_to_receive.sum_us() == doctest::Approx(20'000).epsilon(0.1));
    bench.take(R"({"type":"t","data":{},"source":"s","run":"r1","timestamp":1e9})");  // not as decimals: it does not count
    bench.take(R"({"type":"t","data":{},"source":"s","run":"r1"})");
    CHECK(source.publish_to_receive.count() == 1);
    CHECK(bench.run("get_sources").find(R"("clock_ahead_ms":3600000.)") != std::string::npos);
  }
  SUBCASE("not known: what it heard is not what was said") {
    REQUIRE(bench.hello("c1", announcement("s", "r1", R"("clock":)" + said + R"(,"clock_heard":{"at":1,"clock":)" + heard + "}")));
    publish();
    CHECK(source.publish_to_receive.count() == 0);
  }
  SUBCASE("not known: it says nothing, or no numbers") {
    for (const char* const bad : {"5", "{}", R"({"at":"1","clock":2})", "null", R"({"at":1e300,"clock":-1e300})"}) {
      REQUIRE(bench.hello("c1", announcement("s", "r1", R"("clock":)" + said + R"(,"clock_heard":)" + bad)));
    }
    publish();
    CHECK(source.publish_to_receive.count() == 0);
  }
}

TEST_CASE("sources: a new run begins anew, and what is on its way of the old one is no restart") {
  Bench bench;
  Hearing hearing(bench);
  bench.take(announcement("s", "r1", ""));
  for (const int seq : {1, 2, 3}) bench.take(body("s", "r1", seq));
  bench.take(body("s", "r2", 1));
  bench.take(body("s", "r1", 4));
  bench.take(body("s", "r2", 2));
  const Source& source = *bench.sources.find("s");
  CHECK(source.current()->id == "r2");
  CHECK(source.current()->last_source_seq == 2);
  CHECK(source.tally.events == 6);
  CHECK(source.current()->agents.count("a") == 1);
  bench.take(announcement("s", "r1", ""));  // said before it ended
  CHECK(hearing.take() == Heard{"s connected", "s restarted"});
}

TEST_CASE("sources: holes in a counter without a run are counted, and nothing more") {
  Bench bench;
  for (const char* seq : {"3", "4", "4", "7", "1", "1000007"}) {
    bench.take(std::string(R"({"type":"t","data":{},"source":"s","source_seq":)") + seq + "}");
  }
  CHECK(bench.log.last_seq() == 6);
  CHECK(bench.sources.find("s")->tally.lost == 2 + 999'999);
  CHECK(bench.counters.events_unbelieved == 0);
}

TEST_CASE("sources: a jump in a counter without a run that is not believed is no loss, and the event goes on") {
  Bench bench;
  for (const char* seq : {"3", "1000004", "9223372036854775807", "4", "5"}) {
    bench.take(std::string(R"({"type":"t","data":{},"source":"s","source_seq":)") + seq + "}");
  }
  CHECK(bench.log.last_seq() == 5);
  CHECK(bench.counters.events_unbelieved == 2);
  CHECK(bench.sources.find("s")->tally.lost == 0);
  CHECK(bench.sources.find("s")->runs.front()->last_source_seq == 5);
}

TEST_CASE("sources: the rate settles on what comes") {
  Bench bench;
  int seq = 0;
  for (int second = 0; second < 30; ++second) {
    for (int i = 0; i < 100; ++i) bench.take(body("s", "r", ++seq));
    bench.sources.tick(1.0, bench.clock.steady_us());
    CHECK(bench.sources.find("s")->events_per_s == doctest::Approx(100));  // from the first second on
  }
  bench.sources.tick(1.0, bench.clock.steady_us());
  CHECK(bench.sources.find("s")->events_per_s == doctest::Approx(80));  // a fifth of the way to none
  for (int i = 0; i < 100; ++i) bench.take(body("s", "r", ++seq));
  bench.sources.tick(10.0, bench.clock.steady_us());  // after so long nothing is left of what was
  CHECK(bench.sources.find("s")->events_per_s == doctest::Approx(10));
  for (int second = 0; second < 60; ++second) bench.sources.tick(1.0, bench.clock.steady_us());
  CHECK(bench.sources.find("s")->events_per_s < 1);
}

TEST_CASE("sources: names by the thousand push out no live source, and what they bring goes on") {
  Bench bench;
  bench.hello("c", announcement("connected", "r", R"("head":0,"oldest":1)"));
  bench.take(body("live", "r", 1));
  for (int i = 0; i < 5000; ++i) {
    bench.clock.advance_us(10'000);
    bench.take(body("s" + std::to_string(i), "r", 1));
    if (i % 100 == 0) bench.take(body("live", "r", i / 100 + 2));
    CHECK(bench.sources.runs() <= Bench::kRunsMax);
  }
  CHECK(bench.sources.find("live", "r") != nullptr);
  CHECK(bench.sources.find("connected", "r") != nullptr);
  CHECK(bench.sources.find("live")->tally.events == 51);
  CHECK(bench.log.last_seq() >= 5051);
  CHECK(bench.counters.runs_refused > 0);
  CHECK(bench.counters.runs_forgotten > 0);
  // Who comes with a connection finds room.
  bench.hello("c2", announcement("late", "r", R"("head":0,"oldest":1)"));
  CHECK(bench.sources.find("late", "r") != nullptr);
}

TEST_CASE("sources: who says a hello finds room beside a thousand live names, and pushes out none") {
  Bench bench;
  bench.take(body("quiet", "r", 1));
  for (int i = 0; i < 1000; ++i) bench.take(body("s" + std::to_string(i), "r", 1));
  const std::size_t taken = bench.sources.runs();
  CHECK(taken == Bench::kRunsMax - Bench::kRunsMax / 8);
  for (std::size_t i = 0; i < Bench::kRunsMax - taken; ++i) {
    CHECK(bench.hello("c" + std::to_string(i), announcement("h" + std::to_string(i), "r")));
  }
  CHECK(bench.counters.runs_forgotten == 0);
  CHECK(bench.sources.find("quiet", "r") != nullptr);
  // Only where so many are connected does one more push out who has been silent longest.
  bench.hello("one more", announcement("late", "r"));
  CHECK(bench.sources.find("late", "r") != nullptr);
  CHECK(bench.sources.find("quiet", "r") == nullptr);
}

TEST_CASE("sources: any number of runs of one name, each in its own order") {
  Bench bench;
  for (int round = 1; round <= 20; ++round) {
    for (int run = 0; run < 50; ++run) bench.take(body("s", "r" + std::to_string(run), round));
  }
  CHECK(bench.sources.find("s")->tally.events == 1000);
  CHECK(bench.sources.find("s")->tally.lost == 0);
  CHECK(bench.counters.events_duplicate == 0);
}

TEST_CASE("sources: a flood of agent names, or of words about oneself, does not grow memory") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) {
    bench.take(R"({"type":"t","source":"s","data":{"agent_id":"a)" + std::to_string(i) + "\"}}");
  }
  CHECK(bench.sources.find("s")->runs.at(0)->agents.size() == kAgentsPerSourceMax);
  const std::string large(20'000, 'x');
  for (int i = 0; i < 50; ++i) {
    bench.take(announcement("big" + std::to_string(i), "r",
                            R"("commands":[")" + large + R"("],"host":")" + large + "\""));
  }
  CHECK(bench.sources.detail_bytes() < 50 * 600 + 100'000);
  for (int i = 0; i < 50; ++i) bench.take(announcement("big1", "r"));
  CHECK(bench.sources.detail_bytes() < 50 * 600 + 100'000);
}

TEST_CASE("sources: what one announces over its connection is the list, and events do not add to it") {
  Bench bench;
  bench.hello("c", announcement("s", "r", R"("agents":["a","b"])"));
  bench.take(R"({"type":"t","source":"s","run":"r","source_seq":1,"data":{"agent_id":"x"}})");
  bench.take(announcement("s", "r", R"("agents":["y"])"));
  CHECK(bench.sources.find("s", "r")->agents == std::set<std::string, std::less<>>{"a", "b"});
  bench.hello("c", announcement("s", "r", R"("agents":["b"])"));
  CHECK(bench.sources.find("s", "r")->agents.size() == 1);
}

TEST_CASE("sources: two live processes of one name are told of once, and so is their end") {
  Bench bench;
  Hearing hearing(bench);
  SUBCASE("with connections") {
    bench.hello("c1", announcement("s", "r1"));
    bench.hello("c2", announcement("s", "r2"));
    bench.hello("c1", announcement("s", "r1"));
    bench.hello("c2", announcement("s", "r2"));
    CHECK(hearing.take() == Heard{"s connected", "s connected", "s conflict"});
    const auto sources = parse_json(bench.run("get_sources"));
    CHECK(sources["sources"][0]["runs"].Size() == 2);
    CHECK(bench.sources.find("s")->current()->id == "r2");
    bench.hello("c2", announcement("s", "r2", R"("state":"stopped")"));
    CHECK(hearing.take() == Heard{"s conflict_over"});
    CHECK(bench.sources.find("s")->current()->id == "r1");
  }
  SUBCASE("that only publish") {
    bench.take(announcement("s", "r1"));
    for (int i = 0; i < 3; ++i) {
      wait(bench, 1);
      bench.take(announcement("s", "r2"));
      wait(bench, 1);
      bench.take(announcement("s", "r1"));
    }
    CHECK(hearing.take() == Heard{"s connected", "s restarted", "s conflict"});
    for (int i = 0; i < 12; ++i) {
      wait(bench, 1);
      bench.take(announcement("s", "r1"));
    }
    CHECK(hearing.take() == Heard{"s conflict_over"});
  }
  SUBCASE("but a single stray word is no process") {
    bench.hello("c1", announcement("s", "r1"));
    bench.take(announcement("s", "stray"));
    bench.take(body("s", "another", 1));
    for (int i = 0; i < 20; ++i) {
      wait(bench, 1);
      bench.hello("c1", announcement("s", "r1"));
    }
    CHECK(std::count(hearing.heard.begin(), hearing.heard.end(), "s conflict") == 0);
    CHECK(std::count(hearing.heard.begin(), hearing.heard.end(), "s gone") == 0);
    CHECK(bench.sources.find("s")->current()->id == "r1");
  }
}

TEST_CASE("sources: a restart with a connection is one, in whichever order its words come") {
  Bench bench;
  Hearing hearing(bench);
  bench.hello("c1", announcement("s", "r1"));
  SUBCASE("the old connection ends first") {
    bench.sources.disconnected("c1");
    bench.hello("c2", announcement("s", "r2"));
    CHECK(hearing.take() == Heard{"s connected", "s restarted"});
  }
  SUBCASE("the new one's events come before it is known that the old one has ended") {
    bench.take(announcement("s", "r2"));
    bench.take(body("s", "r2", 1));
    bench.sources.disconnected("c1");
    bench.hello("c2", announcement("s", "r2"));
    CHECK(hearing.take() == Heard{"s connected", "s connected"});
  }
  bench.hello("c2", announcement("s", "r2"));
  wait(bench, 3);
  CHECK(hearing.take().empty());
  CHECK(bench.sources.find("s")->current()->id == "r2");
  CHECK(bench.sources.find("s", "r1")->ended());
}

TEST_CASE("sources: a connection of which nothing more is heard keeps no other one from its run") {
  Bench bench;
  Hearing hearing(bench);
  bench.hello("c1", announcement("s", "r1"));
  bench.sources.disconnected("c1");
  bench.hello("c1", announcement("s", "r1"));  // that was still to be read
  bench.hello("c2", announcement("s", "r1"));
  const Run& run = *bench.sources.find("s", "r1");
  CHECK(run.control.connection == "c1");
  wait(bench, 12);
  CHECK(run.state == SourceState::gone);
  bench.hello("c2", announcement("s", "r1"));
  CHECK(run.control.connection == "c2");
  CHECK(run.state == SourceState::live);
  bench.hello("c1", announcement("s", "r1"));
  CHECK(run.control.connection == "c2");
}

TEST_CASE("sources: while a connection is away for a moment, what is published ends nothing") {
  Bench bench;
  Hearing hearing(bench);
  bench.hello("c1", announcement("s", "r1", R"("agents":["a"])"));
  bench.sources.disconnected("c1");
  bench.take(announcement("s", "r2", R"("agents":["b"])"));
  bench.take(announcement("s", "r1", R"("agents":["c"])"));
  const Run& run = *bench.sources.find("s", "r1");
  SUBCASE("and it is back soon") {
    CHECK_FALSE(run.ended());
    CHECK(run.agents.count("a") == 1);
    wait(bench, 3);
    bench.take(announcement("s", "r1"));  // counts as a sign of life
    wait(bench, 3);
    bench.hello("c2", announcement("s", "r1"));
    CHECK(hearing.take() == Heard{"s connected", "s connected"});
    CHECK(bench.sources.find("s")->current() == &run);
  }
  SUBCASE("but not for longer") {
    wait(bench, 4);
    bench.take(announcement("s", "r1", R"("agents":["c"])"));
    CHECK(run.agents.count("c") == 1);
    bench.take(announcement("s", "r3"));
    CHECK(run.ended());
  }
}

TEST_CASE("sources: a hello with a clock is answered with the bridge's") {
  Bench bench;
  bench.hello("c", announcement("s", "r", R"("clock":1619395200.125)"));
  const auto reply = parse_json(bench.hello_reply);
  CHECK(reply["command"] == "_clock");
  CHECK(reply["params"]["clock"].GetDouble() == 1619395200.125);
  CHECK(reply["params"]["at"].GetDouble() ==
        doctest::Approx(static_cast<double>(bench.clock.wall_us()) / 1e6));
}

TEST_CASE("types: counted each, and together beyond the limit") {
  Bench bench;
  for (std::size_t i = 0; i < kEventTypesMax + 5; ++i) bench.event("t" + std::to_string(i));
  bench.event("t0");
  CHECK(bench.types.counts().at("t0").events == 2);
  CHECK(bench.types.counts().size() == kEventTypesMax);
  CHECK(bench.types.other().events == 5);
}

TEST_CASE("sources: one that announces itself is live, stalled, gone, and heard of again") {
  Bench bench;
  Hearing hearing(bench);
  const auto beat = [&](const std::string& run, const std::string& state = "running") {
    bench.take(announcement("t", run, R"("agents":["a"],"state":")" + state + '"'));
  };
  beat("r1");
  wait(bench, 3);
  CHECK(hearing.heard == Heard{"t connected"});
  wait(bench, 1);
  CHECK(bench.sources.find("t")->current()->state == SourceState::stalled);
  beat("r1");
  CHECK(hearing.heard.back() == "t recovered");
  wait(bench, 20);
  CHECK(hearing.heard.back() == "t gone");
  CHECK(hearing.heard.size() == 5);  // connected, stalled, recovered, stalled, gone
  beat("r2");
  CHECK(hearing.heard.back() == "t restarted");
  beat("r2", "stopped");
  CHECK(hearing.heard.back() == "t gone");
  beat("r3");
  CHECK(hearing.heard.back() == "t restarted");
  // A source that only publishes makes no news, however long it is silent.
  hearing.heard.clear();
  bench.take(R"({"type":"x","source":"plain","data":{}})");
  wait(bench, 100);
  CHECK(bench.sources.find("plain")->current()->state == SourceState::live);
  CHECK(std::count(hearing.heard.begin(), hearing.heard.end(), "plain connected") == 0);
}

TEST_CASE("sources: what one has not said of itself is not told") {
  Bench bench;
  bench.take(announcement("a", "r"));
  bench.take(announcement("b", "r", R"("state":"paused","host":"h","pid":7)"));
  const auto told = parse_json(bench.run("get_sources"));
  for (const char* name : {"activity", "host", "pid"}) {
    CHECK_FALSE(told["sources"][0].HasMember(name));
    CHECK(told["sources"][1].HasMember(name));
  }
}

TEST_CASE("sources: what is told of one is cut between characters, not in one") {
  Bench bench;
  std::string long_name;
  for (int i = 0; i < 200; ++i) long_name += "\xE2\x82\xAC";
  bench.take(announcement("s", "r", R"("host":")" + long_name + R"(","state":")" + long_name + '"'));
  const Run& run = *bench.sources.find("s", "r");
  CHECK(run.host == long_name.substr(0, 255));
  CHECK(run.activity == long_name.substr(0, 63));
}

TEST_CASE("sources: a connection that says another name than before is another source's from then on") {
  Bench bench;
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"s","run":"r","data":{}})"));
  CHECK(bench.sources.find("s", "r")->connected());
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"t","run":"r","data":{}})"));
  CHECK_FALSE(bench.sources.find("s", "r")->connected());
  CHECK(bench.sources.find("t", "r")->connected());
}

TEST_CASE("sources: one that is heard of again after it was forgotten is another") {
  Bench bench;
  std::int64_t now_us = 1;
  REQUIRE(bench.sources.hear("s", "r", 1, now_us) != nullptr);
  now_us += kLiveUs;
  for (int i = 0; i < 88; ++i) REQUIRE(bench.sources.meet("t" + std::to_string(i), "r", 1, now_us) != nullptr);
  CHECK(bench.sources.find("s") == nullptr);
  CHECK(bench.sources.hear("s", "r", 1, now_us) == nullptr);  // there is no room for it
  now_us += kLiveUs;
  const Run* const again = bench.sources.hear("s", "r", 1, now_us);
  REQUIRE(again != nullptr);
  CHECK(bench.sources.find("s", "r") == again);
}

TEST_CASE("sources: the newest number of a run is known from its first event on") {
  Bench bench;
  bench.take(R"({"type":"t","data":{},"source":"s","run":"r","source_seq":1})");
  CHECK(bench.sources.find("s", "r")->last_source_seq == 1);
  bench.take(R"({"type":"t","data":{},"source":"s","run":"r"})");
  CHECK(bench.sources.find("s", "r")->last_source_seq == 1);
}
