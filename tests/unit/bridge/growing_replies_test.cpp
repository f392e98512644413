// Replies that are written in steps: what is in them, whatever happens meanwhile.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asker.h"
#include "fake_journal.h"

using namespace bridge;

TEST_CASE("growing replies: get_sources is written in steps, and not at all once nobody waits for it") {
  Bench bench;
  std::string agents;
  for (int i = 0; i < 256; ++i) {
    agents += (i == 0 ? "\"" : ",\"") + std::string(60, 'a') + std::to_string(i) + '"';
  }
  for (int i = 0; i < 80; ++i) {
    bench.take(R"({"type":"_source","source":"s)" + std::to_string(i) +
               R"(","run":"r","data":{"head":0,"oldest":1,"agents":[)" + agents + "]}}");
  }
  Asker asker(bench);
  asker.run(bench, "get_sources");
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 3);
  CHECK(asker.answers == 1);
  CHECK(asker.result == bench.run("get_sources"));
  asker.run(bench, "get_sources");
  bench.work_once();
  asker.account.reset();
  while (bench.work_once()) {
  }
  CHECK(asker.answers == 1);
  CHECK(bench.work.waiting() == 0);
}

TEST_CASE("growing replies: get_snapshot is written in steps, and is as it was after one event, whatever changes meanwhile") {
  Bench bench;
  thousand_things(bench);
  catch_up(bench.snapshot, bench.log);
  Asker askers[4] = {Asker(bench), Asker(bench), Asker(bench), Asker(bench)};
  for (Asker& asker : askers) asker.run(bench, "get_snapshot");
  for (bool changed = false; bench.work.waiting() != 0; bench.work_once()) {
    for (const Asker& asker : askers) CHECK((changed || asker.answers == 0));
    if (std::exchange(changed, true)) continue;
    bench.take(R"({"type":"price","data":{"item":"0","new":true}})");     // written already
    bench.take(R"({"type":"price","data":{"item":"999","new":true}})");   // not yet
    bench.take(R"({"type":"price","data":{"item":"998","new":true}})");
    bench.take(R"({"type":"price","data":{"item":"999","new":1}})");      // again
    for (int i = 0; i < 900; ++i) {                                        // new ones, for which old ones are forgotten
      bench.take(R"({"type":"price","data":{"item":"new-)" + std::to_string(i) + "\"}}");
    }
    catch_up(bench.snapshot, bench.log);
  }
  CHECK(bench.snapshot.evicted() == 900);
  for (const Asker& asker : askers) {
    REQUIRE(asker.answers == 1);
    const auto result = parse_json(asker.result);
    CHECK(result["seq"] == 1000);
    CHECK(result["complete"].GetBool());
    REQUIRE(result["events"].Size() == 1000);
    CHECK(result["count"] == 1000);
    for (rapidjson::SizeType i = 0; i < 1000; ++i) {
      CHECK(result["events"][i]["seq"] == i + 1);
      CHECK(result["events"][i]["data"]["item"].GetString() == std::to_string(i));
    }
  }
}

TEST_CASE("growing replies: a snapshot that is read keeps no more than a reply's worth, of what has room in it") {
  Bench bench;
  const auto thing = [&bench](int i, std::size_t bytes) {
    bench.take(R"({"type":"t","data":{"item":")" + std::to_string(i) + R"(","x":")" + std::string(bytes, 'x') + "\"}}");
  };
  for (int i = 0; i < 40; ++i) thing(i, 1000);
  catch_up(bench.snapshot, bench.log);
  const auto reader = bench.snapshot.reader(10'000);
  // All but the last three change, from the newest back, and one of those that have no room is left as it was.
  for (int i = 36; i >= 0; --i) {
    if (i != 20) thing(i, 10);
    catch_up(bench.snapshot, bench.log);
    CHECK(reader->kept_bytes() <= 10'001);
  }
  std::vector<std::uint64_t> got;
  std::size_t bytes = 0;
  std::uint64_t work = 0;
  while (!reader->read(work + 1, &work, [&](const Snapshot::Entry& entry) {
    got.push_back(seq_of(entry.json));
    bytes += entry.json.size() + 1;
  })) {
  }
  REQUIRE(!got.empty());
  CHECK(got.back() == 40);
  CHECK(got.front() == 41 - got.size());
  CHECK(got.size() >= 8);
  CHECK(bytes <= 10'001);
  CHECK(reader->kept_bytes() == 0);
  CHECK_FALSE(reader->complete());
  CHECK(reader->seq() == 40);
}

TEST_CASE("growing replies: what changes while a snapshot is read is kept up to a reply's worth, to the byte") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench;
    const auto thing = [&bench](int i, std::size_t bytes) {
      bench.take(R"({"type":"t","data":{"item":")" + std::to_string(i) + R"(","x":")" + std::string(bytes, 'x') + "\"}}");
      bench.log.seal();
      const BlockPtr block = bench.log.history().find(bench.log.last_seq());
      return block->json(block->size() - 1).size() + 1;
    };
    std::size_t bytes = 0;
    const std::size_t around = thing(0, 1'000) - 1'000;
    for (int i = 1; i <= 4; ++i) bytes += thing(i, 1'000'000);
    bytes += thing(0, kReplyBytesMax + 1 - bytes - around + too_many);
    REQUIRE(bytes == kReplyBytesMax + 1 + too_many);
    catch_up(bench.snapshot, bench.log);
    const auto reader = bench.snapshot.reader(2 * kReplyBytesMax);
    for (int i = 0; i <= 4; ++i) {
      (void)thing(i, 10);
      catch_up(bench.snapshot, bench.log);
    }
    CHECK(reader->kept_bytes() <= kReplyBytesMax + 1);
    CHECK(reader->complete() == (too_many == 0));
    std::uint64_t work = 0;
    std::size_t got = 0;
    while (!reader->read(work + 1'000'000, &work, [&got](const Snapshot::Entry&) { ++got; })) {
    }
    CHECK(got == (too_many == 0 ? 5 : 4));
  }
}

TEST_CASE("growing replies: get_event_types is written in steps") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) bench.take(R"({"type":"type-)" + std::to_string(i) + R"(","data":{}})");
  Asker asker(bench);
  asker.run(bench, "get_event_types");
  CHECK(asker.answers == 0);
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 2);
  REQUIRE(asker.answers == 1);
  CHECK(parse_json(asker.result)["event_types"].Size() == 1000);
  CHECK(asker.result == bench.run("get_event_types"));
}

TEST_CASE("growing replies: the types of what one may read are written in steps, and all of them") {
  Bench bench;
  for (int i = 0; i < 900; ++i) bench.take(R"({"type":"type-)" + std::to_string(i) + R"(","data":{}})");
  Asker asker(bench);
  asker.run(bench, "get_event_types", ReadScope::of({{{"type-*"}, {}, {}}}));
  while (bench.work_once()) {
  }
  REQUIRE(asker.answers == 1);
  CHECK(parse_json(asker.result)["event_types"].Size() == 900);
}

TEST_CASE("growing replies: what is large is told in a step of its own") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.event("t", R"({"x":")" + std::string(100'000, 'x') + "\"}");
  Asker asker(bench);
  asker.run(bench, "get_snapshot");
  while (asker.answers == 0) REQUIRE(bench.work_once());  // no more than one event of each type
  asker.run(bench, "get_recent_events");
  CHECK(asker.answers == 1);
  CHECK(bench.work_once());
  CHECK(asker.answers == 2);
}

TEST_CASE("growing replies: get_clients lists a few at a time") {
  struct Directory final : ClientDirectory {
    void report(std::function<void(const ClientsReport&)> done) const override { done({}); }
    void list(std::uint64_t connection, std::size_t max,
              std::function<void(const Clients&)> done) const override {
      most = std::max(most, max);
      Clients some;
      while (some.size() < max && connection < 9000) {
        some.emplace_back();
        some.back().connection = ++connection;
      }
      done(some);
    }
    mutable std::size_t most = 0;
  } directory;
  Bench bench;
  bench.commands.set_directory(&directory);
  Asker asker(bench);
  asker.run(bench, "get_clients");
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 10);
  CHECK(directory.most <= 64);
  REQUIRE(asker.answers == 1);
  const auto result = parse_json(asker.result);
  CHECK(result["count"].GetInt() == 9000);
  CHECK(result["clients"].Size() == 9000);
  CHECK(result["clients"][8999]["connection"].GetInt() == 9000);
  CHECK(result["complete"].IsTrue());
  CHECK(bench.run("get_clients") == asker.result);
}

namespace {

const ReadScopePtr kPrices = ReadScope::of({{{"price"}, {}, {}}});

}  // namespace

TEST_CASE("growing replies: who may read some things is given these, as they were after one event, and their types") {
  Bench bench;
  for (int i = 0; i < 900; ++i) {
    if (i == 600) bench.clock.advance_us(2'000'000);
    bench.take(R"({"type":")" + std::string(i % 2 == 0 ? "price" : "secret") + R"(","data":{"item":")" + std::to_string(i) + "\"}}");
  }
  catch_up(bench.snapshot, bench.log);
  Asker things(bench), types(bench), none(bench);
  things.run(bench, "get_snapshot", kPrices);
  types.run(bench, "get_event_types", ReadScope::of({{{"p*"}, {}, {}}}));
  none.run(bench, "get_snapshot", ReadScope::of({}));
  CHECK(things.answers + types.answers + none.answers == 0);
  bench.take(R"({"type":"price","data":{"item":"898","new":true}})");
  bench.take(R"({"type":"other","data":{}})");
  catch_up(bench.snapshot, bench.log);
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 3);
  REQUIRE(things.answers == 1);
  const auto result = parse_json(things.result);
  CHECK(result["seq"] == 900);
  CHECK(result["complete"].GetBool());
  CHECK(result["count"] == 450);
  REQUIRE(result["events"].Size() == 450);
  for (rapidjson::SizeType i = 0; i < 450; ++i) CHECK(result["events"][i]["seq"] == 2 * i + 1);
  REQUIRE(types.answers == 1);
  const auto told = parse_json(types.result);
  REQUIRE(told["event_types"].Size() == 1);
  CHECK(told["event_types"][0]["type"] == "price");
  CHECK(told["event_types"][0]["events"] == 451);
  CHECK(told["event_types"][0]["last_event"].GetDouble() == doctest::Approx(static_cast<double>(bench.clock.wall_us()) / 1e6).epsilon(1e-12));
  CHECK_FALSE(told.HasMember("other_events"));
  REQUIRE(none.answers == 1);
  CHECK(parse_json(none.result)["count"] == 0);
}

TEST_CASE("growing replies: a type of one thing that never rests is among those that may be read") {
  Bench bench;
  thousand_things(bench);
  bench.take(R"({"type":"busy","data":{}})");
  catch_up(bench.snapshot, bench.log);
  Asker asker(bench);
  asker.run(bench, "get_event_types", ReadScope::of({{{}, {"s*"}, {}}, {{"busy"}, {}, {}}}));
  for (int turns = 0; asker.answers == 0; ++turns) {
    REQUIRE(turns < 1000);
    bench.take(R"({"type":"busy","data":{}})");
    catch_up(bench.snapshot, bench.log);
    bench.work_once();
  }
  const auto told = parse_json(asker.result);
  REQUIRE(told["event_types"].Size() == 1);
  CHECK(told["event_types"][0]["type"] == "busy");
}

TEST_CASE("growing replies: what may not be read takes no room from what may, which ends at a reply's worth") {
  Bench bench;
  const auto things = [&bench](const std::string& type, int count) {
    for (int i = 0; i < count; ++i) {
      bench.take(R"({"type":")" + type + R"(","data":{"item":")" + std::to_string(i) + R"(","x":")" + std::string(50'000, 'x') + "\"}}");
    }
  };
  things("price", 20);
  things("secret", 100);
  const auto snapshot = [&bench] {
    Asker asker(bench);
    asker.run(bench, "get_snapshot", kPrices);
    while (bench.work_once()) {
    }
    REQUIRE(asker.answers == 1);
    return parse_json(asker.result);
  };
  const auto all = snapshot();
  CHECK(all["count"] == 20);
  CHECK(all["complete"].GetBool());
  things("price", 100);
  const auto some = snapshot();
  CHECK(some["count"].GetInt() > 75);
  CHECK(some["count"].GetInt() < 85);
  CHECK_FALSE(some["complete"].GetBool());
}

TEST_CASE("growing replies: an event costs more where many read the snapshot, each of whom keeps what was before") {
  Bench bench;
  thousand_things(bench);
  catch_up(bench.snapshot, bench.log);
  std::vector<std::shared_ptr<Snapshot::Reader>> readers;
  for (int i = 0; i < 200; ++i) readers.push_back(bench.snapshot.reader(1 << 20));
  for (int i = 0; i < 100; ++i) bench.take(R"({"type":"price","data":{"item":")" + std::to_string(i) + "\"}}");
  std::uint64_t work = 0;
  CHECK_FALSE(bench.snapshot.catch_up(bench.log, bench.log.head(), kStepWork, &work));
  CHECK(work < 2 * kStepWork);
}
