// How much is done in one turn of the loop for what somebody wants: counted, so that it does not depend on the machine.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asker.h"

using namespace bridge;

namespace {

struct Told {
  Told(Bench& bench, const std::string& request, int* all)
      : feed(bench.log, bench.cohorts, bench.clock, [this, all] { ++times, ++*all; }) {
    feed.subscribe(subscription(request), std::nullopt);
    CHECK(feed.pull(1 << 20).empty());
  }
  int times = 0;
  Feed feed;
};

std::string filter(int n) { return R"({"filter":{"n":)" + std::to_string(n) + "}}"; }

}  // namespace

TEST_CASE("turns: many clients are told of an event in parts, each once") {
  Bench bench;
  int all = 0;
  std::vector<std::unique_ptr<Told>> clients;
  for (int i = 0; i < 1000; ++i) clients.push_back(std::make_unique<Told>(bench, "{}", &all));
  bench.event();
  int turns = 1;
  for (int before = 0; before != all; ++turns) {
    CHECK(all - before <= 128);
    before = all;
    CHECK(bench.posted.size() <= 1);
    if (turns == 2) clients.erase(clients.begin() + 500, clients.begin() + 600);
    bench.work_once();
  }
  CHECK(turns > 6);
  CHECK(all == 900);
  for (const auto& client : clients) CHECK(client->times == 1);
  CHECK(bench.posted.empty());
}

TEST_CASE("turns: many filters are looked at in parts, while some go, come, and more happens") {
  Bench bench;
  int all = 0;
  std::vector<std::unique_ptr<Told>> clients;
  for (int i = 0; i < 3000; ++i) clients.push_back(std::make_unique<Told>(bench, filter(i), &all));
  bench.event("tick", R"({"n":7})");
  CHECK(bench.posted.size() == 1);  // there is more to look at
  clients.erase(clients.begin() + 2000, clients.begin() + 2500);
  clients.push_back(std::make_unique<Told>(bench, filter(1), &all));
  bench.event("tick", R"({"n":2999})");
  bench.event("tick", R"({"n":2200})");
  int turns = 1;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 4);
  CHECK(all == 2);
  CHECK(clients[7]->times == 1);
  CHECK(clients[2499]->times == 1);
  CHECK(seqs(payloads(clients[2499]->feed.pull(1 << 20))) == std::vector<std::uint64_t>{2});
}

TEST_CASE("turns: a block is looked through in parts where a filter costs much") {
  Bench bench;
  int all = 0;
  std::string keys;
  for (int i = 0; i < 32; ++i) keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  Told client(bench, R"({"filter":{)" + keys + "}}", &all);
  Told other(bench, R"({"filter":{"n":999}})", &all);
  const std::string pad(200, 'x');
  for (int i = 0; i < 1000; ++i) {
    bench.take(R"({"type":"t","data":{"n":)" + std::to_string(i) + R"(,"pad":")" + pad + "\"}}");
  }
  bench.cohorts.announce();
  int turns = 1;
  while (bench.work_once()) ++turns;
  CHECK(turns > 20);
  CHECK(client.times == 0);
  CHECK(other.times == 1);
  CHECK(client.feed.lag() == 0);
  // Who comes back behind it all looks in parts as well, and finds the same.
  Feed late(bench.log, bench.cohorts, bench.clock, [] {});
  Since all_of_it;
  all_of_it.epoch = bench.log.epoch();
  late.subscribe(subscription(R"({"filter":{)" + keys + "}}"), all_of_it);
  int pulls = 0;
  for (bool more = true; more; ++pulls) {
    const Outgoing out = late.pull(1 << 20);
    CHECK(out.empty());
    more = out.more;
  }
  CHECK(pulls > 20);
  CHECK(late.lag() == 0);
}

namespace {

// What a client gets that reads all, in how many pulls; `between` runs after the first.
std::vector<std::uint64_t> pull_all(Feed& feed, int* pulls, const std::function<void()>& between = {}) {
  std::vector<std::uint64_t> all;
  *pulls = 0;
  for (bool more = true; more;) {
    const Outgoing out = feed.pull(1 << 20);
    CHECK(out.events <= 600);
    for (const std::uint64_t seq : seqs(payloads(out))) all.push_back(seq);
    if (++*pulls == 1 && between) between();
    more = out.more || !out.empty();
  }
  return all;
}

std::string tracked(std::uint64_t seq) {
  return R"({"type":"tick","data":{},"source":"t","run":"r","source_seq":)" + std::to_string(seq) + "}";
}

}  // namespace

TEST_CASE("turns: a snapshot is made in parts, each charged, and what changes meanwhile comes once") {
  Bench bench;
  thousand_things(bench);
  const Asker asker(bench);
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  feed.charge_to(asker.account);
  const SubscribeOutcome outcome = feed.subscribe(subscription("{}"), std::nullopt, {true});
  feed.give(outcome.snapshot_to);
  int pulls = 0;
  const auto all = pull_all(feed, &pulls, [&] { bench.event("price", R"({"item":"999"})"); });
  CHECK(pulls >= 4);
  REQUIRE(all.size() == 1000);
  CHECK(all.front() == 1);
  CHECK(all[998] == 999);
  CHECK(all[999] == 1001);
  asker.account->charge(kWorkPerSecond * 2 - 30'000);
  CHECK_FALSE(asker.account->take());

  Feed other(bench.log, bench.cohorts, bench.clock, [] {});
  const SubscribeOutcome none =
      other.subscribe(subscription(R"({"subscriptions":["none"]})"), std::nullopt, {true});
  other.give(none.snapshot_to);
  CHECK(pull_all(other, &pulls).empty());
  CHECK(pulls >= 3);
}

TEST_CASE("turns: an edition of the latest is made in parts, once for all who want it") {
  Bench bench;
  int all = 0;
  const std::string latest = R"({"deliver":{"mode":"latest","max_rate_hz":10}})";
  Told one(bench, latest, &all);
  Told two(bench, latest, &all);
  thousand_things(bench);
  while (bench.work_once()) {
  }
  CHECK(all == 2);
  int pulls = 0;
  CHECK(pull_all(one.feed, &pulls).size() == 1000);
  CHECK(pulls >= 3);
  // The same bytes, not the same made once more.
  Told late(bench, latest, &all);
  const Outgoing again = two.feed.pull(1 << 20);
  CHECK(again.buffers.size() == 1);
  CHECK(again.buffers[0].use_count() > 1);
}

TEST_CASE("turns: who fell behind gets the latest in parts, also where what passes comes last") {
  Bench bench({10, 1 << 30});
  StreamOptions options;
  options.on_lag = OnLag::latest;
  Feed all(bench.log, bench.cohorts, bench.clock, [] {});
  Feed last(bench.log, bench.cohorts, bench.clock, [] {});
  all.subscribe(subscription("{}"), std::nullopt, options);
  last.subscribe(subscription(R"({"filter":{"item":"999"}})"), std::nullopt, options);
  for (Feed* const feed : {&all, &last}) CHECK(feed->pull(1 << 20).empty());
  thousand_things(bench);
  while (bench.work_once()) {
  }
  int pulls = 0;
  CHECK(pull_all(all, &pulls).size() == 1000);
  CHECK(pulls >= 3);
  CHECK(pull_all(last, &pulls) == std::vector<std::uint64_t>{1000});
  CHECK(pulls >= 3);
}

TEST_CASE("turns: announcements count for more than other bodies, which are read in part") {
  Bench bench;
  const auto taken = [&bench](const std::string& line) {
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += line + "\n";
    IntakeBatch batch(lines);
    bench.intake.begin_turn();
    bench.intake.take_some(batch, 64 * 1024);
    return batch.outcome.accepted;
  };
  const std::string text(200, 'x');
  const auto events = taken(R"({"type":"t","data":{"x":")" + text + R"("},"source":"s"})");
  const auto announcements = taken(R"({"type":"_source","source":"s","run":"r","data":{"head":0,"oldest":1,"x":")" + text + "\"}}");
  CHECK(events > 100);
  CHECK(announcements < events / 5);
}

TEST_CASE("turns: who wants the latest gets it while more events come than are taken up") {
  Bench bench;
  int told = 0;
  Feed latest(bench.log, bench.cohorts, bench.clock, [&told] { ++told; });
  latest.subscribe(subscription(R"({"deliver":{"mode":"latest"}})"), std::nullopt);
  CHECK(latest.pull(1 << 20).empty());
  Asker lister(bench);
  std::uint64_t n = 0;
  for (int turn = 0; turn < 40; ++turn) {
    for (int i = 0; i < 1000; ++i) {
      bench.take(R"({"type":"price","data":{"item":")" + std::to_string(++n) + "\"}}");
    }
    if (turn == 0) lister.run(bench, "get_snapshot");
    bench.cohorts.announce();
    bench.work_once();
    bench.work_once();
  }
  CHECK(told == 1);
  CHECK(lister.answers == 1);
  CHECK(latest.pull(1 << 20).events > 0);
}

TEST_CASE("turns: events that waited behind a hole go on a few at a time, in order, and live ones behind them") {
  Bench bench;
  int asked = 0;
  bench.intake.set_on_more([&asked] { ++asked; });
  bench.link.connected = {"t"};
  bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":5000,"oldest":1}})");
  for (std::uint64_t seq = 2; seq <= 5000; ++seq) bench.take(tracked(seq));
  CHECK(bench.log.last_seq() == 0);
  bench.take(tracked(1));
  int turns = 0;
  for (std::uint64_t before = 0; asked > turns; ++turns) {
    CHECK(asked == turns + 1);
    CHECK(bench.log.last_seq() - before <= 1025);
    before = bench.log.last_seq();
    if (turns == 1) bench.take(tracked(5001));
    before = bench.log.last_seq();
    CHECK(bench.intake.go_on());
  }
  CHECK_FALSE(bench.intake.go_on());
  CHECK(turns >= 3);
  CHECK(bench.log.last_seq() == 5001);
  bench.log.seal();
  std::uint64_t expected = 1;
  for (const auto& block : bench.log.history().blocks()) {
    for (std::size_t i = 0; i < block->size(); ++i) CHECK(block->entry(i).source_seq == expected++);
  }
}

TEST_CASE("turns: a replay that passes nothing is looked through in steps, charged, and may be stopped") {
  Bench bench;
  for (int i = 0; i < 20'000; ++i) bench.take(R"({"type":"t","data":{"n":)" + std::to_string(i) + "}}");
  const Asker asker(bench);
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  feed.charge_to(asker.account);
  const auto start = [&] {
    REQUIRE(bench.replays.start(&feed, parse_json(R"({"speed":0,"filter":{"n":-1}})"), nullptr, [] {}).ok());
    bench.replays.tick();
    CHECK(bench.posted.size() == 1);
  };
  start();
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 3);
  CHECK(bench.replays.count() == 0);
  CHECK(payloads(feed.pull(1 << 20)).size() == 1);  // replay_end

  start();
  bench.work_once();
  CHECK(bench.replays.stop(&feed).find("true") != std::string::npos);
  while (bench.work_once()) {
  }
  CHECK(payloads(feed.pull(1 << 20)).size() == 1);

  asker.account->charge(kWorkPerSecond * 7 / 4);
  start();
  while (bench.work_once()) {
  }
  CHECK(bench.replays.count() == 1);  // it waits until there is something left to spend
  CHECK(asker.account->take());
  bench.clock.advance_us(1'000'000);
  bench.replays.tick();
  while (bench.work_once()) {
  }
  CHECK(bench.replays.count() == 0);
}
