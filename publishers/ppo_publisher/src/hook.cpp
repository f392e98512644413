#include <ppo_publisher/detail/hook.h>

#include <utility>

namespace ppo::detail {
namespace {

bool same(const PortfolioUpdate& a, const PortfolioUpdate& b) {
  return a.agent_id == b.agent_id && a.gp == b.gp && a.inventory == b.inventory &&
         a.total_value == b.total_value && a.inventory_value == b.inventory_value;
}

}  // namespace

Hook::Hook(Publisher& publisher, std::string agent_id, std::shared_ptr<HookCounters> counters)
    : agent_id_(std::move(agent_id)), counters_(std::move(counters)), publisher_(&publisher) {}

void Hook::end() {
  active_.store(false, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  publisher_ = nullptr;
}

template <class Event>
void Hook::publish(Event& event, std::atomic<std::uint64_t>& counter) {
  if (publisher_ == nullptr) return;
  if (event.agent_id.empty()) event.agent_id = agent_id_;
  ++(publisher_->publish(event) ? counter : counters_->failed);
}

void Hook::publish_decision(AgentDecision& decision) {
  const std::lock_guard lock(mutex_);
  publish(decision, counters_->decisions);
}

void Hook::publish_update(TrainingUpdate& update) {
  const std::lock_guard lock(mutex_);
  ++updates_;
  if (update.update == 0) update.update = updates_;
  publish(update, counters_->training_updates);
}

void Hook::see_trade(const std::optional<TradeExecuted>& trade) noexcept {
  if (!active()) return;
  guarded([&] {
    if (!trade) {
      ++counters_->unrecognised;
      return;
    }
    TradeExecuted event = *trade;
    const std::lock_guard lock(mutex_);
    publish(event, counters_->trades);
  });
}

void Hook::publish_step(StepReport& report) {
  const std::lock_guard lock(mutex_);
  ++running_.steps;
  running_.reward += report.reward;
  for (TradeExecuted& trade : report.trades) publish(trade, counters_->trades);
  if (report.realized_pnl) running_.profit = *report.realized_pnl;
  if (report.portfolio) running_.final_value = report.portfolio->total_value;
  publish_portfolio(report);
  if (report.done) end_episode();
}

void Hook::publish_reset(StepReport& report) {
  const std::lock_guard lock(mutex_);
  if (running_.steps > 0) end_episode();
  publish_portfolio(report);
}

void Hook::publish_portfolio(StepReport& report) {
  if (!report.portfolio) return;
  PortfolioUpdate& portfolio = *report.portfolio;
  if (portfolio.agent_id.empty()) portfolio.agent_id = agent_id_;
  if (last_portfolio_ && same(*last_portfolio_, portfolio)) return;
  publish(portfolio, counters_->portfolios);
  last_portfolio_ = std::move(portfolio);
}

void Hook::end_episode() {
  EpisodeEnd event = std::exchange(running_, EpisodeEnd{});
  event.episode = episode_++;
  event.global_step = steps_ += event.steps;
  publish(event, counters_->episodes);
}

}  // namespace ppo::detail
