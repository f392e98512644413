#include "commands/command_router.h"

#include <doctest/doctest.h>

#include <map>

#include "base/limits.h"
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
  std::uint64_t executed() {
    const auto& counts = bench.types.counts();
    const auto found = counts.find("command_executed");
    return found == counts.end() ? 0 : found->second.events;
  }
  void announce_over(const std::string& connection, const std::string& source,
                     const std::string& run, const std::string& rest = "") {
    REQUIRE(bench.hello(connection, R"({"type":"_source","source":")" + source + R"(","run":")" +
                                        run + R"(","data":{"agents":["a1"],"host":"h","pid":7)" +
                                        rest + "}}"));
  }
  // Whom the last message went to, and for which run; empty where nothing was sent.
  std::string sent_to() {
    if (bench.link.sent.empty()) return "";
    const auto& [connection, json] = bench.link.sent.back();
    const auto sent = parse_json(json);
    return connection + " " + (sent.HasMember("run") ? sent["run"].GetString() : "-");
  }
  ErrorType error(int n) {
    const CommandOutcome& outcome = outcomes[n];
    return outcome.refusal ? outcome.refusal->type : outcome.answers.at(0).error.type;
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
  CommandRouter& router = bench.dispatcher.router();
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
  CHECK(r.executed() == 3);
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

TEST_CASE("router: results that take more than a reply are told as too large, and as done") {
  Routing r;
  const int n = r.submit("*");
  std::map<std::string, std::string> ids;
  for (const auto& [source, json] : r.bench.link.sent) ids[source] = parse_json(json)["id"].GetString();
  const std::string most = '"' + std::string(kReplyBytesMax - 2, 'x') + '"';
  r.succeed("t1", ids["t1"], most);
  r.succeed("t2", ids["t2"], "7");
  REQUIRE(r.outcomes[n].answers.size() == 2);
  CHECK(r.outcomes[n].answers[0].result_json.size() == kReplyBytesMax);
  CHECK_FALSE(r.outcomes[n].answers[1].success);
  CHECK(r.outcomes[n].answers[1].error.type == ErrorType::too_large);
  CHECK(r.executed() == 2);
  const int next = r.submit("t1");
  r.succeed("t1", r.last_id(), '[' + most + ']');
  CHECK(r.error(next) == ErrorType::too_large);
  CHECK(r.outcomes[next].answers.at(0).result_json.empty());
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
  r.announce("t1", R"(["a1"])", "r2");
  CHECK(r.outcomes[with].answers.at(0).error.type == ErrorType::unknown_outcome);
  CHECK(r.outcomes[with].answers.at(0).error.message ==
        "t1 restarted before it answered; it may have been done");
  CHECK(r.outcomes[waiting].answers.at(0).error.type == ErrorType::unknown_target);
  CHECK(r.bench.link.sent.size() == 1);
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
  CHECK(r.executed() == 2);
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
        r.bench.sources.disconnected(below(2) ? "t1" : "t2");
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
        r.submit(below(3) == 0 ? "*" : below(2) ? "a1" : "t2", below(4) == 0 ? "k" + std::to_string(below(50)) : "");  // some of another command
    }
  }
  r.advance(100'000'000);
  r.advance(100'000'000);
  CHECK(r.answers.size() == static_cast<std::size_t>(r.submitted));
  for (const auto& [n, count] : r.answers) REQUIRE(count == 1);
}

TEST_CASE("router: a key belongs to its requester and to one command") {
  Routing r;
  r.submit("t1", "k");
  const std::string id = r.last_id();
  const int other = r.submit("t2", "k");
  CHECK(r.error(other) == ErrorType::bad_request);
  Command command;
  command.name = "pause";
  command.target = "t2";
  command.idempotency_key = "k";
  command.deadline_us = 1'000'000;
  command.requester = "somebody else";
  r.router.submit(command, [](const CommandOutcome&) {});
  CHECK(r.sent_to() == "t2 r");
  r.succeed("t1", id);
  CHECK(r.error(r.submit("t2", "k")) == ErrorType::bad_request);
}

TEST_CASE("router: what was not done, or nobody knows, is no answer to keep") {
  Routing r;
  const int late = r.submit("t1", "k", 100'000);
  r.advance(100'000);
  CHECK(r.error(late) == ErrorType::timeout);
  r.succeed("t1", r.last_id());
  const int again = r.submit("t1", "k");
  CHECK(r.bench.link.sent.size() == 2);
  SUBCASE("but the trainer's own word is") {
    r.router.on_answer("t1", R"({"id":")" + r.last_id() + R"(","error":"not now"})");
    CHECK(r.error(again) == ErrorType::rejected);
    CHECK(r.error(r.submit("t1", "k")) == ErrorType::rejected);
    CHECK(r.bench.link.sent.size() == 2);
  }
  SUBCASE("and that it may have been done") {
    r.bench.sources.disconnected("t1");
    CHECK(r.error(again) == ErrorType::unknown_outcome);
    CHECK(r.error(r.submit("t1", "k")) == ErrorType::unknown_outcome);
    CHECK(r.bench.link.sent.size() == 2);
  }
}

TEST_CASE("router: remembered answers are bounded in bytes, and who waits for one in number") {
  Routing r;
  r.router.set_bytes_max(64 << 20);
  const std::string large = '"' + std::string(1 << 20, 'x') + '"';
  for (int i = 0; i < 40; ++i) {
    r.submit("t1", "k" + std::to_string(i));
    r.succeed("t1", r.last_id(), large);
  }
  CHECK(r.router.bytes() <= 16 << 20);
  std::vector<int> same;
  for (std::size_t i = 0; i < kRespondsMax + 1; ++i) same.push_back(r.submit("t1", "same"));
  CHECK(r.error(same.back()) == ErrorType::busy);
  r.succeed("t1", r.last_id());
  for (const int n : same) CHECK(r.answers[n] == 1);
}

TEST_CASE("router: commands that wait are bounded in bytes over all trainers") {
  Routing r;
  r.router.set_bytes_max(64 << 20);
  Command command;
  command.name = "pause";
  command.target = "t1";
  command.deadline_us = 1'000'000;
  command.params_json = R"({"x":")" + std::string(2 << 20, 'x') + "\"}";
  int busy = 0;
  for (int i = 0; i < 60; ++i) {
    command.target = i % 2 == 0 ? "t1" : "t2";
    r.router.submit(command, [&busy](const CommandOutcome& outcome) {
      if (outcome.answers.at(0).error.type == ErrorType::busy) ++busy;
    });
  }
  CHECK(busy > 20);
  CHECK(r.router.bytes() <= 64 << 20);
  r.advance(1'000'000);
  CHECK(r.router.bytes() == 0);
}

TEST_CASE("router: names that nobody has leave nothing behind") {
  Routing r;
  for (int i = 0; i < 1000; ++i) {
    CHECK(r.error(r.submit("made-up-" + std::to_string(i))) == ErrorType::unknown_target);
  }
  CHECK(r.bench.sources.sources().size() == 2);
  CHECK_FALSE(r.router.busy());
}

TEST_CASE("router: the connection that said hello is commanded, whatever is published") {
  Routing r;
  r.announce_over("conn1", "t9", "real");
  const auto reaches_it = [&] {
    const int n = r.submit("t9");
    CHECK(r.sent_to() == "conn1 real");
    r.succeed("conn1", r.last_id());
    CHECK(r.outcomes[n].answers.at(0).success);
  };
  reaches_it();
  r.announce("t9", R"(["other"])", "X");
  reaches_it();
  r.announce("t9", R"(["other"])", "X");
  r.bench.take(R"({"type":"tick","data":{"agent_id":"z"},"source":"t9","run":"Y","source_seq":7})");
  reaches_it();
  // Nor is a connection that has the name at the socket, or answers in its place.
  r.bench.link.connected.insert("t9");
  const int n = r.submit("t9");
  CHECK(r.sent_to() == "conn1 real");
  r.succeed("t9", r.last_id());
  CHECK(r.answers[n] == 0);
  r.succeed("conn1", r.last_id());
  CHECK(r.error(r.submit("t9/other")) == ErrorType::unknown_target);
  // A second hello for the same start gets nothing while the first lives, and all when it has ended.
  r.announce_over("conn2", "t9", "real");
  CHECK(r.bench.counters.hellos_refused == 1);
  reaches_it();
  r.bench.sources.disconnected("conn1");
  r.announce_over("conn2", "t9", "real");
  r.submit("t9");
  CHECK(r.sent_to() == "conn2 real");
}

TEST_CASE("router: two live processes of one name are told apart, and one alone needs no more") {
  Routing r;
  r.announce_over("c1", "t9", "a");
  r.announce_over("c2", "t9", "b");
  const int n = r.submit("t9");
  CHECK(r.error(n) == ErrorType::ambiguous_target);
  CHECK(r.outcomes[n].refusal->message.find("t9@a, t9@b") != std::string::npos);
  CHECK(r.error(r.submit("t9/a1")) == ErrorType::ambiguous_target);
  r.announce("t1", R"(["b1"])");
  CHECK(r.error(r.submit("a1")) == ErrorType::ambiguous_target);
  CHECK(r.error(r.submit("t9@c")) == ErrorType::unknown_target);
  r.submit("t9@b");
  CHECK(r.sent_to() == "c2 b");
  r.submit("t9@a/a1");
  CHECK(r.sent_to() == "c1 a");
  const int to_all = r.submit("*");
  r.advance(2'000'000);
  CHECK(r.outcomes[to_all].answers.size() == 4);
  r.bench.sources.disconnected("c2");
  r.succeed("c1", r.last_id());
  r.advance(kLostReplyUs);
  r.submit("t9");
  CHECK(r.sent_to() == "c1 a");
}

TEST_CASE("router: of several published starts of one name a command names none") {
  Routing r;
  r.announce("t1", "[]", "r2");
  r.bench.clock.advance_us(2'000'000);
  r.announce("t1", R"(["a1"])", "r");
  r.submit("t1");
  CHECK(r.sent_to() == "t1 -");
  r.bench.sources.tick(1.0, r.bench.clock.steady_us() + 9'000'000);
  r.announce("t1", R"(["a1"])", "r");
  r.succeed("t1", r.last_id());
  r.submit("t1");
  CHECK(r.sent_to() == "t1 r");
}

TEST_CASE("router: an answer that cannot be read is told at once, and holds up nothing") {
  Routing r;
  const auto unreadable = [&r](const std::string& target, const std::string& json) {
    const int n = r.submit(target);
    const int next = r.submit(target);
    const std::string id = r.last_id();
    const std::size_t at = json.find('@');
    r.router.on_answer(r.bench.link.sent.back().first, at == std::string::npos ? json : json.substr(0, at) + id + json.substr(at + 1));
    REQUIRE(r.answers[n] == 1);
    CHECK(r.error(n) == ErrorType::unknown_outcome);
    REQUIRE(r.last_id() != id);  // the next was sent
    r.succeed(r.bench.link.sent.back().first, r.last_id());
    CHECK(r.outcomes[next].answers.at(0).success);
    return r.outcomes[n].answers.at(0).error.message;
  };
  CHECK(unreadable("t1", R"({"id":"@","success":true,"result":{"loss":NaN}})") ==
        "t1 answered what is not JSON: at byte 44 of 49; it may have been done");
  CHECK(unreadable("t1", R"(["@"])") == "t1 answered what is no object; it may have been done");
  CHECK(unreadable("t1", "{\"id\":\"@\",\"success\":true,\"result\":{\"host\":\"\xff\"}}").find("is not UTF-8") != std::string::npos);
  CHECK(r.bench.counters.command_answers_unusable == 3);
  // Late, it is an answer too.
  const int late = r.submit("t1", "", 100'000);
  const std::string id = r.last_id();
  r.advance(100'000);
  CHECK(r.error(late) == ErrorType::timeout);
  const int next = r.submit("t1");
  CHECK(r.last_id() == id);
  r.router.on_answer("t1", R"({"id":")" + id + R"(","result":NaN})");
  CHECK(r.last_id() != id);
  r.succeed("t1", r.last_id());
  CHECK(r.outcomes[next].answers.at(0).success);
  // What a REP says is the answer, whatever it says.
  r.bench.sources.bind("five-lines", "\x01" "five-lines");
  r.bench.link.connected.insert("\x01" "five-lines");
  CHECK(unreadable("five-lines", "done").find("five-lines answered what is not JSON") == 0);
}

TEST_CASE("router: a number beyond a double in an answer goes on as it stands") {
  Routing r;
  const int n = r.submit("t1");
  r.succeed("t1", r.last_id(), R"({"n":1e400,"m":0.)" + std::string(400, '0') + "1}");
  CHECK(r.outcomes[n].answers.at(0).result_json == R"({"n":1e400,"m":0.)" + std::string(400, '0') + "1}");
}

TEST_CASE("router: a trainer that binds a REP is asked by its name, and may leave the id out") {
  Routing r;
  r.bench.sources.bind("five-lines", "\x01" "five-lines");
  CHECK(r.error(r.submit("five-lines")) == ErrorType::unknown_target);  // not there yet
  r.bench.link.connected.insert("\x01" "five-lines");
  const int n = r.submit("five-lines", "", 100'000);
  CHECK(r.sent_to() == "\x01" "five-lines -");
  const int next = r.submit("five-lines");
  r.advance(100'000);
  CHECK(r.error(n) == ErrorType::timeout);
  r.router.on_answer("\x01" "five-lines", R"({"success":true})");  // late, in its turn
  CHECK(r.answers[next] == 0);
  r.router.on_answer("\x01" "five-lines", R"({"success":true,"result":{"a":1}})");
  CHECK(r.outcomes[next].answers.at(0).result_json == R"({"a":1})");
  r.router.on_answer("t1", R"({"success":true})");
  CHECK(r.bench.counters.command_answers_unusable == 1);
}

TEST_CASE("router: a command says by when it is wanted, by the bridge's clock") {
  Routing r;
  r.submit("t1", "", 1'500'000);
  CHECK(parse_json(r.bench.link.sent.back().second)["by"].GetDouble() ==
        doctest::Approx(static_cast<double>(r.bench.clock.wall_us()) / 1e6 + 1.5));
}
