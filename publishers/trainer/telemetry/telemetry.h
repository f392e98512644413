// Everything that the trainer publishes, in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <ppo_publisher/events.h>
#include <ppo_publisher/hooks.h>
#include <ppo_publisher/publisher.h>

#include "trainer/agent/ppo_agent.h"
#include "trainer/env/flip_env.h"
#include "trainer/telemetry/detail_budget.h"
#include "trainer/telemetry/market_feed.h"

namespace trainer {

struct Options;

// Teach the publisher's hooks what is in these; found by argument-dependent lookup.
bool ppo_extract(const Move& from, ppo::AgentDecision& into);
bool ppo_extract(const StepResult& from, ppo::StepReport& into);
bool ppo_extract(const UpdateStats& from, ppo::TrainingUpdate& into);

// Publishes a training run. It only looks: training goes the same way with it and without it, and
// never waits for it.
//
// What happened - trades, portfolios, training updates, ends of episodes, the run's status, losses
// that are not finite - is always published. What only describes - decisions, prices, margins,
// analyses, refused offers - is thinned to a rate by the wall clock, so that training at full speed
// does not drown who watches. The same refusal of the same offer comes at most once an hour of
// market time.
//
// Belongs to one thread (the publisher has its own). What it watches must outlive it.
class Telemetry {
 public:
  // `detail_rate`: events a second that only describe; 0 = no limit.
  Telemetry(const ppo::PublisherOptions& options, double detail_rate);

  // For commands, and for events of their own.
  [[nodiscard]] ppo::Publisher& publisher() { return publisher_; }

  // Why nothing can be published; empty where all is well.
  [[nodiscard]] std::string error() const { return publisher_.error(); }

  // Watches one more agent in its environment, under the next id: agent_0, agent_1, ...
  void watch(PpoAgent& agent, FlipEnv& env);

  // The calls of the n-th watched agent and its environment, with what they bring about published.
  [[nodiscard]] Move sample_action(std::size_t n, const Observation& observation);
  [[nodiscard]] StepResult step(std::size_t n, std::size_t action);
  [[nodiscard]] Observation reset(std::size_t n, std::uint64_t market_seed);
  [[nodiscard]] UpdateStats update(std::size_t n, const Observation& next);

  // All agents trade on one market: once a step, publishes what is due of it; begin with each
  // market.
  void market_began() { feed_.begin(); }
  void market_moved(const FlipEnv& env) { feed_.moved(env); }

  // The run with its config; REQUIRES: an agent is watched. And its end, with a sentence.
  void began(const Options& options);
  void ended(bool finished, const std::string& message);
  // "evaluating", with a sentence.
  void status(const std::string& status, const std::string& message);

  // Lets waiting events leave, for a bounded time, and ends publishing. Idempotent.
  void close() { publisher_.close(); }

  [[nodiscard]] ppo::PublisherStats stats() const { return publisher_.stats(); }

 private:
  struct Watched {
    std::string agent_id;
    PpoAgent* agent;
    FlipEnv* env;
    ppo::HookedAgent<PpoAgent> hooked_agent;
    ppo::HookedEnv<FlipEnv> hooked_env;
    // When the same refusal was last published, in market seconds.
    std::map<std::tuple<std::string, market::Side, market::Refusal>, std::int64_t> refused_at_s;
  };

  void publish_refusal(Watched& watched, const RefusedOffer& refused);
  void publish_skipped(const Watched& watched, const UpdateStats& stats);

  ppo::Publisher publisher_;
  ppo::Integration hooks_;
  DetailBudget budget_;
  MarketFeed feed_;
  std::vector<Watched> watched_;
};

}  // namespace trainer
