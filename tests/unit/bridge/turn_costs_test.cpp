// What a turn may take by bytes, names and runs, however they are dealt out: counted, as in turn_bounds_test.cpp.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "asker.h"
#include "event/json_document.h"
#include "sources/announcement.h"
#include "stream/match_index.h"
#include "tracking.h"

using namespace bridge;

namespace {

std::string from(const std::string& source, const std::string& run, std::uint64_t seq, const std::string& data = "{}") {
  return R"({"type":"t","data":)" + data + R"(,"source":")" + source + R"(","run":")" + run + R"(","source_seq":)" +
         std::to_string(seq) + "}";
}

// How many of these lines are taken in at once, of 64 KiB.
std::size_t taken(Intake& intake, const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  IntakeBatch batch(all);
  intake.begin_turn();
  intake.take_some(batch, 64 * 1024);
  return batch.outcome.accepted + batch.outcome.rejected;
}

// As Bench has them, with room for more runs.
struct ManySources {
  explicit ManySources(std::size_t runs_max) : sources(runs_max, counters) {
    sources.set_listener(&listener);
    tracker.set_link(&listener.link);
  }
  struct Listener : SourceListener {
    explicit Listener(SourceTracker& of) : tracker(of) {}
    void on_source(const Run&, SourceChange change) override {
      if (change == SourceChange::stalled) ++stalled;
      if (change == SourceChange::gone) ++gone;
    }
    void on_line_lost(ControlLine&, Lane&, const std::string&) override {}
    void on_superseded(Run& run) override { tracker.supersede(run); }
    void on_forget(Run& run) override { tracker.forget(run); }
    SourceTracker& tracker;
    FakeRepairLink link;
    int stalled = 0, gone = 0;
  };
  Counters counters;
  FakeClock clock;
  HistoryLimits limits;
  EventLog log{"e", limits, [](const Block&) {}};
  SourceTable sources;
  SourceTracker tracker{sources, 64 << 20, counters};
  Listener listener{tracker};
  TypeCounts types;
  OwnEvents own_events{log, types, clock, [] {}};
  Intake intake{1 << 20, log, sources, tracker, types, own_events, counters, clock, {}};
};

}  // namespace

TEST_CASE("turns: sources that come, and for whom others are forgotten, are a few at a time") {
  ManySources many(1'000);
  std::vector<std::string> lines;
  for (int i = 0; i < 875; ++i) lines.push_back(from("s" + std::to_string(i), "r", 1));
  CHECK(taken(many.intake, lines) <= 64);
  for (const std::string& line : lines) many.intake.take(line);
  many.clock.advance_us(kLiveUs);
  // Nobody leaves before there is somebody for his place, and he was silent longest.
  many.intake.take(from("s1", "r", 2));
  many.intake.take(from("other", "r", 1));
  CHECK(many.counters.runs_forgotten == 1);
  CHECK(many.sources.find("s0") == nullptr);
  std::vector<std::string> others;
  for (int i = 0; i < 500; ++i) others.push_back(from("o" + std::to_string(i), "r", 1));
  CHECK(taken(many.intake, others) <= 32);
  CHECK(many.sources.find("s1") != nullptr);
  CHECK(many.sources.find("s2") == nullptr);
}

TEST_CASE("turns: many sources are looked after in parts, each once") {
  ManySources many(100'000);
  Announcement said;
  for (int i = 0; i < 10'000; ++i) many.sources.announce(*many.sources.meet("s" + std::to_string(i), "r", 1, 0), said, 0);
  int parts = 1;
  for (int before = 0; !many.sources.tick(1.0, kStalledAfterUs); ++parts) {
    CHECK(many.listener.stalled - before <= 40);  // each is an event
    before = many.listener.stalled;
  }
  CHECK(parts >= 250);
  CHECK(many.listener.stalled == 10'000);
  for (parts = 1; !many.sources.tick(1.0, kStalledAfterUs); ++parts) {
  }
  CHECK(parts >= 4);
  CHECK(parts <= 10);
  CHECK(many.listener.stalled == 10'000);
  CHECK(many.sources.heard_last(256).size() == 256);
  CHECK(many.sources.sources_heard() == 10'000);
}

TEST_CASE("turns: events and words of thousands of runs of one name are a few at a time") {
  ManySources many(8'000);
  for (int i = 0; i < 4'000; ++i) many.intake.take(from("s", "r" + std::to_string(i), 1));
  std::vector<std::string> events, words;
  for (int i = 3'000; i < 4'000; ++i) {
    events.push_back(from("s", "r" + std::to_string(i), 2));
    words.push_back(R"({"type":"_source","source":"s","run":"r)" + std::to_string(i) + R"(","data":{"head":1}})");
  }
  CHECK(taken(many.intake, events) <= 8);
  CHECK(taken(many.intake, words) <= 8);
  // As many runs of as many names are no trouble.
  ManySources others(8'000);
  for (int i = 0; i < 1'000; ++i) others.intake.take(from("s" + std::to_string(i), "r", 1));
  for (int i = 0; i < 1'000; ++i) events[static_cast<std::size_t>(i)] = from("s" + std::to_string(i), "r", 2);
  CHECK(taken(others.intake, events) > 200);
}

TEST_CASE("turns: what is missing of many runs is looked after in turns, and none is left out") {
  ManySources many(8'000);
  many.tracker.set_paused(true);
  for (int i = 0; i < 2'000; ++i) {
    many.intake.take(R"({"type":"_source","source":"s)" + std::to_string(i) + R"(","run":"r","data":{"head":1,"oldest":1}})");
    many.intake.take(from("s" + std::to_string(i), "r", 1));
    many.intake.take(from("s" + std::to_string(i), "r", 3));
  }
  many.tracker.set_paused(false);
  std::size_t asked = 0;
  int ticks = 0;
  for (; many.listener.link.asked.size() < 2'000 && ticks < 10; ++ticks) {
    many.intake.tick();
    CHECK(many.listener.link.asked.size() - asked <= kWatchedATick);
    asked = many.listener.link.asked.size();
  }
  CHECK(ticks == 4);
}

TEST_CASE("turns: large events that waited behind a hole go on a few at a time") {
  ManySources many(100);
  int asked = 0;
  many.intake.set_on_more([&asked] { ++asked; });
  many.intake.take(R"({"type":"_source","source":"t","run":"r","data":{"head":50,"oldest":1}})");
  const std::string data = R"({"x":")" + std::string(200'000, 'x') + "\"}";
  for (std::uint64_t seq = 2; seq <= 50; ++seq) many.intake.take(from("t", "r", seq, data));
  many.intake.take(from("t", "r", 1));
  std::uint64_t before = many.log.last_seq();
  CHECK(before <= 3);
  for (int turn = 0; many.log.last_seq() < 50; ++turn) {
    REQUIRE(asked == turn + 1);
    CHECK(many.intake.go_on());
    CHECK(many.log.last_seq() - before <= 2);
    before = many.log.last_seq();
  }
}

TEST_CASE("turns: events of an answer are taken a few at a time, in order, and hold up nobody else's") {
  ManySources many(100);
  int asked = 0;
  many.intake.set_on_more([&asked] { ++asked; });
  many.intake.take(R"({"type":"_source","source":"t","run":"r","data":{"head":5001,"oldest":1}})");
  many.intake.take(from("t", "r", 5001));
  const auto list = [](const std::string& run) {
    std::string events = "[" + from("t", run, 1);
    // One of them cannot be read, and is lost.
    for (std::uint64_t seq = 2; seq <= 5000; ++seq) events += "," + (seq == 4000 ? R"({"type":"t","type":"u","data":{}})" : from("t", run, seq));
    return events + "]";
  };
  const std::string text = list("r");
  CHECK_FALSE(many.intake.take_repair({"t", "r", 1, 5001, RepairOutcome::events, text}));
  CHECK(many.intake.waiting_bytes() == text.size());
  std::uint64_t before = 0;
  for (int turn = 0; asked > turn; ++turn) {
    CHECK(asked == turn + 1);
    many.intake.go_on();
    CHECK(many.log.last_seq() - before <= 1'000);
    if (turn == 1) {
      const std::uint64_t now = many.log.last_seq();
      many.intake.take(from("other", "r", 1));
      CHECK(many.log.last_seq() == now + 1);
    }
    before = many.log.last_seq();
  }
  CHECK(many.intake.waiting_bytes() == 0);
  CHECK(many.counters.events_lost == 1);
  CHECK(many.sources.find("t", "r")->order.expected == 5002);
  std::uint64_t expected = 1;
  many.log.seal();
  for (const auto& block : many.log.history().blocks()) {
    for (std::size_t i = 0; i < block->size(); ++i) {
      if (block->text(block->entry(i).source) != "t") continue;
      if (expected == 4000) ++expected;
      CHECK(block->entry(i).source_seq == expected++);
    }
  }
  CHECK(expected == 5002);
  // At the end there is no later.
  many.intake.take(R"({"type":"_source","source":"t","run":"q","data":{"head":5001,"oldest":1}})");
  many.intake.take(from("t", "q", 5001));
  many.intake.take_repair({"t", "q", 1, 5001, RepairOutcome::events, list("q")});
  many.intake.stop();
  CHECK(many.sources.find("t", "q")->order.expected == 5002);
}

TEST_CASE("turns: keys at the top level count for what it takes to compare them") {
  Bench bench;
  const auto of = [](int keys, const char* beside) {
    std::string line = std::string(R"({"type":"t","data":{)") + beside + "}";
    for (int i = 0; i < keys; ++i) line += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
    return std::vector<std::string>(1'000, line + "}");
  };
  CHECK(taken(bench.intake, of(250, "")) <= 4);
  CHECK(taken(bench.intake, of(2, "")) > 300);
}

TEST_CASE("turns: clients are told of a large event a few at a time") {
  struct Reader {
    Reader(Bench& bench, int* all) : feed(bench.log, bench.cohorts, bench.clock, [this, all] { ++*all, feed.pull(1 << 20); }) {
      feed.subscribe(subscription("{}"), std::nullopt);
      CHECK(feed.pull(1 << 20).empty());
    }
    Feed feed;
  };
  Bench bench;
  int all = 0;
  std::vector<std::unique_ptr<Reader>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<Reader>(bench, &all));
  bench.event("t", R"({"x":")" + std::string(200'000, 'x') + "\"}");
  int turns = 1;
  for (int before = 0; before != all; ++turns) {
    CHECK(all - before <= 32);
    before = all;
    bench.work_once();
  }
  CHECK(all == 100);
}

TEST_CASE("turns: large things are taken up for a snapshot a few at a time") {
  Bench bench;
  for (int i = 0; i < 20; ++i) {
    bench.take(R"({"type":"price","data":{"item":")" + std::to_string(i) + R"(","x":")" + std::string(200'000, 'x') + "\"}}");
  }
  std::uint64_t work = 0;
  int steps = 1;
  while (!bench.snapshot.catch_up(bench.log, 20, kStepWork, &work)) {
    ++steps;
    CHECK(work / static_cast<std::uint64_t>(steps) < 2 * kStepWork);
    work = 0;
  }
  CHECK(steps >= 20);
  CHECK(bench.snapshot.entries().size() == 20);
}

TEST_CASE("turns: an event that is too large for it goes to a client uncompressed") {
  Bench bench;
  Deflater deflater(Deflater::kLevelMin);
  Subscription wanted = subscription(R"({"batch":true})");
  wanted.set_deflate();
  const auto bytes_of = [&](std::size_t size) {
    bench.take(R"({"type":"t","data":{"x":")" + std::string(size, 'x') + "\"}}");
    bench.log.seal();
    const BlockPtr block = bench.log.history().blocks().back();
    FramesBuilder builder(wanted, &deflater, "e");
    builder.add(*block, block->size() - 1);
    return builder.finish().bytes->size();
  };
  CHECK(bytes_of(100'000) < 5'000);
  CHECK(bytes_of(140'000) > 140'000);
}

TEST_CASE("turns: a block of many new types is looked through for many subscriptions a part at a time") {
  Bench bench;
  std::string patterns;
  for (int i = 0; i < 250; ++i) patterns += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + "*\"";
  const Subscription wanted = subscription(R"({"subscriptions":[)" + patterns + R"(,"type-99*"]})");
  MatchIndex index;
  for (int i = 0; i < 200; ++i) (void)index.add(wanted);
  for (int i = 0; i < 100; ++i) bench.take(R"({"type":"type-)" + std::to_string(i) + R"(","data":{}})");
  bench.log.seal();
  const BlockPtr block = bench.log.history().blocks().back();
  int tries = 1;
  for (; !index.column(block, 0); ++tries) {
    REQUIRE(tries < 1'000);
    CHECK(index.take_work() < 30'000);
  }
  CHECK(tries > 10);
  CHECK(index.column(block, 0)[99]);
  CHECK_FALSE(index.column(block, 0)[98]);
}

TEST_CASE("turns: what is large in an announcement, or in the error of an answer, is not read") {
  std::string many;
  while (many.size() < 300'000) many += "1,";
  const Announcement said =
      read_announcement(R"({"head":7,"agents":["a"],"z":[)" + many + R"(1],"commands":[)" + many + R"(1],"host":"h","host":"i"})");
  CHECK(said.head == 7);
  CHECK(said.agents == std::vector<std::string>{"a"});
  CHECK(said.commands_json.empty());
  CHECK(said.host == "i");

  std::string_view found;
  const auto read = [&](const std::string& text) { return read_members(text, {"id", "error"}, 100, "result", &found); };
  const std::string answer = R"({"result":[1e999,2] ,"\u0069d":"c-1","error":")" + std::string(200, 'x') + R"(","x":[)" + many + "1]}";
  const auto members = read(answer);
  REQUIRE(members.ok());
  CHECK(members.value().MemberCount() == 1);
  CHECK(members.value()["id"] == "c-1");
  CHECK(found == "[1e999,2]");
  CHECK(read("{}").value().IsObject());
  CHECK(read("[1]").value().IsNull());
  for (const char* const wrong : {"", "{", "{\"id\":1,}", "{\"id\":1}x", "[1", "{\"id\"}", "{\"id\":\"\\ud800\"}", "{id:1}"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read(wrong).ok());
  }
}
