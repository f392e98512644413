#include "sources/source_registry.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/limits.h"
#include "fixture.h"

using namespace bridge;

namespace {

std::string body(const std::string& source, const std::string& run, int seq) {
  return R"({"type":"t","data":{"agent_id":"a"},"source":")" + source + R"(","run":")" + run +
         R"(","source_seq":)" + std::to_string(seq) + "}";
}

}  // namespace

TEST_CASE("sources: a new run begins anew, and what is on its way of the old one is no restart") {
  Bench bench;
  std::vector<SourceChange> changes;
  bench.sources.set_listener([&](const std::string&, const SourceInfo&, SourceChange change) {
    changes.push_back(change);
  });
  bench.take(R"({"type":"_source","source":"s","run":"r1","data":{}})");
  for (const int seq : {1, 2, 3}) bench.take(body("s", "r1", seq));
  bench.take(body("s", "r2", 1));
  bench.take(body("s", "r1", 4));
  bench.take(body("s", "r2", 2));
  const auto& info = bench.sources.sources().at("s");
  CHECK(info.run == "r2");
  CHECK(info.last_source_seq == 2);
  CHECK(info.events == 6);
  CHECK(info.agents.count("a") == 1);
  CHECK(changes == std::vector{SourceChange::connected, SourceChange::restarted});
}

TEST_CASE("sources: holes in a counter without a run are counted, and nothing more") {
  Bench bench;
  for (const char* seq : {"3", "4", "7", "1"}) {
    bench.take(std::string(R"({"type":"t","data":{},"source":"s","source_seq":)") + seq + "}");
  }
  CHECK(bench.log.last_seq() == 4);
  CHECK(bench.sources.sources().at("s").holes == 2);
}

TEST_CASE("sources: the rate settles on what comes") {
  Bench bench;
  int seq = 0;
  for (int second = 0; second < 30; ++second) {
    for (int i = 0; i < 100; ++i) bench.take(body("s", "r", ++seq));
    bench.sources.tick(1.0, bench.clock.steady_us());
  }
  CHECK(bench.sources.sources().at("s").events_per_s == doctest::Approx(100).epsilon(0.01));
  for (int second = 0; second < 60; ++second) bench.sources.tick(1.0, bench.clock.steady_us());
  CHECK(bench.sources.sources().at("s").events_per_s < 1);
}

TEST_CASE("sources: their number is bounded, the longest silent makes room") {
  Bench bench;
  for (std::size_t i = 0; i < kSourcesMax + 10; ++i) {
    bench.clock.advance_us(1);
    bench.take(body("s" + std::to_string(i), "r", 1));
    bench.take(body("s0", "r", static_cast<int>(i) + 1));
  }
  CHECK(bench.sources.sources().size() == kSourcesMax);
  CHECK(bench.sources.sources().count("s0") == 1);
  CHECK(bench.sources.sources().count("s1") == 0);
}

TEST_CASE("sources: a flood of agent names does not grow memory") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) {
    bench.take(R"({"type":"t","source":"s","data":{"agent_id":"a)" + std::to_string(i) + "\"}}");
  }
  CHECK(bench.sources.sources().at("s").agents.size() == kAgentsPerSourceMax);
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
  std::vector<std::string> heard;
  bench.sources.set_listener([&](const std::string& source, const SourceInfo&, SourceChange change) {
    const char* const names[] = {"connected", "restarted", "stalled", "recovered", "gone"};
    heard.push_back(source + " " + names[static_cast<int>(change)]);
  });
  const auto beat = [&](const std::string& run, const std::string& state = "running") {
    bench.take(R"({"type":"_source","source":"t","run":")" + run + R"(","data":{"state":")" + state +
               R"(","agents":["a"]}})");
  };
  const auto wait = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      bench.clock.advance_us(1'000'000);
      bench.sources.tick(1.0, bench.clock.steady_us());
    }
  };
  beat("r1");
  wait(3);
  CHECK(heard == std::vector<std::string>{"t connected"});
  wait(1);
  CHECK(bench.sources.sources().at("t").state == SourceState::stalled);
  beat("r1");
  CHECK(heard.back() == "t recovered");
  wait(20);
  CHECK(heard.back() == "t gone");
  CHECK(heard.size() == 5);  // connected, stalled, recovered, stalled, gone
  beat("r2");
  CHECK(heard.back() == "t restarted");
  beat("r2", "stopped");
  CHECK(heard.back() == "t gone");
  beat("r3");
  CHECK(heard.back() == "t restarted");
  // A source that only publishes makes no news, however long it is silent.
  heard.clear();
  bench.take(R"({"type":"x","source":"plain","data":{}})");
  wait(100);
  CHECK(bench.sources.sources().at("plain").state == SourceState::live);
  CHECK(std::count(heard.begin(), heard.end(), "plain connected") == 0);
}

TEST_CASE("sources: what is told of one is cut between characters, not in one") {
  Bench bench;
  std::string long_name;
  for (int i = 0; i < 200; ++i) long_name += "\xE2\x82\xAC";
  bench.take(R"({"type":"_source","source":"s","run":"r","data":{"host":")" + long_name +
             R"(","state":")" + long_name + "\"}}");
  const auto& info = bench.sources.sources().at("s");
  CHECK(info.host == long_name.substr(0, 255));
  CHECK(info.activity == long_name.substr(0, 63));
}
