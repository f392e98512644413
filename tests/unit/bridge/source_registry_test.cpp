#include "core/source_registry.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "fixture.h"

using namespace bridge;

namespace {

std::string body(const std::string& source, const std::string& run, int seq) {
  return R"({"type":"t","data":{"agent_id":"a"},"source":")" + source + R"(","run":")" + run +
         R"(","source_seq":)" + std::to_string(seq) + "}";
}

}  // namespace

TEST_CASE("sources: holes in the counter are counted, a new run begins anew") {
  Bench bench;
  for (const int seq : {1, 2, 5, 6}) bench.take(body("s", "r1", seq));
  CHECK(bench.sources.sources().at("s").lost == 2);
  bench.take(body("s", "r2", 1));
  bench.take(body("s", "r2", 2));
  const auto& info = bench.sources.sources().at("s");
  CHECK(info.lost == 2);
  CHECK(info.run == "r2");
  CHECK(info.last_source_seq == 2);
  CHECK(info.events == 6);
  CHECK(info.agents.count("a") == 1);
}

TEST_CASE("sources: the rate settles on what comes") {
  Bench bench;
  int seq = 0;
  for (int second = 0; second < 30; ++second) {
    for (int i = 0; i < 100; ++i) bench.take(body("s", "r", ++seq));
    bench.sources.tick(1.0);
  }
  CHECK(bench.sources.sources().at("s").events_per_s == doctest::Approx(100).epsilon(0.01));
  for (int second = 0; second < 60; ++second) bench.sources.tick(1.0);
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
