// A user who does not keep up, and a client that has to end.

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"

using namespace client_tests;
using feed::Client;
using Kind = feed::Message::Kind;
using testing_support::wait_until;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds kStopMax{2000};  // half a second is promised; sanitizers are slow

milliseconds time_to_stop(Client& client) {
  const auto start = Clock::now();
  client.stop();
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

std::string padded_event(std::uint64_t seq) {
  std::string text = event(seq);
  return text.insert(1, R"("padding":")" + std::string(2000, 'x') + R"(",)");
}

}  // namespace

TEST_CASE(
    "feed: a user who does not take events makes the client stop reading, and loses nothing") {
  constexpr std::uint64_t kEvents = 8000;  // 16 MB: more than the sockets take
  std::atomic<std::uint64_t> sent{0};
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    for (std::uint64_t seq = 1; seq <= kEvents; ++seq) {
      if (!connection.send(padded_event(seq))) return;
      sent = seq;
    }
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.inbox.messages_max = 100;
  // Silence that is the client's own fault is not the bridge's.
  options.ping_interval = milliseconds(20);
  options.silence_max = milliseconds(300);
  Client client(options);
  client.start();
  // Stuck: for a good while nothing more leaves.
  std::uint64_t before = 0;
  auto since = Clock::now();
  REQUIRE(wait_until([&] {
    if (sent != before) {
      before = sent;
      since = Clock::now();
    }
    return before > 0 && Clock::now() - since > milliseconds(400);
  }));
  CHECK(before < kEvents);
  CHECK(next(client).kind == Kind::kConnected);
  for (std::uint64_t seq = 1; seq <= kEvents; ++seq) {
    const feed::Message message = next(client);
    REQUIRE(message.kind == Kind::kEvent);
    REQUIRE(message.envelope.seq == seq);
  }
  CHECK(bridge.connections() == 1);
}

TEST_CASE("feed: an answer comes however many events wait unread, and they come afterwards") {
  constexpr std::uint64_t kEvents = 8000;
  SharedText since;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    for (std::uint64_t seq = 1; seq <= kEvents; ++seq) {
      if (!connection.send(padded_event(seq))) return;
    }
    // The client asks while these still wait on their way.
    const auto ping = connection.receive();
    if (!ping) return;
    connection.send(answer(*ping, R"("success":true)"));
    const auto again = connection.receive();
    if (!again) return;
    since.set(*again);
    const std::string_view place = feed::json::member(*again, "since");
    connection.send(registered(*again, "k3f", kEvents, true));
    const auto from = feed::json::as_u64(feed::json::member(place, "seq")).value_or(0);
    for (std::uint64_t seq = from + 1; seq <= kEvents; ++seq) {
      if (!connection.send(padded_event(seq))) return;
    }
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.inbox.messages_max = 100;
  options.subscription.types = {"n"};
  Client client(options);
  client.start();
  CHECK(client.request("ping", "", milliseconds(15000)).ok);
  CHECK(next(client).kind == Kind::kConnected);
  for (std::uint64_t seq = 1; seq <= kEvents; ++seq) {
    const feed::Message message = next(client);
    REQUIRE(message.kind == Kind::kEvent);
    REQUIRE(message.envelope.seq == seq);
  }
  CHECK(bridge.connections() == 1);
  CHECK(feed::json::member(since.get(), "action") == R"("subscribe")");
  CHECK(feed::json::member(since.get(), "subscriptions") == R"(["n"])");
}

TEST_CASE("feed: stop says goodbye, ends at once, and may be said again") {
  std::promise<bool> said_goodbye;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(event(1));
    said_goodbye.set_value(!connection.receive().has_value());
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  const auto left = next(client);
  CHECK(left.kind == Kind::kEvent);
  CHECK(time_to_stop(client) < kStopMax);
  CHECK(said_goodbye.get_future().get());
  client.stop();
  CHECK_FALSE(client.next(milliseconds(15000)));
  CHECK(client.finished());
  CHECK(client.request("ping", "", milliseconds(15000)).outcome ==
        feed::Reply::Outcome::kDisconnected);
}

TEST_CASE("feed: stop does not wait for a bridge that does not answer") {
  struct Case {
    const char* name;
    FakeBridge::Script script;
  };
  std::promise<void> over;
  const std::shared_future<void> until_over = over.get_future().share();
  const Case cases[] = {
      {"registered",
       [&](FakeConnection& connection, int) {
         register_client(connection, "k3f", 0);
         until_over.wait();
       }},
      {"shaking hands", [&](FakeConnection&, int) { until_over.wait(); }},
      {"welcomed",
       [&](FakeConnection& connection, int) {
         connection.shake_hands();
         connection.send(welcome("k3f", 0));
         until_over.wait();
       }},
  };
  std::vector<std::unique_ptr<FakeBridge>> bridges;
  for (const Case& one : cases) {
    CAPTURE(one.name);
    bridges.push_back(std::make_unique<FakeBridge>(one.script));
    Client client(test_options(*bridges.back()));
    client.start();
    CHECK(wait_until([&] { return bridges.back()->connections() > 0; }));
    CHECK(time_to_stop(client) < kStopMax);
  }
  over.set_value();
}

TEST_CASE("feed: stop wakes whoever waits, in an outage too") {
  std::string url;
  {
    FakeBridge gone([](FakeConnection&, int) {});
    url = gone.url();
  }
  feed::Options options;
  options.url = url;
  Client client(options);
  client.start();
  next(client, Kind::kDisconnected);
  auto waiting = std::async(std::launch::async, [&] { return client.next(milliseconds(15000)); });
  auto asking = std::async(std::launch::async,
                           [&] { return client.request("ping", "", milliseconds(15000)); });
  CHECK(time_to_stop(client) < kStopMax);
  CHECK_FALSE(waiting.get());
  asking.get();
}

TEST_CASE("feed: a client that was never started can be stopped and destroyed") {
  Client client{feed::Options()};
  client.stop();
}
