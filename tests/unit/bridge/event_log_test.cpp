#include "log/event_log.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

void add(EventLog& log, int n, std::size_t payload = 0) {
  EnvelopeParser parser(1 << 20);
  const std::string body = R"({"type":"t","data":{"a":")" + std::string(payload, 'x') + "\"}}";
  for (int i = 0; i < n; ++i) {
    REQUIRE(parser.parse(body) == Reject::none);
    log.append(parser.envelope(), 0);
  }
}

}  // namespace

TEST_CASE("log: a new epoch begins behind the last event, and earlier ones agree with it up to there") {
  LogStart start("b");
  start.last_seq = 10;
  start.epochs = {{"a", 1}};
  const EventLog log(start, {});
  REQUIRE(log.epochs().size() == 2);
  CHECK(log.epoch() == "b");
  CHECK(log.epochs()[1].first_seq == 11);
  CHECK(log.shared_until("a", 5) == 5);
  CHECK(log.shared_until("a", 20) == 10);
  CHECK(log.shared_until("b", 10) == 10);
  CHECK_FALSE(log.shared_until("c", 1));
}

TEST_CASE("log: an epoch that goes on is the same one") {
  LogStart start("b");
  start.last_seq = 10;
  start.epochs = {{"a", 1}, {"b", 6}};
  const EventLog log(start, {});
  REQUIRE(log.epochs().size() == 2);
  CHECK(log.shared_until("a", 9) == 5);
  CHECK(log.shared_until("b", 10) == 10);
}

TEST_CASE("log: earlier epochs are learned once") {
  EventLog log("b", {});
  log.learn_epochs({{"a", 1}});
  log.learn_epochs({{"other", 1}});
  REQUIRE(log.epochs().size() == 2);
  CHECK(log.epochs()[0].epoch == "a");
}

TEST_CASE("log: a block is an eighth of what memory holds, by events and by bytes") {
  CHECK(HistoryLimits{1000, 8000}.block_bytes_max() == 1000);
  CHECK(HistoryLimits{1000, 8000}.block_events_max() == 125);
  CHECK(HistoryLimits{1, 1}.block_bytes_max() == 1);
  CHECK(HistoryLimits{1, 1}.block_events_max() == 1);
  CHECK(HistoryLimits{1000, 1u << 30}.block_bytes_max() == kBlockBytesMax);
  EventLog by_events("e", {80, 1 << 30});
  add(by_events, 25);
  REQUIRE(by_events.history().blocks().size() == 2);
  CHECK(by_events.history().blocks()[0]->size() == 10);
  CHECK(by_events.history().blocks()[1]->size() == 10);
  EventLog by_bytes("e", {1'000'000, 80'000});
  add(by_bytes, 9, 1500);
  REQUIRE(by_bytes.history().blocks().size() == 1);
  CHECK(by_bytes.history().blocks()[0]->size() == 7);
}

TEST_CASE("log: what is held back is released as far as it is there, and never taken back") {
  EventLog log("e", {});
  add(log, 2);
  log.hold_back();
  add(log, 3);
  CHECK(log.head() == 2);
  CHECK(log.last_seq() == 5);
  log.release(4);
  CHECK(log.head() == 4);
  log.release(3);
  CHECK(log.head() == 4);
  log.release(100);
  CHECK(log.head() == 5);
}

TEST_CASE("log: sixteen small blocks become one where one block may hold so many events") {
  const auto blocks_of = [](std::uint64_t events_max, int events) {
    EventLog log("e", {events_max, 1 << 30});
    for (int i = 0; i < events; ++i) {
      add(log, 1);
      log.seal();
    }
    return log.history().blocks().size();
  };
  CHECK(blocks_of(128, 15) == 15);
  CHECK(blocks_of(128, 16) == 1);
  CHECK(blocks_of(127, 16) == 16);
}
