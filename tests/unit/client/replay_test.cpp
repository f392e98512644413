#include "ppo-client/replay.h"

#include <string>
#include <variant>

#include <doctest/doctest.h>

#include "capture.h"
#include "fake_bridge.h"

using namespace client_tests;

namespace {

client::Options replay_task(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ppo-client");
  const auto parsed = client::parse_options(static_cast<int>(arguments.size()), arguments.data());
  if (const auto* leave = std::get_if<client::Leave>(&parsed)) FAIL(leave->text);
  return std::get<client::Options>(parsed);
}

std::string replay_fields(const std::vector<const char*>& arguments) {
  return std::get<client::ReplayOptions>(replay_task(arguments).task).fields;
}

struct Ran {
  client::ExitCode code;
  std::string out;
  std::string err;
};

Ran run_replay(const FakeBridge& bridge, const std::vector<const char*>& arguments) {
  client::Options options = replay_task(arguments);
  options.url = bridge.url();
  Capture out_file, err_file;
  client::Output out(out_file.descriptor(), [] { return false; });
  client::Output err(err_file.descriptor(), [] { return false; });
  const auto code = client::replay(options, std::get<client::ReplayOptions>(options.task), {}, out,
                                   err, [] { return false; });
  return {code, out_file.text(), err_file.text()};
}

const std::string kFirst =
    R"({"type":"trade","data":{"item":"Rune, \"big\"","agent_id":"a"},"timestamp":1.5,"seq":5,"source":"s","run":"r","source_seq":1,"replay":true})";

// Answers the replay with two events, a gap and the end.
FakeBridge::Script two_events(SharedText* asked) {
  return [asked](FakeConnection& connection, int) {
    if (!register_client(connection, "e", 9)) return;
    const auto request = connection.receive();
    if (!request) return;
    asked->set(*request);
    connection.send(answer(*request, R"("success":true,"result":{"replay":1})"));
    connection.send(
        R"({"type":"gap","data":{"from_seq":1,"to_seq":4,"reason":"evicted"},"timestamp":1,"replay":true})");
    connection.send(kFirst);
    connection.send(R"({"type":"t","data":{},"timestamp":2,"seq":6,"replay":true})");
    connection.send(
        R"({"type":"replay_end","data":{"replay":1,"reason":"done","events":2,"missing":4},"replay":true,"timestamp":3})");
    connection.wait_until_gone();
  };
}

}  // namespace

TEST_CASE("replay: from, to, speed and filters as the bridge takes them") {
  CHECK(replay_fields({"replay"}) == R"({"command":"replay","params":{"speed":1}})");
  CHECK(replay_fields({"replay", "trade", "--from", "5", "--to", "1619395200.5", "--speed", "10",
                       "--agent", "a"})
            .find(R"("params":{"from":5,"to":1619395200.5,"speed":10,"subscriptions":["trade"],)"
                  R"("filter":{)") != std::string::npos);
  CHECK(replay_fields({"replay", "--where", "trade_* where profit > 1"}).find(R"("subscriptions":["trade_*"])") != std::string::npos);
  CHECK(replay_fields({"export", "--from", "2h"}) ==
        R"({"command":"replay","params":{"from":{"seconds":7200},"speed":0}})");
  for (const char* wrong : {"last:5", "x", "-5", "e:5"}) {
    const char* arguments[] = {"ppo-client", "replay", "--from", wrong};
    CAPTURE(wrong);
    CHECK(std::holds_alternative<client::Leave>(client::parse_options(4, arguments)));
  }
}

TEST_CASE("export: ndjson is the events as they were, csv a table of them") {
  SharedText asked;
  FakeBridge bridge(two_events(&asked));
  const Ran ndjson = run_replay(bridge, {"export"});
  CHECK(ndjson.code == client::kExitOk);
  CHECK(ndjson.out == client::unmarked(kFirst) + "\n" +
                          R"({"type":"t","data":{},"timestamp":2,"seq":6})" + "\n");
  CHECK(ndjson.err.find("1..4") != std::string::npos);
  CHECK(ndjson.err.find("2 events; 4 are no longer held") != std::string::npos);
  CHECK(asked.get().find(R"("command":"replay")") != std::string::npos);
  const Ran some = run_replay(bridge, {"export", "--where", "* where item ~ rune"});
  CHECK(some.out == client::unmarked(kFirst) + "\n");
  CHECK(some.err.find("1 of 2 events; 4 are no longer held") != std::string::npos);
  const Ran csv = run_replay(bridge, {"export", "--format", "csv"});
  CHECK(csv.out ==
        "seq,timestamp,type,source,run,source_seq,source_timestamp,agent_id,item,data\n"
        "5,1.5,trade,s,r,1,,a,\"Rune, \"\"big\"\"\","
        "\"{\"\"item\"\":\"\"Rune, \\\"\"big\\\"\"\"\",\"\"agent_id\"\":\"\"a\"\"}\"\n"
        "6,2,t,,,,,,,{}\n");
}

TEST_CASE("replay: lines as tail shows them, and a lost connection is no end") {
  SharedText asked;
  FakeBridge bridge(two_events(&asked));
  const Ran shown = run_replay(bridge, {"replay", "--speed", "10"});
  CHECK(shown.code == client::kExitOk);
  CHECK(shown.out.find("trade") != std::string::npos);
  FakeBridge broken([](FakeConnection& connection, int) {
    if (!register_client(connection, "e", 9)) return;
    const auto request = connection.receive();
    if (!request) return;
    connection.send(answer(*request, R"("success":true,"result":{})"));
    connection.send(kFirst);
  });
  const Ran lost = run_replay(broken, {"replay"});
  CHECK(lost.code == client::kExitFailed);
  CHECK(lost.err.find("this is not all") != std::string::npos);
  FakeBridge refusing([](FakeConnection& connection, int) {
    if (!register_client(connection, "e", 9)) return;
    if (const auto request = connection.receive()) connection.send(refusal(*request, "busy"));
    connection.wait_until_gone();
  });
  CHECK(run_replay(refusing, {"replay"}).code == client::kExitRefused);
}
