#include "base/work_queue.h"

#include <algorithm>
#include <utility>

#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr int kStepsATurn = 16;
constexpr std::int64_t kTurnUs = 1'000;

}  // namespace

bool WorkQueue::add(const std::weak_ptr<RequestBudget>& asker, Step step) {
  const auto lane = lane_of(asker.lock().get());
  if (lane != lanes_.end() && lane->pieces.size() >= kWaitingWorkMax) return false;
  const Piece piece{asker, std::move(step)};
  if (lane != lanes_.end() || !take_step(piece)) add_later(piece.asker, piece.step);
  return true;
}

void WorkQueue::add_later(const std::weak_ptr<RequestBudget>& asker, Step step) {
  const RequestBudget* const key = asker.lock().get();
  auto lane = lane_of(key);
  if (lane == lanes_.end()) lane = lanes_.insert(lane, Lane{key, {}});
  lane->pieces.push_back({asker, std::move(step)});
  ++waiting_;
  wake();
}

std::list<WorkQueue::Lane>::iterator WorkQueue::lane_of(const RequestBudget* asker) {
  return std::find_if(lanes_.begin(), lanes_.end(),
                      [asker](const Lane& lane) { return lane.asker == asker; });
}

void WorkQueue::wake() {
  if (posted_ || lanes_.empty()) return;
  posted_ = true;
  post_([this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) take_turn();
  });
}

// True where the piece is done, or nobody wants it.
bool WorkQueue::take_step(const Piece& piece) {
  if (piece.asker.expired()) return true;
  bool done = false;
  {
    const auto asker = piece.asker.lock();  // a step may end him
    const std::uint64_t work = piece.step(&done);
    if (asker) asker->charge(work);
  }
  return done || piece.asker.expired();
}

void WorkQueue::take_turn() {
  const TurnPart part("long requests");
  const std::int64_t began_us = clock_.steady_us();
  std::int64_t now_us = began_us;
  for (int i = 0; i < kStepsATurn && !lanes_.empty() && now_us - began_us < kTurnUs; ++i) {
    // Out of the list while it runs: a step may add more.
    std::list<Lane> first;
    first.splice(first.begin(), lanes_, lanes_.begin());
    Lane& lane = first.front();
    if (take_step(lane.pieces.front())) {
      lane.pieces.pop_front();
      --waiting_;
    }
    const auto added = lane_of(lane.asker);
    if (added != lanes_.end()) {
      lane.pieces.splice(lane.pieces.end(), added->pieces);
      lanes_.erase(added);
    }
    if (!lane.pieces.empty()) lanes_.splice(lanes_.end(), first);
    now_us = clock_.steady_us();
  }
  turns_.add(now_us - began_us, 1);
  posted_ = false;
  wake();
}

}  // namespace bridge
