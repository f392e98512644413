// What the bridge itself reports: ordinary events of the log, with source "ppo-bridge".
#pragma once

#include <cassert>
#include <functional>
#include <string_view>
#include <utility>

#include "access/read_scope.h"
#include "base/clock.h"
#include "log/event_log.h"
#include "log/type_counts.h"

namespace bridge {

// One thread: the log's. References must outlive it.
class OwnEvents {
 public:
  // `announce_soon` is asked to tell the cohorts once the present work is done, not at once: an
  // event that a request causes must not overtake its reply.
  OwnEvents(EventLog& log, TypeCounts& types, const Clock& clock,
            std::function<void()> announce_soon)
      : log_(log), types_(types), clock_(clock), announce_soon_(std::move(announce_soon)) {}

  // REQUIRES: is_own_type(type), `data` the text of a JSON object in UTF-8.
  void publish(std::string_view type, std::string_view data) {
    assert(is_own_type(type));
    Envelope event;
    event.type = type;
    event.data = data;
    event.source = kOwnSource;
    const std::int64_t now = clock_.wall_us();
    types_.observe(type, now);
    log_.append(event, now);
    announce_soon_();
  }

 private:
  EventLog& log_;
  TypeCounts& types_;
  const Clock& clock_;
  const std::function<void()> announce_soon_;
};

}  // namespace bridge
