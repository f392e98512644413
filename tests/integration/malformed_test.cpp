// Ten thousand malformed bodies of every kind between good ones.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

// Bodies that must be refused, each with the reason that it is counted under.
std::vector<std::pair<std::string, std::string>> malformed() {
  std::vector<std::pair<std::string, std::string>> all = {
      {"not_json", "nonsense"},
      {"not_json", ""},
      {"not_json", "{\"type\":\"t\",\"data\":{}} trailing"},
      {"not_json", "{'type':'t','data':{}}"},
      {"not_json", "{\"type\":\"t\",\"data\":{\"a\":01}}"},
      {"not_json", "{\"type\":\"t\",\"data\":{\"a\":\"\\x\"}}"},
      {"not_json", std::string("{\"type\":\"t\",\"data\":{}}\0", 23)},
      {"not_utf8", "{\"type\":\"t\",\"data\":{\"a\":\"\xFF\xFE\"}}"},
      {"not_utf8", "{\"type\":\"t\",\"data\":{\"a\":\"\xC0\x80\"}}"},
      {"not_utf8", "{\"type\":\"t\",\"data\":{\"a\":\"\xED\xA0\x80\"}}"},
      {"no_type", "{\"data\":{}}"},
      {"no_data", "{\"type\":\"t\"}"},
      {"wrong_type", "[1,2]"},
      {"wrong_type", "{\"type\":5,\"data\":{}}"},
      {"wrong_type", "{\"type\":\"a b\",\"data\":{}}"},
      {"wrong_type", "{\"type\":\"t\",\"data\":[]}"},
      {"wrong_type", "{\"type\":\"t\",\"data\":{},\"source_seq\":-1}"},
      {"wrong_type", "{\"type\":\"t\",\"data\":{},\"timestamp\":\"now\"}"},
      {"reserved_type", "{\"type\":\"_mine\",\"data\":{}}"},
      {"duplicate_key", "{\"type\":\"t\",\"data\":{},\"data\":{}}"},
      {"too_deep", "{\"type\":\"t\",\"data\":{\"a\":" + std::string(100, '[') +
                       std::string(100, ']') + "}}"},
      {"too_large", "{\"type\":\"t\",\"data\":{\"a\":\"" + std::string(5000, 'x') + "\"}}"},
  };
  const std::string whole =
      R"({"type":"trade_executed","data":{"item":"Ros\u00e9","n":[1,2.5e3,{"a":null}]}})";
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    all.emplace_back("not_json", whole.substr(0, cut));
  }
  return all;
}

}  // namespace

TEST_CASE("malformed: every good event arrives, no client is closed, the counters add up") {
  BridgeOptions options;
  options.settings = {"events.event_bytes_max=4096"};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  const auto bad = malformed();
  constexpr std::int64_t kCount = 10'000;
  std::map<std::string, std::int64_t> expected;
  std::thread sender([&] {
    for (std::int64_t i = 0; i < kCount; ++i) {
      const auto& [reason, body] = bad[static_cast<std::size_t>(i) % bad.size()];
      ++expected[reason];
      const std::string good = event_body("good", R"({"n":)" + std::to_string(i) + "}");
      // Alone, and as lines of a batch.
      if (i % 2 == 0 || body.empty()) {
        if (!publisher.publish(body) || !publisher.publish(good)) return;
      } else if (!publisher.publish(body + "\n" + good)) {
        return;
      }
    }
  });
  for (std::int64_t i = 0; i < kCount; ++i) {
    const Json event = client.next_event();
    REQUIRE(event.integer("/data/n") == i);
    REQUIRE(event.integer("/seq") == i + 1);
  }
  sender.join();
  const Json status = client.request(R"({"action":"command","command":"get_status"})");
  CHECK(status.integer("/result/events/accepted") == kCount);
  CHECK(status.integer("/result/events/rejected") == kCount);
  CHECK(status.integer("/result/events/received") == 2 * kCount);
  for (const auto& [reason, count] : expected) {
    CAPTURE(reason);
    CHECK(status.integer("/result/events/rejected_by_reason/" + reason) == count);
  }
  CHECK(status.integer("/result/clients/connected") == 1);
}

TEST_CASE("malformed: the log tells of it, but not of every one") {
  BridgeProcess bridge;
  EventPublisher publisher(bridge.events_in());
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(publisher.publish(R"({"type":"t","source":"noisy)" + std::to_string(i) +
                              R"(","data":5})"));
  }
  ProtocolClient client(bridge.websocket());
  REQUIRE(wait_until([&] {
    return client.request(R"({"action":"command","command":"get_status"})")
               .integer("/result/events/rejected") == 1000;
  }));
  std::string log;
  CHECK(wait_until([&] {
    log = bridge.process().stderr_text();
    return log.find(" more bodies: wrong_type") != std::string::npos;
  }));
  CHECK(log.find("rejected a body of source noisy0 from 127.0.0.1: wrong_type: data must be an "
                 R"(object; it begins: {"type":"t","source":"noisy0","d...)") != std::string::npos);
  // However many names are made up.
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = log.find("rejected a body", at)) != std::string::npos; ++at) ++lines;
  CHECK(lines < 10);
}

TEST_CASE("malformed: nesting without end in a request or a bot's costs an error reply") {
  BridgeOptions options;
  options.settings = {"websocket.message_bytes_max=1048576"};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  const auto deep = [](std::size_t levels) {
    return R"({"action":"command","command":"get_status","params":{"x":)" +
           std::string(levels, '[') + std::string(levels, ']') + "}}";
  };
  const Json refused = client.request(deep(400'000));
  CHECK(refused.string("/data/message") == "the request is deeper than 64 levels");
  zmq::context_t context;
  zmq::socket_t bot(context, zmq::socket_type::req);
  bot.set(zmq::sockopt::linger, 0);
  bot.set(zmq::sockopt::rcvtimeo, 15'000);
  bot.connect(bridge.address("commands"));
  bot.send(zmq::buffer(deep(500'000)), zmq::send_flags::none);
  zmq::message_t reply;
  REQUIRE(bot.recv(reply));
  CHECK(Json(reply.to_string()).string("/data/message") == "the request is deeper than 64 levels");
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
}
