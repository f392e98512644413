// How far training is, for the person at the terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "trainer/agent/ppo_agent.h"

namespace trainer {

// Writes one line that is rewritten in place on a terminal, and a line every tenth of the way
// elsewhere. Belongs to one thread.
class Progress {
 public:
  enum class Style { kTerminal, kLines, kQuiet };

  // `steps_total`: of each agent; at least 1. `out` must outlive it. `columns`: how wide the terminal is now, 0 where
  // it does not say; a line is never wider.
  Progress(std::ostream& out, Style style, std::int64_t steps_total, std::int64_t agents,
           std::function<std::size_t()> columns = {});

  void episode_ended(std::int64_t profit);  // gp
  void updated(const UpdateStats& stats);
  // Call after each step of all agents; cheap where nothing is due.
  void stepped(std::int64_t steps_done);

  // A line of its own, below what was there.
  void say(const std::string& line);
  // Ends the line that stands on a terminal, so that what follows begins its own.
  void end_line();

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string line(std::int64_t steps_done) const;

  std::ostream& out_;
  Style style_;
  std::int64_t steps_total_;
  std::int64_t agents_;
  std::function<std::size_t()> columns_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point redraw_at_;
  std::int64_t next_tenth_ = 1;
  std::size_t drawn_ = 0;       // width of the line that stands on the terminal
  double recent_profit_ = 0.0;  // gp, an exponential mean over episodes
  std::int64_t episodes_ = 0;
  UpdateStats last_update_;
};

}  // namespace trainer
