// An interrupted client misses nothing, and sees nothing twice.

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"

using namespace client_tests;
using feed::Client;
using Kind = feed::Message::Kind;
namespace json = feed::json;

namespace {

std::vector<std::uint64_t> from_1_to(std::uint64_t last) {
  std::vector<std::uint64_t> seqs(last);
  std::iota(seqs.begin(), seqs.end(), 1);
  return seqs;
}

// The seq of a request's since; 0 where there is none.
std::uint64_t since_seq(const std::string& request) {
  return json::as_u64(json::member(json::member(request, "since"), "seq")).value_or(0);
}

std::string since_epoch(const std::string& request) {
  return json::as_string(json::member(json::member(request, "since"), "epoch")).value_or("");
}

}  // namespace

TEST_CASE("feed: a connection cut at any byte loses nothing and doubles nothing") {
  constexpr std::uint64_t kEvents = 3000;
  std::mt19937 random(11);
  std::vector<std::uint64_t> asked;
  int cuts = 0;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (!connection.shake_hands()) return;
    // Anywhere from within the welcome to some way into the events.
    connection.cut_after(number % 3 == 0 ? random() % 600 : 600 + random() % 20000);
    ++cuts;
    if (!connection.send(welcome("k3f", kEvents))) return;
    const auto request = connection.receive();
    if (!request || !connection.send(registered(*request, "k3f", kEvents, true))) return;
    asked.push_back(since_seq(*request));
    for (std::uint64_t seq = asked.back() + 1; seq <= kEvents; ++seq) {
      if (!connection.send(event(seq, "trainer-1", seq))) return;
    }
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.backoff = {milliseconds(0), milliseconds(1)};
  options.subscription.since = feed::SinceSeq{0};
  Client client(options);
  client.start();
  CHECK(next_seqs(client, kEvents) == from_1_to(kEvents));
  client.stop();
  CHECK(cuts > 10);
  CHECK(std::is_sorted(asked.begin(), asked.end()));
}

TEST_CASE("feed: a bridge that sends again what was seen, as after since, is heard once") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 0, number > 0 ? std::optional<bool>(true) : std::nullopt);
    const std::uint64_t first = number == 0 ? 1 : 3;
    for (std::uint64_t seq = first; seq <= first + 4; ++seq) connection.send(event(seq));
    if (number > 0) connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  CHECK(next_seqs(client, 7) == from_1_to(7));
}

TEST_CASE("feed: who looks for doubles is told of them") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    for (const std::uint64_t seq : {1, 2, 2, 3}) connection.send(event(seq));
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.doubles = true;
  Client client(options);
  client.start();
  CHECK(next_seqs(client, 4) == std::vector<std::uint64_t>{1, 2, 2, 3});
}

TEST_CASE("feed: the state of the connection comes between the events around it") {
  SharedText second;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (number == 0) {
      register_client(connection, "k3f", 812);
      connection.send(event(813));
      return;
    }
    register_client(connection, "k3f", 820, false, &second);
    connection.send(gap(814, 818, "evicted"));
    connection.send(event(819));
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  CHECK(next(client).kind == Kind::kConnected);
  CHECK(next(client).envelope.seq == 813u);
  const feed::Message lost = next(client);
  CHECK(lost.kind == Kind::kDisconnected);
  CHECK_FALSE(lost.notice.first);
  CHECK(lost.notice.resumed_at == feed::Position{"k3f", 813});
  const feed::Message found = next(client);
  CHECK(found.kind == Kind::kConnected);
  CHECK_FALSE(found.notice.first);
  CHECK_FALSE(found.notice.epoch_changed);
  CHECK(found.notice.recovered == false);
  CHECK(next(client).kind == Kind::kGap);
  CHECK(next(client).envelope.seq == 819u);
  CHECK(json::member(second.get(), "since") == R"({"epoch":"k3f","seq":813})");
}

TEST_CASE("feed: cut before its first event, a live client resumes where it began") {
  SharedText second;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 812, std::nullopt, &second);
    if (number > 0) connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  next(client, Kind::kConnected);
  CHECK(json::member(second.get(), "since") == R"({"epoch":"k3f","seq":812})");
}

TEST_CASE("feed: a gap that is repeated by the next connection is told once") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 20, false);
    connection.send(gap(1, 9, "evicted"));
    if (number == 0) return;
    connection.send(event(10));
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.subscription.since = feed::SinceSeq{0};
  Client client(options);
  client.start();
  std::vector<Kind> kinds;
  while (kinds.empty() || kinds.back() != Kind::kEvent) kinds.push_back(next(client).kind);
  CHECK(kinds == std::vector<Kind>{Kind::kConnected, Kind::kGap, Kind::kDisconnected,
                                   Kind::kConnected, Kind::kEvent});
}

TEST_CASE("feed: a bridge that numbers anew is followed without loss or double") {
  // Two sources, whose events the second bridge takes in another order, and with other numbers.
  struct Made {
    std::string source;
    std::uint64_t source_seq;
  };
  std::vector<Made> first;
  std::vector<Made> second;
  for (std::uint64_t n = 1; n <= 400; ++n) first.push_back({n % 2 == 0 ? "a" : "b", (n + 1) / 2});
  for (std::uint64_t n = 1; n <= 300; ++n) second.push_back({"a", n});
  for (std::uint64_t n = 1; n <= 300; ++n) second.push_back({"b", n});
  SharedText asked;
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (!connection.shake_hands()) return;
    const std::string epoch = number == 0 ? "old" : "new";
    const std::vector<Made>& events = number == 0 ? first : second;
    if (number < 3) connection.cut_after(30000);
    connection.send(welcome(epoch, events.size()));
    const auto request = connection.receive();
    if (!request) return;
    const bool known = since_epoch(*request) == epoch;
    if (!known && number > 0) asked.set(*request);
    connection.send(registered(*request, epoch, events.size(), known));
    if (!known && number > 0) connection.send(gap(1, 0, "evicted"));
    for (std::uint64_t seq = known ? since_seq(*request) + 1 : 1; seq <= events.size(); ++seq) {
      const Made& made = events[seq - 1];
      if (!connection.send(event(seq, made.source, made.source_seq))) return;
    }
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  std::map<std::string, std::vector<std::uint64_t>> seen;
  int changes = 0;
  int gaps = 0;
  for (size_t events = 0; events < 600;) {
    const feed::Message message = next(client);
    changes += message.notice.epoch_changed ? 1 : 0;
    gaps += message.kind == Kind::kGap ? 1 : 0;
    if (message.kind != Kind::kEvent) continue;
    seen[message.envelope.source].push_back(message.envelope.source_seq.value_or(0));
    ++events;
  }
  CHECK(changes == 1);
  CHECK(gaps == 1);
  CHECK(since_epoch(asked.get()) == "old");
  CHECK(since_seq(asked.get()) > 100);
  CHECK(seen["a"] == from_1_to(300));
  CHECK(seen["b"] == from_1_to(300));
}

TEST_CASE("feed: the waits stay short as long as each connection brings something") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 0);
    connection.send(event(static_cast<std::uint64_t>(number) + 1));
  });
  feed::Options options = test_options(bridge);
  // Growing all the time, they would add up to minutes.
  options.backoff = {milliseconds(1), milliseconds(60000)};
  Client client(options);
  client.start();
  CHECK(next_seqs(client, 30) == from_1_to(30));
}

TEST_CASE("feed: a silent bridge is pinged and then given up") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 0);
    // Alive, but with nobody home: bytes are taken and nothing is answered.
    if (number == 0) connection.ignore_pings();
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.ping_interval = milliseconds(20);
  options.silence_max = milliseconds(100);
  Client client(options);
  client.start();
  next(client, Kind::kConnected);
  CHECK(next(client, Kind::kDisconnected).notice.reason.find("the bridge has been silent") == 0);
  next(client, Kind::kConnected);
}

TEST_CASE("feed: a quiet bridge that answers pings stays connected") {
  std::atomic<int> pings{0};
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    while (connection.pings() < 8 && connection.receive_ping()) pings = connection.pings();
    connection.send(event(1));
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.ping_interval = milliseconds(20);
  options.silence_max = milliseconds(2000);
  Client client(options);
  client.start();
  next(client, Kind::kConnected);
  CHECK(next(client).kind == Kind::kEvent);
  CHECK(pings >= 8);
}

TEST_CASE("feed: how events are wanted is asked for on every connection") {
  SharedText asked[2];
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 8, std::nullopt, &asked[std::min(number, 1)]);
    if (number > 0) connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.subscription.batch = true;
  options.subscription.snapshot = true;
  options.subscription.latest_hz = 2.5;
  options.subscription.on_lag = "latest";
  Client client(options);
  client.start();
  for (int n = 0; n < 2; ++n) next(client, Kind::kConnected);
  for (SharedText& text : asked) {
    const std::string request = text.get();
    CHECK(json::member(request, "batch") == "true");
    CHECK(json::member(request, "snapshot") == "true");
    CHECK(json::member(request, "deliver") == R"({"mode":"latest","max_rate_hz":2.5})");
    CHECK(json::member(request, "on_lag") == R"("latest")");
  }
}

TEST_CASE("feed: a snapshot is older than the place that the stream goes on from") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    const auto request = register_client(connection, "k3f", 8);
    for (const std::uint64_t seq : {2, 5}) connection.send(event(seq));
    if (number == 0) return;
    CHECK(since_seq(*request) == 8);
    for (const std::uint64_t seq : {7, 9}) connection.send(event(seq));
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.subscription.snapshot = true;
  Client client(options);
  client.start();
  CHECK(next_seqs(client, 4) == std::vector<std::uint64_t>{2, 5, 7, 9});
}

TEST_CASE("feed: of several bridges the next one goes on where the last one ended, and an outage is told when none is there") {
  SharedText asked;
  FakeBridge first([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    for (std::uint64_t seq = 1; seq <= 3; ++seq) connection.send(event(seq));
  });
  FakeBridge second([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 5, true, &asked);
    for (std::uint64_t seq = 4; seq <= 5; ++seq) connection.send(event(seq));
    connection.wait_until_gone();
  });
  feed::Options options = test_options(first);
  options.url = "ws://127.0.0.1:9, " + first.url() + "," + second.url();
  Client client(options);
  client.start();
  CHECK(next(client).kind == Kind::kConnected);  // the one that is not there is nobody's trouble
  CHECK(next_seqs(client, 5) == from_1_to(5));
  CHECK(since_seq(asked.get()) == 3);

  options.url = "ws://127.0.0.1:9,ws://127.0.0.1:9";
  Client nowhere(options);
  nowhere.start();
  CHECK(next(nowhere).kind == Kind::kDisconnected);
  options.url = first.url() + ",";
  Client wrong(options);
  wrong.start();
  CHECK(next(wrong).kind == Kind::kFailed);
}
