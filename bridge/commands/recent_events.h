// get_recent_events: a look into the history by type, agent, item, source and position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <rapidjson/document.h>

#include "base/result.h"
#include "event/messages.h"
#include "log/event_log.h"

namespace bridge {

// One look, a step at a time. The result is JSON:
// {"events":[...],"count":n,"complete":bool,"epoch":e,"seq":newest}, oldest first. Without `since_seq`
// the newest `count` (default 100, at most kRecentEventsMax) that match; with it the first `count`
// behind it, so that one can page forward. `complete` is false where matching events may be missing:
// the history does not reach back, `count` or kReplyBytesMax cut them off, or `since_seq` is beyond
// the newest event (it is then of another numbering). One thread: the log's, which must outlive it.
class RecentEvents {
 public:
  static Result<RecentEvents, RequestError> of(EventLog& log, const rapidjson::Value& params);

  // Looks at more, for about `work_max` at most; returns what it cost. See RequestBudget.
  std::uint64_t step(std::uint64_t work_max);
  bool ended() const { return ended_; }
  // REQUIRES: ended().
  std::string result() const;

 private:
  struct Query {
    std::uint64_t count = 100;
    std::optional<std::uint64_t> since_seq;
    std::optional<std::string> type, agent_id, item, source;

    bool matches(const Block& block, std::size_t i) const;
  };

  RecentEvents(const EventLog& log, Query query);
  static Result<Query, RequestError> parse(const rapidjson::Value& params);
  void look_at(const Block& block, std::size_t i, std::uint64_t* work);
  void end(bool complete);

  const EventLog* log_;
  Query query_;
  std::uint64_t head_;             // the newest event that it is about
  std::uint64_t next_;             // to look at; going back, what is before it
  std::deque<std::string> found_;  // oldest first
  std::size_t bytes_ = 0;
  bool complete_ = true;
  bool ended_ = false;
};

}  // namespace bridge
