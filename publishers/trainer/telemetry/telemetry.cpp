#include "trainer/telemetry/telemetry.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "trainer/env/actions.h"
#include "trainer/env/refusal_text.h"
#include "trainer/options.h"

namespace trainer {
namespace {

constexpr std::int64_t kSameRefusalEvery_s = 60 * 60;

std::string reasoning(const Move& move, ActionType type) {
  std::array<char, 200> text{};
  if (type == ActionType::kHold) {
    std::snprintf(text.data(), text.size(),
                  "no offer is worth changing (probability %.2f, state value %.3f)",
                  move.probability(), move.value);
  } else {
    const double off = 100.0 * move.entry.slow_deviation;
    std::snprintf(text.data(), text.size(),
                  "margin %.2f %% after tax, price %.2f %% %s its 8 h mean (probability %.2f, "
                  "state value %.3f)",
                  100.0 * move.entry.net_margin, std::abs(off), off < 0.0 ? "below" : "above",
                  move.probability(), move.value);
  }
  return text.data();
}

}  // namespace

bool ppo_extract(const Move& from, ppo::AgentDecision& into) {
  const ActionType type = type_of(from.action);
  into.action_type = to_string(type);
  into.reasoning = reasoning(from, type);
  if (type == ActionType::kHold) return true;
  into.item = from.entry.item;
  into.price = type == ActionType::kBuy ? from.entry.buy_price : from.entry.sell_price;
  into.quantity = type == ActionType::kBuy ? from.entry.buy_quantity : from.entry.sell_quantity;
  return true;
}

bool ppo_extract(const StepResult& from, ppo::StepReport& into) {
  for (const Trade& trade : from.info.step_trades) {
    ppo::TradeExecuted event;
    event.action_type = trade.action_type;
    event.item = trade.item;
    event.price = trade.price;
    event.quantity = trade.quantity;
    event.profit = static_cast<double>(trade.profit);
    event.total_value = trade.total_value;
    event.order = trade.order;
    into.trades.push_back(std::move(event));
  }
  into.portfolio = ppo::PortfolioUpdate{"", from.info.cash, from.info.inventory,
                                        from.info.total_value, from.info.inventory_value};
  into.realized_pnl = from.info.realized_pnl;
  into.reward = from.reward;
  into.done = from.done;
  return true;
}

bool ppo_extract(const UpdateStats& from, ppo::TrainingUpdate& into) {
  into = {"",
          from.update,
          from.steps,
          from.policy_loss,
          from.value_loss,
          from.entropy,
          from.approx_kl,
          from.clip_fraction,
          from.explained_variance,
          from.steps_per_second};
  return true;
}

Telemetry::Telemetry(const ppo::PublisherOptions& options, double detail_rate)
    : publisher_(options),
      hooks_(publisher_),
      budget_(detail_rate, DetailBudget::Clock::now()),
      feed_(publisher_, budget_) {}

void Telemetry::watch(PpoAgent& agent, FlipEnv& env) {
  const std::string number = std::to_string(watched_.size());
  const std::string agent_id = "agent_" + number;
  watched_.push_back({agent_id,
                      &agent,
                      &env,
                      hooks_.hook_agent(agent, agent_id),
                      hooks_.hook_env(env, "env_" + number, agent_id),
                      {}});
}

Move Telemetry::sample_action(std::size_t n, const Observation& observation) {
  Watched& watched = watched_[n];
  if (!budget_.try_take(DetailBudget::Clock::now())) {
    return watched.agent->sample_action(observation);
  }
  return watched.hooked_agent.sample_action(observation);
}

StepResult Telemetry::step(std::size_t n, std::size_t action) {
  Watched& watched = watched_[n];
  StepResult result = watched.hooked_env.step(action);
  if (result.info.refused) publish_refusal(watched, *result.info.refused);
  return result;
}

Observation Telemetry::reset(std::size_t n, std::uint64_t market_seed) {
  watched_[n].refused_at_s.clear();
  return watched_[n].hooked_env.reset(market_seed);
}

UpdateStats Telemetry::update(std::size_t n, const Observation& next) {
  UpdateStats stats = watched_[n].hooked_agent.update(next);
  if (stats.minibatches_skipped > 0) publish_skipped(watched_[n], stats);
  return stats;
}

void Telemetry::publish_refusal(Watched& watched, const RefusedOffer& refused) {
  const std::int64_t now_s = watched.env->market().now_s();
  const std::tuple key(refused.item, refused.side, refused.refusal);
  const auto last = watched.refused_at_s.find(key);
  if (last != watched.refused_at_s.end() && now_s - last->second < kSameRefusalEvery_s) return;
  if (!budget_.try_take(DetailBudget::Clock::now())) return;
  watched.refused_at_s[key] = now_s;
  ppo::ErrorEvent event;
  event.error_type = "order_rejected";
  event.message = watched.agent_id + ": the exchange refused to " +
                  market::to_string(refused.side) + " " + refused.item + ": " +
                  refusal_text(refused.refusal);
  event.details = ppo::Object{{"agent_id", watched.agent_id},
                              {"reason", market::to_string(refused.refusal)},
                              {"action_type", market::to_string(refused.side)},
                              {"item", refused.item},
                              {"price", refused.price},
                              {"quantity", refused.quantity}}
                      .json();
  publisher_.publish(event);
}

void Telemetry::publish_skipped(const Watched& watched, const UpdateStats& stats) {
  ppo::ErrorEvent event;
  event.error_type = "non_finite_loss";
  event.message = watched.agent_id +
                  ": a loss or gradient was not finite; its minibatches were not learnt from, "
                  "training goes on";
  event.details = ppo::Object{{"agent_id", watched.agent_id},
                              {"update", stats.update},
                              {"steps", stats.steps},
                              {"minibatches_skipped", stats.minibatches_skipped}}
                      .json();
  publisher_.publish(event);
}

void Telemetry::began(const Options& options) {
  const PpoOptions ppo = watched_.front().agent->options();
  const EnvOptions env = watched_.front().env->options();
  publisher_.start_run(options.run_name,
                       {{"agents", options.agents},
                        {"steps", options.steps},
                        {"seed", options.seed},
                        {"learning_rate", ppo.learning_rate},
                        {"gamma", ppo.gamma},
                        {"lambda", ppo.lambda},
                        {"clip_range", ppo.loss.clip},
                        {"entropy_coefficient", ppo.loss.entropy_weight},
                        {"value_coefficient", ppo.loss.value_weight},
                        {"gradient_norm_max", ppo.gradient_norm_max},
                        {"rollout_steps", ppo.rollout_steps},
                        {"minibatch_size", ppo.minibatch_size},
                        {"epochs", ppo.epochs},
                        {"hidden", ppo.hidden},
                        {"items_per_market", env.items_per_market},
                        {"episode_steps", env.episode_steps},
                        {"start_gp", env.start_gp},
                        {"eval_episodes", options.eval_episodes},
                        {"pace", options.pace}});
  status("started", "training " + std::to_string(options.agents) + " agents for " +
                        std::to_string(options.steps) + " steps each, seed " +
                        std::to_string(options.seed));
}

void Telemetry::ended(bool finished, const std::string& message) {
  status(finished ? "finished" : "stopped", message);
  publisher_.end_run(finished ? "finished" : "interrupted");
}

void Telemetry::status(const std::string& status, const std::string& message) {
  publisher_.publish(ppo::SystemStatus{status, message});
}

}  // namespace trainer
