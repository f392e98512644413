#include "log/event_log.h"

#include <doctest/doctest.h>

#include "event/messages.h"
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
  LogStart start("b");
  start.last_seq = 10;
  start.epochs = {{"a", 1}};
  EventLog knows(start, {});
  knows.learn_epochs({{"other", 1}});
  CHECK(knows.epochs().size() == 2);
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

TEST_CASE("log: a block is full at so many bytes, and not a byte before") {
  EventLog whole("e", {1'000'000, 1u << 30});
  add(whole, 2);
  whole.seal();
  const std::size_t two = whole.history().blocks()[0]->frames().size();
  for (const std::size_t more : {0u, 1u}) {
    EventLog log("e", {1'000'000, 8 * (two + more)});
    add(log, 2);
    CHECK(log.history().blocks().size() == (more == 0 ? 1 : 0));
  }
}

TEST_CASE("log: for readers a block is sealed where there is something in it for them, and else goes on growing") {
  EventLog log("e", {});
  log.hold_back();
  add(log, 3);
  log.seal_for_readers();
  CHECK(log.history().blocks().empty());
  log.release(1);
  log.seal_for_readers();
  REQUIRE(log.history().blocks().size() == 1);
  CHECK(log.history().last_seq() == 3);
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

TEST_CASE("log: where events are proposed they are numbered by whoever accepts them, and read as any other") {
  EnvelopeParser parser(1 << 20);
  const std::string body = R"({"type":"t","data":{"agent_id":"a1","x":"\u0041"},"source":"s","run":"r","source_seq":7,"other":[1],)"
                           R"("timestamp":1764180000.5})";
  REQUIRE(parser.parse(body) == Reject::none);
  EventLog plain("e", {});
  plain.append(parser.envelope(), 1'764'180'000'000'000);
  plain.seal();

  EventLog log("e", {});
  std::string line;
  std::size_t data_bytes = 0;
  log.propose_to([&](const Envelope& event, std::int64_t wall_us) {
    CHECK(wall_us == 5);
    append_event_line(line, event);
    data_bytes = event.data.size();
  });
  CHECK(log.append(parser.envelope(), 5) == 0);
  CHECK(log.last_seq() == 0);
  CHECK(log.epochs().size() == 1);
  EventLine read;
  REQUIRE(read_event_line(line, data_bytes, &read));
  log.accept(read, 1, 1'764'180'000'000'000);
  CHECK(log.last_seq() == 1);
  log.seal();

  const BlockPtr wanted = plain.history().find(1);
  const BlockPtr block = log.history().find(1);
  REQUIRE(block);
  CHECK(block->frames() == wanted->frames());
  const EventEntry& entry = block->entry(0);
  CHECK(block->text(entry.type) == "t");
  CHECK(block->text(entry.data) == wanted->text(wanted->entry(0).data));
  CHECK(block->text(entry.source) == "s");
  CHECK(block->text(entry.run) == "r");
  CHECK(entry.source_seq == 7);
  CHECK(entry.agent_kind == IndexedField::Kind::other);  // to be looked for in the data
}

TEST_CASE("log: a loss that comes as a line stands behind its gap message") {
  EventLog plain("e", {});
  Envelope event;
  event.type = "system_status";
  event.source = kOwnSource;
  const std::string data = source_lost_data({"s", "r", 3, 9});
  event.data = data;
  plain.append(event, 1'000'000);
  plain.seal();
  EventLog log("e", {});
  log.propose_to([](const Envelope&, std::int64_t) {});
  std::string line;
  append_event_line(line, event);
  EventLine read;
  REQUIRE(read_event_line(line, data.size(), &read));
  log.accept(read, 1, 1'000'000);
  log.seal();
  CHECK(log.history().find(1)->gap_frame(0) == plain.history().find(1)->gap_frame(0));
  CHECK(log.history().find(1)->frames() == plain.history().find(1)->frames());
}
