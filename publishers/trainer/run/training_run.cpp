#include "trainer/run/training_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>
#include <utility>

#include <ppo_publisher/publisher.h>

#include "trainer/run/evaluation.h"
#include "trainer/run/market_seeds.h"
#include "trainer/run/stop_signal.h"
#include "trainer/telemetry/telemetry.h"

namespace trainer {
namespace {

// Signals are looked for this often where commands are waited for.
constexpr std::chrono::milliseconds kWaitSlice{50};

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
    auto seat = std::make_unique<Seat>(
        Seat{"agent_" + std::to_string(n), std::move(env), std::move(agent), {}});
    seats_.push_back(std::move(seat));
    if (telemetry_ != nullptr) telemetry_->watch(seats_.back()->agent, seats_.back()->env);
  }
}

std::optional<RunResult> TrainingRun::run() {
  if (telemetry_ != nullptr) telemetry_->began(options_);
  if (train()) {
    if (telemetry_ != nullptr) {
      telemetry_->status("evaluating", "judging the policies on " +
                                           std::to_string(options_.eval_episodes) +
                                           " markets they were not trained on");
    }
    if (const auto result = evaluate()) {
      if (telemetry_ != nullptr) telemetry_->ended(true, to_string(*result));
      return result;
    }
  }
  if (telemetry_ != nullptr) {
    telemetry_->ended(false, "stopped at step " + std::to_string(steps_done()));
  }
  return std::nullopt;
}

bool TrainingRun::train() {
  begin_episodes();
  Clock::time_point paced_from = Clock::now();
  std::int64_t paced_steps = 0;
  while (!finished()) {
    answer_commands();
    const std::optional<std::size_t> lead = step_all();
    if (stopping()) return false;
    if (!lead) {
      if (!wait_until(Clock::now() + kWaitSlice)) return false;
      paced_from = Clock::now();  // a pause is not made up for
      paced_steps = 0;
      continue;
    }
    publish_market(*lead);
    begin_episodes();
    for (std::size_t n = 0; n < seats_.size(); ++n) {
      if (!update_due(*seats_[n])) continue;
      update(n);
      answer_commands();
      if (stopping()) return false;
    }
    progress_.stepped(steps_done());
    if (options_.pace > 0.0) {
      const std::chrono::duration<double> due(static_cast<double>(++paced_steps) / options_.pace);
      if (!wait_until(paced_from + std::chrono::duration_cast<Clock::duration>(due))) return false;
    }
  }
  return true;
}

std::int64_t TrainingRun::steps_done() const {
  std::int64_t steps = seats_.front()->steps_done;
  for (const auto& seat : seats_) steps = std::min(steps, seat->steps_done);
  return steps;
}

bool TrainingRun::may_step(const Seat& seat) const {
  return !seat.paused && seat.steps_done < options_.steps;
}

bool TrainingRun::update_due(const Seat& seat) const {
  const bool is_last = seat.steps_done == options_.steps;
  return seat.agent.ready_to_update() || (is_last && seat.agent.recorded() > 0);
}

std::optional<TrainingRun::NextUpdate> TrainingRun::next_update(std::size_t n) const {
  const Seat& seat = *seats_[n];
  const std::int64_t rollout = seat.agent.options().rollout_steps;
  const bool nothing_left = seat.steps_done >= options_.steps && seat.agent.recorded() == 0;
  if (judging_ || nothing_left) return std::nullopt;
  return NextUpdate{seat.agent.updates() + 1,
                    std::min(seat.steps_done + rollout - seat.agent.recorded(), options_.steps)};
}

void TrainingRun::answer_commands() {
  if (commands_ != nullptr) commands_->poll_commands();
}

bool TrainingRun::stopping() const {
  return stop_commanded_ || stop_.requested();
}

bool TrainingRun::wait_until(Clock::time_point due) {
  while (!stopping()) {
    const auto left = due - Clock::now();
    if (left <= Clock::duration::zero()) return true;
    const auto slice = std::min<Clock::duration>(left, kWaitSlice);
    if (commands_ != nullptr) {
      commands_->wait_commands(std::chrono::ceil<std::chrono::milliseconds>(slice));
    } else {
      std::this_thread::sleep_for(slice);
    }
  }
  return false;
}

std::optional<std::size_t> TrainingRun::step_all() {
  std::optional<std::size_t> first;
  for (std::size_t n = 0; n < seats_.size() && !stopping(); ++n) {
    if (!may_step(*seats_[n])) continue;
    step(n);
    if (!first) first = n;
  }
  return first;
}

void TrainingRun::publish_market(std::size_t lead) {
  if (telemetry_ == nullptr) return;
  if (lead != lead_) telemetry_->market_began();
  lead_ = lead;
  telemetry_->market_moved(seats_[lead]->env);
}

void TrainingRun::begin_episodes() {
  const auto run_seed = static_cast<std::uint64_t>(options_.seed);
  for (std::size_t n = 0; n < seats_.size(); ++n) {
    Seat& seat = *seats_[n];
    if (!seat.episode_over) continue;
    const std::uint64_t seed = training_market(run_seed, seat.episodes_begun++);
    if (telemetry_ != nullptr && n == lead_) telemetry_->market_began();
    seat.observation = telemetry_ != nullptr ? telemetry_->reset(n, seed) : seat.env.reset(seed);
    seat.episode_over = false;
  }
}

void TrainingRun::step(std::size_t n) {
  Seat& seat = *seats_[n];
  const Move move = telemetry_ != nullptr ? telemetry_->sample_action(n, seat.observation)
                                          : seat.agent.sample_action(seat.observation);
  StepResult result =
      telemetry_ != nullptr ? telemetry_->step(n, move.action) : seat.env.step(move.action);
  seat.agent.record(seat.observation, move, result.reward, result.done);
  seat.observation = std::move(result.observation);
  ++seat.steps_done;
  seat.episode_over = result.done;
  if (result.done) {
    progress_.episode_ended(result.info.total_value - seat.env.options().start_gp);
  }
}

void TrainingRun::update(std::size_t n) {
  Seat& seat = *seats_[n];
  const UpdateStats stats = telemetry_ != nullptr ? telemetry_->update(n, seat.observation)
                                                  : seat.agent.update(seat.observation);
  progress_.updated(stats);
}

std::optional<RunResult> TrainingRun::evaluate() {
  judging_ = true;
  const auto stopped = [this] {
    answer_commands();
    return stopping();
  };
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
