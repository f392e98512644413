#include "event/subscription.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

std::string refusal_of_subscription(const std::string& request) {
  const auto parsed = Subscription::parse(parse_json(request));
  return parsed ? "" : parsed.error().message;
}

bool passes(const std::string& request, const std::string& body) {
  Bench bench;
  bench.take(body);
  bench.log.seal();
  REQUIRE(bench.log.last_seq() == 1);
  return subscription(request).matches(*bench.log.history().find(1), 0);
}

const std::string kTrade =
    R"({"type":"trade_executed","source":"t1","data":{"agent_id":"agent_0","item":"Zulrah's scales",)"
    R"("price":9007199254740993,"profit":-1.5,"won":true,"note":null,"n\u0061me":"caf\u00e9"}})";

}  // namespace

TEST_CASE("subscription: bad fields are named with their place") {
  CHECK(refusal_of_subscription(R"({"subscriptions":"x"})") == "subscriptions must be a list of event types");
  CHECK(refusal_of_subscription(R"({"subscriptions":["a",5]})") == "subscriptions[1] must be a string");
  CHECK(refusal_of_subscription(R"({"subscriptions":["a b"]})").find("subscriptions[0] is \"a b\"") == 0);
  CHECK(refusal_of_subscription(R"({"subscriptions":["a*b"]})").find("subscriptions[0]") == 0);
  CHECK(refusal_of_subscription(R"({"filter":[]})") == "filter must be an object");
  CHECK(refusal_of_subscription(R"({"filter":{"a":[]}})") == "filter.a must not be an empty list");
  CHECK(refusal_of_subscription(R"({"filter":{"a":[[1]]}})").find("filter.a[0] must be") == 0);
  CHECK(refusal_of_subscription(R"({"filter":{"a":{"low":1}}})").find("filter.a.low is not allowed") == 0);
  CHECK(refusal_of_subscription(R"({"filter":{"a":{}}})") == "filter.a must name min, max or both");
}

TEST_CASE("subscription: limits hold") {
  std::string many = "[\"a\"";
  for (int i = 0; i < 256; ++i) many += ",\"a\"";
  CHECK(refusal_of_subscription(R"({"subscriptions":)" + many + "]}").find("must be at most 256") !=
        std::string::npos);
  std::string keys;
  for (int i = 0; i < 33; ++i) keys += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  CHECK(refusal_of_subscription("{\"filter\":{" + keys + "}}").find("must be at most 32") != std::string::npos);
}

TEST_CASE("subscription: types by name, by beginning, all and none") {
  CHECK(passes("{}", kTrade));
  CHECK(passes(R"({"subscriptions":["*"]})", kTrade));
  CHECK(passes(R"({"subscriptions":["x","trade_executed"]})", kTrade));
  CHECK(passes(R"({"subscriptions":["trade_*"]})", kTrade));
  CHECK_FALSE(passes(R"({"subscriptions":["trade"]})", kTrade));
  CHECK_FALSE(passes(R"({"subscriptions":["order_*"]})", kTrade));
  CHECK_FALSE(passes(R"({"subscriptions":[]})", kTrade));
}

TEST_CASE("subscription: all keys of a filter must pass, any value of a key will do") {
  const auto filter = [](const std::string& f) { return passes("{\"filter\":" + f + "}", kTrade); };
  CHECK(filter(R"({"source":"t1"})"));
  CHECK_FALSE(filter(R"({"source":"t"})"));
  CHECK(filter(R"({"agent_id":["agent_9","agent_0"]})"));
  CHECK_FALSE(filter(R"({"agent_id":"agent_0","item":"Coal"})"));
  CHECK(filter(R"({"item":"Zulrah's scales"})"));
  CHECK(filter(R"({"won":true})"));
  CHECK_FALSE(filter(R"({"won":false})"));
  CHECK(filter(R"({"note":null})"));
  CHECK(filter(R"({"missing":null})"));
  CHECK_FALSE(filter(R"({"missing":0})"));
  CHECK(filter(R"({"name":"café"})"));  // both the key and the value are escaped in the event
  CHECK(filter(R"({"profit":-1.5})"));
  CHECK(filter(R"({"profit":{"min":-2,"max":-1}})"));
  CHECK_FALSE(filter(R"({"profit":{"min":0}})"));
  CHECK(filter(R"({"profit":[{"min":0},-1.5]})"));
  CHECK_FALSE(filter(R"({"item":5})"));
}

TEST_CASE("subscription: 64-bit integers are compared exactly") {
  const auto filter = [](const std::string& f) { return passes("{\"filter\":" + f + "}", kTrade); };
  CHECK(filter(R"({"price":9007199254740993})"));
  CHECK_FALSE(filter(R"({"price":9007199254740992})"));
  CHECK_FALSE(filter(R"({"price":{"max":9007199254740992}})"));
  CHECK(FilterNumber::parse("1e400")->compare(*FilterNumber::parse("1")) == 1);
  CHECK(FilterNumber::parse("-1e400")->compare(*FilterNumber::parse("1")) == -1);
  CHECK(FilterNumber::parse("1e-400")->compare(*FilterNumber::parse("1")) == -1);
  CHECK_FALSE(FilterNumber::parse("\"1\""));
}

TEST_CASE("subscription: equal ones have one key, whatever the order") {
  CHECK(subscription(R"({"subscriptions":["a","b"],"filter":{"x":1,"y":2}})").key() ==
        subscription(R"({"subscriptions":["b","a","b"],"filter":{"y":2,"x":1}})").key());
  CHECK(subscription(R"({"subscriptions":["a"]})").key() !=
        subscription(R"({"subscriptions":["a*"]})").key());
  CHECK(subscription(R"({"filter":{"x":1}})").key() !=
        subscription(R"({"filter":{"x":"1"}})").key());
}

TEST_CASE("subscription: removing a type also works on a wider pattern") {
  const auto left = subscription(R"({"subscriptions":["a","order_*"]})").without({"a"}).value();
  CHECK(left.patterns() == std::vector<std::string>{"order_*"});
  const auto all = subscription("{}").without({"trade_executed"}).value();
  CHECK(all.patterns() == std::vector<std::string>{"*"});
  CHECK(all.excluded() == std::vector<std::string>{"trade_executed"});
  CHECK_FALSE(all.everything());
  CHECK(subscription("{}").without({"*"}).value().nothing());
  Bench bench;
  bench.take(kTrade);
  bench.log.seal();
  CHECK_FALSE(all.matches(*bench.log.history().find(1), 0));
}

TEST_CASE("subscription: what is taken from a wider pattern is listed once, and 256 times at most") {
  Subscription all = subscription("{}");
  for (int i = 0; i < 3; ++i) all = all.without({"a1", "a1", "b"}).value();
  CHECK(all.excluded() == std::vector<std::string>{"a1", "b"});
  all = all.without({"a*"}).value();
  CHECK(all.excluded() == std::vector<std::string>{"b", "a*"});
  all = all.without({"a2"}).value();
  CHECK(all.excluded().size() == 2);
  for (int i = 0; i < 254; ++i) all = all.without({"c" + std::to_string(i)}).value();
  const auto refused = all.without({"d"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("257 types would be excluded") != std::string::npos);
  CHECK(all.without({"c*"}).value().excluded().size() == 3);
}

TEST_CASE("subscription: type, source, agent and item are compared without a look at data") {
  // What stands in data is no JSON and says otherwise: whoever parsed it would not agree.
  Envelope event;
  event.type = "trade_executed";
  event.source = "t1";
  event.data = R"({"source":"x","agent_id":"x","item":"x")";
  event.agent_id = {"agent_0", IndexedField::Kind::text, true};
  event.item = {"Coal", IndexedField::Kind::text, true};
  BlockBuilder builder;
  builder.add(event, 1, 0);
  event.agent_id = {};
  builder.add(event, 2, 0);
  const BlockPtr block = builder.seal();
  const auto passes = [&block](const std::string& request, std::size_t i = 0) {
    return subscription(request).matches(*block, i);
  };
  CHECK(passes(R"({"subscriptions":["trade_*"],"filter":{"source":"t1","agent_id":"agent_0","item":"Coal"}})"));
  CHECK_FALSE(passes(R"({"subscriptions":["price_*"]})"));
  for (const char* key : {"source", "agent_id", "item"}) {
    CAPTURE(key);
    CHECK_FALSE(passes(std::string(R"({"filter":{")") + key + R"(":"x"}})"));
  }
  CHECK(passes(R"({"filter":{"agent_id":null}})", 1));
  CHECK_FALSE(passes(R"({"filter":{"agent_id":"x"}})", 1));
}
