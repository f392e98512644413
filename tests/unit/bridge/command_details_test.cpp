// Commands and the bridge's own answers, to the field: times, texts, what is counted.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "commands/dead_mans_switch.h"
#include "commands/recent_events.h"
#include "commands/run_commands.h"
#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

struct Asked {
  Asked() {
    bench.clock.advance_us(5'000'000);
    bench.take(R"({"type":"_source","source":"t","run":"r","data":{"agents":["a"]}})");
    bench.link.connected = {"t"};
  }
  void ask(const std::string& members) {
    bench.dispatcher.execute(parse_json("{" + members + "}"), "1", std::string("me"),
                             [this](const std::string& json) { replies.push_back(json); });
  }
  void answer(const std::string& rest = R"("success":true,"result":{}})") {
    const std::string id = parse_json(bench.link.sent.back().second)["id"].GetString();
    bench.dispatcher.router().on_answer("t", R"({"id":")" + id + "\"," + rest);
  }
  Bench bench;
  std::vector<std::string> replies;
};

}  // namespace

TEST_CASE("details: one of the bridge's own commands takes no time on a clock that stands") {
  Asked t;
  t.ask(R"("command":"get_status")");
  REQUIRE(t.replies.size() == 1);
  CHECK(parse_json(t.replies[0])["elapsed_ms"].GetDouble() == 0);
}

TEST_CASE("details: an entry for each trainer names its run and how long it took") {
  Asked t;
  t.ask(R"("command":"pause","target":"*")");
  t.bench.clock.advance_us(3'100);
  t.answer();
  REQUIRE(t.replies.size() == 1);
  const auto reply = parse_json(t.replies[0]);
  CHECK(reply["results"][0]["run"] == "r");
  CHECK(reply["results"][0]["elapsed_ms"].GetDouble() == doctest::Approx(3.1));
}

TEST_CASE("details: how long a command took as a whole is told to who waits for it") {
  Asked t;
  Command pause;
  pause.name = "pause";
  pause.target = "t";
  pause.deadline_us = 1'000'000;
  std::int64_t took_us = -1;
  t.bench.dispatcher.router().submit(pause, [&took_us](const CommandOutcome& outcome) { took_us = outcome.elapsed_us; });
  t.bench.clock.advance_us(3'100);
  t.answer();
  CHECK(took_us == 3'100);
}

TEST_CASE("details: who is one too many is told how many wait") {
  Asked t;
  for (int i = 0; i < 66; ++i) t.ask(R"("command":"pause","target":"t")");
  REQUIRE(t.replies.size() == 1);
  CHECK(parse_json(t.replies[0])["data"]["message"] == "64 commands wait for t already");
}

TEST_CASE("details: who asks with a key for which too many wait is told how many do") {
  Asked t;
  for (std::size_t i = 0; i <= kRespondsMax; ++i) t.ask(R"("command":"pause","target":"t","idempotency_key":"k")");
  REQUIRE(t.replies.size() == 1);
  CHECK(parse_json(t.replies[0])["data"]["message"] == std::to_string(kRespondsMax) + " requests wait for this command already");
}

TEST_CASE("details: a question for missing events says how long it has") {
  Asked t;
  CHECK(t.bench.dispatcher.router().ask(*t.bench.sources.find("t", "r"), 1, 5));
  const auto sent = parse_json(t.bench.link.sent.back().second);
  CHECK(sent["command"] == "_replay");
  CHECK(sent["deadline_ms"].GetInt() == 2'000);
}

TEST_CASE("details: what the store could not keep it is told again each second, not at each tick") {
  FakeClock clock;
  clock.advance_us(1'000'000);
  int told = 0;
  DeadMansSwitches switches(clock, [](const std::string&, const Command&) {});
  switches.set_store([&told](const std::string&, const std::string&, std::function<void(bool)> done) {
    ++told;
    done(false);
  });
  switches.tick();
  REQUIRE(switches.arm("me", 60'000'000, {}, "{}", [](bool) {}));
  CHECK(told == 1);
  for (int i = 0; i < 10; ++i) {
    clock.advance_us(90'000);
    switches.tick();
  }
  CHECK(told == 1);
  clock.advance_us(100'000);
  switches.tick();
  CHECK(told == 2);
}

TEST_CASE("details: the bridge is up since it was made, not since the clock's beginning") {
  Bench bench;
  bench.clock.advance_us(7'000'000);
  OwnCommands late{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock,
                    bench.limits, 10, "0.0.0", nullptr, &bench.work}};
  bench.clock.advance_us(2'500'000);
  std::string result;
  late.run("get_status", rapidjson::Value(rapidjson::kObjectType), nullptr,
           [&result](const auto& got) { result = got.value(); });
  CHECK(parse_json(result)["uptime_s"].GetDouble() == doctest::Approx(2.5));
}

TEST_CASE("details: a run's id and its name may be so long and no longer") {
  const auto parse = [](std::size_t id_bytes, std::size_t name_bytes) {
    return parse_run_query("set_run", parse_json(R"({"run_id":"a@)" + std::string(id_bytes - 2, 'r') + R"(","name":")" +
                                                 std::string(name_bytes, 'x') + "\"}"));
  };
  CHECK(parse(512, 512).ok());
  CHECK_FALSE(parse(513, 512).ok());
  CHECK_FALSE(parse(512, 513).ok());
}

TEST_CASE("details: what runs are searched for may be so long and no longer") {
  const auto parse = [](const std::string& command, std::size_t bytes) {
    const std::string search = R"("search":")" + std::string(bytes, 'x') + '"';
    return parse_run_query(command, parse_json(R"({"run_ids":["a@r"],"filter":{)" + search + "}," + search + "}"));
  };
  for (const char* command : {"get_runs", "get_tags"}) {
    CHECK(parse(command, 512).ok());
    CHECK_FALSE(parse(command, 513).ok());
  }
}

TEST_CASE("details: an answer that is full takes no smaller event from behind the one that did not fit") {
  Bench bench;
  const std::string large = R"({"type":"t","data":{"a":")" + std::string(1'000'000, 'x') + "\"}}";
  for (int i = 0; i < 5; ++i) bench.take(large);
  bench.event("small");
  PastCache none(nullptr);
  const auto search = RecentEvents::of(bench.log, none, parse_json(R"({"since_seq":0,"count":100})"), {});
  REQUIRE(search.ok());
  std::uint64_t work = 0;
  while (search.value()->step(1'000'000, &work) != LogWalk::State::ended) {
  }
  // What was found counts while it waits to be said.
  std::size_t found = 0;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) found += bench.log.history().find(seq)->json(0).size();
  CHECK(search.value()->bytes() > found);
  CHECK(search.value()->bytes() < found + 2000);
  JsonWriter json;
  while (!search.value()->write(json, work + 1'000'000, &work)) {
  }
  const auto result = parse_json(json.take());
  CHECK(result["count"].GetInt() == 4);
  CHECK(result["more"].GetBool());
}

TEST_CASE("details: a replay that is stopped is named by its number, and one of no place is refused") {
  Bench bench;
  bench.event();
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  Feed other(bench.log, bench.cohorts, bench.clock, [] {});
  REQUIRE(bench.replays.start(&feed, parse_json(R"({"speed":0.001})"), nullptr, [] {}).ok());
  const auto started = bench.replays.start(&other, parse_json(R"({"speed":0.001})"), nullptr, [] {});
  REQUIRE(started.ok());
  CHECK(parse_json(bench.replays.stop(&other))["replay"].GetInt() == parse_json(started.value())["replay"].GetInt());
  const auto refused = bench.replays.start(&other, parse_json(R"({"from":{"seq":9223372036854775808}})"), nullptr, [] {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("from.seq") != std::string::npos);
}

TEST_CASE("details: who asks for one replay too many is told how many there are") {
  Bench bench;
  bench.event();
  std::vector<std::unique_ptr<Feed>> feeds;
  const auto start = [&] {
    feeds.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [] {}));
    const auto started = bench.replays.start(feeds.back().get(), parse_json(R"({"speed":0.001})"), nullptr, [] {});
    return started ? "" : started.error().message;
  };
  for (std::size_t i = 0; i < kReplaysMax; ++i) CHECK(start() == "");
  CHECK(start() == std::to_string(kReplaysMax) + " replays are under way; try later");
  for (const auto& feed : feeds) bench.replays.forget(feed.get());
}
