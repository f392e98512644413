// The bridge's own commands, and how far each goes.

#include "commands/own_commands.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "audit/audit.h"
#include "base/limits.h"
#include "base/request_budget.h"
#include "commands/cluster_report.h"
#include "commands/config_status.h"
#include "commands/slow_turns_json.h"
#include "fixture.h"

using namespace bridge;

namespace {

struct FakeRuns final : PastRuns {
  bool ask(RunQuery query, ReadScopePtr, std::weak_ptr<const void> asker, Done done) override {
    if (full) return false;
    asked = std::move(query);
    who = std::move(asker);
    answer = std::move(done);
    return true;
  }
  bool full = false;
  RunQuery asked;
  std::weak_ptr<const void> who;
  Done answer;
};

// What a command answers: its result, or why it has none.
std::string ask(Bench& bench, const std::string& command, const std::string& params,
                const std::shared_ptr<RequestBudget>& account = nullptr) {
  std::string got;
  bench.commands.run(command, parse_json(params), account, [&got](const Result<std::string, RequestError>& result) {
    got = result ? result.value() : std::string(error_type_name(result.error().type)) + ": " + result.error().message;
  });
  return got;
}

}  // namespace

TEST_CASE("own commands: a question about runs is answered with where the log stands, and charged") {
  Bench bench;
  FakeRuns runs;
  CHECK(ask(bench, "get_runs", "{}") == "busy: too many questions about runs wait; try later");
  bench.commands.set_runs(&runs);
  CHECK(ask(bench, "get_runs", R"({"count":-1})").find("bad_request: params.count is -1") == 0);
  std::string got;
  const auto account = std::make_shared<RequestBudget>(bench.clock, 1000);
  const auto ask_runs = [&](const std::shared_ptr<RequestBudget>& who) {
    got.clear();
    bench.commands.run("get_runs", parse_json("{}"), who, [&got](const Result<std::string, RequestError>& result) {
      got = result ? result.value() : result.error().message;
    });
  };
  ask_runs(account);
  CHECK(runs.who.lock() == account);
  bench.event();
  runs.answer(RunAnswer{R"("runs":[])", std::nullopt, 0});
  CHECK(got == R"({"runs":[],"epoch":"epoch1","seq":1})");
  runs.answer(RunAnswer{R"("runs":[])", 7, 3 * kWorkPerSecond});
  CHECK(got == R"({"runs":[],"epoch":"epoch1","seq":7})");
  CHECK_FALSE(account->take());  // it has asked for more than two seconds' worth
  runs.answer(RequestError{ErrorType::bad_request, "no"});
  CHECK(got == "no");
  ask_runs(nullptr);  // the bridge itself: nobody pays, and it is never gone
  CHECK(runs.who.lock() != nullptr);
  runs.answer(RunAnswer{R"("runs":[])", 7, 3 * kWorkPerSecond});
  CHECK(got == R"({"runs":[],"epoch":"epoch1","seq":7})");
  runs.full = true;
  CHECK(ask(bench, "get_runs", "{}").find("busy") == 0);
}

TEST_CASE("own commands: get_trades gives trades alone") {
  Bench bench;
  bench.event("tick");
  bench.event("trade_executed");
  const auto trades = parse_json(ask(bench, "get_trades", "{}"));
  REQUIRE(trades["count"].GetInt() == 1);
  CHECK(trades["events"][0]["seq"].GetInt() == 2);
}

TEST_CASE("own commands: what get_status says of the log is what it holds") {
  Bench bench({5, 1 << 20});
  for (int i = 0; i < 9; ++i) {
    bench.event();
    bench.log.seal();
  }
  bench.clock.advance_us(2'500'000);
  const auto status = parse_json(bench.run("get_status"));
  CHECK(status["uptime_s"].GetDouble() == doctest::Approx(2.5));
  CHECK(status["seq"].GetInt() == 9);
  CHECK(status["history"]["first_seq"].GetUint64() == bench.log.history().first_seq());
  CHECK(status["history"]["events"].GetUint64() == 10 - bench.log.history().first_seq());
  CHECK(status["history"]["events_max"].GetInt() == 5);
  CHECK_FALSE(status.HasMember("memory"));
}

TEST_CASE("own commands: get_status tells each reason of a refusal, and their sum") {
  Bench bench;
  for (const char* bad : {"", "no", R"({"type":5,"data":{}})", R"({"type":"t","data":5})"}) bench.take(bad);
  bench.take(R"({"type":"t","data":{},"source":"ppo-bridge"})");
  const auto status = parse_json(bench.run("get_status"));
  const auto& events = status["events"];
  CHECK(events["rejected"].GetInt() == 5);
  std::uint64_t sum = 0;
  for (const auto& reason : events["rejected_by_reason"].GetObject()) sum += reason.value.GetUint64();
  CHECK(sum == 5);
  CHECK(events["rejected_by_reason"].MemberCount() == kRejectCount - 1);
  CHECK(events["rejected_by_reason"]["own_source"].GetInt() == 1);
}

TEST_CASE("own commands: get_clients tells what each is, compressed or not, filtered or not") {
  Bench bench;
  struct Directory : ClientDirectory {
    void report(std::function<void(const ClientsReport&)> done) const override {
      ClientsReport one, two;
      one.clients = 1;
      one.cohorts = 1;
      one.lag = 5;
      one.lag_max = 5;
      two = one;
      two.lag_max = 3;
      two.deflated = {3, 20, 10};
      one.add(two);
      CHECK(one.lag == 10);
      CHECK(one.lag_max == 5);
      done(one);
    }
    void list(std::uint64_t, std::size_t, std::function<void(const Clients&)> done) const override {
      Clients two(2);
      two[0].deflate = true;
      two[0].identity = "alice";
      two[1].filter_json = R"({"item":"x"})";
      done(two);
    }
  } directory;
  CHECK(parse_json(bench.run("get_clients"))["count"].GetInt() == 0);
  bench.commands.set_directory(&directory);
  const auto clients = parse_json(bench.run("get_clients"));
  CHECK(clients["count"].GetInt() == 2);
  CHECK(clients["clients"][0]["deflate"].GetBool());
  CHECK_FALSE(clients["clients"][0].HasMember("filter"));
  CHECK(clients["clients"][0]["identity"] == "alice");
  CHECK_FALSE(clients["clients"][1].HasMember("identity"));
  CHECK_FALSE(clients["clients"][1]["deflate"].GetBool());
  CHECK(clients["clients"][1]["filter"]["item"] == "x");
  const auto status = parse_json(bench.run("get_status"));
  CHECK(status["clients"]["connected"].GetInt() == 2);
  CHECK(status["clients"]["cohorts"].GetInt() == 2);
  CHECK(status["deflate"]["messages"].GetInt() == 3);
  CHECK(status["deflate"]["bytes_before"].GetInt() == 20);
  CHECK(status["deflate"]["bytes_after"].GetInt() == 10);
}

TEST_CASE("own commands: who may know of its own connection alone is told of that, wherever it is in the list") {
  Bench bench;
  struct Directory : ClientDirectory {
    void report(std::function<void(const ClientsReport&)> done) const override { done({}); }
    void list(std::uint64_t after, std::size_t max, std::function<void(const Clients&)> done) const override {
      Clients some;
      for (const std::uint64_t one : {5, 6, 7}) {
        if (one <= after || some.size() == max) continue;
        some.emplace_back();
        some.back().connection = one;
      }
      done(some);
    }
  } directory;
  bench.commands.set_directory(&directory);
  const auto told = [&](std::optional<std::uint64_t> only) {
    std::string result;
    bench.commands.run("get_clients", parse_json("{}"), nullptr, [&result](const auto& got) { result = got.value(); }, {nullptr, only});
    std::string all;
    const auto read = parse_json(result);
    for (const auto& client : read["clients"].GetArray()) all += std::to_string(client["connection"].GetUint64()) + " ";
    return all;
  };
  CHECK(told({}) == "5 6 7 ");
  for (const std::uint64_t one : {5, 6, 7}) CHECK(told(one) == std::to_string(one) + " ");
  for (const std::uint64_t none : {0, 4, 8}) CHECK(told(none) == "");
}

TEST_CASE("own commands: get_sources goes on until a reply is full, and says that there are more") {
  Bench bench;
  SourceTable table(5000, bench.counters);
  table.set_listener(&bench.watch);
  table.set_detail_bytes_max(64 << 20);
  OwnCommands commands{{bench.log, bench.snapshot, table, bench.tracker, bench.types, bench.counters, bench.clock,
                        bench.limits, 10, "0.0.0"}};
  const auto told = [&commands] {
    std::string result;
    commands.run("get_sources", rapidjson::Value(rapidjson::kObjectType), nullptr,
                 [&result](const auto& got) { result = got.value(); });
    return result;
  };
  Announcement said;
  said.parameters_json = R"([{"name":")" + std::string(1'000, 'x') + R"("}])";
  std::size_t n = 0;
  const auto add = [&] { table.hello("c" + std::to_string(n), "s" + std::to_string(n), "r", said, 1, 1), ++n; };
  const std::size_t none = told().size();
  add();
  const std::size_t one = told().size() - none;
  while (n * one < kReplyBytesMax - 20'000) add();
  while (told().size() <= kReplyBytesMax) {
    add();
    REQUIRE(n < 5000);
  }
  CHECK(parse_json(told())["complete"].GetBool());
  add();
  const auto cut = parse_json(told());
  CHECK_FALSE(cut["complete"].GetBool());
  CHECK(cut["sources"].Size() == n - 1);
}

TEST_CASE("own commands: a snapshot fills a reply to the byte") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench;
    const auto add = [&bench](const std::string& type, std::size_t bytes) {
      bench.take(R"({"type":")" + type + R"(","data":{"a":")" + std::string(bytes, 'x') + "\"}}");
    };
    std::size_t filled = 0;
    const auto bytes_of = [&bench](std::uint64_t seq) {
      bench.log.seal();
      const BlockPtr block = bench.log.history().find(seq);
      return block->json(static_cast<std::size_t>(seq - block->first_seq())).size();
    };
    add("first", 1000);
    for (int i = 1; i <= 4; ++i) {
      add("t" + std::to_string(i), 1'000'000);
      filled += bytes_of(static_cast<std::uint64_t>(i) + 1) + 1;  // and a comma
    }
    // As large as what is left over beside them, or by one byte larger.
    const std::size_t rest = kReplyBytesMax - filled - (bytes_of(1) - 1000) + too_many;
    add("first", rest);
    const auto snapshot = parse_json(bench.run("get_snapshot"));
    CHECK(snapshot["complete"].GetBool() == (too_many == 0));
    CHECK(snapshot["events"].Size() == (too_many == 0 ? 5 : 4));
  }
}

TEST_CASE("own commands: get_status tells of the configuration, and of what no text can hold nothing") {
  Bench bench;
  ConfigStatus config;
  OwnCommands commands{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock, bench.limits, 10, "0.0.0", nullptr,
                        nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &config}};
  const auto told = [&commands] {
    std::string result;
    commands.run("get_status", parse_json("{}"), nullptr, [&result](const auto& got) { result = got.value(); });
    return result.substr(result.find("\"config\":"), result.find("]", result.find("\"config\":")) - result.find("\"config\":"));
  };
  CHECK(told() == R"("config":{"file":null,"reloaded_at":null,"reload_error":null,"waiting_for_restart":[)");
  config = {"bridge.toml", 1'600'000'000'000'000, "no", {"a"}};
  CHECK(told() == R"("config":{"file":"bridge.toml","reloaded_at":1600000000.000000,"reload_error":"no","waiting_for_restart":["a")");
  config.file = "\xff";
  CHECK(told().find(R"("file":null)") != std::string::npos);
}

TEST_CASE("own commands: of get_audit, drain and backup what is wrong is named") {
  Bench bench;
  CHECK(ask(bench, "get_audit", R"({"count":0})").find("bad_request: params.count is 0; must be an integer 1..") == 0);
  CHECK(ask(bench, "get_audit", R"({"before":7})").find("bad_request: params.before must be a string") == 0);
  CHECK(ask(bench, "get_audit", R"({"count":1,"before":"x"})").find("bad_request: audit.file is not set") == 0);
  CHECK(ask(bench, "get_audit", "[]").find("bad_request: audit.file is not set") == 0);
  Audit nowhere({}, bench.clock);
  bench.commands.set_audit(&nowhere);
  CHECK(ask(bench, "get_audit", "{}").find("bad_request: audit.file is not set") == 0);
  AuditOptions options;
  options.file.path = "audit.log";
  Audit ended(options, bench.clock);  // as far as it takes no more questions
  bench.commands.set_audit(&ended);
  CHECK(ask(bench, "get_audit", "{}") == "busy: too many of your requests are being worked on");
  bench.commands.set_audit(nullptr);
  CHECK(ask(bench, "drain", R"({"drain_s":-1})").find("bad_request: params.drain_s is -1") == 0);
  CHECK(ask(bench, "drain", R"({"drain_s":3600})") == "busy: it cannot be drained");
  CHECK(ask(bench, "drain", R"({"drain_s":3601})").find("bad_request: params.drain_s is 3601") == 0);
  CHECK(ask(bench, "backup", R"({"file":7})").find("bad_request: params.file must be a string") == 0);
  CHECK(ask(bench, "backup", "{}").find("bad_request: params.file is missing") == 0);
  CHECK(ask(bench, "backup", R"({"file":")" + std::string(1024, 'f') + "\"}") == "bad_request: there is no journal (journal.path)");
  CHECK(ask(bench, "backup", R"({"file":")" + std::string(1025, 'f') + "\"}").find("bad_request: params.file must be a string of at most 1024") == 0);
  CHECK(ask(bench, "backup", R"({"file":"f"})") == "bad_request: there is no journal (journal.path)");
}

TEST_CASE("own commands: a slow turn is told with what it did, and what has no name only where there was some") {
  SlowTurns turns;
  SlowTurn turn;
  turn.ended_us = 1'600'000'000'000'000;
  turn.took_us = 5'000;
  turn.cpu_us = 2'500;
  turn.thread = "log";
  turn.parts[0] = {"the rest", 1, 0};
  turn.parts[1] = {"intake", 2, 1'500};
  turn.parts_count = 2;
  turns.add(turn);
  turn.parts[0].us = 1;
  turns.add(turn);
  const auto told = parse_json(slow_turns_json(turns));
  CHECK(told["count"].GetInt() == 2);
  CHECK(told["longer_than_ms"].GetDouble() == static_cast<double>(kSlowTurnUs) / 1e3);
  REQUIRE(told["turns"].Size() == 2);
  REQUIRE(told["turns"][0]["did"].Size() == 2);
  CHECK(told["turns"][0]["did"][0]["what"] == "the rest");
  CHECK(told["turns"][0]["did"][0]["ms"].GetDouble() == 0.001);
  REQUIRE(told["turns"][1]["did"].Size() == 1);
  CHECK(told["turns"][1]["did"][0]["what"] == "intake");
  CHECK(told["turns"][1]["took_ms"].GetDouble() == 5);
  CHECK(told["turns"][1]["cpu_ms"].GetDouble() == 2.5);
  Bench bench;
  CHECK(parse_json(bench.run("get_slow_turns"))["turns"].Size() == 0);
  bench.commands.set_slow_turns(&turns);
  CHECK(parse_json(bench.run("get_slow_turns"))["turns"].Size() == 2);
}

TEST_CASE("own commands: get_status tells of addresses, memory, the journal and delays, and null of what is not known") {
  Bench bench;
  MemoryLedger memory;
  memory[Queue::history].set_bound(77);
  OwnCommands commands{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock, bench.limits, 10, "0.0.0", &memory}};
  struct Journal final : JournalKeeper {
    JournalReport report() const override { return given; }
    void backup(const std::string& file, std::function<void(const Result<std::string, RequestError>&)> done) override { done("\"" + file + "\""); }
    JournalReport given;
  } journal;
  commands.set_journal(&journal);
  commands.set_addresses({{"websocket", "ws://x"}, {"bots", ""}, {"ipc", "\xff"}});
  const auto told = [&commands](const char* command, const char* params) {
    std::string result;
    commands.run(command, parse_json(params), nullptr, [&result](const auto& got) { result = got.value(); });
    return parse_json(result);
  };
  const auto first = told("get_status", "{}");
  CHECK(first["addresses"]["websocket"] == "ws://x");
  CHECK(first["addresses"]["bots"].IsNull());
  CHECK(first["addresses"]["ipc"].IsNull());
  CHECK(first["memory"]["queues"].MemberCount() == memory.shares().size());
  CHECK(first["memory"]["queues"]["history"]["bytes_max"].GetInt() == 77);
  CHECK(first["journal"]["bytes_per_event"].IsNull());
  CHECK(first["journal"]["holds_s"].IsNull());
  CHECK(first["delays"]["publish_to_receive"].Size() == first["delays"]["bounds_ms"].Size() + 1);
  CHECK(first["delays"]["receive_to_send"].MemberCount() == 0);
  bench.counters.receive_to_send[1].add(5, 1);
  journal.given.event_bytes = 0.5;
  journal.given.holds_s = 0;
  const auto second = told("get_status", "{}");
  CHECK(second["journal"]["bytes_per_event"].GetDouble() == 0.5);
  CHECK(second["journal"]["holds_s"].GetDouble() == 0);
  CHECK(second["delays"]["receive_to_send"].MemberCount() == 1);
  CHECK(second["delays"]["receive_to_send"]["batch"].Size() == first["delays"]["bounds_ms"].Size() + 1);
  CHECK(told("backup", R"({"file":"f"})") == "f");
}

TEST_CASE("own commands: what is not known of a cluster is null, and what is is told") {
  const auto told = [](const ClusterReport& report) {
    JsonWriter json;
    json.object();
    put_cluster(json, report);
    return parse_json(json.end_object().take());
  };
  ClusterReport report;
  report.nodes.emplace_back();
  const auto none = told(report);
  const auto& nothing = none["cluster"];
  for (const char* name : {"problem", "leader", "checkpoint"}) CHECK(nothing[name].IsNull());
  CHECK(nothing["stalls"]["now_ms"].IsNull());
  CHECK(nothing["nodes"][0]["agrees"].IsNull());
  report.problem = "p";
  report.leader = "n2";
  report.checkpoint = 1;
  report.stalled_us = 1'000;
  report.nodes[0].agrees = false;
  const auto some = told(report);
  const auto& known = some["cluster"];
  CHECK(known["problem"] == "p");
  CHECK(known["leader"] == "n2");
  CHECK(known["checkpoint"].GetInt() == 1);
  CHECK(known["stalls"]["now_ms"].GetDouble() == 1);
  CHECK_FALSE(known["nodes"][0]["agrees"].GetBool());
}
