#include "log/ahead_waits.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "asker.h"
#include "conversation/client_protocol.h"
#include "fixture.h"

using namespace bridge;

namespace {

// A client of a bridge of a cluster, and that bridge.
struct Waiting {
  Waiting() {
    protocol.set_ahead(&waits);
    bench.commands.set_ahead(&waits);
    bench.event();
  }
  // All replies and events that came of it.
  std::vector<std::string> say(const std::string& request) {
    REQUIRE(protocol.handle(request) == Verdict::keep);
    return payloads(feed.pull(1 << 20));
  }
  std::vector<std::string> pass(std::int64_t us) {
    bench.clock.advance_us(us);
    waits.tick(bench.log.last_seq(), bench.clock.steady_us());
    return payloads(feed.pull(1 << 20));
  }
  static std::string since(std::uint64_t seq, const std::string& id = "1", const std::string& action = "subscribe") {
    return R"({"action":")" + action + R"(","id":)" + id + R"(,"subscriptions":["*"],"since":{"epoch":"epoch1","seq":)" +
           std::to_string(seq) + "}}";
  }

  Bench bench;
  AheadWaits waits;
  Feed feed{bench.log, bench.cohorts, bench.clock, [] {}};
  int late = 0;
  ClientProtocol protocol{feed, bench.dispatcher, bench.replays, bench.log, bench.counters, bench.clock, 1000, 1,
                          [this](Verdict verdict) { late += verdict == Verdict::keep ? 1 : 100; }};
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("since ahead of the log waits for it, and then misses and repeats nothing") {
  Waiting w;
  CHECK(w.say(Waiting::since(3)).empty());
  CHECK(w.protocol.owes_replies());
  // Others are served meanwhile, and so is it.
  const auto pong = w.say(R"({"action":"ping","id":2})");
  REQUIRE(pong.size() == 1);
  CHECK(has(pong[0], "pong"));
  w.bench.event();
  CHECK(w.pass(100'000).empty());
  w.bench.event();
  w.bench.event();
  const auto told = w.pass(100'000);
  REQUIRE(told.size() == 2);
  CHECK(has(told[0], R"("status":"subscribed")"));
  CHECK(has(told[0], R"("id":1)"));
  CHECK(has(told[0], R"("recovered":true)"));
  CHECK(has(told[1], R"("seq":4)"));
  CHECK(w.late == 1);
  CHECK_FALSE(w.protocol.owes_replies());
  CHECK(w.waits.size() == 0);
}

TEST_CASE("since ahead of the log is answered busy after five seconds, and the client goes on as before") {
  Waiting w;
  CHECK(w.say(R"({"action":"subscribe","subscriptions":["*"]})").size() == 1);
  CHECK(w.say(Waiting::since(9)).empty());
  w.bench.event();
  CHECK(w.pass(4'900'000).size() == 1);  // the old subscription holds
  const auto told = w.pass(200'000);
  REQUIRE(told.size() == 1);
  CHECK(has(told[0], R"("error_type":"busy")"));
  CHECK(has(told[0], "event 9"));
  w.bench.event();
  CHECK(w.pass(0).size() == 1);
}

TEST_CASE("since ahead of the log: a later subscription takes the place of one that waits, and both are answered in order") {
  for (const std::string& later : {std::string(R"({"action":"subscribe","id":7})"), std::string(R"({"action":"unsubscribe","id":7})")}) {
    Waiting w;
    CHECK(w.say(Waiting::since(3)).empty());
    const auto told = w.say(later);
    REQUIRE(told.size() == 2);
    CHECK(has(told[0], R"("error_type":"busy")"));
    CHECK(has(told[0], R"("id":1)"));
    CHECK(has(told[1], R"("id":7)"));
    w.bench.event();
    w.bench.event();
    (void)w.pass(100'000);
    CHECK(w.late == 0);
  }
  Waiting w;
  CHECK(w.say(Waiting::since(3)).empty());
  CHECK(w.say(Waiting::since(2, "5", "register")).size() == 1);  // for the first
  w.bench.event();
  const auto told = w.pass(100'000);
  REQUIRE(told.size() == 1);
  CHECK(has(told[0], R"("status":"registered")"));
}

TEST_CASE("since ahead of the log: a client that goes leaves nothing behind") {
  AheadWaits waits;
  Bench bench;
  {
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    ClientProtocol protocol(feed, bench.dispatcher, bench.replays, bench.log, bench.counters, bench.clock, 1000, 1, [](Verdict) {});
    protocol.set_ahead(&waits);
    CHECK(protocol.handle(Waiting::since(3)) == Verdict::keep);
    CHECK(waits.size() == 1);
  }
  CHECK(waits.size() == 0);
  bench.clock.advance_us(6'000'000);
  waits.tick(9, bench.clock.steady_us());
}

TEST_CASE("since ahead of the log: waits are bounded by number, bytes and asker") {
  AheadWaits waits;
  const char askers[kAheadWaitsMax + 1] = {};
  int there = 0;
  const auto add = [&](std::size_t asker, std::size_t bytes) {
    return waits.add(&askers[asker], 5, bytes, 0, [&there](bool came) { there += came ? 1 : 0; });
  };
  for (std::size_t i = 0; i < kAheadWaitsOfOneMax; ++i) CHECK(add(0, 1) != 0);
  CHECK(add(0, 1) == 0);
  CHECK(add(1, kAheadWaitBytesMax) == 0);
  for (std::size_t i = kAheadWaitsOfOneMax; i < kAheadWaitsMax; ++i) REQUIRE(add(i, 1) != 0);
  CHECK(add(kAheadWaitsMax, 1) == 0);
  waits.tick(5, 1);
  CHECK(there == static_cast<int>(kAheadWaitsMax));
  CHECK(add(1, kAheadWaitBytesMax) != 0);  // all bytes are free again
}

TEST_CASE("get_recent_events waits for a since_seq of the epoch that is ahead of the log") {
  Waiting w;
  Asker asker(w.bench);
  std::string result, error;
  const auto run = [&](const std::string& params) {
    w.bench.commands.run("get_recent_events", parse_json(params), asker.account, [&](const auto& got) {
      (got ? result : error) = got ? got.value() : got.error().message;
    });
    while (w.bench.work_once()) {
    }
  };
  run(R"({"since_seq":2})");  // of whichever numbering
  CHECK(has(result, R"("recovered":false)"));
  result.clear();
  run(R"({"since_seq":)" + std::to_string(w.bench.log.last_seq()) + R"(,"epoch":"epoch1"})");  // it has come
  CHECK_FALSE(result.empty());
  result.clear();
  run(R"({"since_seq":2,"epoch":"another"})");
  CHECK_FALSE(result.empty());
  result.clear();
  run(R"({"since_seq":2,"epoch":"epoch1"})");
  CHECK(result.empty());
  for (int i = 0; i < 2; ++i) w.bench.event();
  (void)w.pass(10'000);
  while (w.bench.work_once()) {
  }
  CHECK(has(result, R"("recovered":true)"));
  CHECK(has(result, R"("count":1)"));
  run(R"({"since_seq":9,"epoch":"epoch1"})");
  (void)w.pass(5'000'000);
  CHECK(has(error, "params.since_seq"));
}

TEST_CASE("get_recent_events: who is one too many that wait is told so, and the others wait on") {
  Waiting w;
  Asker asker(w.bench);
  std::vector<std::string> told;
  for (std::size_t i = 0; i <= kAheadWaitsOfOneMax; ++i) {
    w.bench.commands.run("get_recent_events", parse_json(R"({"since_seq":9,"epoch":"epoch1"})"), asker.account,
                         [&](const auto& got) { told.push_back(got ? got.value() : got.error().message); });
  }
  CHECK(told == std::vector<std::string>{"too many wait for events that this bridge does not have yet"});
}

TEST_CASE("get_recent_events: who is gone while he waits is told nothing, and who is nobody's is told at the end") {
  Waiting w;
  std::vector<std::string> told;
  const auto run = [&](const std::shared_ptr<RequestBudget>& account) {
    w.bench.commands.run("get_recent_events", parse_json(R"({"since_seq":9,"epoch":"epoch1"})"), account,
                         [&](const auto& got) { told.push_back(got ? got.value() : got.error().message.substr(0, 16)); });
  };
  {
    Asker gone(w.bench);
    run(gone.account);
  }
  run(nullptr);
  CHECK(told.empty());
  (void)w.pass(5'000'000);
  CHECK(told == std::vector<std::string>{"params.since_seq"});
}
