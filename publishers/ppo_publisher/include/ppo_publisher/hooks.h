// Hooks: events from an agent and an environment without changing either.
//
//   ppo::Integration hooks(publisher);
//   auto hooked_agent = hooks.hook_agent(agent, "agent_0");
//   auto hooked_env = hooks.hook_env(env, "env_0", "agent_0");
//   auto action = hooked_agent.sample_action(observation);  // publishes agent_decision
//   auto step = hooked_env.step(action);
//   // publishes trade_executed, portfolio_update, episode_end
//   auto losses = hooked_agent.update(batch);               // publishes training_update
//
// C++ cannot replace a method of a live object, so hooking gives a wrapper to call in its place. A
// wrapped call takes any arguments and gives back exactly what the original gives or throws; what
// events there are in a result, its type's ppo_extract() says (extract.h). What cannot be read or
// published is counted and never reaches the caller.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ppo_publisher/detail/hook.h>
#include <ppo_publisher/extract.h>
#include <ppo_publisher/publisher.h>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

// Stands for an agent that must outlive it. As thread-safe as the agent: the wrapper adds no state
// of its own that calls could race on. Copies are the same hook.
template <class Agent>
class HookedAgent {
 public:
  HookedAgent(Agent& agent, std::shared_ptr<detail::Hook> hook)
      : agent_(&agent), hook_(std::move(hook)) {}

  // Each call exists where the agent has it (`A` defers the question to the call).

  // Publishes agent_decision from the result.
  template <class... Args, class A = Agent>
  auto sample_action(Args&&... args)
      -> decltype(std::declval<A&>().sample_action(std::forward<Args>(args)...)) {
    return detail::observed(
        [&]() -> decltype(auto) { return agent_->sample_action(std::forward<Args>(args)...); },
        [this](const auto& result) noexcept { hook_->see_decision(result); });
  }

  // Publishes training_update from the result.
  template <class... Args, class A = Agent>
  auto update(Args&&... args) -> decltype(std::declval<A&>().update(std::forward<Args>(args)...)) {
    return detail::observed(
        [&]() -> decltype(auto) { return agent_->update(std::forward<Args>(args)...); },
        [this](const auto& result) noexcept { hook_->see_update(result); });
  }

  // Publishes trade_executed from the first argument that is a trade, read before the call and
  // published once it succeeded. Not for trades that a hooked environment reports as well.
  template <class... Args, class A = Agent>
  auto record_trade(Args&&... args)
      -> decltype(std::declval<A&>().record_trade(std::forward<Args>(args)...)) {
    const auto trade = hook_->read_trade(args...);
    return detail::observed(
        [&]() -> decltype(auto) { return agent_->record_trade(std::forward<Args>(args)...); },
        [&](const auto&) noexcept { hook_->see_trade(trade); });
  }

  // The agent itself, for whatever is not hooked.
  Agent& get() const { return *agent_; }
  Agent* operator->() const { return agent_; }

 private:
  Agent* agent_;
  std::shared_ptr<detail::Hook> hook_;
};

// Stands for an environment that must outlive it. As HookedAgent otherwise.
template <class Env>
class HookedEnv {
 public:
  HookedEnv(Env& env, std::shared_ptr<detail::Hook> hook) : env_(&env), hook_(std::move(hook)) {}

  // Publishes from the result: trade_executed for each trade of the step, portfolio_update when the
  // portfolio is another than the last published, and episode_end when the episode is done.
  template <class... Args, class E = Env>
  auto step(Args&&... args) -> decltype(std::declval<E&>().step(std::forward<Args>(args)...)) {
    return detail::observed(
        [&]() -> decltype(auto) { return env_->step(std::forward<Args>(args)...); },
        [this](const auto& result) noexcept { hook_->see_step(result); });
  }

  // Publishes episode_end when an episode was under way, and the portfolio where the result has
  // one.
  template <class... Args, class E = Env>
  auto reset(Args&&... args) -> decltype(std::declval<E&>().reset(std::forward<Args>(args)...)) {
    return detail::observed(
        [&]() -> decltype(auto) { return env_->reset(std::forward<Args>(args)...); },
        [this](const auto& result) noexcept { hook_->see_reset(result); });
  }

  Env& get() const { return *env_; }
  Env* operator->() const { return env_; }

 private:
  Env* env_;
  std::shared_ptr<detail::Hook> hook_;
};

// Gives out hooks and takes them back. Thread-safe. The publisher must outlive it; wrappers need
// not: one whose hook has ended still forwards every call, and publishes nothing.
class Integration {
 public:
  explicit Integration(Publisher& publisher);
  ~Integration();  // as unhook_all()

  Integration(const Integration&) = delete;
  Integration& operator=(const Integration&) = delete;

  // Hooking an id again ends the hook that had it. `agent_id` is what events carry; where it is not
  // a name (publisher.h), the publisher refuses them. May throw std::bad_alloc.
  template <class Agent>
  [[nodiscard]] HookedAgent<Agent> hook_agent(Agent& agent, std::string_view agent_id) {
    return HookedAgent<Agent>(agent, add(agents_, agent_id, agent_id));
  }
  template <class Agent>
  void hook_agent(const Agent&& agent, std::string_view agent_id) = delete;  // would dangle

  // `agent_id`: who acts in this environment, for events whose data names nobody; empty: `env_id`.
  template <class Env>
  [[nodiscard]] HookedEnv<Env> hook_env(Env& env, std::string_view env_id,
                                        std::string_view agent_id = {}) {
    return HookedEnv<Env>(env, add(envs_, env_id, agent_id.empty() ? env_id : agent_id));
  }
  template <class Env>
  void hook_env(const Env&& env, std::string_view env_id, std::string_view agent_id = {}) = delete;

  // End hooks: once these return, no wrapper of that id publishes. False when there is no such id.
  bool unhook_agent(std::string_view agent_id);
  bool unhook_env(std::string_view env_id);
  void unhook_all();

  HookStats stats() const;

 private:
  using Hooks = std::map<std::string, std::shared_ptr<detail::Hook>, std::less<>>;

  std::shared_ptr<detail::Hook> add(Hooks& hooks, std::string_view id, std::string_view agent_id);
  bool remove(Hooks& hooks, std::string_view id);

  Publisher& publisher_;
  const std::shared_ptr<detail::HookCounters> counters_;
  std::mutex mutex_;  // guards the two maps
  Hooks agents_;
  Hooks envs_;
};

}  // namespace ppo
