// Who is to be told of new events: the cohorts, and in each the feeds that wait.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory_ledger.h"
#include "base/work_queue.h"
#include "event/deflate.h"
#include "log/event_log.h"
#include "log/past_cache.h"
#include "stream/cohort.h"
#include "stream/snapshot.h"

namespace bridge {

// One thread. All references must outlive it; it must outlive every Feed.
class Cohorts {
 public:
  // `reader` may be null: then the past ends where memory does. `deflate_level`: of the batches of
  // clients that take them compressed. `memory`: where that is counted which clients have yet to read and
  // nobody else holds, what they subscribe to, and what is kept for them; null where nobody asks. `work`: for
  // what takes long; null: all is done at once.
  Cohorts(EventLog& log, Snapshot& snapshot, const Clock& clock, PastReader* reader = nullptr,
          int deflate_level = Deflater::kLevelMin, MemoryLedger* memory = nullptr,
          WorkQueue* work = nullptr)
      : log_(log),
        snapshot_(snapshot),
        clock_(clock),
        past_(reader),
        work_(work),
        deflater_(deflate_level),
        own_memory_(memory == nullptr ? std::make_unique<MemoryLedger>() : nullptr),
        memory_(memory == nullptr ? *own_memory_ : *memory),
        shared_(memory_[Queue::cohorts]) {}
  Cohorts(const Cohorts&) = delete;
  Cohorts& operator=(const Cohorts&) = delete;

  // Tells the feeds that wait and for which something has come. Call after each batch of appends.
  // Where nobody waits (all are busy writing), events go on gathering in the log's open block. Where there
  // is much to look at, or many are to be told, the rest is left to the queue of work.
  void announce();

  // The same, but not at once where it was done a moment ago and takes long, or somebody reads from the journal: a
  // pass over many live clients costs as much for one event as for several, and would leave reading
  // no time. Returns after how many microseconds to call again, 0 where all are told.
  std::int64_t announce_or_wait();
  // From now on that may be up to so long after the pass before, as long as that makes passes more than a sixteenth of
  // the time. 0: never, but for reading from the journal. Where so many `threads` serve clients side by side, each also
  // rests between passes over a few events, half as long as a pass takes for each of them, 2 ms at most: together
  // they take as much of the processors as the events need, however many they are.
  void gather(std::int64_t us, std::size_t threads = 1) {
    gather_us_ = us;
    rest_halves_ = threads > 1 ? static_cast<std::int64_t>(threads) : 0;
  }

  // Call every 10 ms or so: tells the feeds for which an edition of the latest has come due.
  void tick();

  // From now on the latest is given at once: the bridge stops, and there is no later.
  void hurry() { hurrying_ = true; }

  std::size_t cohorts() const { return cohorts_.size(); }
  // That all cohorts keep for feeds that are a little behind; at most kKeptFramesBytesMax.
  std::size_t kept_bytes() const { return shared_.hold.bytes(); }
  MemoryShare& unread() { return memory_[Queue::unread]; }
  MemoryShare& subscriptions() { return memory_[Queue::subscriptions]; }

  const Deflater::Tally& deflated() const { return deflater_.tally(); }

  // What lies behind memory.
  PastCache& past() { return past_; }

  WorkQueue* work() { return work_; }

 private:
  friend class Feed;

  // The cohort of this subscription, made where it is the first. join/leave in pairs.
  Cohort* join(const std::shared_ptr<const Subscription>& subscription);
  void leave(Cohort* cohort, Feed* feed);

  // The feed has everything up to `seq`, which is the newest event.
  void wait(Cohort* cohort, Feed* feed, std::uint64_t seq);
  void stop_waiting(Cohort* cohort, Feed* feed);

  // A feed has given so much to its client.
  void gave(std::size_t bytes) { given_bytes_ += bytes; }

  void go_on();
  bool look_at(Cohort& cohort, std::uint64_t* work);
  bool make_edition(Cohort& cohort, std::uint64_t* work);
  Deflater* deflater_of(const Subscription& subscription) {
    return subscription.deflate() ? &deflater_ : nullptr;
  }
  void wake_waiting(Cohort& cohort);

  // Up to where a feed of this cohort, which wants the latest and has all up to `cursor`, may read:
  // the edition. One that comes late to it reads on to the newest, since what was the latest then
  // need not be any more.
  std::uint64_t latest_until(const Cohort& cohort, std::uint64_t cursor) const;
  // A part of the latest that passes, in (after_seq, to_seq], as Snapshot::frames().
  Snapshot::Part latest(Cohort& cohort, std::uint64_t after_seq, std::uint64_t to_seq,
                        std::uint64_t* work);
  // The same of the snapshot as a new client of this subscription gets it.
  Snapshot::Part snapshot(const Subscription& subscription, std::uint64_t after_seq,
                          std::uint64_t to_seq, std::uint64_t* work);

  EventLog& log_;
  Snapshot& snapshot_;
  const Clock& clock_;
  PastCache past_;
  WorkQueue* const work_;
  Deflater deflater_;
  std::int64_t gather_us_ = 0;
  std::int64_t rest_halves_ = 0;    // of a pass
  std::int64_t announced_us_ = 0;   // by announce_or_wait()
  std::uint64_t announced_seq_ = 0;
  bool few_ = false;                // events were announced then
  std::int64_t begun_us_ = 0;       // the pass that is under way, or was last
  std::int64_t pass_us_ = 0;        // how long that took
  std::int64_t past_until_us_ = 0;  // until then somebody counts as reading from the journal
  std::uint64_t past_given_ = 0;
  std::size_t latest_cohorts_ = 0;   // that want the latest
  std::size_t deflate_cohorts_ = 0;  // that take batches compressed
  bool hurrying_ = false;
  const std::unique_ptr<MemoryLedger> own_memory_;
  MemoryLedger& memory_;
  SharedByCohorts shared_;
  std::map<std::string, std::unique_ptr<Cohort>> cohorts_;
  // The pass under way: the cohort to look at next, and the feeds of those before it that are to be told.
  // A feed that goes meanwhile is nulled.
  decltype(cohorts_)::iterator next_ = cohorts_.end();
  std::vector<Feed*> waking_;
  std::uint64_t given_bytes_ = 0;
  std::size_t told_ = 0;  // of those
  bool passing_ = false;
  bool again_ = false;  // something has come since it began
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
