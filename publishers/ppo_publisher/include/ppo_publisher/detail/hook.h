// One hooked agent or environment: from what its calls return to events. hooks.h is the face of
// this.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <ppo_publisher/extract.h>
#include <ppo_publisher/publisher.h>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

// Events that hooks gave to the publisher, by kind, and what they could not give.
struct HookStats {
  std::uint64_t decisions = 0;
  std::uint64_t trades = 0;
  std::uint64_t portfolios = 0;
  std::uint64_t training_updates = 0;
  std::uint64_t episodes = 0;
  std::uint64_t unrecognised = 0;  // results in which nothing was found to publish
  std::uint64_t failed = 0;        // refused by the publisher, or reading the result threw
};

namespace detail {

struct HookCounters {
  std::atomic<std::uint64_t> decisions{0};
  std::atomic<std::uint64_t> trades{0};
  std::atomic<std::uint64_t> portfolios{0};
  std::atomic<std::uint64_t> training_updates{0};
  std::atomic<std::uint64_t> episodes{0};
  std::atomic<std::uint64_t> unrecognised{0};
  std::atomic<std::uint64_t> failed{0};
};

struct Nothing {};  // the result of a call that returns void

// Calls, shows the result to `observe`, gives the result back: the same object for references,
// moved or elided for values. A value that cannot be moved is passed on unseen.
template <class Call, class Observe>
decltype(auto) observed(Call&& call, Observe&& observe) {
  using Result = decltype(call());
  if constexpr (std::is_void_v<Result>) {
    call();
    observe(Nothing{});
  } else if constexpr (std::is_reference_v<Result>) {
    Result result = call();
    observe(result);
    return static_cast<Result>(result);
  } else if constexpr (std::is_move_constructible_v<Result>) {
    Result result = call();
    observe(result);
    return result;
  } else {
    return call();
  }
}

// Thread-safe. Publishes until end(); the publisher must live until then.
class Hook {
 public:
  Hook(Publisher& publisher, std::string agent_id, std::shared_ptr<HookCounters> counters);

  // After this returns nothing more is published. Idempotent.
  void end();

  template <class Result>
  void see_decision(const Result& result) noexcept {
    see<AgentDecision>(result, [this](AgentDecision& found) { publish_decision(found); });
  }

  template <class Result>
  void see_update(const Result& result) noexcept {
    see<TrainingUpdate>(result, [this](TrainingUpdate& found) { publish_update(found); });
  }

  template <class Result>
  void see_step(const Result& result) noexcept {
    see<StepReport>(result, [this](StepReport& found) { publish_step(found); });
  }

  template <class Result>
  void see_reset(const Result& result) noexcept {
    if (!active()) return;
    guarded([&] {
      StepReport found;
      if (!detail::find(result, found)) found = {};
      publish_reset(found);
    });
  }

  // The first argument that is a trade.
  template <class... Args>
  std::optional<TradeExecuted> read_trade(const Args&... args) noexcept {
    std::optional<TradeExecuted> trade;
    if (!active()) return trade;
    guarded([&] {
      TradeExecuted found;
      if ((detail::find(args, found) || ...)) trade = std::move(found);
    });
    return trade;
  }
  void see_trade(const std::optional<TradeExecuted>& trade) noexcept;

 private:
  bool active() const { return active_.load(std::memory_order_acquire); }

  template <class Event, class Result, class Publish>
  void see(const Result& result, Publish&& publish) noexcept {
    if (!active()) return;
    guarded([&] {
      Event found;
      if (detail::find(result, found)) {
        publish(found);
      } else {
        ++counters_->unrecognised;
      }
    });
  }

  // Reading and publishing must not disturb the call that they watch.
  template <class Body>
  void guarded(Body&& body) noexcept {
    try {
      body();
    } catch (...) {
      ++counters_->failed;
    }
  }

  void publish_decision(AgentDecision& decision);
  void publish_update(TrainingUpdate& update);
  void publish_step(StepReport& report);
  void publish_reset(StepReport& report);
  // REQUIRES for these: mutex_ is held.
  template <class Event>
  void publish(Event& event, std::atomic<std::uint64_t>& counter);
  void publish_portfolio(StepReport& report);
  void end_episode();

  const std::string agent_id_;
  const std::shared_ptr<HookCounters> counters_;
  std::atomic<bool> active_{true};
  std::mutex mutex_;      // guards all below; held while publishing, so that end() is final
  Publisher* publisher_;  // null once ended
  std::int64_t updates_ = 0;
  std::int64_t episode_ = 1;
  std::int64_t steps_ = 0;  // of the episodes that are over
  std::optional<PortfolioUpdate> last_portfolio_;
  EpisodeEnd running_;  // the episode under way
};

}  // namespace detail
}  // namespace ppo
