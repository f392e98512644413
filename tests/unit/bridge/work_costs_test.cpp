// What work costs who asks for it, in RequestBudget's unit: neither nothing nor twice as much. The ranges are wide: what
// stands beside the text of an event may change, what an event, a name or a kilobyte costs may not by itself.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "asker.h"
#include "stream/cohort.h"

using namespace bridge;

namespace {

// Of each of so many.
double each(std::uint64_t work, int count) { return static_cast<double>(work) / count; }

// What was charged to a new account, to within four units.
std::uint64_t charged(Bench& bench, RequestBudget& account) {
  std::uint64_t left = 0;
  for (std::uint64_t step = kWorkPerSecond; step >= 4; step /= 2) {
    account.charge(step);
    if (account.take()) {
      left += step;
    } else {
      bench.clock.advance_us(static_cast<std::int64_t>(step * 1'000'000 / kWorkPerSecond));
    }
  }
  return 2 * kWorkPerSecond - left;
}

// What one of the bridge's own commands costs who asks for it.
std::uint64_t cost_of(Bench& bench, const char* command, const ReadScopePtr& scope = nullptr) {
  Asker asker(bench);
  asker.run(bench, command, scope);
  while (bench.work_once()) {
  }
  REQUIRE(asker.answers == 1);
  return charged(bench, *asker.account);
}

void things(Bench& bench, int count, std::size_t bytes) {
  for (int i = 0; i < count; ++i) {
    bench.take(R"({"type":"t","data":{"item":")" + std::to_string(i) + R"(","x":")" + std::string(bytes, 'x') + "\"}}");
  }
  bench.log.seal();
}

const ReadScopePtr kSome = ReadScope::of({{{"t"}, {}, {}}});

}  // namespace

TEST_CASE("costs: an event that is folded, and for each who reads meanwhile") {
  for (const int readers : {0, 20}) {
    Bench bench;
    things(bench, 100, 10);
    std::vector<std::shared_ptr<Snapshot::Reader>> reading;
    for (int i = 0; i < readers; ++i) reading.push_back(bench.snapshot.reader(1000));
    std::uint64_t work = 0;
    REQUIRE(bench.snapshot.catch_up(bench.log, 100, 1'000'000, &work));
    CHECK(each(work, 100) >= 40 + 7 * readers);
    CHECK(each(work, 100) <= 60 + 9 * readers);
  }
}

TEST_CASE("costs: an entry of a snapshot that is put together, and a kilobyte of it") {
  const auto cost = [](std::size_t bytes) {
    Bench bench;
    things(bench, 100, bytes);
    catch_up(bench.snapshot, bench.log);
    std::uint64_t work = 0;
    (void)bench.snapshot.frames(subscription("{}"), 0, 100, 1'000'000, &work);
    return each(work, 100);
  };
  CHECK(cost(10) >= 28);
  CHECK(cost(10) <= 42);
  CHECK(cost(10'250) - cost(10) >= 10 * 14);
  CHECK(cost(10'250) - cost(10) <= 10 * 18);
}

TEST_CASE("costs: an entry of a snapshot that is given as it is, and a kilobyte of it") {
  const auto cost = [](std::size_t bytes) {
    Bench bench;
    things(bench, 100, bytes);
    catch_up(bench.snapshot, bench.log);
    const auto reader = bench.snapshot.reader(4 << 20);
    std::uint64_t work = 0;
    CHECK(reader->read(1'000'000, &work, [](const Snapshot::Entry&) {}));
    return each(work, 100);
  };
  CHECK(cost(10) >= 7);
  CHECK(cost(10) <= 10);
  CHECK(cost(10'250) - cost(10) >= 35);
  CHECK(cost(10'250) - cost(10) <= 45);
}

TEST_CASE("costs: a type, a source and a client in a list") {
  Bench bench;
  for (int i = 0; i < 500; ++i) bench.take(R"({"type":"t)" + std::to_string(i) + R"(","data":{}})");
  CHECK(each(cost_of(bench, "get_event_types"), 500) >= 60);
  CHECK(each(cost_of(bench, "get_event_types"), 500) <= 75);
  for (int i = 0; i < 80; ++i) bench.take(R"({"type":"t","data":{},"source":"s)" + std::to_string(i) + "\"}");
  const std::size_t text = bench.run("get_sources").size();
  CHECK(each(cost_of(bench, "get_sources"), 80) >= 60 + each(text, 80) / 20);
  CHECK(each(cost_of(bench, "get_sources"), 80) <= 70 + each(text, 80) / 14);
  struct Directory final : ClientDirectory {
    void report(std::function<void(const ClientsReport&)> done) const override { done({}); }
    void list(std::uint64_t after, std::size_t max, std::function<void(const Clients&)> done) const override {
      Clients some;
      for (; some.size() < max && after < 640; some.back().connection = ++after) some.emplace_back();
      done(some);
    }
  } directory;
  bench.commands.set_directory(&directory);
  CHECK(each(cost_of(bench, "get_clients"), 640) >= 60);
  CHECK(each(cost_of(bench, "get_clients"), 640) <= 80);
}

TEST_CASE("costs: of an event that is judged whether it may be read, and a kilobyte of it") {
  const auto cost = [](std::size_t bytes) {
    Bench bench;
    things(bench, 100, bytes);
    catch_up(bench.snapshot, bench.log);
    return each(cost_of(bench, "get_event_types", kSome), 100);
  };
  const double small = cost(10);
  CHECK(small >= 40);
  CHECK(small <= 60);
  CHECK(cost(1034) - small >= 64);  // it is walked, and read as it is
  CHECK(cost(1034) - small <= 76);
}

TEST_CASE("costs: a recent event that is looked at, found and written, and a kilobyte of it") {
  const auto cost = [](std::size_t bytes, const std::string& params) {
    Bench bench;
    things(bench, 100, bytes);
    PastCache none(nullptr);
    const auto search = RecentEvents::of(bench.log, none, parse_json(params), {}).value();
    std::uint64_t work = 0;
    while (search->step(1'000'000, &work) != LogWalk::State::ended) {
    }
    const std::uint64_t found = work;
    JsonWriter json;
    while (!search->write(json, work + 1'000'000, &work)) {
    }
    return std::pair(each(found, 100), each(work - found, 100));
  };
  CHECK(cost(10, R"({"type":"none"})").first == 1);
  CHECK(cost(10, "{}").first <= 2);
  CHECK(cost(10, "{}").second >= 3);
  CHECK(cost(10, "{}").second <= 6);
  for (const bool written : {false, true}) {
    const auto of = [&](std::size_t bytes) { return written ? cost(bytes, "{}").second : cost(bytes, "{}").first; };
    CHECK(of(10'250) - of(10) >= 35);
    CHECK(of(10'250) - of(10) <= 45);
  }
}

TEST_CASE("costs: a replayed event that is looked at, and a kilobyte of one that comes") {
  const auto cost = [](std::size_t bytes, const std::string& params) {
    Bench bench;
    things(bench, 100, bytes);
    Replay replay(1, ReplayRequest::parse(parse_json(params), bench.clock).value(), bench.log, bench.cohorts, bench.clock);
    std::uint64_t work = 0;
    while (!replay.ended()) replay.look_on(1 << 20, 1'000'000, &work);
    return each(work, 100);
  };
  CHECK(cost(10, R"({"speed":0,"subscriptions":["none"]})") <= 3);
  CHECK(cost(10'250, R"({"speed":0})") - cost(10, R"({"speed":0})") >= 35);
  CHECK(cost(10'250, R"({"speed":0})") - cost(10, R"({"speed":0})") <= 45);
}

TEST_CASE("costs: a kilobyte of a block that is copied for a cohort, or compressed") {
  Bench bench;
  things(bench, 20, 10'000);
  const BlockPtr block = bench.log.history().blocks().back();
  const auto cost = [&](Deflater* deflater) {
    MemoryShare share;
    SharedByCohorts all{share};
    Subscription wanted = subscription(R"({"batch":true})");
    if (deflater != nullptr) wanted.set_deflate();
    Cohort cohort(std::make_shared<const Subscription>(wanted), all, deflater);
    return static_cast<double>(cohort.work(*block, 1));
  };
  Deflater deflater(Deflater::kLevelMin);
  CHECK(cost(nullptr) >= 10'000 / 300);
  CHECK(cost(nullptr) <= 10'000 / 200);
  CHECK(cost(&deflater) >= 10'000 / 9);
  CHECK(cost(&deflater) <= 10'000 / 7);
}

TEST_CASE("costs: an event that is looked up for many subscriptions at once, and more where they are very many") {
  const auto cost = [](int subscriptions) {
    Bench bench;
    things(bench, 100, 10);
    MatchIndex index;
    const Subscription wanted = subscription(R"({"filter":{"item":"5"}})");
    for (int i = 0; i < subscriptions; ++i) (void)index.add(wanted);
    (void)index.column(bench.log.history().blocks().back(), 0);
    return each(index.take_work(), 100);
  };
  CHECK(cost(10) >= 3);
  CHECK(cost(10) <= 6);
  CHECK(cost(10'240) >= cost(10) + 8);
  CHECK(cost(10'240) <= cost(10) + 40);  // a type that is new to it is held against each of them
}

TEST_CASE("costs: what comes in, by its bytes, what of it is refused, announced, or lets others go on") {
  Bench bench;
  const auto cost = [&bench](const std::string& line) {
    IntakeBatch batch(line);
    bench.intake.begin_turn();
    return bench.intake.take_some(batch, 1'000'000) - line.size();
  };
  const std::string event = R"({"type":"t","data":{}})";
  CHECK(cost(event) >= 50);
  CHECK(cost(event) <= 80);
  CHECK(cost("{}") >= cost(event) + 150);
  CHECK(cost("{}") <= cost(event) + 250);
  const std::string word = R"({"type":"_source","source":"t","run":"r","data":{"head":0,"oldest":1}})";
  CHECK(cost(word) >= cost(event) + 10 * word.size());
  CHECK(cost(word) <= cost(event) + 14 * word.size());
  const auto tracked = [](int seq) { return R"({"type":"t","data":{},"source":"t","run":"r","source_seq":)" + std::to_string(seq) + "}"; };
  for (int seq = 2; seq <= 11; ++seq) bench.take(tracked(seq));
  const auto opened = cost(tracked(1));
  CHECK(opened >= cost(event) + 10 * 200);
  CHECK(opened <= cost(event) + 10 * 300);
}
