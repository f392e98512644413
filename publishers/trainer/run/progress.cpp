#include "trainer/run/progress.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace trainer {
namespace {

constexpr std::chrono::milliseconds kRedrawEvery{200};
constexpr double kRecentEpisodes = 20.0;

}  // namespace

Progress::Progress(std::ostream& out, Style style, std::int64_t steps_total, std::int64_t agents,
                   std::function<std::size_t()> columns)
    : out_(out),
      style_(style),
      steps_total_(steps_total),
      agents_(agents),
      columns_(std::move(columns)),
      redraw_at_(started_) {}

void Progress::episode_ended(std::int64_t profit) {
  ++episodes_;
  // A plain mean at first, an exponential one from the twentieth episode on.
  const double weight = 1.0 / std::min(static_cast<double>(episodes_), kRecentEpisodes);
  recent_profit_ += weight * (static_cast<double>(profit) - recent_profit_);
}

void Progress::updated(const UpdateStats& stats) {
  last_update_ = stats;
}

void Progress::stepped(std::int64_t steps_done) {
  if (style_ == Style::kTerminal) {
    const Clock::time_point now = Clock::now();
    if (now < redraw_at_ && steps_done < steps_total_) return;
    redraw_at_ = now + kRedrawEvery;
    std::string text = line(steps_done);
    // One that wraps could not be drawn over. What comes last matters least.
    const std::size_t columns = columns_ ? columns_() : 0;
    const std::size_t room = columns == 0 ? text.size() : columns - 1;
    if (text.size() > room) text.resize(std::min(text.rfind("  ", room), room));
    const std::size_t width = text.size();
    if (width < drawn_) text.append(std::min(drawn_, std::max(room, width)) - width, ' ');
    drawn_ = width;
    out_ << '\r' << text << std::flush;
  } else if (style_ == Style::kLines && steps_done * 10 >= next_tenth_ * steps_total_) {
    next_tenth_ = steps_done * 10 / steps_total_ + 1;
    out_ << line(steps_done) << std::endl;
  }
}

void Progress::say(const std::string& line) {
  if (style_ == Style::kQuiet) return;
  end_line();
  out_ << line << std::endl;
}

void Progress::end_line() {
  if (drawn_ > 0) out_ << std::endl;
  drawn_ = 0;
}

std::string Progress::line(std::int64_t steps_done) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  const double rate = seconds > 0.0 ? static_cast<double>(steps_done * agents_) / seconds : 0.0;
  char text[200];
  std::snprintf(text, sizeof text,
                "step %" PRId64 "/%" PRId64 " (%.0f %%)  %.0f steps/s  update %" PRId64
                "  episodes %" PRId64 "  profit %+.0f gp  entropy %.2f  kl %.4f",
                steps_done, steps_total_,
                100.0 * static_cast<double>(steps_done) / static_cast<double>(steps_total_), rate,
                last_update_.update, episodes_, recent_profit_, last_update_.entropy,
                last_update_.approx_kl);
  return text;
}

}  // namespace trainer
