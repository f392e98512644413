#include "net/intake_turns.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <asio/post.hpp>

#include "base/loop_turns.h"

namespace bridge {
namespace {

// Of one beside others, so that many have a part of every turn.
constexpr std::int64_t kQuantumBytes = IntakeTurns::kTurnBytesMax / 16;

}  // namespace

IntakeTurns::IntakeTurns(asio::io_context& io, Intake& intake, std::size_t count, TakeFrom take_from,
                         std::function<void()> on_batch)
    : io_(io), intake_(intake), take_from_(std::move(take_from)), on_batch_(std::move(on_batch)), turns_(count, kQuantumBytes) {}

void IntakeTurns::ready(std::size_t who) {
  turns_.join(who);
  if (!posted_) take_turn();
}

void IntakeTurns::ready_soon(std::size_t who) {
  turns_.join(who);
  go_on_soon();
}

bool IntakeTurns::resume() {
  if (!std::exchange(paused_, false)) return false;
  go_on_soon();
  return true;
}

void IntakeTurns::go_on_soon() {
  if (paused_ || stopped_ || turns_.nobody_waits() || std::exchange(posted_, true)) return;
  asio::post(io_, [this, alive = std::weak_ptr<void>(alive_)] {
    if (alive.expired() || stopped_) return;
    posted_ = false;
    take_turn();
  });
}

void IntakeTurns::take_turn() {
  if (paused_) return;
  const TurnPart part("events in");
  std::size_t taken = 0;
  // All of a turn have the time at which it began: it is over in a millisecond.
  intake_.begin_turn();
  while (taken < kTurnBytesMax && !turns_.nobody_waits()) {
    const std::size_t who = turns_.next();
    const std::size_t cost_max = std::min(static_cast<std::size_t>(turns_.allowance()), kTurnBytesMax - taken);
    bool nothing_left = false;
    const std::size_t cost = take_from_(who, cost_max, nothing_left);
    taken += cost;
    turns_.took(static_cast<std::int64_t>(cost), nothing_left);
  }
  if (taken != 0) on_batch_();
  go_on_soon();
}

void IntakeTurns::drain(std::int64_t drain_us, const std::function<bool()>& enough, const std::function<bool()>& wait) {
  using Steady = std::chrono::steady_clock;
  const auto until = Steady::now() + std::chrono::microseconds(drain_us);
  // What sources have sent may still be on its way through the kernel: drained means that nothing has come for a
  // moment.
  while (Steady::now() < until && !(enough && enough())) {
    if (turns_.nobody_waits() && !wait()) break;
    take_turn();
  }
}

}  // namespace bridge
