// Replays: a stretch of the log given to one client again, at the pace at which it happened or
// faster, each event marked, beside its live stream.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <rapidjson/document.h>

#include "base/clock.h"
#include "event/messages.h"
#include "stream/feed.h"

namespace bridge {

// One end of the stretch: a seq or, in microseconds since 1970, a time.
struct ReplayEnd {
  std::optional<std::uint64_t> seq;
  std::optional<std::int64_t> time_us;
};

struct ReplayRequest {
  ReplayEnd from;    // nothing: the oldest that is held
  ReplayEnd to;      // included; nothing: the newest of the moment
  double speed = 1;  // times as fast as it happened; 0: as fast as the client reads
  Subscription subscription;

  // Reads a command's `params`, which may be null (JSON).
  static Result<ReplayRequest, RequestError> parse(const rapidjson::Value& params,
                                                   const Clock& clock);
};

// One replay under way. It reads from memory and from the journal as a slow client does, a slice at
// a time, and gives the feed no more than it has room for. One thread: the log's.
class Replay final : private PastCache::Waiter {
 public:
  Replay(std::uint64_t number, ReplayRequest request, EventLog& log, Cohorts& cohorts,
         const Clock& clock);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // Gathers frames that are due, until there are about `bytes_max` of them or that has cost about `work_max`;
  // what it cost is added to `*work`. False where there is no more for now: to be read, due, or at all.
  bool look_on(std::size_t bytes_max, std::uint64_t work_max, std::uint64_t* work);
  // What was gathered; null where nothing was. ended() after the last.
  std::shared_ptr<const std::string> take();
  bool ended() const { return ended_; }

  // The message that says that nothing more comes, and why.
  std::string end_message(const char* reason) const;

  std::uint64_t number() const { return number_; }

 private:
  void on_past() override {}
  void find_start();
  void look_up_start();
  bool take_block(const BlockPtr& block, std::size_t bytes_max, std::uint64_t enough,
                  std::uint64_t* work);
  std::uint64_t next_epoch(std::uint64_t seq) const;
  void miss(std::uint64_t to_seq, const char* reason);

  const std::uint64_t number_;
  const ReplayRequest request_;
  EventLog& log_;
  Cohorts& cohorts_;
  const Clock& clock_;
  std::uint64_t next_ = 0;  // 0: not found yet
  std::uint64_t to_seq_ = 0;
  std::int64_t began_us_ = 0;        // steady, when the first event was given
  std::int64_t first_stamp_us_ = 0;  // of that event
  std::int64_t last_stamp_us_ = 0;   // of the event that was looked at last
  std::uint64_t events_ = 0;
  std::uint64_t missing_ = 0;
  std::string gathered_;
  bool looking_up_ = false;
  bool ended_ = false;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// The replays of all clients: one a client, and so many in all. One thread: the log's.
class Replays {
 public:
  Replays(EventLog& log, Cohorts& cohorts, const Clock& clock)
      : log_(log), cohorts_(cohorts), clock_(clock) {}
  ~Replays();

  // Starts one into `feed`, whose `nudge` is called when there is something to pull. Returns the
  // command's result as JSON text.
  // `scope`: what its client may read.
  Result<std::string, RequestError> start(Feed* feed, const rapidjson::Value& params, ReadScopePtr scope,
                                          std::function<void()> nudge);
  // Ends the feed's replay, if it has one; the client is told. Returns the result.
  std::string stop(Feed* feed);
  // The same where nobody asked for it.
  void end(Feed* feed) {
    if (replays_.count(feed) != 0) (void)stop(feed);
  }
  // The feed goes.
  void forget(Feed* feed) { replays_.erase(feed); }

  // Gives what is due, a part at a time, which is charged to the client. Call every few milliseconds.
  void tick();

  std::size_t count() const { return replays_.size(); }

 private:
  struct Entry {
    std::unique_ptr<Replay> replay;
    std::function<void()> nudge;
    bool under_way = false;  // in the queue of work
  };
  std::uint64_t step(Feed* feed, bool* done);
  EventLog& log_;
  Cohorts& cohorts_;
  const Clock& clock_;
  std::map<Feed*, Entry> replays_;
  std::uint64_t last_number_ = 0;
};

}  // namespace bridge
