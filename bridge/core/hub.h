// Who is to be told of new events: the cohorts, and in each the feeds that wait.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/cohort.h"
#include "core/cold_log.h"
#include "core/event_log.h"

namespace bridge {

// One thread. The log and the journal's reader must outlive it; it must outlive every Feed.
class Hub {
 public:
  // `reader` may be null: then the past ends where memory does.
  explicit Hub(EventLog& log, ColdReader* reader = nullptr) : log_(log), cold_(reader) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Tells the feeds that wait and for which something has come. Call after each batch of appends.
  // Where nobody waits (all are busy writing), events go on gathering in the log's open block.
  void announce();

  std::size_t cohorts() const { return cohorts_.size(); }

  // What lies behind memory.
  ColdLog& cold() { return cold_; }

 private:
  friend class Feed;

  // The cohort of this subscription, made where it is the first. join/leave in pairs.
  Cohort* join(const Subscription& subscription);
  void leave(Cohort* cohort, Feed* feed);

  // The feed has everything up to `seq`, which is the newest event.
  void wait(Cohort* cohort, Feed* feed, std::uint64_t seq);
  void stop_waiting(Cohort* cohort, Feed* feed);

  bool something_passes(Cohort& cohort);

  EventLog& log_;
  ColdLog cold_;
  std::map<std::string, std::unique_ptr<Cohort>> cohorts_;
  std::vector<Feed*> waking_;  // being told right now; a feed that goes meanwhile is nulled
};

}  // namespace bridge
