// The index over subscriptions says what each of them would say itself.
#include "stream/match_index.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fixture.h"

using namespace bridge;

namespace {

// Draws from a few values, so that they meet.
struct Draw {
  std::mt19937 random;
  std::size_t below(std::size_t n) { return random() % n; }
  std::string one_of(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }
};

const std::vector<std::string> kTypes{"price_up", "price_down", "trade", "status"};
const std::vector<std::string> kPatterns{"*", "price_*", "price_up", "trade", "none"};
const std::vector<std::string> kValues{R"("a")", R"("b")", R"("a\u0062")", R"("")", "null", "7", "true", R"({"min":1})"};
const std::vector<std::string> kKeys{"source", "agent_id", "item", "n"};

std::string random_event(Draw& draw) {
  std::string body = R"({"type":")" + draw.one_of(kTypes) + R"(","data":{)";
  std::string members;
  for (const char* const key : {"agent_id", "item", "n"}) {
    const std::string value = draw.one_of(kValues);
    if (draw.below(3) == 0) continue;
    members += (members.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value;
  }
  body += members + "}";
  if (draw.below(3) != 0) body += R"(,"source":")" + std::string(draw.below(2) == 0 ? "a" : "b") + '"';
  return body + "}";
}

std::unique_ptr<Subscription> random_subscription(Draw& draw) {
  std::string filter;
  for (std::size_t keys = draw.below(4); keys > 0; --keys) {
    std::string values = draw.one_of(kValues);
    for (std::size_t more = draw.below(3); more > 0; --more) values += "," + draw.one_of(kValues);
    // A key may stand twice: then both must pass.
    filter += (filter.empty() ? "\"" : ",\"") + draw.one_of(kKeys) + "\":[" + values + "]";
  }
  Subscription made = subscription(R"({"subscriptions":[")" + draw.one_of(kPatterns) + R"("],"filter":{)" + filter + "}}");
  if (draw.below(4) == 0) made = made.without({"price_up"}).value();
  if (draw.below(4) == 0) made.set_scope(ReadScope::of({{{"price_*"}, {}, {"a"}}}));
  return std::make_unique<Subscription>(std::move(made));
}

BlockPtr random_block(Bench& bench, Draw& draw) {
  for (int i = 0; i < 40; ++i) bench.take(random_event(draw));
  bench.log.seal();
  return bench.log.history().blocks().back();
}

}  // namespace

TEST_CASE("match index: whoever comes and goes, it says what each subscription would say itself") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Draw draw{std::mt19937(seed)};
    Bench bench;
    MatchIndex index;
    std::vector<std::pair<std::size_t, std::unique_ptr<Subscription>>> all;
    std::vector<BlockPtr> blocks;
    std::size_t told = 0;
    std::size_t exact = 0;
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 10; ++i) {  // passes 64 of them, so that a row takes more than one word
        auto made = random_subscription(draw);
        const std::size_t number = index.add(*made);
        all.emplace_back(number, std::move(made));
      }
      blocks.push_back(random_block(bench, draw));
      for (int i = 0; i < 3; ++i) {
        const std::size_t gone = draw.below(all.size());
        index.remove(all[gone].first);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(gone));
      }
      for (const BlockPtr& block : {blocks.back(), blocks[draw.below(blocks.size())]}) {
        for (const auto& [number, wanted] : all) {
          const MatchIndex::Column column = index.column(block, number);
          if (!column) continue;
          ++told;
          bool any = false;
          for (std::size_t i = 0; i < block->size(); ++i) {
            const bool matches = wanted->matches(*block, i);
            any |= column[i];
            if (column.exact()) {
              ++exact;
              REQUIRE(column[i] == matches);
            }
            if (matches) REQUIRE(column[i]);
          }
          REQUIRE(column.any() == any);
        }
      }
    }
    CHECK(told > 500);
    CHECK(exact > 1000);
  }
}

TEST_CASE("match index: of few nothing is said, and of a block that was looked at before one came") {
  Bench bench;
  Draw draw{std::mt19937(1)};
  const BlockPtr block = random_block(bench, draw);
  MatchIndex index;
  const Subscription wanted = subscription(R"({"filter":{"item":"a"}})");
  for (std::size_t i = 1; i < MatchIndex::kSubscriptionsMin; ++i) CHECK_FALSE(index.column(block, index.add(wanted)));
  CHECK(index.take_work() == 0);
  CHECK(index.rows_bytes() == 0);
  const std::size_t fourth = index.add(wanted);
  CHECK(index.column(block, fourth));
  CHECK(index.take_work() >= block->size());
  CHECK(index.rows_bytes() >= (block->size() + 1) * sizeof(std::uint64_t));
  CHECK_FALSE(index.column(block, index.add(wanted)));
  CHECK(index.column(block, fourth));
  CHECK(index.take_work() == 0);  // it was known
}

TEST_CASE("match index: what it keeps of blocks is bounded, and so is what it keeps of values") {
  Bench bench({1'000'000, 256u << 20});
  MatchIndex index;
  std::vector<std::unique_ptr<Subscription>> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(std::make_unique<Subscription>(
        subscription(R"({"filter":{"item":")" + std::to_string(i) + "\"}}")));
    (void)index.add(*all.back());
  }
  for (int b = 0; b < 20; ++b) {
    std::string batch;
    for (int i = 0; i < 500; ++i) {
      batch += R"({"type":"t","data":{"item":")" + std::to_string(b * 500 + i) + "\"}}\n";
    }
    bench.take(batch);
    bench.log.seal();
    const BlockPtr block = bench.log.history().blocks().back();
    CHECK(index.column(block, 0).any() == (b == 0));
    CHECK(index.rows_bytes() <= MatchIndex::kRowsBytesMax + block->size() * 300);
  }
}

TEST_CASE("match index: so many blocks are known at a time, and of one more the oldest is looked at again") {
  Bench bench({1'000'000, 256u << 20});
  Draw draw{std::mt19937(1)};
  MatchIndex index;
  const Subscription wanted = subscription(R"({"filter":{"item":"a"}})");
  for (std::size_t i = 0; i < MatchIndex::kSubscriptionsMin; ++i) (void)index.add(wanted);
  std::vector<BlockPtr> blocks;
  for (int i = 0; i < 65; ++i) blocks.push_back(random_block(bench, draw));
  const auto looked = [&](std::size_t from, std::size_t to) {
    for (; from < to; ++from) (void)index.column(blocks[from], 0);
    return index.take_work() != 0;
  };
  CHECK(looked(0, 64));
  CHECK_FALSE(looked(0, 64));
  CHECK(looked(64, 65));
  CHECK_FALSE(looked(1, 65));
  CHECK(looked(0, 1));
}

TEST_CASE("match index: who leaves takes away its own filters alone") {
  for (const bool filtered : {false, true}) {
    Bench bench;
    MatchIndex index;
    const Subscription plain = subscription(R"({"subscriptions":["t"]})");
    const Subscription of_a = subscription(R"({"filter":{"source":"a"}})");
    REQUIRE(index.add(filtered ? of_a : plain) == 0);
    const std::size_t stays = index.add(of_a);
    for (int i = 0; i < 4; ++i) (void)index.add(plain);
    index.remove(0);
    for (const char* source : {"a", "b"}) bench.take(R"({"type":"t","data":{},"source":")" + std::string(source) + "\"}");
    bench.log.seal();
    const MatchIndex::Column column = index.column(bench.log.history().blocks().back(), stays);
    REQUIRE(column.exact());
    CHECK(column[0]);
    CHECK_FALSE(column[1]);
  }
}

TEST_CASE("match index: who wants none of a block's events is told of a loss in it all the same") {
  Bench bench;
  int told = 0;
  Feed ticks(bench.log, bench.cohorts, bench.clock, [&] { ++told; });
  ticks.subscribe(subscription(R"({"subscriptions":["tick"]})"), std::nullopt);
  std::vector<std::unique_ptr<Feed>> others;  // so many that the index says what passes
  for (std::size_t i = 0; i < MatchIndex::kSubscriptionsMin; ++i) {
    others.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [] {}));
    others.back()->subscribe(subscription(R"({"subscriptions":["t)" + std::to_string(i) + "\"]}"), std::nullopt);
    (void)others.back()->pull(1 << 20);
  }
  (void)ticks.pull(1 << 20);
  bench.event("quiet");
  CHECK(told == 0);
  for (const int losses : {1, 2}) {
    for (int i = 0; i < losses; ++i) bench.own_events.publish("system_status", source_lost_data({"t", "r", 3, 9}));
    bench.cohorts.announce();
    CHECK(told == losses);
    CHECK(payloads(ticks.pull(1 << 20)).size() == static_cast<std::size_t>(losses));
    CHECK(ticks.pull(1 << 20).empty());
  }
}
