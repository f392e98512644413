#include "alerts/alert_evaluator.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "alert_story.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

using Told = std::vector<std::string>;

std::string string_in(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const found = find(object, name);
  return found == nullptr ? "" : std::string(view(*found));
}

}  // namespace

TEST_CASE("alerts: each story of the shared table") {
  const rapidjson::Document table = rule_table();
  for (const auto& row : table["stories"].GetArray()) {
    AlertStory story;
    story.rule(1, std::string(view(row["rule"])));
    int step_number = 0;
    for (const auto& step : row["steps"].GetArray()) {
      INFO(view(row["rule"]), ", step ", step_number++);
      const double at = step["at"].GetDouble();
      const std::string type = string_in(step, "type");
      const Told told = type.empty() ? story.pass(at)
                                     : story.event(at, type, json_text(step["data"]), string_in(step, "source"),
                                                   string_in(step, "run"));
      Told wanted;
      for (const auto& one : step["gives"].GetArray()) wanted.emplace_back(view(one));
      CHECK(told == wanted);
      if (step.FindMember("value") == step.MemberEnd()) continue;
      REQUIRE(story.last.size() == 1);
      const auto value = read_document(story.last[0].value_json);
      REQUIRE(value.ok());
      CHECK(value.value() == step["value"]);
    }
  }
}

TEST_CASE("alerts: events up to the one at which a rule was made are not looked at") {
  AlertStory story;
  story.rule(1, "t where x = 1", 2);
  CHECK(story.event(0, "t", R"({"x":1})").empty());
  CHECK(story.event(1, "t", R"({"x":1})").empty());
  CHECK(story.event(2, "t", R"({"x":1})") == Told{"+@"});
  CHECK(story.last[0].seq == 3);
  CHECK(story.last[0].since_us == kStoryBegan + 2'000'000);
  CHECK(story.last[0].type == "t");
}

TEST_CASE("alerts: what only happens is raised anew once it is acknowledged; what holds is not") {
  AlertStory story;
  story.rule(1, "error");
  story.rule(2, "error where x = 1");
  CHECK(story.event(0, "error", R"({"x":1})").size() == 2);
  story.evaluator.acknowledge(1);
  story.evaluator.acknowledge(2);
  CHECK(story.changes().empty());
  CHECK(story.event(1, "error", R"({"x":1})") == Told{"+@"});
  CHECK(story.last[0].alert_id == 1);
}

TEST_CASE("alerts: time that goes back stands still, and a step ahead is none of the evaluator's") {
  AlertStory story;
  story.rule(1, "t where x > 1 for 30s");
  story.rule(2, "count(t) per 10s > 2");
  CHECK(story.event(100, "t", R"({"x":2})").empty());
  CHECK(story.event(5, "t", R"({"x":2})").empty());
  CHECK(story.event(6, "t", R"({"x":2})") == Told{"+@"});  // of the last 10 s, as no time has passed
  CHECK(story.last[0].alert_id == 2);
  CHECK(story.pass(99).empty());
  CHECK(story.pass(111) == Told{"-@"});
  CHECK(story.pass(130) == Told{"+@"});
}

TEST_CASE("alerts: at most so many are raised a minute, and of so many; the rest is counted") {
  AlertLimits limits;
  limits.raised_per_minute_max = 3;
  limits.raised_of_one_max = 4;
  AlertStory story(limits);
  story.rule(1, "t where x = 1");
  std::size_t raised = 0;
  for (int i = 0; i < 10; ++i) raised += story.event(i, "t", R"({"x":1,"agent_id":"a)" + std::to_string(i) + "\"}").size();
  CHECK(raised == 3);
  CHECK(story.evaluator.take_suppressed().at(1) == 7);
  // One that was kept quiet is quiet when it is over, too.
  CHECK(story.event(11, "t", R"({"x":0,"agent_id":"a9"})").empty());
  CHECK(story.event(61, "t", R"({"x":1,"agent_id":"b"})") == Told{"+@/b"});
  CHECK(story.event(62, "t", R"({"x":1,"agent_id":"c"})").empty());  // four are raised
  CHECK(story.event(63, "t", R"({"x":0,"agent_id":"b"})") == Told{"-@/b"});
  CHECK(story.event(64, "t", R"({"x":1,"agent_id":"d"})") == Told{"+@/d"});
}

TEST_CASE("alerts: what is remembered is bounded: the longest silent go, never those that are raised") {
  AlertLimits limits;
  limits.bytes_max = 200'000;
  AlertStory story(limits);
  story.rule(1, "t where avg(x, 1m) > 100");
  const auto of = [&](double at, int agent, int x) {
    return story.event(at, "t", R"({"agent_id":")" + std::to_string(agent) + R"(","x":)" + std::to_string(x) + "}");
  };
  CHECK(of(0, 0, 101) == Told{"+@/0"});
  for (int i = 1; i < 10'000; ++i) CHECK(of(i * 0.0001, i, 1).empty());
  CHECK(story.evaluator.bytes() <= limits.bytes_max);
  CHECK(story.evaluator.forgotten() > 9'900);  // all of them spoke just now
  CHECK(of(20, 5'000, 101) == Told{"+@/5000"});
  CHECK(of(21, 0, 1) == Told{"-@/0"});
  // Rules that go leave nothing behind.
  story.evaluator.remove(1);
  CHECK(story.evaluator.bytes() == 0);
}

TEST_CASE("alerts: hostile data is read for what it is") {
  AlertStory story;
  story.rule(1, "t where x > 1");
  story.rule(2, "t where a.b.c = 1");
  story.rule(3, "t where source = s");
  CHECK(story.event(0, "t", R"({"x":1e400})").empty());       // no number
  CHECK(story.event(1, "t", R"({"x":"2","a":[{"b":1}]})").empty());
  CHECK(story.event(2, "t", R"({"x":{"x":2},"a":{"b":{"d":1}}})").empty());
  CHECK(story.event(3, "t", R"({"\u0078":2})") == Told{"+@"});  // x, written otherwise
  CHECK(story.event(4, "t", R"({"x":0,"x":2})") == Told{"-@"});  // the first counts
  CHECK(story.event(5, "t", R"({"a":{"b":{"c":1.0}}})") == Told{"+@"});
  CHECK(story.event(6, "t", R"({"agent_id":7,"source":null,"a":{"b":{"c":2}}})", "s") == Told{});
  CHECK(story.event(7, "t", "{\"agent_id\":\"" + std::string(257, 'a') + "\"}", "s") == Told{"+s@"});
}

TEST_CASE("alerts: what was raised before goes on, and its aggregates have time to fill again") {
  AlertStory story;
  story.rule(1, "t where avg(x, 1m) > 10");
  story.rule(2, "t where x > 10");
  story.seq = 100;
  AlertChange before;
  before.subject.source = "s";
  before.seq = 90;
  for (const std::uint64_t id : {1u, 2u, 3u}) {
    before.alert_id = id;
    story.evaluator.restore(before);
  }
  CHECK(story.pass(0).empty());
  CHECK(story.event(1, "t", R"({"x":9})", "s") == Told{"-s@"});
  CHECK(story.last[0].alert_id == 2);
  CHECK(story.last[0].seq == 90);
  CHECK(story.event(2, "t", R"({"x":11})", "s") == Told{"+s@"});  // of 2 alone: 1 is raised still
  CHECK(story.event(50, "t", R"({"x":1})", "s") == Told{"-s@"});
  CHECK(story.event(59, "t", R"({"x":10})", "s").empty());
  CHECK(story.event(60, "t", R"({"x":5})", "s") == Told{"-s@"});  // a minute after
  CHECK(story.last[0].alert_id == 1);
}

namespace {

std::string told_data(std::uint64_t id, std::uint64_t seq) {
  return R"({"alert_id":)" + std::to_string(id) + R"(,"rule":"r","seq":)" + std::to_string(seq) +
         R"(,"type":"t","source":"s","run":"r","agent_id":"a","value":1,"since":1619395200.5})";
}

}  // namespace

TEST_CASE("alerts: what the log tells already is not told again, what it lacks is") {
  AlertStory story;
  story.rule(1, "t where x = 1");
  story.rule(2, "t where x = 2");
  story.rule(3, "t where x = 1", 6);
  story.evaluator.expect_told(6);
  const std::string one = R"({"x":1,"agent_id":"a"})", two = R"({"x":2,"agent_id":"a"})";
  CHECK(story.event(0, "t", one, "s", "r").empty());                       // 1: raises 1
  CHECK(story.event(1, "alert_raised", told_data(1, 1), "ppo-bridge").empty());  // 2
  CHECK(story.event(2, "t", two, "s", "r").empty());                       // 3: over, and raises 2
  CHECK(story.event(3, "alert_cleared", told_data(1, 1), "ppo-bridge").empty());
  CHECK(story.event(4, "alert_raised", told_data(3, 1), "ppo-bridge").empty());  // of another of that number
  const Told rest = story.event(5, "x", "{}", "s", "r");
  REQUIRE(rest == Told{"+s@r/a", "+s@r/a", "-s@r/a"});
  CHECK(story.last[0].told);
  CHECK_FALSE(story.last[1].told);
  CHECK(story.last[1].alert_id == 2);
  CHECK(story.last[1].seq == 3);
  CHECK(story.last[2].told);
  CHECK(story.event(6, "t", two, "s", "r").empty());
}

TEST_CASE("alerts: where another bridge tells its word counts, and what it has left untold is told once it is gone") {
  AlertStory story;
  story.rule(1, "t where x = 1");
  story.rule(2, "t where x = 2");
  story.evaluator.follow(true);
  const std::string one = R"({"x":1,"agent_id":"a"})", two = R"({"x":2,"agent_id":"a"})";
  CHECK(story.event(0, "t", one, "s", "r").empty());  // 1: raises 1
  CHECK(story.evaluator.seq() == 1);
  CHECK(story.event(1, "alert_raised", told_data(1, 1), "ppo-bridge") == Told{"+s@r/a"});
  CHECK(story.last[0].told);
  CHECK(story.event(2, "t", two, "s", "r").empty());  // 3: over, and raises 2
  CHECK(story.event(3, "alert_cleared", told_data(1, 1), "ppo-bridge") == Told{"-s@r/a"});
  // It dies, and another tells; this one is next.
  story.evaluator.follow(false);
  story.evaluator.expect_told(4);
  CHECK(story.event(4, "x", "{}", "s", "r") == Told{"+s@r/a"});
  CHECK(story.last[0].alert_id == 2);
  CHECK(story.last[0].seq == 3);
  CHECK_FALSE(story.last[0].told);
  CHECK(story.event(5, "alert_raised", told_data(2, 3), "ppo-bridge").empty());  // its own
  CHECK(story.event(6, "t", one, "s", "r") == Told{"+s@r/a", "-s@r/a"});
}

TEST_CASE("alerts: of what another bridge tells nothing of not everything is kept") {
  AlertStory story;
  story.rule(1, "t where x = 1");
  story.evaluator.follow(true);
  for (int i = 0; i < 1'500; ++i) {
    for (const char* x : {"1", "2"}) CHECK(story.event(i * 2.0, "t", std::string(R"({"x":)") + x + "}", "s", "r").empty());
  }
  story.evaluator.follow(false);
  CHECK(story.event(4000, "x", "{}").size() <= 1'000);
}

TEST_CASE("alerts: what the log tells counts, also where it is judged otherwise now") {
  AlertStory story;
  story.rule(1, "t where sum(x, 1m) > 10");
  story.evaluator.expect_told(3);
  CHECK(story.event(0, "t", R"({"x":6,"agent_id":"a"})", "s", "r").empty());  // with what was there before: 12
  CHECK(story.event(1, "alert_raised", told_data(1, 1), "ppo-bridge").empty());
  const Told told = story.event(2, "t", R"({"x":1,"agent_id":"a"})", "s", "r");
  CHECK(told == Told{"+s@r/a"});
  CHECK(story.last[0].told);
  CHECK(story.event(3, "t", R"({"x":6,"agent_id":"a"})", "s", "r").empty());  // raised it is
}

}  // namespace bridge
