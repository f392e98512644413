#include "app/health.h"

#include "base/log.h"

namespace bridge {
namespace {

constexpr std::int64_t kTellClockStepUs = 60'000'000;

}  // namespace

std::string Health::trouble() const {
  if (parts_.stopping.begun()) return "stopping";
  if (parts_.drain.active()) return parts_.drain.progress();
  const std::string cluster = parts_.cluster != nullptr ? parts_.cluster->problem() : std::string();
  if (!cluster.empty()) return "cluster: " + cluster;
  const std::string journal = parts_.journal != nullptr ? parts_.journal->problem() : std::string();
  if (journal.empty()) return journal;
  return "journal: " + journal +
         (parts_.reloader.config().journal.before_delivery ? "; events wait until it can be written"
                                                           : "; events are delivered but not kept");
}

std::string Health::notice() const {
  std::string lines;
  if (!clock_step_.empty() && parts_.clock.steady_us() - clock_step_at_us_ <= kTellClockStepUs) {
    lines = "clock: " + clock_step_ + "\n";
  }
  if (parts_.kept_journal != nullptr) lines += parts_.kept_journal->notice();
  const std::string tls = parts_.tls != nullptr ? parts_.tls->problem(parts_.clock.wall_us() / 1'000'000) : std::string();
  if (!tls.empty()) lines += "tls: " + tls + "\n";
  if (const std::string& wrong = parts_.reloader.status().error; !wrong.empty()) lines += "config: " + wrong + "\n";
  const std::string audit = parts_.audit.problem();
  if (!audit.empty()) lines += "audit: " + audit + "\n";
  return lines;
}

std::string Health::status_line() const {
  const std::string trouble = this->trouble();
  const std::string& wrong = parts_.reloader.status().error;
  return "seq " + std::to_string(parts_.log.last_seq()) + ", " + std::to_string(parts_.clients.client_count()) + " clients" +
         (trouble.empty() ? "" : "; " + trouble) + (wrong.empty() ? "" : "; reload failed: " + wrong);
}

void Health::watch_clock() {
  const std::int64_t step_us = wall_watch_.observe(parts_.clock.wall_us(), parts_.clock.steady_us());
  if (step_us == 0) return;
  clock_step_ = clock_step_message(step_us);
  clock_step_at_us_ = parts_.clock.steady_us();
  log_warn("clock_step", "{}", clock_step_);
  parts_.own_events.publish("system_status", clock_step_data(step_us));
}

}  // namespace bridge
