#include "commands/command_router.h"

#include <doctest/doctest.h>

#include <map>

#include "fixture.h"

using namespace bridge;

namespace {

struct Routing {
  Routing() {
    announce("t1", R"(["a1","shared"])");
    announce("t2", R"(["a2","shared"])");
    bench.link.connected = {"t1", "t2"};
  }
  void announce(const std::string& source, const std::string& agents,
                const std::string& run = "r") {
    bench.take(R"({"type":"_source","source":")" + source + R"(","run":")" + run +
               R"(","data":{"agents":)" + agents + "}}");
  }
  // Submits; what becomes of it is in outcomes[n] once it is there.
  int submit(const std::string& target, const std::string& key = "",
             std::int64_t deadline_us = 2'000'000) {
    const int n = ++submitted;
    Command command;
    command.name = "pause";
    command.target = target;
    command.idempotency_key = key;
    command.deadline_us = deadline_us;
    router.submit(command, [this, n](const CommandOutcome& outcome) {
      ++answers[n];
      outcomes[n] = outcome;
    });
    return n;
  }
  std::string last_id() {
    return parse_json(bench.link.sent.back().second)["id"].GetString();
  }
  void succeed(const std::string& source, const std::string& id,
               const std::string& result = "{}") {
    router.on_answer(source, R"({"id":")" + id + R"(","success":true,"result":)" + result + "}");
  }
  void advance(std::int64_t us) {
    bench.clock.advance_us(us);
    router.tick();
  }

  Bench bench;
  int executed = 0;
  CommandRouter router{bench.sources, bench.link, bench.counters, bench.clock,
                       [this](const Command&, const TrainerAnswer&) { ++executed; }};
  int submitted = 0;
  std::map<int, int> answers;
  std::map<int, CommandOutcome> outcomes;
};

}  // namespace

TEST_CASE("router: an agent, a source and SOURCE/AGENT find their trainer, with its run") {
  Routing r;
  for (const char* target : {"a1", "t1", "t1/shared"}) {
    const int n = r.submit(target);
    REQUIRE(r.bench.link.sent.back().first == "t1");
    const auto sent = parse_json(r.bench.link.sent.back().second);
    CHECK(sent["command"] == "pause");
    CHECK(sent["run"] == "r");
    CHECK(sent["deadline_ms"].GetInt() == 2000);
    CHECK(sent.HasMember("agent_id") == (std::string(target) != "t1"));
    r.succeed("t1", r.last_id(), R"({"n":12345678901234567890123})");
    CHECK(r.outcomes[n].answers.at(0).result_json == R"({"n":12345678901234567890123})");
    CHECK(r.outcomes[n].answers.at(0).source == "t1");
  }
  CHECK(r.executed == 3);
}

TEST_CASE("router: nobody of that name, or several, is an answer too") {
  Routing r;
  CHECK(r.outcomes[r.submit("nobody")].answers.at(0).error.type == ErrorType::unknown_target);
  CHECK(r.outcomes[r.submit("t1/nobody")].refusal->type == ErrorType::unknown_target);
  const auto shared = r.outcomes[r.submit("shared")];
  REQUIRE(shared.refusal);
  CHECK(shared.refusal->message.find("t1/shared, t2/shared") != std::string::npos);
  r.bench.link.connected.clear();
  CHECK(r.outcomes[r.submit("t1")].answers.at(0).error.type == ErrorType::unknown_target);
}

TEST_CASE("router: one command is with a trainer, 64 wait, one more is busy") {
  Routing r;
  std::vector<int> all;
  for (int i = 0; i < 66; ++i) all.push_back(r.submit("t1"));
  CHECK(r.bench.link.sent.size() == 1);
  CHECK(r.outcomes[all[65]].answers.at(0).error.type == ErrorType::busy);
  for (int i = 0; i < 65; ++i) {
    CHECK(r.answers[all[static_cast<std::size_t>(i)]] == 0);
    r.succeed("t1", r.last_id());
    CHECK(r.answers[all[static_cast<std::size_t>(i)]] == 1);
  }
  CHECK_FALSE(r.router.busy());
}

TEST_CASE("router: over its deadline a command times out once, a late answer is dropped") {
  Routing r;
  const int first = r.submit("t1", "", 100'000);
  const int second = r.submit("t1", "", 5'000'000);
  const std::string id = r.last_id();
  r.advance(99'000);
  CHECK(r.answers[first] == 0);
  r.advance(1'000);
  CHECK(r.outcomes[first].answers.at(0).error.type == ErrorType::timeout);
  // The trainer still works on it: the next one waits for the late answer.
  CHECK(r.bench.link.sent.size() == 1);
  r.succeed("t1", id);
  CHECK(r.bench.counters.command_answers_late == 1);
  CHECK(r.answers[first] == 1);
  REQUIRE(r.bench.link.sent.size() == 2);
  r.succeed("t1", r.last_id());
  CHECK(r.outcomes[second].answers.at(0).success);
}

TEST_CASE("router: a trainer whose answer is lost is tried again in the end") {
  Routing r;
  r.submit("t1", "", 100'000);
  r.advance(100'000);
  const int next = r.submit("t1", "", 60'000'000);
  r.advance(9'000'000);
  CHECK(r.bench.link.sent.size() == 1);
  r.advance(1'000'000);
  REQUIRE(r.bench.link.sent.size() == 2);
  r.succeed("t1", r.last_id());
  CHECK(r.outcomes[next].answers.at(0).success);
}

TEST_CASE("router: a restart answers what was meant for the run before, and none of it is sent") {
  Routing r;
  const int with = r.submit("t1");
  const int waiting = r.submit("t1");
  r.router.on_source_lost("t1", "t1 restarted before it answered");
  CHECK(r.outcomes[with].answers.at(0).error.type == ErrorType::rejected);
  CHECK(r.outcomes[waiting].answers.at(0).error.message == "t1 restarted before it answered");
  CHECK(r.bench.link.sent.size() == 1);
  r.announce("t1", R"(["a1"])", "r2");
  r.submit("t1");
  CHECK(parse_json(r.bench.link.sent.back().second)["run"] == "r2");
}

TEST_CASE("router: one key, one execution, the first answer to all who ask") {
  Routing r;
  const int first = r.submit("t1", "k");
  const int joined = r.submit("t1", "k");
  CHECK(r.bench.link.sent.size() == 1);
  r.succeed("t1", r.last_id(), R"({"n":1})");
  const int later = r.submit("t1", "k");
  CHECK(r.bench.link.sent.size() == 1);
  for (const int n : {first, joined, later}) {
    CHECK(r.answers[n] == 1);
    CHECK(r.outcomes[n].answers.at(0).result_json == R"({"n":1})");
  }
  r.advance(600'000'000);
  r.submit("t1", "k");
  CHECK(r.bench.link.sent.size() == 2);
}

TEST_CASE("router: remembered keys are bounded") {
  Routing r;
  for (int i = 0; i < 10'100; ++i) {
    r.submit("t1", "k" + std::to_string(i));
    r.succeed("t1", r.last_id());
  }
  r.submit("t1", "k0");
  CHECK(r.bench.link.sent.size() == 10'101);  // forgotten
  r.succeed("t1", r.last_id());
  r.submit("t1", "k10099");
  CHECK(r.bench.link.sent.size() == 10'101);  // remembered
}

TEST_CASE("router: * asks every trainer and answers once, whoever fails") {
  Routing r;
  const int n = r.submit("*");
  REQUIRE(r.bench.link.sent.size() == 2);
  const std::string id1 = parse_json(r.bench.link.sent[0].second)["id"].GetString();
  r.succeed("t1", id1);
  CHECK(r.answers[n] == 0);
  r.advance(2'000'000);
  REQUIRE(r.answers[n] == 1);
  CHECK(r.outcomes[n].to_all);
  REQUIRE(r.outcomes[n].answers.size() == 2);
  CHECK(r.outcomes[n].answers[0].success);
  CHECK(r.outcomes[n].answers[1].error.type == ErrorType::timeout);
  CHECK(r.executed == 2);
}

TEST_CASE("router: forged, broken and unasked answers change nothing and are counted") {
  Routing r;
  const int n = r.submit("t1");
  const std::string id = r.last_id();
  r.succeed("t2", id);          // another trainer's name on it
  r.succeed("stranger", id);    // nobody's
  r.succeed("t1", "c-999");
  r.router.on_answer("t1", "");
  r.router.on_answer("t1", "{");
  r.router.on_answer("t1", "[]");
  r.router.on_answer("t1", R"({"id":5,"success":true})");
  r.router.on_answer("t1", "\xFF");
  CHECK(r.answers[n] == 0);
  CHECK(r.bench.counters.command_answers_unusable == 8);
  r.router.on_answer("t1", R"({"id":")" + id + R"("})");  // no success: a refusal
  CHECK(r.outcomes[n].answers.at(0).error.type == ErrorType::rejected);
  r.succeed("t1", id);
  CHECK(r.answers[n] == 1);
}

TEST_CASE("router: thousands of commands, deaths and silences: each is answered exactly once") {
  Routing r;
  std::uint64_t state = 7;
  const auto below = [&state](std::uint64_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % n;
  };
  std::size_t seen = 0;
  for (int i = 0; i < 20'000; ++i) {
    switch (below(8)) {
      case 0:
        r.router.on_source_lost(below(2) ? "t1" : "t2", "died");
        break;
      case 1:
        r.advance(static_cast<std::int64_t>(below(3'000'000)));
        break;
      case 2:
      case 3:
        if (r.bench.link.sent.size() > seen) {
          const auto& [source, json] = r.bench.link.sent[seen++];
          r.succeed(source, parse_json(json)["id"].GetString());
        }
        break;
      default:
        r.submit(below(3) == 0 ? "*" : below(2) ? "a1" : "t2", below(4) == 0 ? "k" + std::to_string(below(50)) : "");
    }
  }
  r.advance(100'000'000);
  r.advance(100'000'000);
  CHECK(r.answers.size() == static_cast<std::size_t>(r.submitted));
  for (const auto& [n, count] : r.answers) REQUIRE(count == 1);
}
