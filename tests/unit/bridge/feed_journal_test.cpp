// Feeds whose place memory no longer holds.

#include <doctest/doctest.h>

#include <memory>
#include <numeric>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

// A log with a short memory before a journal that has all of it.
struct PastWorld {
  explicit PastWorld(std::uint64_t events_max = 10) : log("e", {events_max, 1 << 20}) {
    log.add_on_seal([this](const BlockPtr& block) { journal.blocks.push_back(block); });
  }
  // Events of type "ten" where the seq is a multiple of ten, else "one"; a second apart.
  void events(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string body = std::string(R"({"type":")") +
                               ((log.last_seq() + 1) % 10 == 0 ? "ten" : "one") +
                               R"(","data":{}})";
      REQUIRE(parser.parse(body) == Reject::none);
      clock.advance_us(1'000'000);
      log.append(parser.envelope(), clock.wall_us());
      log.seal();
    }
    cohorts.announce();
  }
  FakeClock clock;
  FakeJournal journal;
  EnvelopeParser parser{1 << 16};
  EventLog log;
  Snapshot snapshot{1000, 1 << 20};
  Cohorts cohorts{log, snapshot, clock, &journal};
  Replays replays{log, cohorts, clock};
};

struct PastClient {
  explicit PastClient(PastWorld& w)
      : world(w), feed(w.log, w.cohorts, w.clock, [this] { ++told; }) {}
  // Everything there is, with the journal's answers as they are asked for.
  std::vector<std::string> all() {
    std::vector<std::string> got;
    for (int idle = 0; idle < 2;) {
      const auto more = payloads(feed.pull(1 << 20));
      idle = more.empty() && world.journal.waiting.empty() ? idle + 1 : 0;
      got.insert(got.end(), more.begin(), more.end());
      world.journal.answer();
    }
    return got;
  }
  PastWorld& world;
  int told = 0;
  Feed feed;
};

Since after_seq(std::uint64_t seq) {
  Since since;
  since.epoch = "e";
  since.seq = seq;
  return since;
}

std::vector<std::uint64_t> seq_range(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> v(to - from + 1);
  std::iota(v.begin(), v.end(), from);
  return v;
}

}  // namespace

TEST_CASE("feed: the journal's events come first, then memory's, then live ones, each once") {
  PastWorld world;
  world.events(100);
  PastClient client(world);
  CHECK(client.feed.subscribe(subscription("{}"), after_seq(20)).recovered == true);
  CHECK(client.feed.pull(1 << 20).empty());
  world.events(5);
  CHECK(client.told == 0);
  world.journal.answer();
  CHECK(client.told > 0);
  CHECK(seqs(client.all()) == seq_range(21, 105));
  world.events(1);
  CHECK(seqs(client.all()) == seq_range(106, 106));
  CHECK(client.feed.gaps() == 0);
}

TEST_CASE("feed: many that want the same place are served by one read") {
  PastWorld world;
  world.events(100);
  std::vector<std::unique_ptr<PastClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<PastClient>(world));
    clients.back()->feed.subscribe(subscription("{}"), after_seq(20));
    CHECK(clients.back()->feed.pull(1 << 20).empty());
  }
  CHECK(world.journal.reads == 1);
  clients[7].reset();  // one that goes while it waits
  world.journal.answer();
  for (const auto& client : clients) {
    if (client) CHECK(seqs(client->all()) == seq_range(21, 100));
  }
  CHECK(world.journal.reads <= 100);
}

TEST_CASE("feed: a hole in the journal is a gap in its place, and not recovered") {
  PastWorld world;
  world.events(100);
  world.journal.blocks.erase(world.journal.blocks.begin() + 40, world.journal.blocks.begin() + 50);
  PastClient client(world);
  const auto outcome = client.feed.subscribe(subscription("{}"), after_seq(20));
  CHECK(outcome.recovered == false);
  CHECK(outcome.gap.empty());
  const auto got = client.all();
  REQUIRE(got.size() == 71);
  CHECK(seq_of(got[19]) == 40);
  const auto gap = parse_json(got[20]);
  CHECK(gap["type"] == "gap");
  CHECK(gap["data"]["from_seq"] == 41);
  CHECK(gap["data"]["to_seq"] == 50);
  CHECK(gap["data"]["reason"] == "evicted");
  CHECK(seq_of(got[21]) == 51);
  CHECK(seq_of(got.back()) == 100);
}

TEST_CASE("feed: what the journal cannot read is told as that, and what is behind it comes") {
  PastWorld world;
  world.events(100);
  world.journal.unreadable = true;
  const std::uint64_t in_memory = world.log.history().first_seq();
  {
    PastClient client(world);
    CHECK(client.feed.subscribe(subscription("{}"), after_seq(20)).recovered == true);
    const auto got = client.all();
    const auto gap = parse_json(got.at(0));
    CHECK(gap["data"]["reason"] == "unreadable");
    CHECK(gap["data"]["from_seq"] == 21);
    CHECK(gap["data"]["to_seq"].GetUint64() == in_memory - 1);
    CHECK(seqs(got) == seq_range(in_memory, 100));
  }
  // It may pass: who asks later gets them. And who asks while the whole file is in trouble is told so.
  world.journal.unreadable = false;
  PastClient later(world);
  later.feed.subscribe(subscription("{}"), after_seq(20));
  CHECK(seqs(later.all()) == seq_range(21, 100));
  world.journal.in_trouble = true;
  PastClient last(world);
  const auto outcome = last.feed.subscribe(subscription("{}"), after_seq(20));
  CHECK(outcome.recovered == false);
  CHECK(outcome.gap.find("\"unreadable\"") != std::string::npos);
}

TEST_CASE("feed: the last events, of which the journal cannot read the first, are told to be incomplete") {
  for (const std::uint64_t unreadable : {1u, 30u}) {
    PastWorld world;
    world.events(100);
    world.journal.unreadable_back_to = unreadable;
    PastClient client(world);
    Since since;
    since.kind = Since::Kind::last;
    since.last = 101 - unreadable;
    std::string gap;
    CHECK(client.feed.subscribe_later(subscription("{}"), since, {}, [&](const SubscribeOutcome& outcome) {
      CHECK(outcome.recovered == false);
      gap = outcome.gap;
      return std::string("{}");
    }));
    const auto got = client.all();
    REQUIRE_FALSE(gap.empty());
    CHECK(parse_json(gap)["data"]["reason"] == "unreadable");
    CHECK(parse_json(gap)["data"]["to_seq"].GetUint64() == unreadable);
    CHECK(seqs(got).front() == unreadable + 1);
    CHECK(seqs(got).back() == 100);
  }
}

TEST_CASE("feed: what the journal has trimmed is a gap before anything else") {
  PastWorld world;
  world.events(100);
  world.journal.blocks.erase(world.journal.blocks.begin(), world.journal.blocks.begin() + 30);
  PastClient client(world);
  const auto outcome = client.feed.subscribe(subscription("{}"), after_seq(20));
  CHECK(outcome.recovered == false);
  CHECK(outcome.gap.find(R"("from_seq":21,"to_seq":30)") != std::string::npos);
  CHECK(seqs(client.all()) == seq_range(31, 100));
}

TEST_CASE("feed: a journal that fails halfway leaves a gap up to what memory has") {
  PastWorld world;
  world.events(100);
  PastClient client(world);
  CHECK(client.feed.subscribe(subscription("{}"), after_seq(20)).recovered == true);
  CHECK(client.feed.pull(1 << 20).empty());
  world.journal.blocks.clear();
  const auto got = client.all();
  CHECK(parse_json(got.front())["data"]["from_seq"] == 21);
  const auto rest = seqs(got);
  REQUIRE_FALSE(rest.empty());
  CHECK(rest.front() == parse_json(got.front())["data"]["to_seq"].GetUint64() + 1);
  CHECK(rest.back() == 100);
}

TEST_CASE("feed: a slow client reads from the journal and loses nothing") {
  PastWorld world;
  PastClient client(world);
  client.feed.subscribe(subscription(R"({"subscriptions":["ten"]})"), std::nullopt);
  CHECK(client.feed.pull(1 << 20).empty());
  world.events(10);
  CHECK(client.told == 1);
  world.events(490);
  const auto got = seqs(client.all());
  REQUIRE(got.size() == 50);
  CHECK(got.front() == 10);
  CHECK(got.back() == 500);
  CHECK(client.feed.gaps() == 0);
}

TEST_CASE("feed: a start that is looked up is answered in its place, and later requests behind it") {
  PastWorld world;
  world.events(100);
  PastClient client(world);
  Since since;
  since.kind = Since::Kind::last;
  since.last = 7;
  const Subscription tens = subscription(R"({"subscriptions":["ten"]})");
  REQUIRE(client.feed.must_look_up(tens, since));
  REQUIRE(client.feed.subscribe_later(tens, since, {}, [](const SubscribeOutcome& outcome) {
    CHECK(outcome.recovered == true);
    return std::string(R"({"status":"subscribed"})");
  }));
  REQUIRE(client.feed.say(R"({"status":"pong"})"));
  CHECK(client.feed.pull(1 << 20).empty());
  const auto got = client.all();
  REQUIRE(got.size() == 9);
  CHECK(got[0] == R"({"status":"subscribed"})");
  CHECK(got[1] == R"({"status":"pong"})");
  CHECK(seqs(got) == std::vector<std::uint64_t>{40, 50, 60, 70, 80, 90, 100});
}

TEST_CASE("feed: a request that replaces one that is looked up has the last word") {
  PastWorld world;
  world.events(100);
  PastClient client(world);
  Since seconds;
  seconds.kind = Since::Kind::seconds;
  seconds.seconds = 50.5;
  const Subscription all = subscription("{}");
  REQUIRE(client.feed.must_look_up(all, seconds));
  REQUIRE(client.feed.subscribe_later(all, seconds, {}, [](const SubscribeOutcome&) {
    return std::string(R"({"status":"first"})");
  }));
  client.feed.subscribe(all, after_seq(95));
  REQUIRE(client.feed.say(R"({"status":"second"})"));
  const auto got = client.all();
  CHECK(got[0] == R"({"status":"first"})");
  CHECK(got[1] == R"({"status":"second"})");
  CHECK(seqs(got) == seq_range(96, 100));
  PastClient other(world);
  REQUIRE(other.feed.subscribe_later(all, seconds, {}, [](const SubscribeOutcome& outcome) {
    CHECK(outcome.recovered == true);
    return std::string("{}");
  }));
  CHECK(seqs(other.all()) == seq_range(50, 100));
}

TEST_CASE("feed: the journal is told when nobody waits any more for what it looks for") {
  PastWorld world;
  world.events(100);
  Since since;
  since.kind = Since::Kind::last;
  since.last = 7;
  const Subscription tens = subscription(R"({"subscriptions":["ten"]})");
  const auto reply = [](const SubscribeOutcome&) { return std::string("{}"); };
  auto gone = std::make_unique<PastClient>(world);
  PastClient stays(world);
  PastClient changes(world);
  for (PastClient* client : {gone.get(), &stays, &changes}) {
    REQUIRE(client->feed.subscribe_later(tens, since, {}, reply));
  }
  gone.reset();
  REQUIRE(changes.feed.subscribe_later(tens, since, {}, reply));
  CHECK(payloads(changes.feed.pull(1 << 20)) == std::vector<std::string>{"{}"});  // the first's
  world.journal.answer();
  CHECK(world.journal.cancelled == 2);
  CHECK(seqs(stays.all()).size() == 7);
  CHECK(seqs(changes.all()).size() == 7);
}

TEST_CASE("feed: what is held back is neither told nor given before it is released") {
  PastWorld world;
  world.log.hold_back();
  PastClient client(world);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.feed.pull(1 << 20).empty());
  world.events(5);
  CHECK(client.told == 0);
  CHECK(client.feed.pull(1 << 20).empty());
  world.log.release(3);
  world.cohorts.announce();
  CHECK(client.told == 1);
  CHECK(seqs(client.all()) == seq_range(1, 3));
  world.log.release(100);
  world.cohorts.announce();
  CHECK(seqs(client.all()) == seq_range(4, 5));
}

TEST_CASE("log: an earlier epoch is shared up to where the next began") {
  LogStart start("c");
  start.last_seq = 30;
  start.last_stamp_us = 99'000'000'000'000'000;
  start.epochs = {{"a", 1}, {"b", 11}, {"c", 31}};
  EventLog log(start, {});
  CHECK(log.last_seq() == 30);
  CHECK(log.shared_until("a", 5) == 5);
  CHECK(log.shared_until("a", 10) == 10);
  CHECK(log.shared_until("a", 15) == 10);
  CHECK(log.shared_until("b", 15) == 15);
  CHECK(log.shared_until("b", 35) == 30);
  CHECK(log.shared_until("c", 35) == 30);
  CHECK_FALSE(log.shared_until("d", 5));
  EnvelopeParser parser(1 << 16);
  REQUIRE(parser.parse(R"({"type":"t","data":{}})") == Reject::none);
  CHECK(log.append(parser.envelope(), 1) == 31);
  log.seal();
  // The journal's clock was far ahead: the time is true again, in an epoch that had no event before.
  CHECK(log.history().find(31)->entry(0).timestamp_us == 1);
  CHECK(log.epochs().size() == 3);
}

namespace {

// What a replay with these params gives; the clock moves on by `step_us` a tick.
std::vector<std::string> replayed(PastWorld& world, const std::string& params, int ticks,
                                  std::int64_t step_us = 1000) {
  PastClient client(world);
  const auto started = world.replays.start(&client.feed, parse_json(params), nullptr, [] {});
  REQUIRE_MESSAGE(started.ok(), started.error().message);
  std::vector<std::string> got;
  for (int i = 0; i < ticks; ++i) {
    world.clock.advance_us(step_us);
    world.replays.tick();
    world.journal.answer();
    for (auto& payload : payloads(client.feed.pull(1 << 20))) got.push_back(std::move(payload));
  }
  world.replays.forget(&client.feed);
  return got;
}

}  // namespace

TEST_CASE("replay: a stretch comes again, marked, from the journal and memory, with an end") {
  PastWorld world;
  world.events(100);
  const auto got = replayed(world, R"({"from":50,"to":95,"speed":0})", 200);
  CHECK(seqs(got) == seq_range(50, 95));
  for (const auto& payload : got) CHECK(parse_json(payload)["replay"].IsTrue());
  const auto end = parse_json(got.back());
  CHECK(end["type"] == "replay_end");
  CHECK(end["data"]["reason"] == "done");
  CHECK(end["data"]["events"] == 46);
  CHECK(world.replays.count() == 0);
}

TEST_CASE("replay: events are as far apart as they were, divided by the speed") {
  PastWorld world;
  world.events(100);  // a second apart
  const auto got = replayed(world, R"({"from":50,"speed":10})", 20, 50'000);
  CHECK(got.size() >= 9);  // a second at ten times the pace
  CHECK(got.size() <= 11);
  CHECK(seqs(got).front() == 50);
}

TEST_CASE("replay: times, types and what is missing") {
  PastWorld world;
  world.events(100);
  const double first = static_cast<double>(FakeClock().wall_us()) / 1e6;
  const auto time = [&](int seconds) { return std::to_string(first + seconds); };
  CHECK(seqs(replayed(world, R"({"from":)" + time(30) + R"(,"to":)" + time(60) +
                                 R"(,"speed":0,"subscriptions":["ten"]})",
                      200)) == std::vector<std::uint64_t>{30, 40, 50, 60});
  CHECK(seqs(replayed(world, R"({"from":{"seconds":5},"speed":0})", 20)).back() == 100);
  CHECK(seqs(replayed(world, R"({"from":)" + time(-30) + R"(,"to":)" + time(3) + R"(,"speed":0})", 100)) == seq_range(1, 3));
  world.journal.blocks.erase(world.journal.blocks.begin(), world.journal.blocks.begin() + 30);
  const auto got = replayed(world, R"({"from":25,"to":40,"speed":0})", 100);
  const auto gap = parse_json(got.front());
  CHECK(gap["type"] == "gap");
  CHECK(gap["replay"].IsTrue());
  CHECK(gap["data"]["to_seq"] == 30);
  CHECK(seqs(got) == seq_range(31, 40));
  CHECK(parse_json(got.back())["data"]["missing"] == 6);
}

TEST_CASE("replay: wrong params, a second one, and a stop") {
  PastWorld world;
  world.events(20);
  PastClient client(world);
  for (const char* wrong :
       {R"({"from":-1})", R"({"from":"x"})", R"({"to":{"a":1}})", R"({"speed":-1})",
        R"({"speed":"fast"})", R"({"speed":1e-300})", R"({"to":{"seq":18446744073709551615}})",
        R"({"from":{"seconds":-1}})", R"({"subscriptions":5})"}) {
    CAPTURE(wrong);
    const auto refused = world.replays.start(&client.feed, parse_json(wrong), nullptr, [] {});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("params.") == 0);
  }
  for (const char* name : {"seq", "timestamp", "seconds"}) {
    const auto refused = world.replays.start(&client.feed, parse_json(R"({"from":{")" + std::string(name) + R"(":-1}})"), nullptr, [] {});
    CHECK(refused.error().message.find("params.from." + std::string(name) + " is -1") == 0);
  }
  REQUIRE(world.replays.start(&client.feed, parse_json(R"({"from":1})"), nullptr, [] {}).ok());
  CHECK(world.replays.start(&client.feed, parse_json("{}"), nullptr, [] {}).error().type ==
        ErrorType::busy);
  CHECK(world.replays.stop(&client.feed).find("\"stopped\":true") != std::string::npos);
  CHECK(world.replays.stop(&client.feed).find("\"stopped\":false") != std::string::npos);
  const auto end = parse_json(client.all().back());
  CHECK(end["type"] == "replay_end");
  CHECK(end["data"]["reason"] == "stopped");
  std::vector<std::unique_ptr<PastClient>> many;
  for (std::size_t i = 0; i <= kReplaysMax; ++i) {
    many.push_back(std::make_unique<PastClient>(world));
    CHECK(world.replays.start(&many.back()->feed, parse_json("{}"), nullptr, [] {}).ok() ==
          (i < kReplaysMax));
  }
  for (const auto& c : many) world.replays.forget(&c->feed);
}

TEST_CASE("hub: passes over live clients keep apart only while somebody reads from the journal") {
  PastWorld world;
  world.events(40);
  CHECK(world.cohorts.announce_or_wait() == 0);
  CHECK(world.cohorts.announce_or_wait() == 0);
  PastClient live(world);
  live.feed.subscribe(subscription("{}"), std::nullopt);
  REQUIRE(live.all().empty());
  const auto append = [&world] {
    REQUIRE(world.parser.parse(R"({"type":"one","data":{}})") == Reject::none);
    world.log.append(world.parser.envelope(), world.clock.wall_us());
  };
  PastClient away(world);
  away.feed.subscribe(subscription("{}"), after_seq(0));
  CHECK(away.all().size() == 40);
  append();
  world.clock.advance_us(200'000);
  REQUIRE(world.cohorts.announce_or_wait() == 0);
  CHECK(live.told == 1);
  CHECK(live.all().size() == 1);
  append();
  world.clock.advance_us(300);
  const std::int64_t wait_us = world.cohorts.announce_or_wait();
  CHECK(wait_us > 0);
  CHECK(live.told == 1);
  world.clock.advance_us(wait_us);
  CHECK(world.cohorts.announce_or_wait() == 0);
  CHECK(live.told == 2);
  CHECK(live.all().size() == 1);
  // Nobody has read from the journal for a while.
  world.clock.advance_us(10'000);
  for (int i = 0; i < 3; ++i) {
    append();
    CHECK(world.cohorts.announce_or_wait() == 0);
    CHECK(live.all().size() == 1);
  }
  // When the bridge stops there is no later.
  away.feed.subscribe(subscription("{}"), after_seq(0));
  CHECK(away.all().size() == 45);
  world.cohorts.hurry();
  append();
  CHECK(world.cohorts.announce_or_wait() == 0);
  CHECK(world.cohorts.announce_or_wait() == 0);
}
