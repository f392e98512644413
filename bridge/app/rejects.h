// What becomes known of bodies that are not taken in: a line of the log, at most one a second and reason, a line of the
// audit where somebody spoke for another, and an event for those who look after that source.
#pragma once

#include <array>
#include <cstdint>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "log/own_events.h"
#include "sources/intake.h"
#include "sources/refused_sources.h"

namespace bridge {

// One thread: the log's. All that it is given outlives it.
class Rejects {
 public:
  Rejects(Audit& audit, OwnEvents& own_events, const Clock& clock)
      : audit_(audit), own_events_(own_events), clock_(clock) {}

  void tell(const RejectedBody& body);
  // Of those that there was no line for, how many. Call once a second.
  void tell_more();

 private:
  static constexpr std::size_t kBytesShown = 32;

  Audit& audit_;
  OwnEvents& own_events_;
  const Clock& clock_;
  std::array<LogLimiter, kRejectCount> lines_;
  RefusedSources refused_sources_;
};

}  // namespace bridge
