// What trainers answer, whom a target means among them, and what is told of them.

#include "commands/trainer_answer.h"

#include <doctest/doctest.h>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "commands/command_targets.h"
#include "commands/source_watch.h"
#include "event/json_document.h"
#include "fixture.h"

using namespace bridge;

namespace {

TrainerAnswer answer(const std::string& json) {
  std::string_view result;
  const auto document = read_members(json, {"success", "error"}, kTrainerErrorBytesMax, "result", &result);
  REQUIRE(document.ok());
  return read_trainer_answer(document.value(), result);
}
std::string refusal(const std::string& json) {
  const TrainerAnswer given = answer(json);
  CHECK_FALSE(given.success);
  return std::string(error_type_name(given.error.type)) + ": " + given.error.message;
}

// Sources with what they announce, published or over a connection.
struct Announced {
  void say(const std::string& source, const std::string& run, const std::string& data) {
    bench.take(R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{)" + data + "}}");
  }
  void say_over(const std::string& connection, const std::string& source, const std::string& run,
                const std::string& data) {
    bench.hello(connection,
                R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{)" + data + "}}");
  }
  // Whom a target means, as SOURCE@RUN/AGENT, or why nobody.
  std::string aims(const std::string& target) {
    const auto found = find_targets(bench.sources, target);
    if (!found) return std::string(error_type_name(found.error().type)) + ": " + found.error().message;
    std::string out;
    for (const CommandAim& aim : found.value()) {
      out += (out.empty() ? "" : " ") + aim.source + "@" + (aim.run == nullptr ? "?" : aim.run->id) +
             (aim.agent.empty() ? "" : "/" + aim.agent);
    }
    return out;
  }
  void wait_s(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      bench.clock.advance_us(1'000'000);
      bench.sources.tick(1.0, bench.clock.steady_us());
    }
  }
  Bench bench;
};

}  // namespace

TEST_CASE("trainer answer: a result is passed on as it stands, and none is an empty object") {
  CHECK(answer(R"({"success":true,"result": {"a":1.0e5} })").result_json == R"({"a":1.0e5})");
  CHECK(answer(R"({"success":true})").result_json == "{}");
  CHECK(answer(R"({"result":1,"success":true})").success);
}

TEST_CASE("trainer answer: a refusal has the trainer's words, and its type where that is one of ours") {
  for (const char* type : {"bad_request", "unknown_command", "busy", "timeout", "forbidden"}) {
    CHECK(refusal(R"({"success":false,"error":{"error_type":")" + std::string(type) + R"(","message":"m"}})") ==
          std::string(type) + ": m");
  }
  CHECK(refusal(R"({"error":{"error_type":"unknown_outcome","message":"m"}})") == "rejected: m");
  CHECK(refusal(R"({"error":{"error_type":5,"message":"m"}})") == "rejected: m");
  CHECK(refusal(R"({"error":{"error_type":"busy","message":5}})") == "busy: the trainer gave no reason");
  CHECK(refusal(R"({"error":{}})") == "rejected: the trainer gave no reason");
  CHECK(refusal(R"({"error":"no"})") == "rejected: no");
  CHECK(refusal(R"({"error":5})") == "rejected: the trainer gave no reason");
  CHECK(refusal(R"({"success":"true"})") == "rejected: the trainer gave no reason");
}

TEST_CASE("targets: a source, its agents, its runs and all") {
  Announced a;
  CHECK(a.aims("*") == "unknown_target: target is \"*\"; no trainer takes commands");
  a.say("t1", "r", R"("agents":["a","both"])");
  a.say("t2", "r", R"("agents":["b","both"])");
  a.bench.take(R"({"type":"x","source":"plain","run":"p","data":{"agent_id":"c"}})");
  CHECK(a.aims("*") == "t1@r t2@r");
  CHECK(a.aims("t1") == "t1@r");
  CHECK(a.aims("a") == "t1@r/a");
  CHECK(a.aims("t2/both") == "t2@r/both");
  CHECK(a.aims("both").find("unknown_target: target is \"both\"; there are several; name one: t1/both, t2/both") == 0);
  CHECK(a.aims("plain") == "plain@p");  // it may listen all the same
  CHECK(a.aims("c") == "c@?");          // but its agents are nobody's
  CHECK(a.aims("new") == "new@?");
  CHECK(a.aims("new/a") == "unknown_target: target is \"new/a\"; there is no such agent");
  CHECK(a.aims("t1/b") == "unknown_target: target is \"t1/b\"; there is no such agent");
  CHECK(a.aims("no name") == "unknown_target: target is \"no name\"; no name");
  CHECK(a.aims("t1@r/a") == "t1@r/a");
  CHECK(a.aims("t1@r/b") == "unknown_target: target is \"t1@r/b\"; there is no such agent");
  CHECK(a.aims("t1@q") == "unknown_target: target is \"t1@q\"; there is no such run");
}

TEST_CASE("targets: one that only an earlier bridge knew is not there yet, and may be an agent's name") {
  Announced a;
  a.bench.sources.restore("old", "r");
  CHECK(a.aims("old") == "old@?");
  CHECK(parse_json(a.bench.run("get_sources"))["sources"].Empty());
  a.say("t", "r", R"("agents":["old"])");
  CHECK(a.aims("old") == "t@r/old");
  CHECK(a.bench.sources.bind("old", "\x01" "old") == a.bench.sources.find("old"));
  CHECK(parse_json(a.bench.run("get_sources"))["sources"].Size() == 2);
}

TEST_CASE("targets: of runs that only publish one that lives is meant, and of several none") {
  Announced a;
  a.say("t", "r1", "");
  a.say("t", "r2", R"("agents":["a"])");
  CHECK(a.aims("t") == "t@r2");  // the first has ended
  CHECK(a.aims("t@r1") == "unknown_target: target is \"t@r1\"; there is no such run");
  a.bench.clock.advance_us(2'000'000);
  a.say("t", "r1", "");  // no: it lives
  CHECK(a.aims("t") == "t@?");
  CHECK(a.aims("t/a") == "t@?/a");
  CHECK(a.aims("t/b").find("there is no such agent") != std::string::npos);
  a.wait_s(9);
  a.say("t", "r1", "");
  a.wait_s(2);
  CHECK(a.aims("t") == "t@r1");  // the other is gone
  a.wait_s(10);
  CHECK(a.aims("t") == "t@r2");  // both are: the newest is tried
}

TEST_CASE("targets: those that are connected are meant, but not one that has said that it stops") {
  Announced a;
  a.say_over("c1", "t", "r1", R"("agents":["a"])");
  a.say("t", "published", R"("agents":["z"])");
  CHECK(a.aims("t") == "t@r1");
  CHECK(a.aims("t/z").find("there is no such agent") != std::string::npos);
  a.say_over("c2", "t", "r2", R"("agents":["b"])");
  CHECK(a.aims("t").find("ambiguous_target: target is \"t\"; there are several; name one: t@r1, t@r2") == 0);
  CHECK(a.aims("b") == "t@r2/b");
  CHECK(a.aims("*") == "t@r1 t@r2");
  a.say_over("c2", "t", "r2", R"("agents":["b"],"state":"stopped")");
  CHECK(a.aims("t") == "t@r1");
}

TEST_CASE("targets: what anybody publishes takes no agent from a trainer that is connected") {
  Announced a;
  a.say_over("c1", "t", "r1", R"("agents":["a","b"])");
  a.say("liar", "l", R"("agents":["a","t"])");
  a.say("b", "l", "");
  a.bench.take(R"({"type":"x","source":"b","data":{}})");
  CHECK(a.aims("a") == "t@r1/a");
  CHECK(a.aims("b") == "t@r1/b");
  CHECK(a.aims("t") == "t@r1");
  CHECK(a.aims("liar/a") == "liar@l/a");  // who asks for him gets him
  a.say_over("c2", "other", "o", R"("agents":["a"])");
  CHECK(a.aims("a").find("there are several; name one: other/a, t/a") != std::string::npos);
  // One that said a hello is meant by its name, there or not.
  a.say_over("c3", "b", "l2", "");
  CHECK(a.aims("b") == "b@l2");
  a.bench.sources.disconnected("c3");
  CHECK(a.aims("b") == "b@l2");
  a.bench.sources.disconnected("c1");
  a.bench.sources.disconnected("c2");
  CHECK(a.aims("a").find("there are several; name one: liar/a, other/a, t/a") != std::string::npos);
}

TEST_CASE("watch: what becomes of sources is an event each, with the run or, of two, with both") {
  Announced a;
  SourceWatch watch(a.bench.sources, a.bench.tracker, a.bench.dispatcher.router(), a.bench.own_events);
  std::uint64_t seen = 0;
  const auto told = [&] {
    a.bench.log.seal();
    std::string out;
    for (; seen < a.bench.log.last_seq(); ++seen) {
      const BlockPtr block = a.bench.log.history().find(seen + 1);
      const auto data = parse_json(block->json(static_cast<std::size_t>(seen + 1 - block->first_seq())));
      const auto& d = data["data"];
      out += (out.empty() ? "" : " ") + std::string(d["status"].GetString());
      if (d.HasMember("run")) out += std::string(":") + d["run"].GetString();
      if (!d.HasMember("runs")) continue;
      for (const auto& run : d["runs"].GetArray()) {
        out += std::string(":") + run["run"].GetString() + "=" + run["host"].GetString() +
               std::to_string(run["pid"].GetInt());
      }
      CHECK(std::string(d["message"].GetString()) ==
            "several processes are called t: run r2 (host h, pid 2) and run r3 (host unknown, pid 0)");
    }
    return out;
  };
  a.say("t", "r1", "");
  a.say("t", "r2", R"("host":"h","pid":2)");
  CHECK(told() == "source_connected:r1 source_connected:r2");
  a.wait_s(4);
  CHECK(told() == "source_stalled:r2");
  a.say("t", "r2", R"("host":"h","pid":2)");
  CHECK(told() == "source_connected:r2");
  a.say_over("c2", "t", "r2", R"("host":"h","pid":2)");
  a.say_over("c3", "t", "r3", "");
  CHECK(told() == "source_connected:r3 source_conflict:r2=h2:r3=0");
  a.say_over("c3", "t", "r3", R"("state":"stopped")");
  CHECK(told() == "source_conflict_over:r2");
  a.say_over("c2", "t", "r2", R"("state":"stopped")");
  CHECK(told() == "source_gone:r2");
}

TEST_CASE("watch: the log says of each change a line, of others' words at most a kilobyte, none of them a control character") {
  Announced a;
  SourceWatch watch(a.bench.sources, a.bench.tracker, a.bench.dispatcher.router(), a.bench.own_events);
  std::ostringstream written;
  const auto before = spdlog::default_logger();
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(written));
  logger->set_pattern("%s %v");
  spdlog::set_default_logger(logger);
  const auto said = [&written] {
    const std::string text = written.str();
    written.str("");
    return text;
  };
  const std::string host(255, 'h');
  a.say_over("c0", "t", "r0", R"("host":"a\u001bb\nc","pid":7)");
  CHECK(said() == "source_changed t is here\n");
  a.say_over("c1", "t", "r1", R"("host":")" + host + "\"");
  CHECK(said() == "source_changed t is here\nsource_changed several processes are called t: run r0 (host a\\x1bb\\x0ac, pid 7) and run r1 (host " + host +
                      ", pid 0)\n");
  for (int i = 2; i < 4; ++i) a.say_over("c" + std::to_string(i), "t", "r" + std::to_string(i), R"("host":")" + host + "\"");
  (void)said();
  a.say_over("c0", "t", "r0", R"("state":"stopped")");
  (void)said();
  for (const auto& run : a.bench.sources.find("t")->runs) run->host = host;
  watch.tell(*a.bench.sources.find("t")->runs.back(), SourceChange::conflict,
             std::vector<const Run*>(4, a.bench.sources.find("t")->runs.back().get()));
  const std::string line = said();
  CHECK(line.size() == std::string("source_changed ...\n").size() + 1000);
  CHECK(line.substr(line.size() - 5) == "h...\n");
  spdlog::set_default_logger(before);
}
