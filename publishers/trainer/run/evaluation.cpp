#include "trainer/run/evaluation.h"

#include <cassert>
#include <utility>

#include "trainer/env/actions.h"
#include "trainer/run/market_seeds.h"

namespace trainer {
namespace {

// A stream of the market seed; the environment has those below 100.
constexpr std::uint64_t kRandomPlayerStream = 100;

}  // namespace

std::size_t TrainedPlayer::act(const Observation& observation) {
  return agent_.best_action(observation).action;
}

void RandomPlayer::begin(std::uint64_t market_seed) {
  rng_ = market::Rng(market::mix_seed(market_seed, kRandomPlayerStream));
}

std::size_t RandomPlayer::act(const Observation& observation) {
  std::size_t allowed = 0;
  for (const auto flag : observation.allowed) allowed += flag != 0 ? 1 : 0;
  std::uint64_t left = rng_.below(allowed);
  for (std::size_t action = 0; action < observation.allowed.size(); ++action) {
    if (observation.allowed[action] == 0) continue;
    if (left-- == 0) return action;
  }
  return kHoldAction;
}

void BuyAndHoldPlayer::begin(std::uint64_t) {
  next_item_ = 0;
}

std::size_t BuyAndHoldPlayer::act(const Observation& observation) {
  if (next_item_ >= observation.menu.size()) return kHoldAction;
  return buy_action(next_item_++);
}

std::optional<double> mean_profit(FlipEnv& env, Player& player, std::int64_t episodes,
                                  const std::function<bool()>& stopped) {
  assert(episodes >= 1);
  double sum = 0.0;
  for (std::int64_t episode = 0; episode < episodes; ++episode) {
    const std::uint64_t seed = held_out_market(static_cast<std::uint64_t>(episode));
    player.begin(seed);
    Observation observation = env.reset(seed);
    for (bool done = false; !done;) {
      if (stopped()) return std::nullopt;
      StepResult result = env.step(player.act(observation));
      done = result.done;
      observation = std::move(result.observation);
    }
    sum += static_cast<double>(env.total_value() - env.options().start_gp);
  }
  return sum / static_cast<double>(episodes);
}

}  // namespace trainer
