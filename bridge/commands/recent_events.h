// get_recent_events and get_trades: a look through the log by type, agent, item, source, run, position and time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rapidjson/document.h>

#include "base/result.h"
#include "event/json_writer.h"
#include "event/messages.h"
#include "log/event_log.h"
#include "log/log_walk.h"

namespace bridge {

// One look, a step at a time. The result is JSON:
// {"events":[...],"count":n,"complete":bool,"more":bool,"recovered":bool,"missed":n,"epoch":e,"seq":newest}, oldest
// first. Without `since_seq` the newest `count` (default 100, at most kRecentEventsMax) that match; with it
// the first `count` behind it, so that one can page forward. `epoch` says of which numbering `since_seq` is;
// where that is not known, it begins with what memory holds. `more` is true where `count` or kReplyBytesMax
// cut matching events off or, without `since_seq`, kept it from looking further back; `missed` how many events, of any type, neither memory nor the journal has, `recovered`
// is false for such, an unknown numbering, and a `since_seq` beyond the newest event; `complete` where matching
// events may be missing among those that were asked for. One thread: the log's. References must outlive it.
class RecentEvents {
 public:
  // `on_ready` is called when a search that waited for the journal need wait no more. `only_type`: in place of `type`;
  // null: any. `scope`: what who asks may read; null: everything.
  static Result<std::shared_ptr<RecentEvents>, RequestError> of(EventLog& log, PastCache& past,
                                                                const rapidjson::Value& params,
                                                                std::function<void()> on_ready,
                                                                const char* only_type = nullptr,
                                                                ReadScopePtr scope = nullptr);

  // Looks at more, for about `work_max` at most, and adds what it cost. See RequestBudget.
  [[nodiscard]] LogWalk::State step(std::uint64_t work_max, std::uint64_t* work);
  // Writes more of the result until `*work` is `enough`; true at its end. REQUIRES: step() has ended.
  bool write(JsonWriter& json, std::uint64_t enough, std::uint64_t* work);
  // What it asks for and what it has found.
  std::size_t bytes() const { return query_bytes_ + bytes_ + found_.size() * kFoundBytes; }

 private:
  static constexpr std::size_t kFoundBytes = sizeof(std::string) + 16;  // of an event that was found, beside its text
  struct Query {
    std::uint64_t count = 100;
    std::optional<std::uint64_t> since_seq;
    bool known = true;               // the epoch of since_seq
    std::uint64_t missed = 0;        // before since_seq
    std::optional<std::vector<std::string>> types;  // any of these
    std::optional<std::string> epoch, agent_id, item, source, run;
    std::optional<std::uint64_t> before_seq;
    std::optional<std::int64_t> from_us, to_us;  // both included
    std::optional<double> min_profit;
    ReadScopePtr scope;

    bool matches(const Block& block, std::size_t i) const;
    std::size_t bytes() const;
  };

  static SeqRange range_of(const Query& query, std::uint64_t head);
  RecentEvents(EventLog& log, PastCache& past, Query query, std::function<void()> on_ready);
  static Result<Query, RequestError> parse(const rapidjson::Value& params);
  void look_up_times();
  void look_up(std::int64_t time_us, std::function<void(std::uint64_t seq, std::uint64_t oldest)> found);
  bool look_at(const Block& block, std::size_t i, std::uint64_t& work);

  EventLog& log_;
  PastCache& past_;
  const Query query_;
  const std::uint64_t head_;       // the newest event that it is about
  const std::function<void()> on_ready_;
  const std::size_t query_bytes_;
  std::deque<std::string> found_;  // oldest first
  std::size_t bytes_ = 0;          // of their text
  std::optional<std::uint64_t> count_;  // once they are being written
  bool cut_off_ = false;
  SeqRange range_;
  bool looked_up_ = false;
  int looking_up_ = 0;  // times that the journal is asked for
  std::optional<LogWalk> walk_;  // once it is known where the times are
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
