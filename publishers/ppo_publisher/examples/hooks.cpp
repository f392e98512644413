// Hooks: an agent and an environment that know nothing of the bridge, watched by it.
#include <ppo_publisher/hooks.h>
#include <ppo_publisher/publisher.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace {

struct Action {
  std::string type;
  std::string item;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
};

struct Losses {
  double policy_loss = 0;
  double value_loss = 0;
  double entropy = 0;
};

struct Info {
  std::int64_t cash = 0;
  std::int64_t total_value = 0;
  std::vector<Action> step_trades;
};

struct StepResult {
  double reward = 0;
  bool done = false;
  Info info;
};

// What hooks read from these.
bool ppo_extract(const Action& from, ppo::AgentDecision& into) {
  into.action_type = from.type;
  into.item = from.item;
  into.price = from.price;
  into.quantity = from.quantity;
  return true;
}

bool ppo_extract(const Losses& from, ppo::TrainingUpdate& into) {
  into.policy_loss = from.policy_loss;
  into.value_loss = from.value_loss;
  into.entropy = from.entropy;
  return true;
}

bool ppo_extract(const StepResult& from, ppo::StepReport& into) {
  into.reward = from.reward;
  into.done = from.done;
  into.portfolio.emplace();
  into.portfolio->gp = from.info.cash;
  into.portfolio->total_value = from.info.total_value;
  for (const Action& trade : from.info.step_trades) {
    ppo::TradeExecuted event;
    event.action_type = trade.type;
    event.item = trade.item;
    event.price = trade.price;
    event.quantity = trade.quantity;
    event.total_value = trade.price * trade.quantity;
    into.trades.push_back(event);
  }
  return true;
}

class Agent {
 public:
  Action sample_action(std::int64_t price) { return {"buy", "Abyssal whip", price, 1}; }
  Losses update() { return {0.012, 0.4, 1.31}; }
};

class Env {
 public:
  std::int64_t reset() {
    cash_ = 10'000'000;
    return kPrice;
  }
  StepResult step(const Action& action) {
    cash_ -= action.price * action.quantity;
    return {0.5, cash_ < kPrice, {cash_, 10'000'000, {action}}};
  }

 private:
  static constexpr std::int64_t kPrice = 1'500'000;
  std::int64_t cash_ = 0;
};

}  // namespace

int main() {
  Agent agent;
  Env env;
  ppo::Publisher publisher;
  ppo::Integration hooks(publisher);
  auto hooked_agent = hooks.hook_agent(agent, "agent_0");
  auto hooked_env = hooks.hook_env(env, "env_0", "agent_0");

  const std::int64_t price = hooked_env.reset();
  while (!hooked_env.step(hooked_agent.sample_action(price)).done) {
  }
  hooked_agent.update();

  const ppo::HookStats stats = hooks.stats();
  std::cout << stats.decisions << " decisions, " << stats.trades << " trades, "
            << stats.training_updates << " update, " << stats.episodes << " episode\n";
}
