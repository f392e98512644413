#include "trainer/training_run.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "trainer/evaluation.h"
#include "trainer/market_seeds.h"
#include "trainer/stop_signal.h"
#include "trainer/telemetry.h"

namespace trainer {
namespace {

PpoOptions ppo_options(const Options& options) {
  PpoOptions ppo;
  ppo.steps_planned = options.steps;
  ppo.learning_rate = options.learning_rate;
  ppo.gamma = options.gamma;
  return ppo;
}

}  // namespace

std::string to_string(const RunResult& result) {
  char text[120];
  std::snprintf(text, sizeof text, "result trained=%lld random=%lld hold=%lld",
                std::llround(result.trained), std::llround(result.random),
                std::llround(result.hold));
  return text;
}

TrainingRun::TrainingRun(const Options& options, const std::vector<market::ItemFacts>& items,
                         Telemetry* telemetry, Progress& progress, const StopSignal& stop)
    : options_(options), telemetry_(telemetry), progress_(progress), stop_(stop) {
  const auto run_seed = static_cast<std::uint64_t>(options.seed);
  for (std::int64_t n = 0; n < options.agents; ++n) {
    FlipEnv env(items, EnvOptions{});
    const auto item_count = static_cast<Eigen::Index>(env.item_count());
    PpoAgent agent(item_count, ppo_options(options),
                   agent_seed(run_seed, static_cast<std::uint64_t>(n)));
    seats_.push_back(std::make_unique<Seat>(Seat{std::move(env), std::move(agent), {}}));
    if (telemetry_ != nullptr) telemetry_->watch(seats_.back()->agent, seats_.back()->env);
  }
}

std::optional<RunResult> TrainingRun::run() {
  if (telemetry_ != nullptr) {
    telemetry_->status("started", "training " + std::to_string(options_.agents) + " agents for " +
                                      std::to_string(options_.steps) + " steps each, seed " +
                                      std::to_string(options_.seed));
  }
  if (train()) {
    if (telemetry_ != nullptr) {
      telemetry_->status("evaluating", "judging the policies on " +
                                           std::to_string(options_.eval_episodes) +
                                           " markets they were not trained on");
    }
    if (const auto result = evaluate()) {
      if (telemetry_ != nullptr) telemetry_->status("finished", to_string(*result));
      return result;
    }
  }
  if (telemetry_ != nullptr) {
    telemetry_->status("stopped", "stopped at step " + std::to_string(steps_done_));
  }
  return std::nullopt;
}

bool TrainingRun::train() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point started = Clock::now();
  begin_episode();
  while (steps_done_ < options_.steps) {
    bool episode_over = false;
    for (std::size_t n = 0; n < seats_.size(); ++n) {
      if (stop_.requested()) return false;
      episode_over = step(n);  // all episodes are equally long, so all end together
    }
    ++steps_done_;
    if (telemetry_ != nullptr) telemetry_->market_moved(seats_.front()->env);
    if (episode_over) begin_episode();
    for (std::size_t n = 0; n < seats_.size(); ++n) {
      const bool is_last = steps_done_ == options_.steps;
      if (seats_[n]->agent.ready_to_update() || is_last) update(n);
      if (stop_.requested()) return false;
    }
    progress_.stepped(steps_done_);
    if (options_.pace > 0.0) {
      const std::chrono::duration<double> due(static_cast<double>(steps_done_) / options_.pace);
      if (stop_.wait_until(started + std::chrono::duration_cast<Clock::duration>(due))) {
        return false;
      }
    }
  }
  return true;
}

void TrainingRun::begin_episode() {
  const std::uint64_t seed =
      training_market(static_cast<std::uint64_t>(options_.seed), episodes_begun_++);
  if (telemetry_ != nullptr) telemetry_->market_began();
  for (std::size_t n = 0; n < seats_.size(); ++n) {
    Seat& seat = *seats_[n];
    seat.observation = telemetry_ != nullptr ? telemetry_->reset(n, seed) : seat.env.reset(seed);
  }
}

bool TrainingRun::step(std::size_t n) {
  Seat& seat = *seats_[n];
  const Move move = telemetry_ != nullptr ? telemetry_->sample_action(n, seat.observation)
                                          : seat.agent.sample_action(seat.observation);
  StepResult result =
      telemetry_ != nullptr ? telemetry_->step(n, move.action) : seat.env.step(move.action);
  seat.agent.record(seat.observation, move, result.reward, result.done);
  seat.observation = std::move(result.observation);
  if (result.done) {
    progress_.episode_ended(result.info.total_value - seat.env.options().start_gp);
  }
  return result.done;
}

void TrainingRun::update(std::size_t n) {
  Seat& seat = *seats_[n];
  const UpdateStats stats = telemetry_ != nullptr ? telemetry_->update(n, seat.observation)
                                                  : seat.agent.update(seat.observation);
  progress_.updated(stats);
}

std::optional<RunResult> TrainingRun::evaluate() {
  const auto stopped = [this] { return stop_.requested(); };
  FlipEnv& env = seats_.front()->env;  // every environment is alike; reset() leaves nothing behind
  RunResult result;
  for (const auto& seat : seats_) {
    TrainedPlayer player(seat->agent);
    const auto profit = mean_profit(env, player, options_.eval_episodes, stopped);
    if (!profit) return std::nullopt;
    result.trained += *profit / static_cast<double>(seats_.size());
  }
  RandomPlayer random;
  BuyAndHoldPlayer hold;
  const auto random_profit = mean_profit(env, random, options_.eval_episodes, stopped);
  if (!random_profit) return std::nullopt;
  const auto hold_profit = mean_profit(env, hold, options_.eval_episodes, stopped);
  if (!hold_profit) return std::nullopt;
  result.random = *random_profit;
  result.hold = *hold_profit;
  return result;
}

}  // namespace trainer
