// Whose events are taken in next, and how many in a turn of the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <asio/io_context.hpp>

#include "net/fair_turns.h"
#include "sources/intake.h"

namespace bridge {

// Who has something is read by deficit round robin over bytes; a turn of the loop takes in about as much as a block
// holds, so that the sockets of clients get their turn. Lives on the loop's thread.
class IntakeTurns {
 public:
  static constexpr std::size_t kTurnBytesMax = 256 * 1024;

  // Takes in of `who` what costs about `cost_max`, and returns what it did cost; sets `nothing_left` where all was
  // read. It may call any function of this but drain().
  using TakeFrom = std::function<std::size_t(std::size_t who, std::size_t cost_max, bool& nothing_left)>;

  // Those are numbered from 0. `on_batch` is called after each turn that took something in.
  IntakeTurns(asio::io_context& io, Intake& intake, std::size_t count, TakeFrom take_from, std::function<void()> on_batch);

  // See FairTurns.
  void resize(std::size_t count) { turns_.resize(count); }
  bool waits(std::size_t who) const { return turns_.waits(who); }

  // There is something to be read of `who`: it is now, unless others wait.
  void ready(std::size_t who);
  // Likewise, but on the next turn of the loop.
  void ready_soon(std::size_t who);

  // Takes nothing in until resume(). Idempotent. resume() is true where it was paused.
  void pause() { paused_ = true; }
  bool resume();
  bool paused() const { return paused_; }

  // From now on nothing is taken in but by drain().
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }
  // What has come, for at most `drain_us` and until it is `enough` (null: never). `wait` waits a moment for more, calls
  // ready_soon() for whom it came from, and returns false where nothing did. REQUIRES: stop() was called.
  void drain(std::int64_t drain_us, const std::function<bool()>& enough, const std::function<bool()>& wait);

 private:
  void go_on_soon();
  void take_turn();

  asio::io_context& io_;
  Intake& intake_;
  const TakeFrom take_from_;
  const std::function<void()> on_batch_;
  FairTurns turns_;
  bool posted_ = false;  // a turn is
  bool paused_ = false;
  bool stopped_ = false;
  const std::shared_ptr<void> alive_ = std::make_shared<char>();  // what is posted does nothing without it
};

}  // namespace bridge
