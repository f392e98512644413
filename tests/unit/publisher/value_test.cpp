// Events written down in C++, and why events are refused.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"

using ppo::List;
using ppo::Object;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::Value;
using ppo::test::FakeBridge;
using std::chrono::milliseconds;

namespace {

// While it lives, the environment has the variable.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

PublisherOptions to(const std::string& endpoint) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.control = "";
  return options;
}

}  // namespace

TEST_CASE("values: braces are an object, every kind as itself") {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const std::string item = "Abyssal \"whip\"";
  const char* const nothing = nullptr;
  const Object object{{"text", "Coal"},
                      {"string", item},
                      {"view", std::string_view(item).substr(0, 3)},
                      {"integer", 199},
                      {"least", std::numeric_limits<std::int64_t>::min()},
                      {"most", std::numeric_limits<std::uint64_t>::max()},
                      {"small", std::int8_t{-7}},
                      {"real", 0.1},
                      {"whole", 2.0},
                      {"single", 0.5f},
                      {"yes", true},
                      {"nan", kNaN},
                      {"inf", -std::numeric_limits<float>::infinity()},
                      {"null", nullptr},
                      {"no text", nothing},
                      {"some", std::optional<int>(3)},
                      {"none", std::optional<int>()},
                      {"bad \xFF", "\n\xC3"}};
  CHECK(object.json() ==
        R"({"text":"Coal","string":"Abyssal \"whip\"","view":"Aby","integer":199,)"
        R"("least":-9223372036854775808,"most":18446744073709551615,"small":-7,"real":0.1,)"
        R"("whole":2.0,"single":0.5,"yes":true,"nan":null,"inf":null,"null":null,"no text":null,)"
        "\"some\":3,\"none\":null,\"bad \xEF\xBF\xBD\":\"\\n\xEF\xBF\xBD\"}");
}

TEST_CASE("values: lists, ranges and maps, in each other") {
  const std::vector<double> curve{1, 0.5};
  const std::vector<bool> flags{true, false};
  const std::set<std::string> names{"a", "b"};
  const std::map<std::string, std::vector<int>> table{{"x", {1, 2}}, {"y", {}}};
  CHECK(Object{{"list", List{1, "two", 3.0, List{}, {{"a", 1}}}},
               {"object", {{"low", 1}, {"high", {{"deep", nullptr}}}}},
               {"one", {{"a", "b"}}},
               {"empty", {}},
               {"curve", curve},
               {"flags", flags},
               {"names", names},
               {"table", table}}
            .json() ==
        R"({"list":[1,"two",3.0,[],{"a":1}],"object":{"low":1,"high":{"deep":null}},)"
        R"("one":{"a":"b"},"empty":{},"curve":[1.0,0.5],"flags":[true,false],"names":["a","b"],)"
        R"("table":{"x":[1,2],"y":[]}})");
  CHECK(Object().json() == "{}");
}

TEST_CASE("values: are published without JSON by hand") {
  FakeBridge bridge;
  Publisher publisher(to(bridge.endpoint()));
  const Object made = Object().add("item", "Coal").add("price", 199);
  CHECK(publisher.publish("order_placed", {{"item", "Coal"}, {"price", 199}}));
  CHECK(publisher.publish("order_placed", made));
  CHECK(publisher.publish("tick", {{"a", "b"}}));
  CHECK(publisher.publish("tick", {}));
  const auto events = bridge.receive_events(4);
  REQUIRE(events.size() == 4);
  CHECK(testing_support::Json(events[0]).dump("/data") == R"({"item":"Coal","price":199})");
  CHECK(testing_support::Json(events[1]).dump("/data") == R"({"item":"Coal","price":199})");
  CHECK(testing_support::Json(events[2]).dump("/data") == R"({"a":"b"})");
  CHECK(testing_support::Json(events[3]).dump("/data") == "{}");
}

TEST_CASE("refusals: the newest says what was wrong, where, and what may be") {
  PublisherOptions options = to("tcp://127.0.0.1:9");
  options.event_bytes_max = 400;
  options.flush_ms = 0;
  Publisher publisher(options);
  CHECK(publisher.last_refusal() == "");
  CHECK(publisher.publish("tick", "{}"));
  CHECK(publisher.last_refusal() == "");

  CHECK_FALSE(publisher.publish("_tick\n", "{}"));
  CHECK(publisher.last_refusal() ==
        "_tick?: the type must be 1-64 of A-Z a-z 0-9 _ . -, not beginning with _");
  CHECK_FALSE(publisher.publish("tick", R"({"a":1,})"));
  CHECK(publisher.last_refusal() ==
        "tick: data is not a JSON object of at most 63 levels: wrong at byte 7");
  Value deep(1);
  for (int level = 1; level <= 63; ++level) deep = Value(Object{{"a", deep}});
  const Object ok{{"b", Value(deep)}};
  CHECK_FALSE(publisher.publish("tick", ok));
  CHECK(publisher.last_refusal() ==
        "tick: data is not a JSON object of at most 63 levels: wrong at byte 315");
  CHECK_FALSE(publisher.publish("tick", {{"text", std::string(400, 'x')}}));
  CHECK(publisher.last_refusal().find("tick: the event is ") == 0);
  CHECK(publisher.last_refusal().find(
            " bytes long with its envelope; must be at most event_bytes_max, 400") !=
        std::string::npos);
  ppo::AgentDecision decision;
  decision.agent_id = "a b";
  CHECK_FALSE(publisher.publish(decision));
  CHECK(publisher.last_refusal() ==
        "agent_decision: agent_id is 'a b'; must be 1-64 of A-Z a-z 0-9 _ . : -");
  CHECK_FALSE(publisher.publish(ppo::ErrorEvent{"oops", "", "[1]"}));
  CHECK(publisher.last_refusal() ==
        "error: details is '[1]'; must be the text of a JSON object of at most 63 levels");
  publisher.close();
  CHECK_FALSE(publisher.publish("tick", "{}"));
  CHECK(publisher.last_refusal() == "tick: the publisher is closed");
  CHECK(publisher.stats().refused == 7);

  Publisher nowhere(to("nowhere"));
  CHECK_FALSE(nowhere.publish("tick", {{"a", 1}}));
  CHECK(nowhere.last_refusal().find("tick: endpoint nowhere: ") == 0);
}

TEST_CASE("flush: tells whether all that was published has left") {
  Publisher alone(to("tcp://127.0.0.1:9"));
  CHECK(alone.flush(milliseconds(0)));  // nothing was published
  CHECK(alone.publish("tick", "{}"));
  CHECK_FALSE(alone.flush(milliseconds(20)));
  CHECK_FALSE(alone.flush(milliseconds::min()));
  std::thread closing([&] {
    std::this_thread::sleep_for(milliseconds(20));
    alone.close();
  });
  CHECK_FALSE(alone.flush(milliseconds::max()));  // it was let go
  closing.join();

  FakeBridge bridge;
  Publisher publisher(to(bridge.endpoint()));
  for (int i = 0; i < 1000; ++i) CHECK(publisher.publish("tick", {{"i", i}}));
  std::thread flushing([&] {
    CHECK(publisher.flush(milliseconds::max()));
    CHECK(publisher.stats().sent == 1000);
  });
  CHECK(bridge.receive_events(1000).size() == 1000);
  flushing.join();

  Publisher nowhere(to("nowhere"));
  CHECK_FALSE(nowhere.flush(milliseconds(0)));
}

TEST_CASE("options: the environment says where the bridge is, unless the program does") {
  CHECK(PublisherOptions().endpoint == "tcp://127.0.0.1:5556");
  CHECK(PublisherOptions().control == "tcp://127.0.0.1:5559");
  FakeBridge bridge;
  const Variable events("PPO_EVENTS_ADDRESS", bridge.endpoint().c_str());
  const Variable control("PPO_CONTROL_ADDRESS", "");
  Publisher publisher;
  CHECK(publisher.publish("tick", "{}"));
  CHECK(bridge.receive_events(1).size() == 1);
  CHECK_FALSE(publisher.on_command("a", [](const auto&) { return ppo::CommandResult::success(); }));
  CHECK(publisher.command_error() == "control is empty; must be a ZeroMQ address");
  const Variable none("PPO_EVENTS_ADDRESS", "");
  CHECK(PublisherOptions().endpoint == "tcp://127.0.0.1:5556");
}
