#include "ppo-client/options.h"

#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

using client::AskOptions;
using client::Leave;
using client::Options;
using client::TailOptions;
using std::chrono::milliseconds;

namespace {

using Parsed = std::variant<Options, Leave>;

Parsed parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ppo-client");
  return client::parse_options(static_cast<int>(arguments.size()), arguments.data());
}

Options good(const std::vector<const char*>& arguments) {
  const Parsed parsed = parse(arguments);
  if (const auto* leave = std::get_if<Leave>(&parsed)) FAIL(leave->text);
  return std::get<Options>(parsed);
}

TailOptions tail(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tail");
  return std::get<TailOptions>(good(arguments).task);
}

AskOptions ask(const std::vector<const char*>& arguments) {
  return std::get<AskOptions>(good(arguments).task);
}

}  // namespace

TEST_CASE("options: a wrong command line is told and has a code of its own") {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"nonsense"},
      {"tail", "--nonsense"},
      {"tail", "--since", "yesterday"},
      {"tail", "--filter", "price>5"},
      {"tail", "-n", "0"},
      {"tail", "-n", "x"},
      {"tail", "--url", "http://h"},
      {"tail", "--color", "sometimes"},
      {"tail", "--timeout", "0"},
      {"tail", "--wait", "-1"},
      {"status", "extra"},
      {"command"},
      {"command", "pause", "--param", "k"},
      {"command", "pause", "--param", "=v"},
      {"command", "pause", "--params", "[1]"},
      {"command", "pause", "--params", "{"},
      {"command", "pause", "--deadline-ms", "60001"},
      {"command", "pause", "--deadline-ms", "0"},
      {"recent", "--since-seq", "-1"},
      {"status", "tail"},
  };
  for (const auto& arguments : wrong) {
    CAPTURE(std::string(arguments.empty() ? "" : arguments.back()));
    const Parsed parsed = parse(arguments);
    const auto* leave = std::get_if<Leave>(&parsed);
    REQUIRE(leave != nullptr);
    CHECK(leave->code == client::kExitUsage);
    CHECK_FALSE(leave->text.empty());
  }
}

TEST_CASE("options: help is no mistake, and has examples and exit codes") {
  const Parsed parsed = parse({"--help"});
  const auto* leave = std::get_if<Leave>(&parsed);
  REQUIRE(leave != nullptr);
  CHECK(leave->code == client::kExitOk);
  CHECK(leave->text.find("ppo-client tail --json") != std::string::npos);
  CHECK(leave->text.find("Exit codes:") != std::string::npos);
  const Parsed of_tail = parse({"tail", "--help"});
  CHECK(std::get<Leave>(of_tail).text.find("price=10..20") != std::string::npos);
}

TEST_CASE("options: what is for all commands may stand before and behind them") {
  CHECK(good({"status"}).url == "ws://127.0.0.1:5178/ws");
  CHECK(good({"--url", "ws://h:1", "status"}).url == "ws://h:1/ws");
  const Options behind = good({"status", "--url", "ws://h:1", "--json", "--color", "never",
                               "--timeout", "1.5", "--wait", "2"});
  CHECK(behind.url == "ws://h:1/ws");
  CHECK(behind.json);
  CHECK(behind.colour == Options::When::kNever);
  CHECK(behind.timeout == milliseconds(1500));
  CHECK(behind.wait == milliseconds(2000));
}

TEST_CASE("options: the environment is weaker than the command line") {
  setenv("PPO_BRIDGE_URL", "ws://env:2", 1);
  setenv("PPO_BRIDGE_TOKEN", "secret", 1);
  CHECK(good({"status"}).url == "ws://env:2/ws");
  CHECK(good({"status"}).token == "secret");
  CHECK(good({"status", "--url", "ws://h:1"}).url == "ws://h:1/ws");
  unsetenv("PPO_BRIDGE_URL");
  unsetenv("PPO_BRIDGE_TOKEN");
}

TEST_CASE("options: tail takes types as words and as a list") {
  CHECK_FALSE(tail({}).subscription.types);
  const std::vector<std::string> expected = {"error", "order_*", "a", "b", "c"};
  CHECK(tail({"error", "order_*", "--types", "a,b", "--types", "c"}).subscription.types ==
        expected);
  CHECK(tail({"--types", "a,b", "c"}).subscription.types ==
        std::vector<std::string>{"c", "a", "b"});
  CHECK_FALSE(tail({}).count);
  CHECK(tail({"-n", "5"}).count == 5u);
}

TEST_CASE("options: what tail --check names are bridges") {
  const Options named = good({"tail", "--check", "ws://a:1/ws,ws://b:2"});
  CHECK(named.url == "ws://a:1/ws,ws://b:2/ws");
  CHECK(std::get<TailOptions>(named.task).check);
  CHECK(good({"tail", "--check", "--url", "ws://a:1,ws://b:2"}).url == named.url);
  CHECK(std::holds_alternative<Leave>(parse({"tail", "--check", "trade_executed"})));
  CHECK(std::holds_alternative<Leave>(parse({"tail", "--check", "--types", "t"})));
}

TEST_CASE("options: tail's filters, with and without shorthand, are one filter") {
  CHECK(tail({}).subscription.filter.empty());
  CHECK(tail({"--filter", "profit>=100k", "--filter", "action_type=buy|sell", "--agent", "agent_0",
              "--item", "Twisted bow", "--source", "t-1"})
            .subscription.filter ==
        R"({"profit":{"min":100000},"action_type":["buy","sell"],"agent_id":"agent_0",)"
        R"("item":"Twisted bow","source":"t-1"})");
  CHECK(tail({"--filter", "[a]=[b,c]"}).subscription.filter == R"({"[a]":"[b,c]"})");
  CHECK(std::get<feed::SinceLast>(tail({"--since", "last:3"}).subscription.since).count == 3);
}

TEST_CASE("options: runs, series and compare ask for the past of runs") {
  CHECK(ask({"runs", "--state", "running,lost", "--search", "ppo", "-n", "5"}).fields ==
        R"({"command":"get_runs","params":{"filter":{"state":["running","lost"],"search":"ppo"},)"
        R"("sort":"-started","count":5,"offset":0}})");
  CHECK(ask({"series", "--run", "s@r", "--tag", "loss*", "--x", "time", "--from", "-1e3", "--format", "csv"}).fields ==
        R"({"command":"get_series","params":{"run_ids":["s@r"],"tags":["loss*"],"x":"time","from":-1e3,"points_max":2000}})");
  CHECK(ask({"series", "--run", "s@r"}).show == AskOptions::Show::kSeries);
  CHECK(ask({"compare", "s@a", "s@b"}).runs == std::vector<std::string>{"s@a", "s@b"});
  for (const auto& wrong : std::vector<std::vector<const char*>>{
           {"series"}, {"series", "--run", "a@b", "--from", "now"}, {"compare", "s@a"}, {"runs", "-n", "0"},
           {"series", "--run", "a@b", "--format", "xml"}}) {
    const Parsed parsed = parse(wrong);
    REQUIRE(std::holds_alternative<Leave>(parsed));
    CHECK(std::get<Leave>(parsed).code == client::kExitUsage);
  }
}

TEST_CASE("options: alerts are listed, made, acknowledged and deleted") {
  CHECK(ask({"alerts", "list"}).fields == R"({"command":"list_alerts","params":{}})");
  CHECK(ask({"alerts", "add", "t where x = \"a\"", "--name", "n", "--for", "30s", "--command", "pause", "--param", "a=1",
             "--webhook", "http://127.0.0.1:1/"})
            .fields ==
        R"({"command":"create_alert","params":{"rule":"t where x = \"a\"","name":"n","for":"30s",)"
        R"("action":{"command":"pause","params":{"a":1},"webhook":"http://127.0.0.1:1/"}}})");
  CHECK(ask({"alerts", "add", "gap"}).fields == R"({"command":"create_alert","params":{"rule":"gap"}})");
  CHECK(ask({"alerts", "delete", "3"}).fields == R"({"command":"delete_alert","params":{"alert_id":3}})");
  CHECK(ask({"alerts", "ack", "3"}).fields == R"({"command":"acknowledge_alert","params":{"alert_id":3}})");
  for (const auto& wrong : std::vector<std::vector<const char*>>{
           {"alerts"}, {"alerts", "add"}, {"alerts", "delete"}, {"alerts", "ack", "x"}, {"alerts", "delete", "-1"},
           {"alerts", "add", "gap", "--target", "a"}}) {
    const Parsed parsed = parse(wrong);
    REQUIRE(std::holds_alternative<Leave>(parsed));
    CHECK(std::get<Leave>(parsed).code == client::kExitUsage);
  }
}

TEST_CASE("options: recent asks for recent events") {
  CHECK(ask({"recent"}).fields == R"({"command":"get_recent_events","params":{"count":20}})");
  CHECK(ask({"recent", "--count", "5", "--type", "error", "--agent", "a", "--item", "Coal",
             "--source", "t", "--since-seq", "0"})
            .fields ==
        R"({"command":"get_recent_events","params":{"count":5,"type":"error","agent_id":"a",)"
        R"("item":"Coal","source":"t","since_seq":0}})");
  CHECK(ask({"recent"}).show == AskOptions::Show::kEvents);
  const AskOptions where = ask({"recent", "--where", "order_* where price > 5", "-n", "3"});
  CHECK(where.fields == R"({"command":"get_recent_events","params":{"count":10000,"type":"order_*"}})");
  CHECK(where.count == 3);
}

TEST_CASE("options: a command's parameters are JSON where they can be, and keep every digit") {
  const AskOptions plain = ask({"command", "pause"});
  CHECK(plain.fields == R"({"command":"pause","params":{}})");
  CHECK(plain.show == AskOptions::Show::kResult);
  const AskOptions full =
      ask({"command", "set", "--params", R"({"a":1,"b":18446744073709551615})", "--param", "a=x y",
           "--param", "c=[1,2]", "--param", "d=\"5\"", "--param", "e=a=b", "--target", "*",
           "--deadline-ms", "30000", "--idempotency-key", "k1"});
  CHECK(full.fields ==
        R"({"command":"set","params":{"b":18446744073709551615,"a":"x y","c":[1,2],"d":"5",)"
        R"("e":"a=b"},"target":"*","deadline_ms":30000,"idempotency_key":"k1"})");
  CHECK(full.deadline == milliseconds(32000));
}

TEST_CASE("options: the thin commands ask for what they are called") {
  CHECK(ask({"status"}).command == "get_status");
  CHECK(ask({"sources"}).command == "get_sources");
  CHECK(ask({"clients"}).command == "get_clients");
  CHECK(ask({"types"}).command == "get_event_types");
  CHECK(ask({"snapshot"}).command == "get_snapshot");
  CHECK(ask({"drain"}).fields == R"({"command":"drain","params":{}})");
  CHECK(ask({"drain", "--over", "0"}).fields == R"({"command":"drain","params":{"drain_s":0}})");
  CHECK(ask({"backup", "copy.db"}).fields == R"({"command":"backup","params":{"file":"copy.db"}})");
  CHECK(ask({"backup", "/a/./copy.db"}).fields == R"({"command":"backup","params":{"file":"/a/copy.db"}})");
  CHECK(ask({"backup", "copy.db"}).deadline >= std::chrono::minutes(10));
  CHECK(ask({"audit"}).fields == R"({"command":"get_audit","params":{"count":100}})");
  CHECK(ask({"audit", "-n", "5", "--before", "7:9"}).fields ==
        R"({"command":"get_audit","params":{"count":5,"before":"7:9"}})");
}
