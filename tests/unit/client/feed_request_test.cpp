// Questions, and the answers that belong to them.

#include <future>
#include <string>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"

using namespace client_tests;
using feed::Client;
using feed::Reply;
using Kind = feed::Message::Kind;
using testing_support::kPatience;
namespace json = feed::json;

TEST_CASE("feed: answers find their questions in whatever order they come") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    const std::string one = connection.receive().value_or("{}");
    const std::string other = connection.receive().value_or("{}");
    for (const std::string& request : {other, one}) {
      connection.send(event(request == other ? 1 : 2));
      connection.send(answer(request, R"("success":true,"result":{"asked":)" +
                                          std::string(json::member(request, "command")) + "}"));
    }
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  auto first = std::async(std::launch::async, [&] {
    return client.request("command", R"({"command":"a","params":{"big":18446744073709551615}})",
                          kPatience);
  });
  const Reply second = client.request("command", R"({"command":"b"})", kPatience);
  const Reply reply = first.get();
  CHECK(reply.ok);
  CHECK(second.ok);
  CHECK(json::member(json::member(reply.text, "result"), "asked") == "\"a\"");
  CHECK(json::member(json::member(second.text, "result"), "asked") == "\"b\"");
  CHECK(next_seqs(client, 2) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("feed: a request is written as it was given") {
  SharedText seen;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    seen.set(connection.receive().value_or(""));
    connection.send(refusal(seen.get(), "unknown_target"));
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  const Reply reply = client.request(
      "command", R"({"command":"pause","params":{"big":18446744073709551615}})", kPatience);
  CHECK(seen.get() == R"({"action":"command","id":"feed-2","command":"pause",)"
                      R"("params":{"big":18446744073709551615}})");
  CHECK(reply.outcome == Reply::Outcome::kAnswered);
  CHECK_FALSE(reply.ok);
  CHECK(reply.error_type == "unknown_target");
  CHECK(reply.error == "as the test wants it");
}

TEST_CASE(
    "feed: a question without an answer ends with its deadline, and a late answer is dropped") {
  std::promise<void> timed_out;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    const std::string request = connection.receive().value_or("{}");
    timed_out.get_future().wait();
    connection.send(answer(request, R"("success":true,"result":{})"));
    connection.send(event(1));
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  const Reply reply = client.request("ping", "", milliseconds(30));
  timed_out.set_value();
  CHECK(reply.outcome == Reply::Outcome::kTimeout);
  CHECK(reply.error_type == "timeout");
  CHECK(next(client).kind == Kind::kEvent);
}

TEST_CASE("feed: a question asked while there is no connection waits for one") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (number < 2) return;
    register_client(connection, "k3f", 0);
    connection.send(answer(connection.receive().value_or("{}"), R"("success":true,"result":7)"));
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  const Reply reply = client.request("command", R"({"command":"x"})", kPatience);
  CHECK(reply.ok);
  CHECK(json::member(reply.text, "result") == "7");
}

TEST_CASE("feed: a question that was sent is not sent again after the connection was lost") {
  std::atomic<int> asked{0};
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 0);
    if (number == 0) {
      asked += connection.receive() ? 1 : 0;
      return connection.reset();
    }
    connection.send(event(1));
    while (connection.receive()) ++asked;
  });
  Client client(test_options(bridge));
  client.start();
  const Reply reply = client.request("command", R"({"command":"sell"})", kPatience);
  CHECK(reply.outcome == Reply::Outcome::kDisconnected);
  CHECK(reply.error.find("the connection was lost") == 0);
  next(client, Kind::kEvent);
  client.stop();
  CHECK(asked == 1);
}

TEST_CASE("feed: what answers no question of this client is among the messages") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(R"({"status":"error","type":"error","data":{"error_type":"bad_json"}})");
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  const feed::Message reply = next(client);
  CHECK(reply.kind == Kind::kReply);
  CHECK(reply.envelope.status == "error");
}

TEST_CASE("feed: a new subscription holds for later connections too") {
  SharedText subscribed;
  SharedText second;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 9, std::nullopt, &second);
    if (number > 0) return connection.wait_until_gone();
    connection.send(event(10));
    subscribed.set(connection.receive().value_or("{}"));
    connection.send(answer(subscribed.get(), R"("epoch":"k3f","seq":10,"recovered":true)"));
    connection.send(event(6));
    connection.send(event(7));
  });
  feed::Options options = test_options(bridge);
  options.subscription.types = {"a"};
  Client client(options);
  client.start();
  next(client, Kind::kEvent);
  feed::Subscription other;
  other.types = {"b"};
  other.since = feed::SinceSeq{5};
  CHECK(client.subscribe(other, kPatience).ok);
  CHECK(next_seqs(client, 2) == std::vector<std::uint64_t>{6, 7});
  next(client, Kind::kConnected);
  CHECK(subscribed.get() == R"({"action":"subscribe","id":"feed-2","subscriptions":["b"],)"
                            R"("since":{"epoch":"k3f","seq":5}})");
  CHECK(json::member(second.get(), "subscriptions") == R"(["b"])");
  CHECK(json::member(second.get(), "since") == R"({"epoch":"k3f","seq":7})");
}

TEST_CASE("feed: a subscription that is refused changes nothing") {
  SharedText second;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 9, std::nullopt, &second);
    if (number > 0) return connection.wait_until_gone();
    connection.send(refusal(connection.receive().value_or("{}"), "bad_request"));
  });
  feed::Options options = test_options(bridge);
  options.subscription.types = {"a"};
  Client client(options);
  client.start();
  next(client, Kind::kConnected);
  feed::Subscription other;
  other.types = {"b!"};
  CHECK(client.subscribe(other, kPatience).error_type == "bad_request");
  next(client, Kind::kConnected);
  CHECK(json::member(second.get(), "subscriptions") == R"(["a"])");
}
