#include <ppo_publisher/hooks.h>

namespace ppo {

Integration::Integration(Publisher& publisher)
    : publisher_(publisher), counters_(std::make_shared<detail::HookCounters>()) {}

Integration::~Integration() {
  unhook_all();
}

std::shared_ptr<detail::Hook> Integration::add(Hooks& hooks, std::string_view id,
                                               std::string_view agent_id) {
  auto hook = std::make_shared<detail::Hook>(publisher_, std::string(agent_id), counters_);
  const std::lock_guard lock(mutex_);
  std::shared_ptr<detail::Hook>& place = hooks[std::string(id)];
  if (place != nullptr) place->end();
  place = hook;
  return hook;
}

bool Integration::remove(Hooks& hooks, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = hooks.find(id);
  if (found == hooks.end()) return false;
  found->second->end();
  hooks.erase(found);
  return true;
}

bool Integration::unhook_agent(std::string_view agent_id) {
  return remove(agents_, agent_id);
}

bool Integration::unhook_env(std::string_view env_id) {
  return remove(envs_, env_id);
}

void Integration::unhook_all() {
  const std::lock_guard lock(mutex_);
  for (Hooks* hooks : {&agents_, &envs_}) {
    for (auto& [id, hook] : *hooks) hook->end();
    hooks->clear();
  }
}

HookStats Integration::stats() const {
  HookStats stats;
  stats.decisions = counters_->decisions;
  stats.trades = counters_->trades;
  stats.portfolios = counters_->portfolios;
  stats.training_updates = counters_->training_updates;
  stats.episodes = counters_->episodes;
  stats.unrecognised = counters_->unrecognised;
  stats.failed = counters_->failed;
  return stats;
}

}  // namespace ppo
