#include "conversation/client_protocol.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

struct Conversation {
  explicit Conversation(std::uint64_t rate = 1000)
      : feed(bench.log, bench.cohorts, bench.clock, [] {}),
        protocol(feed, bench.dispatcher, bench.replays, bench.log, bench.counters, bench.clock,
                 rate, 1, [this](Verdict) { ++late_replies; }) {}

  // The one reply to a request that brings no events with it.
  rapidjson::Document ask(const std::string& request) {
    REQUIRE(protocol.handle(request) == Verdict::keep);
    const auto all = payloads(feed.pull(1 << 20));
    REQUIRE(all.size() == 1);
    auto reply = parse_json(all[0]);
    REQUIRE(reply.IsObject());
    CHECK(reply.HasMember("timestamp"));
    return reply;
  }
  std::string error(const std::string& request) {
    const auto reply = ask(request);
    REQUIRE(reply["status"] == "error");
    REQUIRE(reply["type"] == "error");
    return std::string(reply["data"]["error_type"].GetString()) + ": " +
           reply["data"]["message"].GetString();
  }

  Bench bench;
  Feed feed;
  int late_replies = 0;
  ClientProtocol protocol;
};

}  // namespace

TEST_CASE("protocol: what is no request is refused by its kind") {
  Conversation c;
  CHECK(c.error("nonsense").find("bad_json: the request is not JSON") == 0);
  CHECK(c.error("").find("bad_json") == 0);
  CHECK(c.error("{\"action\":\"ping\",}").find("bad_json") == 0);
  CHECK(c.error("[]") == "bad_request: a request must be a JSON object");
  CHECK(c.error("{}").find("bad_request: action must be one of") == 0);
  CHECK(c.error(R"({"action":5})").find("bad_request: action must be one of") == 0);
  CHECK(c.error(R"({"action":"dance"})").find("unknown_action: action is \"dance\"") == 0);
  CHECK(c.error(R"({"action":"ping","id":1.5})").find("bad_request: id must be") == 0);
  CHECK(c.error(R"({"action":"ping","id":")" + std::string(65, 'x') + "\"}")
            .find("bad_request: id must be") == 0);
  CHECK(c.error(std::string(60'000, '[')) == "bad_json: the request is deeper than 64 levels");
  // It went into command_executed, and every subscriber was closed with 1007.
  CHECK(c.error(R"({"action":"register","client_id":"\udc00"})")
            .find("bad_json: the request is not JSON") == 0);
  CHECK(c.ask("\xEF\xBB\xBF{\"action\":\"ping\"}")["status"] == "pong");
}

TEST_CASE("protocol: params may be nested to the limit and no deeper") {
  Conversation c;
  const auto request = [](int lists) {
    const auto n = static_cast<std::size_t>(lists);
    return R"({"action":"command","command":"get_event_types","params":{"x":)" +
           std::string(n, '[') + std::string(n, ']') + "}}";
  };
  CHECK(c.ask(request(62))["status"] == "command_result");
  CHECK(c.error(request(63)) == "bad_json: the request is deeper than 64 levels");
  CHECK(c.error(request(500'000)) == "bad_json: the request is deeper than 64 levels");
}

TEST_CASE("protocol: an id comes back as it was, integers of 64 bits and strings") {
  Conversation c;
  CHECK(c.ask(R"({"action":"ping","id":7})")["id"].GetInt() == 7);
  CHECK(c.ask(R"({"action":"ping","id":-9223372036854775808})")["id"].GetInt64() == INT64_MIN);
  CHECK(c.ask(R"({"action":"ping","id":18446744073709551615})")["id"].GetUint64() == UINT64_MAX);
  CHECK(c.ask(R"({"action":"ping","id":"\u00e9\"x"})")["id"] == "\xC3\xA9\"x");
  CHECK(c.ask(R"({"action":"dance","id":"x"})")["id"] == "x");
  CHECK_FALSE(c.ask(R"({"action":"ping"})").HasMember("id"));
  std::string sixty_four;
  for (int i = 0; i < 64; ++i) sixty_four += "\xC3\xA9";  // characters, not bytes
  CHECK(c.ask(R"({"action":"ping","id":")" + sixty_four + "\"}")["id"] == sixty_four.c_str());
}

TEST_CASE("protocol: register tells the subscription and where it starts") {
  Conversation c;
  c.bench.event();
  const auto reply = c.ask(R"({"action":"register","client_id":"me","client_type":"dashboard",)"
                           R"("subscriptions":["trade_executed","price_update"],"filter":{"a":1},)"
                           R"("unknown":[1]})");
  CHECK(reply["status"] == "registered");
  CHECK(reply["action"] == "register");
  CHECK(reply["subscriptions"].Size() == 2);
  CHECK(reply["subscriptions"][0] == "trade_executed");
  CHECK(reply["filter"]["a"].GetInt() == 1);
  CHECK(reply["epoch"] == "epoch1");
  CHECK(reply["seq"].GetInt() == 1);
  CHECK_FALSE(reply.HasMember("recovered"));
  CHECK(c.protocol.client_id() == "me");
  CHECK(c.protocol.client_type() == "dashboard");
  CHECK(c.ask(R"({"action":"register"})")["subscriptions"][0] == "*");
}

TEST_CASE("protocol: subscribe replaces all, unsubscribe takes away") {
  Conversation c;
  c.ask(R"({"action":"register","filter":{"item":"Coal"}})");
  const auto reply = c.ask(R"({"action":"subscribe","subscriptions":["a","b*"]})");
  CHECK(reply["status"] == "subscribed");
  CHECK_FALSE(reply.HasMember("filter"));
  const auto left = c.ask(R"({"action":"unsubscribe","subscriptions":["a"]})");
  CHECK(left["status"] == "unsubscribed");
  CHECK(left["subscriptions"].Size() == 1);
  CHECK(left["subscriptions"][0] == "b*");
  CHECK(c.ask(R"({"action":"unsubscribe"})")["subscriptions"].Empty());
  c.bench.event("b1");
  CHECK(c.feed.pull(1000).empty());
}

TEST_CASE("protocol: a client cannot make its list of excluded types grow without end") {
  Conversation c;
  c.ask(R"({"action":"register"})");
  std::string refusal;
  for (int i = 0; i < 300 && refusal.empty(); ++i) {
    const std::string request =
        R"({"action":"unsubscribe","subscriptions":["t)" + std::to_string(i) + R"("]})";
    if (i < 256) {
      CHECK(c.ask(request)["excluded"].Size() == static_cast<unsigned>(i) + 1);
    } else {
      refusal = c.error(request);
    }
  }
  CHECK(refusal.find("bad_request: subscriptions: 257 types would be excluded") == 0);
}

TEST_CASE("protocol: a wrong request changes nothing") {
  Conversation c;
  c.ask(R"({"action":"register","client_id":"me","subscriptions":["a"]})");
  CHECK(c.error(R"({"action":"subscribe","subscriptions":["b",5]})") ==
        "bad_request: subscriptions[1] must be a string");
  CHECK(c.error(R"({"action":"register","client_id":5})").find("client_id must be a string") !=
        std::string::npos);
  CHECK(c.error(R"({"action":"register","client_id":"you","subscriptions":5})").find("bad_request") == 0);
  CHECK(c.feed.subscription().patterns() == std::vector<std::string>{"a"});
  CHECK(c.protocol.client_id() == "me");
}

TEST_CASE("protocol: since is checked in all its forms") {
  Conversation c;
  c.bench.event();
  const auto since = [&](const std::string& s) {
    return c.error(R"({"action":"subscribe","subscriptions":[],"since":)" + s + "}");
  };
  CHECK(since("5").find("bad_request: since must be") == 0);
  CHECK(since("{}").find("bad_request: since must be") == 0);
  CHECK(since(R"({"last":5,"seconds":1})").find("bad_request: since must be") == 0);
  CHECK(since(R"({"seq":5})") == "bad_request: since.epoch must be a string");
  CHECK(since(R"({"epoch":"epoch1"})") == "bad_request: since.seq is missing; must be an integer 0..9223372036854775807");
  CHECK(since(R"({"epoch":"epoch1","seq":-1})") ==
        "bad_request: since.seq is -1; must be an integer 0..9223372036854775807");
  CHECK(since(R"({"epoch":"epoch1","seq":18446744073709551615})").find("since.seq is 1844") !=
        std::string::npos);
  CHECK(since(R"({"epoch":"epoch1","seq":2})") ==
        "bad_request: since.seq is 2; the newest event is 1");
  CHECK(since(R"({"last":-1})") == "bad_request: since.last is -1; must be an integer 0..9223372036854775807");
  CHECK(since(R"({"seconds":-1})").find("bad_request: since.seconds is -1; must be") == 0);
  const auto reply =
      c.ask(R"({"action":"subscribe","subscriptions":[],"since":{"epoch":"epoch1","seq":1}})");
  CHECK(reply["recovered"].GetBool());
}

TEST_CASE("protocol: the reply comes before the gap, the gap before the events") {
  Conversation c;
  for (int i = 0; i < 3; ++i) c.bench.event();
  REQUIRE(c.protocol.handle(R"({"action":"subscribe","since":{"epoch":"old","seq":9}})") ==
          Verdict::keep);
  const auto all = payloads(c.feed.pull(1 << 20));
  REQUIRE(all.size() == 5);
  CHECK_FALSE(parse_json(all[0])["recovered"].GetBool());
  CHECK(parse_json(all[1])["type"] == "gap");
  CHECK(seqs(all) == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("protocol: modes of a subscription that are not known are refused, not ignored") {
  Conversation c;
  const auto refused = [&](const std::string& field, const std::string& why) {
    const auto text = c.error(R"({"action":"subscribe",)" + field + "}");
    return text.find("bad_request") == 0 && text.find(why) != std::string::npos;
  };
  CHECK(refused(R"("snapshot":1)", "snapshot must be true or false"));
  CHECK(refused(R"("batch":1)", "batch must be true or false"));
  CHECK(refused(R"("deliver":"latest")", "deliver must be {"));
  CHECK(refused(R"("deliver":{"mode":"newest"})", "deliver.mode must be"));
  for (const char* rate : {"0", "-1", "101", "\"10\""}) {
    CHECK(refused(R"("deliver":{"mode":"latest","max_rate_hz":)" + std::string(rate) + "}",
                  "deliver.max_rate_hz is " + std::string(rate) + "; must be a number 0.01..100"));
  }
  CHECK(refused(R"("on_lag":"wait")", "on_lag must be"));
  c.ask(R"({"action":"subscribe","subscriptions":[],"snapshot":false,"batch":false,)"
        R"("deliver":{"mode":"all"},"on_lag":"gap"})");
}

TEST_CASE("protocol: a snapshot comes behind the reply, then what is new") {
  Conversation c;
  for (const char* item : {"a", "b", "a"}) {
    c.bench.event("price", R"({"item":")" + std::string(item) + "\"}");
  }
  REQUIRE(c.protocol.handle(R"({"action":"subscribe","snapshot":true,"id":3})") == Verdict::keep);
  const auto all = payloads(c.feed.pull(1 << 20));
  REQUIRE(all.size() == 3);
  CHECK(parse_json(all[0])["id"] == 3);
  CHECK(parse_json(all[0])["seq"] == 3);
  CHECK(seqs(all) == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("protocol: the bridge's own commands answer") {
  Conversation c;
  c.bench.take(R"({"type":"t","data":{"agent_id":"a"},"source":"s","run":"r","source_seq":1})");
  for (const char* command : {"get_status", "get_recent_events", "get_sources", "get_clients",
                              "get_snapshot", "get_event_types"}) {
    CAPTURE(std::string(command));
    const auto reply = c.ask(R"({"action":"command","id":9,"command":")" + std::string(command) +
                             R"(","params":{}})");
    CHECK(reply["status"] == "command_result");
    CHECK(reply["action"] == "command");
    CHECK(reply["id"].GetInt() == 9);
    CHECK(reply["command"] == command);
    CHECK(reply["success"].GetBool());
    CHECK(reply["result"].IsObject());
    CHECK(reply["elapsed_ms"].IsNumber());
  }
  const auto status = c.ask(R"({"action":"command","command":"get_status"})");
  CHECK(status["result"]["events"]["accepted"].GetInt() == 1);
  CHECK(status["result"]["epoch"] == "epoch1");
  const auto sources = c.ask(R"({"action":"command","command":"get_sources"})");
  CHECK(sources["result"]["sources"][0]["source"] == "s");
  CHECK(sources["result"]["sources"][0]["agents"][0] == "a");
}

TEST_CASE("protocol: other commands find nobody to go to") {
  Conversation c;
  CHECK(c.error(R"({"action":"command"})").find("bad_request: command must be a string") == 0);
  CHECK(c.error(R"({"action":"command","command":"get_status","params":[]})") ==
        "bad_request: params must be an object");
  CHECK(c.error(R"({"action":"command","command":"pause","target":"agent_0"})").find("unknown_target") == 0);
  CHECK(c.error(R"({"action":"command","command":"dance"})").find("unknown_command") == 0);
  CHECK(c.error(R"({"action":"command","command":"get_recent_events","params":{"count":"x"}})")
            .find("bad_request: params.count") == 0);
}

TEST_CASE("protocol: more requests than allowed are refused, and in the end the client") {
  Conversation c(10);  // 10 a second, 20 at once
  for (int i = 0; i < 20; ++i) CHECK(c.ask(R"({"action":"ping"})")["status"] == "pong");
  CHECK(c.error(R"({"action":"ping","id":1})").find("rate_limited") == 0);
  c.bench.clock.advance_us(100'000);
  CHECK(c.ask(R"({"action":"ping"})")["status"] == "pong");
  Verdict verdict = Verdict::keep;
  int refused = 0;
  for (; verdict == Verdict::keep && refused < 1000; ++refused) {
    verdict = c.protocol.handle(R"({"action":"ping"})");
    (void)c.feed.pull(1 << 20);
  }
  CHECK(verdict == Verdict::rate_limited);
  CHECK(refused == 21);
}

TEST_CASE("protocol: a client that never reads its replies is not worth keeping") {
  Conversation c;
  Verdict verdict = Verdict::keep;
  for (int i = 0; i < 1000 && verdict == Verdict::keep; ++i) {
    verdict = c.protocol.handle(R"({"action":"ping"})");
  }
  CHECK(verdict == Verdict::too_slow);
}
