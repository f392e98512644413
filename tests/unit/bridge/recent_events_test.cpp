#include "commands/recent_events.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

rapidjson::Document recent(Bench& bench, const std::string& params) {
  auto search = RecentEvents::of(bench.log, parse_json(params));
  REQUIRE(search.ok());
  while (!search.value().ended()) search.value().step(1);
  return parse_json(search.value().result());
}

std::vector<std::uint64_t> seqs_of(const rapidjson::Document& result) {
  std::vector<std::uint64_t> out;
  for (const auto& event : result["events"].GetArray()) out.push_back(event["seq"].GetUint64());
  CHECK(result["count"].GetUint64() == out.size());
  return out;
}

std::string refusal_of_params(const std::string& params) {
  Bench bench;
 const auto result = RecentEvents::of(bench.log, parse_json(params));
  return result ? "" : result.error().message;
}

void fill(Bench& bench, int n) {
  for (int i = 1; i <= n; ++i) {
    bench.event(i % 2 ? "odd" : "even", R"({"agent_id":"a)" + std::to_string(i % 3) +
                                            R"(","item":"i)" + std::to_string(i % 5) + "\"}");
  }
}

}  // namespace

TEST_CASE("recent: wrong parameters are named with their range") {
  CHECK(refusal_of_params(R"({"count":-1})") == "params.count is -1; must be an integer 0..10000");
  CHECK(refusal_of_params(R"({"count":10001})") ==
        "params.count is 10001; must be an integer 0..10000");
  CHECK(refusal_of_params(R"({"count":"5"})") ==
        R"(params.count is "5"; must be an integer 0..10000)");
  // The first two were one more than nothing, and so gave all events as new.
  for (const char* seq : {"18446744073709551615", "9223372036854775808", "1.5"}) {
    CHECK(refusal_of_params(std::string(R"({"since_seq":)") + seq + "}") ==
          std::string("params.since_seq is ") + seq +
              "; must be an integer 0..9223372036854775807");
  }
  CHECK(refusal_of_params(R"({"item":5})") == "params.item must be a string");
}

TEST_CASE("recent: the newest that match, oldest first") {
  Bench bench;
  fill(bench, 30);
  CHECK(seqs_of(recent(bench, R"({"count":3})")) == std::vector<std::uint64_t>{28, 29, 30});
  CHECK(seqs_of(recent(bench, R"({"count":2,"type":"odd"})")) ==
        std::vector<std::uint64_t>{27, 29});
  CHECK(seqs_of(recent(bench, R"({"count":2,"type":"o*","agent_id":"a0"})")) ==
        std::vector<std::uint64_t>{21, 27});
  const auto few = recent(bench, R"({"item":"i0","agent_id":"a0"})");
  CHECK(seqs_of(few) == std::vector<std::uint64_t>{15, 30});
  CHECK(few["complete"].GetBool());
  CHECK(seqs_of(recent(bench, R"({"count":0})")).empty());
  CHECK(seqs_of(recent(bench, "null")).size() == 30);
}

TEST_CASE("recent: since_seq pages forward and says when there is more") {
  Bench bench;
  fill(bench, 10);
  const auto first = recent(bench, R"({"since_seq":4,"count":3})");
  CHECK(seqs_of(first) == std::vector<std::uint64_t>{5, 6, 7});
  CHECK_FALSE(first["complete"].GetBool());
  const auto rest = recent(bench, R"({"since_seq":7,"count":3})");
  CHECK(seqs_of(rest) == std::vector<std::uint64_t>{8, 9, 10});
  CHECK(rest["complete"].GetBool());
  CHECK(recent(bench, R"({"since_seq":10})")["complete"].GetBool());
  CHECK_FALSE(recent(bench, R"({"since_seq":11})")["complete"].GetBool());
}

TEST_CASE("recent: what the history has let go makes the answer incomplete") {
  Bench bench({10, 1 << 30});
  fill(bench, 100);
  CHECK_FALSE(recent(bench, R"({"since_seq":5})")["complete"].GetBool());
  CHECK_FALSE(recent(bench, R"({"count":50})")["complete"].GetBool());
  CHECK(recent(bench, R"({"count":3})")["complete"].GetBool());
}

TEST_CASE("recent: a reply is bounded in bytes") {
  Bench bench;
  const std::string data = R"({"a":")" + std::string(500'000, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) bench.event("t", data);
  const auto newest = recent(bench, "{}");
  CHECK(newest["count"].GetUint64() == 8);
  CHECK_FALSE(newest["complete"].GetBool());
  CHECK(newest["events"][7]["seq"].GetUint64() == 20);
  CHECK(recent(bench, R"({"since_seq":0})")["events"][0]["seq"].GetUint64() == 1);
}
