#include "sources/heartbeat.h"

#include <doctest/doctest.h>

#include "event/number_field.h"
#include "fixture.h"

using namespace bridge;

namespace {

std::string wrong(const std::string& text) {
  const auto read = read_heartbeat(text, "n1", 0);
  return read ? "" : read.error().message;
}
// With some of its fields in place of the usual ones.
std::string said(const std::string& sources = "[]", const std::string& hash = "0123456789abcdef") {
  return R"({"node":"n1","wall":1.5,"state":"running","able":true,"stream_seq":7,"hash":")" + hash + R"(","seq":5,"sources":)" + sources + "}";
}
std::string run(const std::string& rest) { return said(R"([{"source":"s","run":"r","state":"live",)" + rest + "}]"); }

}  // namespace

TEST_CASE("heartbeat: what is wrong is named, with its place") {
  CHECK(wrong("nonsense").find("is not JSON") != std::string::npos);
  CHECK(wrong("[]") == "is no object");
  CHECK(wrong(std::string(kHeartbeatBytesMax + 1, ' ')).find("must be at most 262144") != std::string::npos);
  CHECK(wrong(R"({"node":"n2"})") == "node is another one than its subject names");
  CHECK(wrong(said("[]", "0123")) == "hash must be 16 digits of 0-9 a-f");
  CHECK(wrong(said("7")).find("sources must be a list") == 0);
  CHECK(wrong(said("[7]")) == "sources[0] is no object");
  CHECK(wrong(said(R"([{"source":"a b"}])")) == "sources[0].source is no name");
  CHECK(wrong(run(R"("heard_ms":-1)")).find("sources[0].heard_ms is -1") == 0);
  CHECK(wrong(run(R"("events":18446744073709551615)")).find("sources[0].events is") == 0);
  CHECK(wrong(run(R"("events_per_s":1e300)")).find("sources[0].events_per_s") == 0);
  CHECK(wrong(run(R"("agents":["a","b c"])")) == "sources[0].agents must be a list of names");
  CHECK(wrong(run(R"("commands":"{}")")) == "sources[0].commands must be the text of a JSON list");
  CHECK(wrong(run(R"("commands":["pause"])")).find("sources[0].commands must be a string") != std::string::npos);
  CHECK(wrong(run(R"("connected":1)")) == "sources[0].connected must be true or false");
  CHECK(wrong(said(R"([{"source":"s","run":"r","state":"live"},{"source":"s","run":"r","state":"live"}])")) == "sources[1].run is there twice");
  CHECK(wrong(said(R"([{"source":"s","run":"r","state":"dancing"}])")) == "sources[0].state must be live, stalled or gone");
  std::string many = "[";
  for (std::size_t i = 0; i <= kHeartbeatSourcesMax; ++i) many += std::string(i == 0 ? "" : ",") + "{}";
  CHECK(wrong(said(many + "]")).find("sources must be a list of at most 1024") == 0);
  CHECK(wrong(run(R"("a_field_of_a_later_version":{})")) == "");
  CHECK(wrong(R"({"node":"n1","state":"resting"})") == "state must be running or stopping");
  CHECK(wrong(R"({"node":")" + std::string(65, 'n') + "\"}") == "node must be a string of at most 64 bytes");
}

TEST_CASE("heartbeat: texts, lists and numbers are taken up to their bounds, and not beyond") {
  const auto text_of = [](std::size_t bytes) { return "\"" + std::string(bytes, 'x') + "\""; };
  const auto list_of = [](std::size_t bytes) { return R"("[\")" + std::string(bytes - 4, 'x') + R"(\"]")"; };
  const auto agents = [](std::size_t n) {
    std::string list;
    for (std::size_t i = 0; i < n; ++i) list += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\"";
    return "[" + list + "]";
  };
  const struct {
    const char* name;
    std::string fits, too_much, told;
  } fields[] = {
      {"activity", text_of(kNameBytesMax), text_of(kNameBytesMax + 1), "activity must be a string of at most 64"},
      {"host", text_of(kHostBytesMax), text_of(kHostBytesMax + 1), "host must be a string of at most 255"},
      {"commands", list_of(kCommandsJsonBytesMax), list_of(kCommandsJsonBytesMax + 1), "commands must be a string"},
      {"parameters", list_of(kParametersJsonBytesMax), list_of(kParametersJsonBytesMax + 1), "parameters must be a string"},
      {"agents", agents(kAgentsPerSourceMax), agents(kAgentsPerSourceMax + 1), "sources[0].agents must be a list of at most 256"},
      {"heard_ms", "1000000000", "1000000001", "sources[0].heard_ms is 1000000001; must be an integer 0..1000000000"},
      {"events", "9223372036854775807", "9223372036854775808", "sources[0].events is 9223372036854775808"},
      {"events_per_s", "1000000000000", "1000000000001", "sources[0].events_per_s is"},
      {"last_event", "100000000000", "100000000001", "sources[0].last_event is"},
  };
  for (const auto& field : fields) {
    CHECK(wrong(run("\"" + std::string(field.name) + "\":" + field.fits)) == "");
    CHECK_MESSAGE(wrong(run("\"" + std::string(field.name) + "\":" + field.too_much)).find(field.told) != std::string::npos,
                  field.name << ": " << wrong(run("\"" + std::string(field.name) + "\":" + field.too_much)));
  }
  const std::string name(kNameBytesMax, 'n');
  const auto named = [](const std::string& source, const std::string& its_run) {
    return wrong(said(R"([{"source":")" + source + R"(","run":")" + its_run + R"(","state":"gone"}])"));
  };
  CHECK(named(name, name) == "");
  CHECK(named("s", "") == "");
  CHECK(named("s", name + "n").find("run must be a string of at most 64") != std::string::npos);
  CHECK(named(name + "n", "r").find("source must be a string of at most 64") != std::string::npos);
  CHECK(named("s", "a b") == "sources[0].run is no name");
  std::string full = said();
  full.append(kHeartbeatBytesMax - full.size(), ' ');
  CHECK(wrong(full) == "");
  CHECK(wrong(full + " ") != "");
  const auto stopping = read_heartbeat(R"({"node":"n1","state":"stopping","hash":"0123456789abcdef","sources":[]})", "n1", 0);
  REQUIRE(stopping.ok());
  CHECK(stopping.value().head.stopping);
  CHECK_FALSE(stopping.value().head.able);
}

TEST_CASE("heartbeat: all that is known of a run arrives as it is, and what is out of bounds at the bound") {
  Bench bench;
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"t","run":"r","data":{"agents":["a1","a2"],"pid":4711,"host":"h","state":"paused"}})"));
  const auto arrives = [&](std::int64_t steady_us) {
    HeartbeatHead head;
    head.node = "n1";
    head.wall_us = 1'600'000'000'123'456;
    head.stopping = head.able = true;
    head.stream_seq = 11;
    head.seq = 12;
    std::size_t left_out = 0;
    auto read = read_heartbeat(write_heartbeat(head, bench.sources, steady_us, &left_out), "n1", 9'000'000'000'000'000);
    REQUIRE_MESSAGE(read.ok(), read.error().message);
    return std::move(read.value());
  };
  Source& source = *bench.sources.find("t");
  Run& run = *source.runs.at(0);
  source.tally = {1, 2, 3, 4, 5};
  source.events_per_s = 2.5;
  source.first_seen_us = 1'600'000'000'000'001;
  source.last_event_us = 1'600'000'000'000'002;
  run.last_source_seq = 6;
  const auto heartbeat = arrives(run.heard_us + 7'000);
  CHECK(heartbeat.head.wall_us == 1'600'000'000'123'456);
  CHECK(heartbeat.head.stopping);
  CHECK(heartbeat.head.able);
  CHECK(heartbeat.head.stream_seq == 11);
  CHECK(heartbeat.head.seq == 12);
  CHECK(heartbeat.runs == 1);
  const Source& came = *heartbeat.sources.at("t");
  CHECK(came.tally.events == 1);
  CHECK(came.tally.lost == 2);
  CHECK(came.tally.repaired == 3);
  CHECK(came.tally.duplicates == 4);
  CHECK(came.tally.held == 5);
  CHECK(came.events_per_s == 2.5);
  CHECK(came.first_seen_us == 1'600'000'000'000'001);
  CHECK(came.last_event_us == 1'600'000'000'000'002);
  const Run& its = *came.runs.at(0);
  CHECK(its.id == "r");
  CHECK(its.source == &came);
  CHECK(its.state == SourceState::live);
  CHECK(its.announces);
  CHECK(its.agents.size() == 2);
  CHECK(its.pid == 4711);
  CHECK(its.host == "h");
  CHECK(its.activity == "paused");
  CHECK(its.last_source_seq == 6);
  CHECK(its.control.connection == "n1");
  CHECK(its.heard_us == 9'000'000'000'000'000 - 7'000);

  source.tally = {UINT64_MAX, 2, 3, 4, 5};
  source.events_per_s = 1e300;
  run.activity.clear();
  run.pid = -1;
  run.state = SourceState::stalled;
  const auto much = arrives(run.heard_us + 3'000'000'000'000'000);
  CHECK(much.sources.at("t")->tally.events == kIntegerMax);
  CHECK(much.sources.at("t")->events_per_s == 1e12);
  CHECK(much.sources.at("t")->runs.at(0)->activity == "");
  CHECK(much.sources.at("t")->runs.at(0)->pid == 0);
  CHECK(much.sources.at("t")->runs.at(0)->state == SourceState::stalled);
  CHECK(much.sources.at("t")->runs.at(0)->heard_us == 9'000'000'000'000'000 - 1'000'000'000'000);
}

TEST_CASE("heartbeat: who is known from an earlier process alone, and who has ended, is not told of") {
  Bench bench;
  REQUIRE(bench.sources.restore("s", "r") != nullptr);
  const auto runs = [&] {
    HeartbeatHead head;
    head.node = "n1";
    std::size_t left_out = 0;
    const auto read = read_heartbeat(write_heartbeat(head, bench.sources, 0, &left_out), "n1", 0);
    REQUIRE(read.ok());
    return read.value().runs;
  };
  CHECK(runs() == 0);
  bench.sources.find("s")->bound = true;
  CHECK(runs() == 1);
  bench.sources.find("s")->bound = false;
  bench.sources.find("s")->first_seen_us = 1;
  CHECK(runs() == 1);
  bench.sources.find("s", "r")->ended_us = 1;
  CHECK(runs() == 0);
}

TEST_CASE("heartbeat: it is filled to the last byte, and to the last run") {
  Counters counters;
  SourceTable sources(2 * kHeartbeatSourcesMax, counters);
  HeartbeatHead head;
  head.node = "n1";
  std::size_t left_out = 7;
  const std::string name(kNameBytesMax - 5, 'n');
  const auto add = [&](std::size_t i) -> Run& { return *sources.meet(name + std::to_string(10'000 + i), name, 1, static_cast<std::int64_t>(i)); };
  // One byte more of details each time: those of the last run that has room fit up to a byte, and then not at all.
  for (std::size_t i = 0; i < 120; ++i) {
    Run& run = add(i);
    run.commands_json = "[" + std::string(2000, ' ') + "]";
    run.host = "h";
  }
  std::size_t most = 0;
  bool too_much = false;
  for (std::size_t more = 0; more < 2300 && !too_much; ++more) {
    for (std::size_t i = 119; more != 0; --i) {
      std::string& host = add(i).host;
      if (host.size() == kHostBytesMax) continue;
      host.push_back('h');
      break;
    }
    const std::size_t bytes = write_heartbeat(head, sources, 200, &left_out).size();
    CHECK(bytes <= kHeartbeatBytesMax);
    CHECK(left_out == 0);
    too_much = bytes < most;
    most = std::max(most, bytes);
  }
  CHECK(too_much);
  CHECK(most == kHeartbeatBytesMax - 1);  // the first has no comma before it
  for (std::size_t i = 120; i < kHeartbeatSourcesMax + 3; ++i) (void)add(i);
  const auto read = read_heartbeat(write_heartbeat(head, sources, 2'000, &left_out), "n1", 0);
  REQUIRE(read.ok());
  CHECK(read.value().runs == kHeartbeatSourcesMax);
  CHECK(left_out == 3);
  // Those heard of last have room first.
  CHECK(read.value().sources.count(name + "10003") == 1);
  CHECK(read.value().sources.count(name + "10002") == 0);
}

TEST_CASE("heartbeat: whatever a source says of itself, others can read it and all besides") {
  Bench bench;
  const std::string deep = std::string(58, '[') + std::string(58, ']');
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"t","run":"r","data":{"agents":["a1"],"pid":-5,"host":")" + std::string(300, 'h') +
                               R"(","state":")" + std::string(5000, 'x') + R"(","commands":[)" + deep +
                               R"(,"\u0000\"\\"],"parameters":[{"name":"lr","value":1e300}],"head":9223372036854775807}})"));
  bench.take(R"({"type":"tick","data":{},"source":"u","source_seq":9223372036854775807})");
  bench.take(R"({"type":"tick","data":{},"source":"u","source_seq":1})");
  HeartbeatHead head;
  head.node = "n1";
  head.hash = 0xfedcba9876543210;
  std::size_t left_out = 7;
  const std::string text = write_heartbeat(head, bench.sources, bench.clock.steady_us(), &left_out);
  const auto read = read_heartbeat(text, "n1", 5'000'000);
  REQUIRE_MESSAGE(read.ok(), wrong(text) << text);
  CHECK(left_out == 0);
  CHECK(read.value().head.hash == head.hash);
  const Run& run = *read.value().sources.at("t")->runs.at(0);
  CHECK(run.commands_json == bench.sources.find("t", "r")->commands_json);
  CHECK(run.parameters_json == bench.sources.find("t", "r")->parameters_json);
  CHECK(run.agents.count("a1") == 1);
  CHECK(run.connected());
  CHECK(run.heard_us == 5'000'000);
  CHECK(read.value().sources.at("u")->runs.at(0)->announces == false);
}

TEST_CASE("heartbeat: where there is too much, those that are connected have room, and then details") {
  Bench bench;
  const std::string agents = R"("agents":[")" + std::string(60, 'a') + R"("],"commands":[")" + std::string(8000, 'c') + "\"]";
  for (int i = 0; i < 80; ++i) {
    bench.take(R"({"type":"_source","source":"published)" + std::to_string(i) + R"(","run":"r","data":{)" + agents + "}}");
  }
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"t","run":"r","data":{)" + agents + "}}"));
  HeartbeatHead head;
  head.node = "n1";
  std::size_t left_out = 7;
  const std::string text = write_heartbeat(head, bench.sources, bench.clock.steady_us(), &left_out);
  CHECK(text.size() <= kHeartbeatBytesMax);
  CHECK(left_out == 0);
  const auto read = read_heartbeat(text, "n1", 0);
  REQUIRE(read.ok());
  CHECK(read.value().runs == 81);
  CHECK(read.value().sources.at("t")->runs.at(0)->commands_json.size() > 8000);
  std::size_t bare = 0;
  for (const auto& [name, source] : read.value().sources) bare += source->runs.at(0)->commands_json.empty() ? 1 : 0;
  CHECK(bare > 40);
  CHECK(bare < 60);
}
