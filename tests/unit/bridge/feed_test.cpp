#include "stream/feed.h"

#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <set>

#include "fixture.h"

using namespace bridge;

namespace {

// A feed, and how often it was told that there is something.
struct Client {
  explicit Client(Bench& bench) : feed(bench.log, bench.cohorts, bench.clock, [this] { ++told; }) {}
  std::vector<std::string> pull(std::size_t bytes = 1 << 20) { return payloads(feed.pull(bytes)); }
  int told = 0;
  Feed feed;
};

Since after(std::uint64_t seq, const std::string& epoch = "epoch1") {
  Since since;
  since.epoch = epoch;
  since.seq = seq;
  return since;
}

std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> v(to - from + 1);
  std::iota(v.begin(), v.end(), from);
  return v;
}

}  // namespace

TEST_CASE("feed: nothing comes before a subscription, then what is new") {
  Bench bench;
  Client client(bench);
  bench.event();
  CHECK(client.pull().empty());
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.pull().empty());
  bench.event();
  CHECK(client.told == 1);
  CHECK(seqs(client.pull()) == range(2, 2));
  CHECK(client.pull().empty());
  CHECK(client.feed.lag() == 0);
}

TEST_CASE("feed: of many that wait each is the first once, and each the last") {
  Bench bench;
  std::vector<std::size_t> told;
  std::vector<std::unique_ptr<Feed>> feeds;
  for (std::size_t n = 0; n < 4; ++n) {
    feeds.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [&told, &feeds, n] {
      told.push_back(n);
      feeds[n]->pull(1 << 20);
      feeds[n]->pull(1 << 20);  // nothing: it waits again
    }));
    feeds[n]->subscribe(subscription("{}"), std::nullopt);
    CHECK(feeds[n]->pull(1).empty());
  }
  std::set<std::size_t> first, last;
  for (int i = 0; i < 8; ++i) {
    told.clear();
    bench.event();
    REQUIRE(told.size() == 4);
    first.insert(told.front());
    last.insert(told.back());
  }
  CHECK(first.size() == 4);
  CHECK(last.size() == 4);
}

TEST_CASE("feed: a batch is one message of what passes of a block, replies apart") {
  Bench bench;
  Client plain(bench);
  Client batch(bench);
  Client filtered(bench);
  plain.feed.subscribe(subscription("{}"), std::nullopt);
  batch.feed.subscribe(subscription(R"({"batch":true})"), std::nullopt);
  filtered.feed.subscribe(subscription(R"({"batch":true,"subscriptions":["b"]})"), std::nullopt);
  for (auto* client : {&plain, &batch, &filtered}) CHECK(client->pull().empty());
  bench.take(R"({"type":"a","data":{}})");
  bench.take(R"({"type":"b","data":{"n":9007199254740993}})");
  bench.take(R"({"type":"a","data":{}})");
  bench.cohorts.announce();
  const auto single = plain.pull();
  REQUIRE(single.size() == 3);
  CHECK(batch.pull() == std::vector<std::string>{'[' + single[0] + ',' + single[1] + ',' + single[2] + ']'});
  CHECK(filtered.pull() == std::vector<std::string>{'[' + single[1] + ']'});
  bench.event("a");
  CHECK(filtered.pull().empty());
  CHECK(batch.feed.say("{}"));
  CHECK(batch.pull().size() == 2);

  // From within a block, too.
  batch.feed.subscribe(subscription(R"({"batch":true})"), after(1));
  CHECK(batch.pull().front() == '[' + single[1] + ',' + single[2] + ']');
}

TEST_CASE("feed: what is live is told apart from what is replayed, and how old it is") {
  Bench bench;
  bench.event();
  Client client(bench);
  client.feed.subscribe(subscription("{}"), after(0));
  bench.clock.advance_us(1000);
  const Outgoing replayed = client.feed.pull(1 << 20);
  CHECK(replayed.events == 1);
  CHECK(replayed.live_events == 0);
  const std::int64_t accepted_us = bench.clock.wall_us();
  bench.event();
  bench.clock.advance_us(1000);
  bench.event();
  const Outgoing live = client.feed.pull(1 << 20);
  CHECK(live.live_events == 2);
  CHECK(live.live_since_us == accepted_us);
}

TEST_CASE("feed: one that is quicker than the hub takes nothing away from those that wait") {
  Bench bench;
  Client quick(bench);
  Client waiting(bench);
  quick.feed.subscribe(subscription("{}"), std::nullopt);
  waiting.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(waiting.pull().empty());
  bench.take(R"({"type":"tick","data":{}})");
  CHECK(seqs(quick.pull()) == range(1, 1));
  CHECK(quick.pull().empty());
  bench.cohorts.announce();
  CHECK(waiting.told == 1);
  CHECK(seqs(waiting.pull()) == range(1, 1));
  CHECK(quick.pull().empty());
}

TEST_CASE("feed: a waiting client is told once, a busy one not at all, and nothing is lost") {
  Bench bench;
  Client client(bench);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.pull().empty());
  bench.event();
  bench.event();
  bench.event();
  CHECK(client.told == 1);
  CHECK(seqs(client.pull()) == range(1, 3));
}

TEST_CASE("feed: events gather in one block while the clients are busy") {
  Bench bench;
  Client client(bench);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  for (int i = 0; i < 100; ++i) bench.event();
  const Outgoing out = client.feed.pull(1 << 20);
  CHECK(out.events == 100);
  CHECK(out.buffers.size() == 1);
}

TEST_CASE("feed: clients of one subscription share the very bytes, filtered ones too") {
  Bench bench;
  Client a(bench), b(bench), c(bench), d(bench);
  a.feed.subscribe(subscription("{}"), std::nullopt);
  b.feed.subscribe(subscription("{}"), std::nullopt);
  c.feed.subscribe(subscription(R"({"subscriptions":["x"]})"), std::nullopt);
  d.feed.subscribe(subscription(R"({"subscriptions":["x"]})"), std::nullopt);
  for (Client* client : {&a, &b, &c, &d}) CHECK(client->pull().empty());
  CHECK(bench.cohorts.cohorts() == 2);
  bench.take(R"({"type":"x","data":{}})");
  bench.event("y");
  const Outgoing all_a = a.feed.pull(1000), all_b = b.feed.pull(1000);
  const Outgoing x_c = c.feed.pull(1000), x_d = d.feed.pull(1000);
  CHECK(all_a.buffers[0].get() == all_b.buffers[0].get());
  CHECK(x_c.buffers[0].get() == x_d.buffers[0].get());
  CHECK(seqs(payloads(x_c)) == range(1, 1));
}

TEST_CASE("feed: who is not concerned is not woken, and still loses nothing") {
  Bench bench;
  Client client(bench);
  client.feed.subscribe(subscription(R"({"subscriptions":["x"]})"), std::nullopt);
  CHECK(client.pull().empty());
  for (int i = 0; i < 10; ++i) bench.event("y");
  CHECK(client.told == 0);
  CHECK(client.feed.lag() == 0);
  bench.event("x");
  CHECK(client.told == 1);
  CHECK(seqs(client.pull()) == range(11, 11));
}

TEST_CASE("feed: since replays what is after it and goes on live, no hole, no double") {
  Bench bench;
  for (int i = 0; i < 50; ++i) bench.event();
  Client client(bench);
  const auto outcome = client.feed.subscribe(subscription("{}"), after(20));
  CHECK(outcome.seq == 50);
  CHECK(outcome.recovered == true);
  CHECK(outcome.gap.empty());
  REQUIRE(client.feed.say("\"reply\""));
  bench.event();
  const auto got = client.pull();
  CHECK(got.front() == "\"reply\"");
  CHECK(seqs(got) == range(21, 51));
}

TEST_CASE("feed: since in the middle of a block, at its ends, and at the head") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.take(R"({"type":"t","data":{}})");
  bench.cohorts.announce();
  for (const std::uint64_t seq : {0u, 1u, 5u, 9u, 10u}) {
    Client client(bench);
    client.feed.subscribe(subscription("{}"), after(seq));
    bench.log.seal();
    const auto got = seqs(client.pull());
    CAPTURE(seq);
    CHECK(got.size() == 10 - seq);
    if (!got.empty()) CHECK(got == range(seq + 1, 10));
  }
}

TEST_CASE("feed: a position that is gone is a gap message first, then all that is left") {
  Bench bench({10, 1 << 30});
  for (int i = 0; i < 100; ++i) bench.event();
  const std::uint64_t oldest = bench.log.history().first_seq();
  REQUIRE(oldest > 50);
  Client client(bench);
  const auto outcome = client.feed.subscribe(subscription("{}"), after(40));
  CHECK(outcome.recovered == false);
  CHECK(outcome.gap.find(R"("from_seq":41,"to_seq":)" + std::to_string(oldest - 1)) !=
        std::string::npos);
  CHECK(outcome.gap.find("\"evicted\"") != std::string::npos);
  CHECK(seqs(client.pull()) == range(oldest, 100));
}

TEST_CASE("feed: a position of another epoch is not taken for one of this") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.event();
  Client client(bench);
  const auto outcome = client.feed.subscribe(subscription("{}"), after(5, "other"));
  CHECK(outcome.recovered == false);
  CHECK(outcome.gap.find("\"gap\"") != std::string::npos);
  CHECK(seqs(client.pull()) == range(1, 10));
}

TEST_CASE("feed: the last n that pass, and the last seconds") {
  Bench bench;
  for (int i = 0; i < 30; ++i) {
    bench.clock.advance_us(1'000'000);
    bench.event(i % 3 == 0 ? "x" : "y");
  }
  Since last;
  last.kind = Since::Kind::last;
  last.last = 4;
  Client xs(bench);
  CHECK(xs.feed.subscribe(subscription(R"({"subscriptions":["x"]})"), last).recovered == true);
  CHECK(seqs(xs.pull()) == std::vector<std::uint64_t>{19, 22, 25, 28});
  last.last = 1000;  // more than there ever were: nothing is missing
  Client all(bench);
  CHECK(all.feed.subscribe(subscription("{}"), last).recovered == true);
  CHECK(seqs(all.pull()) == range(1, 30));
  Since seconds;
  seconds.kind = Since::Kind::seconds;
  seconds.seconds = 4.5;
  Client recent(bench);
  CHECK(recent.feed.subscribe(subscription("{}"), seconds).recovered == true);
  CHECK(seqs(recent.pull()) == range(26, 30));
}

TEST_CASE("feed: a client that lags too far gets a gap and then the newest") {
  Bench bench({100, 1 << 30});
  Client client(bench);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.pull().empty());
  for (int i = 0; i < 1000; ++i) bench.event();
  const auto got = client.pull();
  const auto gap = parse_json(got.front());
  CHECK(gap["type"] == "gap");
  CHECK(gap["data"]["reason"] == "slow_client");
  CHECK(gap["data"]["from_seq"].GetUint64() == 1);
  const auto rest = seqs(got);
  CHECK(rest == range(gap["data"]["to_seq"].GetUint64() + 1, 1000));
  CHECK(client.feed.gaps() == 1);
}

TEST_CASE("feed: a lagging client's events come whole across a change of subscription") {
  Bench bench;
  Client client(bench);
  client.feed.subscribe(subscription(R"({"subscriptions":["x"]})"), std::nullopt);
  CHECK(client.pull().empty());
  for (int i = 0; i < 3; ++i) bench.event("x");
  for (int i = 0; i < 3; ++i) bench.event("y");
  // It has not pulled yet. Up to here the old subscription holds, from here on the new one.
  CHECK(client.feed.subscribe(subscription(R"({"subscriptions":["y"]})"), std::nullopt).seq == 6);
  REQUIRE(client.feed.say(R"({"status":"subscribed"})"));
  bench.event("x");
  bench.event("y");
  const auto got = client.pull();
  REQUIRE(got.size() == 5);
  CHECK(seq_of(got[0]) == 1);
  CHECK(seq_of(got[2]) == 3);
  CHECK(got[3] == R"({"status":"subscribed"})");
  CHECK(seq_of(got[4]) == 8);
}

TEST_CASE("feed: what is pulled is bounded by bytes, not by what there is") {
  Bench bench;
  Client client(bench);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.pull().empty());
  const std::string data = R"({"a":")" + std::string(10'000, 'x') + "\"}";
  for (int i = 0; i < 200; ++i) bench.event("t", data);
  std::vector<std::uint64_t> got;
  for (;;) {
    const Outgoing out = client.feed.pull(64 * 1024);
    if (out.empty()) break;
    CHECK(out.bytes <= 64 * 1024 + 256 * 1024 + 11'000);
    for (const auto seq : seqs(payloads(out))) got.push_back(seq);
  }
  CHECK(got == range(1, 200));
}

TEST_CASE("feed: small blocks go out together") {
  Bench bench;
  for (int i = 0; i < 15; ++i) {
    bench.event();
    bench.log.seal();
  }
  Client client(bench);
  client.feed.subscribe(subscription("{}"), after(0));
  const Outgoing out = client.feed.pull(1 << 20);
  CHECK(out.buffers.size() == 1);
  CHECK(seqs(payloads(out)) == range(1, 15));
}

TEST_CASE("feed: replies that are never read do not pile up for ever") {
  Bench bench;
  Client client(bench);
  int said = 0;
  while (said < 100'000 && client.feed.say("{}")) ++said;
  CHECK(said == 256);
  CHECK(client.pull().size() == 256);
  CHECK(client.feed.say("{}"));
}

TEST_CASE("feed: a client may go while others are told") {
  Bench bench;
  Client first(bench);
  auto second = std::make_unique<Client>(bench);
  int told = 0;
  Feed killer(bench.log, bench.cohorts, bench.clock, [&] {
    ++told;
    second.reset();
  });
  killer.subscribe(subscription("{}"), std::nullopt);
  CHECK(killer.pull(100).empty());
  first.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(first.pull().empty());
  second->feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(second->pull().empty());
  bench.event();
  CHECK(told == 1);
  CHECK(first.told == 1);
  CHECK_FALSE(second);
}

TEST_CASE("feed: a narrow filter over a long history gives way to others") {
  Bench bench({1'000'000, 1u << 30});
  const std::string data = R"({"a":")" + std::string(1000, 'x') + "\"}";
  for (int i = 0; i < 12'000; ++i) bench.take(R"({"type":"t","data":)" + data + "}");
  bench.take(R"({"type":"rare","data":{}})");
  Client client(bench);
  client.feed.subscribe(subscription(R"({"subscriptions":["rare"]})"), after(0));
  int pulls = 0;
  Outgoing out;
  do {
    out = client.feed.pull(1 << 20);
    ++pulls;
  } while (out.empty() && out.more);
  CHECK(pulls > 1);
  CHECK(seqs(payloads(out)) == range(12'001, 12'001));
}
