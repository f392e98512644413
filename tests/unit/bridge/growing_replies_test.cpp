// Replies that are written in steps: what is in them whatever happens meanwhile, and what they may take.

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

namespace {

// Commands whose replies count as memory.
struct Counting {
  explicit Counting(Bench& bench, PastCache* past = nullptr)
      : commands({bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock,
                  bench.limits, 10, "0", &memory, &bench.work, past}) {}
  MemoryLedger memory;
  MemoryShare& share = memory[Queue::requests];
  OwnCommands commands;
};

}  // namespace

TEST_CASE("growing replies: those being written have no more than half of the memory, or are one; others wait and are answered") {
  Bench bench;
  thousand_things(bench);
  Counting counting(bench);
  const std::size_t alone = bench.run("get_snapshot").size();
  for (const std::size_t bound : {3 * alone, 2 * alone}) {
    counting.share.set_bound(bound);
    std::vector<std::unique_ptr<Asker>> askers;
    int answered = 0;
    std::size_t most = 0;
    for (int i = 0; i < 20; ++i) {
      askers.push_back(std::make_unique<Asker>(bench));
      counting.commands.run(i % 2 == 0 ? "get_snapshot" : "get_recent_events", parse_json(R"({"count":1000})"),
                            askers.back()->account, [&](const auto& got) {
        CHECK(got.ok());
        ++answered;
      });
      most = std::max(most, counting.share.bytes());
    }
    for (int turns = 0; bench.work_once(); ++turns) {
      REQUIRE(turns < 1000);
      most = std::max(most, counting.share.bytes());
    }
    CHECK(answered == 20);
    CHECK(most < bound + 3 * alone);  // what a search has found and its reply
    CHECK(counting.share.bytes() == 0);
    CHECK(counting.share.refused() == 0);
    CHECK(bench.work.waiting() == 0);
  }
}

namespace {

// Writes so much, then waits where it is to, then ends.
GrowingReplies::Write large(GrowingReplies::ReplyPtr* waits = nullptr) {
  return [waits, steps = 0](const auto& reply, std::uint64_t* work) mutable {
    *work += kStepWork;
    if (++steps == 1) {
      reply->json.add(std::string(100'000, 'x'));
      if (waits != nullptr) *waits = reply;
      return waits != nullptr ? GrowingReplies::State::waiting : GrowingReplies::State::more;
    }
    return GrowingReplies::State::ended;
  };
}

}  // namespace

TEST_CASE("growing replies: where one that waits for the journal has the memory, others wait, the loop rests, and all are answered") {
  Bench bench;
  MemoryShare share;
  share.set_bound(150'000);
  GrowingReplies replies(&bench.work, &share);
  Asker asker(bench), other(bench);
  GrowingReplies::ReplyPtr waits;
  std::string order;
  const auto tell = [&order](char name) { return [&order, name](const auto& got) { order += got ? name : '!'; }; };
  replies.write(asker.account, tell('a'), large(&waits));
  replies.write(asker.account, tell('b'), large());
  replies.write(other.account, tell('c'), large());
  const auto run = [&bench] {
    for (int turns = 0; bench.work_once(); ++turns) REQUIRE(turns < 100);
  };
  run();
  CHECK(order.empty());
  CHECK(share.bytes() < 300'000 + 3'000);
  replies.resume(std::exchange(waits, nullptr));
  run();
  CHECK(order.size() == 3);
  CHECK(order[0] == 'a');
  CHECK(order.find('!') == std::string::npos);
  CHECK(share.bytes() == 0);
}

TEST_CASE("growing replies: of askers who want several large ones each is answered in order, whoever has the memory") {
  Bench bench;
  MemoryShare share;
  share.set_bound(400'000);
  GrowingReplies replies(&bench.work, &share);
  Asker askers[] = {Asker(bench), Asker(bench), Asker(bench)};
  std::vector<int> told[3];
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 3; ++k) {
      replies.write(askers[k].account, [&told, i, k](const auto& got) { told[k].push_back(got ? i : -1); },
                    [steps = 0](const auto& reply, std::uint64_t* work) mutable {
                      *work += kStepWork;
                      if (steps == 0) reply->json.add(std::string(300'000, 'x'));
                      return ++steps < 3 ? GrowingReplies::State::more : GrowingReplies::State::ended;
                    });
    }
  }
  for (int turns = 0; bench.work_once(); ++turns) REQUIRE(turns < 1000);
  for (const auto& one : told) CHECK(one == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(share.bytes() == 0);
}

TEST_CASE("growing replies: what is asked and not begun is bounded over all askers, and more is refused") {
  Bench bench;
  MemoryShare share;
  share.set_bound(80'000);
  GrowingReplies replies(&bench.work, &share);
  std::vector<std::unique_ptr<Asker>> askers;
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    askers.push_back(std::make_unique<Asker>(bench));
    replies.write(askers.back()->account, [&refused](const auto& got) { refused += !got; },
                  [](const auto&, std::uint64_t*) { return GrowingReplies::State::waiting; }, 500);
  }
  CHECK(refused == 11);  // of a tenth of the memory each has a thousand bytes
  CHECK(share.refused() == 11);
}

TEST_CASE("growing replies: one asker has so many at most, also of those that wait for others' memory") {
  Bench bench;
  MemoryShare share;
  share.set_bound(1'000'000);
  GrowingReplies replies(&bench.work, &share);
  Asker first(bench), many(bench), other(bench);
  GrowingReplies::ReplyPtr waits;
  int answered = 0;
  int refused = 0;
  const auto tell = [&](const auto& got) { got ? ++answered : ++refused; };
  replies.write(first.account, tell, [&waits, steps = 0](const auto& reply, std::uint64_t*) mutable {
    if (steps == 0) {
      reply->json.add(std::string(600'000, 'x'));
      waits = reply;
    }
    return ++steps == 1 ? GrowingReplies::State::waiting : GrowingReplies::State::ended;
  });
  for (int i = 0; i < 70; ++i) {
    replies.write(many.account, tell, large());
    while (bench.work_once()) {
    }
  }
  CHECK(refused == 70 - kWaitingWorkMax);
  replies.write(other.account, tell, large());
  CHECK(refused == 70 - kWaitingWorkMax);
  replies.resume(std::exchange(waits, nullptr));
  while (bench.work_once()) {
  }
  CHECK(answered == 2 + kWaitingWorkMax);
  CHECK(share.bytes() == 0);
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

TEST_CASE("growing replies: what is large is told in a step of its own") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.event("t", R"({"x":")" + std::string(100'000, 'x') + "\"}");
  Asker asker(bench);
  asker.run(bench, "get_snapshot");
  CHECK(asker.answers == 1);  // no more than one event of each type
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

TEST_CASE("growing replies: one that is told while its step runs that it need wait no longer goes on") {
  Bench bench;
  MemoryShare share;
  GrowingReplies replies(&bench.work, &share);
  Asker asker(bench);
  std::string told;
  replies.write(asker.account, [&told](const auto& got) { told = got.value(); },
                [&replies, steps = 0](const auto& reply, std::uint64_t* work) mutable {
                  *work += 1;
                  if (++steps == 3) {
                    reply->json.add("done");
                    return GrowingReplies::State::ended;
                  }
                  replies.resume(reply);
                  return GrowingReplies::State::waiting;
                });
  while (bench.work_once()) {
  }
  CHECK(told == "\"done\"");
  CHECK(share.bytes() == 0);
}

TEST_CASE("growing replies: who leaves in the middle, or while his waits, is owed nothing and takes nothing") {
  Bench bench;
  thousand_things(bench);
  MemoryShare share;
  GrowingReplies replies(&bench.work, &share);
  auto leaves = std::make_unique<Asker>(bench);
  Asker stays(bench);
  GrowingReplies::ReplyPtr waits;
  int told = 0;
  const auto count = [&told](const auto&) { ++told; };
  replies.write(leaves->account, count, [&waits, steps = 0](const auto& reply, std::uint64_t*) mutable {
    waits = reply;
    reply->json.raw(std::string(1000, ' '));
    return ++steps < 3 ? GrowingReplies::State::more : GrowingReplies::State::waiting;
  });
  replies.write(stays.account, count, [steps = 0](const auto& reply, std::uint64_t*) mutable {
    reply->json.raw("1");
    return ++steps < 9 ? GrowingReplies::State::more : GrowingReplies::State::ended;
  });
  while (bench.work_once()) {
  }
  CHECK(told == 1);
  CHECK(share.bytes() > 1000);
  leaves.reset();
  replies.resume(std::exchange(waits, nullptr));
  while (bench.work_once()) {
  }
  CHECK(told == 1);
  CHECK(share.bytes() == 0);
  CHECK(bench.work.waiting() == 0);
}

TEST_CASE("growing replies: those who left while theirs waited leave the places of those who wait to others") {
  Bench bench;
  GrowingReplies replies(&bench.work, nullptr);
  const auto wait = [](const auto&, std::uint64_t*) { return GrowingReplies::State::waiting; };
  int refused = 0;
  const auto count = [&refused](const auto& got) { refused += !got && got.error().type == ErrorType::busy; };
  std::vector<std::unique_ptr<Asker>> askers;
  for (int i = 0; i < 33; ++i) {
    askers.push_back(std::make_unique<Asker>(bench));
    replies.write(askers.back()->account, count, wait);
    CHECK(refused == (i < 32 ? 0 : 1));
  }
  askers.erase(askers.begin());
  for (int i = 0; i < 2; ++i) replies.write(askers.back()->account, count, wait);
  CHECK(refused == 2);
}
