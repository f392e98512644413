#include "trainer/env/flip_env.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "market/exchange/tax.h"
#include "market/prices/rng.h"
#include "trainer/run/evaluation.h"
#include "trainer/run/market_seeds.h"

using namespace trainer;

namespace {

int id_of(const std::string& name) {
  for (const auto& item : market::builtin_items()) {
    if (item.name == name) return item.id;
  }
  return 0;
}

FlipEnv builtin_env() {
  return {market::builtin_items(), EnvOptions{}};
}

}  // namespace

TEST_CASE("env: a table without tradeable items and options out of range are refused") {
  CHECK_THROWS_AS(FlipEnv({}, EnvOptions{}), std::invalid_argument);
  CHECK_THROWS_AS(FlipEnv({{1, "dead", 5, 10, 9, 0, 3}}, EnvOptions{}), std::invalid_argument);
  EnvOptions options;
  options.start_gp = 0;
  CHECK_THROWS_AS(FlipEnv(market::builtin_items(), options), std::invalid_argument);
  options = EnvOptions{};
  options.items_per_market = 0;
  CHECK_THROWS_AS(FlipEnv(market::builtin_items(), options), std::invalid_argument);
  options = EnvOptions{};
  options.episode_steps = 0;
  CHECK_THROWS_AS(FlipEnv(market::builtin_items(), options), std::invalid_argument);
  options = EnvOptions{};
  options.lot_share_max = 1.5;
  CHECK_THROWS_AS(FlipEnv(market::builtin_items(), options), std::invalid_argument);
}

TEST_CASE("env: holding for a whole episode earns and loses nothing") {
  FlipEnv env = builtin_env();
  Observation observation = env.reset(1);
  CHECK(observation.features.rows() == kFeatureCount);
  CHECK(observation.features.cols() == 8);
  CHECK(observation.allowed.size() == 17);
  int steps = 0;
  for (bool done = false; !done; ++steps) {
    const StepResult result = env.step(kHoldAction);
    CHECK(result.reward == 0.0);
    CHECK(result.info.step_trades.empty());
    done = result.done;
  }
  CHECK(steps == 144);
  CHECK(env.total_value() == 50'000'000);
}

TEST_CASE("env: selling is masked until something is owned; taking it anyway holds") {
  FlipEnv env = builtin_env();
  const Observation observation = env.reset(1);
  for (std::size_t i = 0; i < env.item_count(); ++i) {
    CHECK(observation.allowed[sell_action(i)] == 0);
    CHECK(observation.allowed[buy_action(i)] == 1);
  }
  const StepResult result = env.step(sell_action(0));
  CHECK_FALSE(result.info.refused.has_value());
  CHECK(env.exchange().free_slots() == 8);
}

TEST_CASE("env: gp and items add up over random episodes, tax and all") {
  FlipEnv env = builtin_env();
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    RandomPlayer player;
    player.begin(seed);
    Observation observation = env.reset(seed);
    std::int64_t gp = env.options().start_gp;
    std::int64_t value = gp;
    std::int64_t profit = 0;
    double reward = 0.0;
    std::map<std::string, std::int64_t> inventory;
    for (bool done = false; !done;) {
      const StepResult result = env.step(player.act(observation));
      for (const Trade& trade : result.info.step_trades) {
        REQUIRE(trade.quantity > 0);
        if (trade.action_type == "buy") {
          CHECK(trade.tax == 0);
          CHECK(trade.profit == 0);
          gp -= trade.price * trade.quantity;
          inventory[trade.item] += trade.quantity;
        } else {
          const auto tax = market::tax_per_item(id_of(trade.item), trade.price) * trade.quantity;
          CHECK(trade.tax == tax);
          gp += trade.price * trade.quantity - tax;
          inventory[trade.item] -= trade.quantity;
          profit += trade.profit;
        }
        if (inventory[trade.item] == 0) inventory.erase(trade.item);
      }
      REQUIRE(env.exchange().gp_total() == gp);
      REQUIRE(result.info.inventory == inventory);
      REQUIRE(result.info.realized_pnl == profit);
      REQUIRE(result.info.total_value == gp + result.info.inventory_value);
      REQUIRE(result.info.cash == gp);
      REQUIRE(env.exchange().gp() >= 0);
      REQUIRE(env.exchange().free_slots() <= 8);
      value = result.info.total_value;
      reward += result.reward;
      done = result.done;
      observation = result.observation;
      REQUIRE(observation.features.allFinite());
      REQUIRE(observation.features.cwiseAbs().maxCoeff() <= kFeatureMax);
    }
    const double gained = static_cast<double>(value - env.options().start_gp);
    CHECK(reward == doctest::Approx(gained / 50e6 * env.options().reward_per_start_value));
  }
}

TEST_CASE("env: what the exchange refuses is reported: limits, slots and gp") {
  EnvOptions options;
  options.items_per_market = 26;
  options.start_gp = 1'000'000'000;  // enough to fill the slots, too little for a Twisted bow
  FlipEnv env(market::builtin_items(), options);
  std::map<market::Refusal, int> refused;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Observation observation = env.reset(seed);
    market::Rng rng(seed);
    for (bool done = false; !done;) {
      const StepResult result = env.step(buy_action(rng.below(26)));
      if (const auto& refusal = result.info.refused) {
        ++refused[refusal->refusal];
        CHECK(refusal->quantity >= 1);
        CHECK(refusal->side == market::Side::kBuy);
        CHECK_FALSE(refusal->item.empty());
      }
      done = result.done;
    }
  }
  CHECK(refused[market::Refusal::kNotEnoughGp] > 0);
  CHECK(refused[market::Refusal::kNoFreeSlot] > 0);
  CHECK(refused[market::Refusal::kBuyLimitReached] > 0);
  CHECK(refused[market::Refusal::kBadPrice] == 0);
  CHECK(refused[market::Refusal::kBadQuantity] == 0);
  CHECK(refused[market::Refusal::kUnknownItem] == 0);
}

TEST_CASE("env: a trade names the order that filled") {
  FlipEnv env = builtin_env();
  const MenuEntry first = env.reset(7).menu[0];
  Order dear;
  Order cheap;
  REQUIRE(env.place_order(market::Side::kBuy, 0, 2 * first.sell_price, 1, dear) ==
          market::Refusal::kNone);
  REQUIRE(env.place_order(market::Side::kBuy, 0, 1, 1, cheap) == market::Refusal::kNone);
  CHECK(cheap.number > dear.number);
  int trades = 0;
  for (int step = 0; step < 50; ++step) {
    for (const Trade& trade : env.step(kHoldAction).info.step_trades) {
      CHECK(trade.item == first.item);
      CHECK(trade.order == dear.number);
      ++trades;
    }
  }
  CHECK(trades == 1);
  REQUIRE(env.orders().size() == 1);
  CHECK(env.orders()[0].number == cheap.number);
}

TEST_CASE("env: seed and actions determine an episode; the market does not mind the trader") {
  FlipEnv a = builtin_env();
  FlipEnv b = builtin_env();
  FlipEnv idle = builtin_env();
  Observation seen_a = a.reset(77);
  Observation seen_b = b.reset(77);
  idle.reset(77);
  RandomPlayer player_a;
  RandomPlayer player_b;
  player_a.begin(5);
  player_b.begin(5);
  for (int step = 0; step < 144; ++step) {
    StepResult result_a = a.step(player_a.act(seen_a));
    StepResult result_b = b.step(player_b.act(seen_b));
    static_cast<void>(idle.step(kHoldAction));
    REQUIRE(result_a.reward == result_b.reward);
    REQUIRE(result_a.observation.features == result_b.observation.features);
    for (std::size_t i = 0; i < a.item_count(); ++i) {
      REQUIRE(a.market().quotes()[i].high == idle.market().quotes()[i].high);
      REQUIRE(a.market().quotes()[i].sold == idle.market().quotes()[i].sold);
    }
    seen_a = std::move(result_a.observation);
    seen_b = std::move(result_b.observation);
  }
}

TEST_CASE("env: markets differ in their watch lists, which name no item twice") {
  FlipEnv env = builtin_env();
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Observation observation = env.reset(seed);
    std::map<std::string, int> here;
    for (const MenuEntry& entry : observation.menu) {
      ++here[entry.item];
      ++seen[entry.item];
    }
    CHECK(here.size() == 8);
  }
  CHECK(seen.size() == 26);
}

TEST_CASE("env: no market is both trained on and held out") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    for (std::uint64_t episode = 0; episode < 100; ++episode) {
      REQUIRE((training_market(seed, episode) & kHeldOutBit) == 0);
    }
  }
  CHECK((held_out_market(0) & kHeldOutBit) != 0);
  CHECK((held_out_market(99'999) & kHeldOutBit) != 0);
}
