#include "sources/heartbeat.h"

#include <doctest/doctest.h>

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
