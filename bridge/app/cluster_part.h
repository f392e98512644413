// The bridge's part in a cluster: joins it at the start, proposes what its sources send, and brings what the cluster made
// of it into the log.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/cluster_peers.h"
#include "app/journal_fill.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "cluster/cluster_log.h"
#include "cluster/shared_rows.h"
#include "engine/jetstream.h"
#include "log/ahead_waits.h"
#include "log/event_log.h"
#include "sources/source_tracker.h"
#include "store/journal.h"

namespace bridge {

// One thread: the log's. References must outlive it.
class ClusterPart final : public PositionStore, public ClusterSink, public SharedRows {
 public:
  // `post` runs a function on the log's thread, later; from any thread. `on_news`: call poll().
  ClusterPart(const Config& config, const Clock& clock, std::function<void(std::function<void()>)> post,
              std::function<void()> on_news);

  // Connects, and finds out the epoch, which it begins where the shared log is empty. Waits for it.
  Result<std::string> open();

  // Finds where this bridge goes on in the shared log. Where that is not in it any more behind the journal's end it is at a
  // checkpoint, and `*start` is moved on to that. Unless it is to begin fresh, what is between is had from other bridges' journals, as
  // far as any has it; of the rest the journal notes that it lacks it. REQUIRES: open(); `*start` is the journal's.
  Result<bool> begin(LogStart* start, Journal& journal);

  // What the other bridges have to do with, from join() on. REQUIRES: before join().
  void attach(const ClusterSides& sides);

  // Reads the shared log up to its end, and goes on from there. `committed_seq`: the newest event that is on disk.
  // `meanwhile` is called now and then. REQUIRES: begin(); `log` begins as that said; attach().
  Result<bool> join(EventLog& log, std::function<std::uint64_t()> committed_seq, const std::function<void()>& meanwhile);

  // Takes what has come, proposes what there is. True where the log has grown. Call every millisecond, and on news.
  bool poll();
  // Waits until what was proposed is in the log, for so long at most.
  void flush(std::int64_t patience_us);

  // More waits than should: no more is to be read from sources.
  bool congested() const;
  // Why it has no part in the cluster at the moment, or any more; "" where it has.
  std::string problem() const;

  // Who waits for what other bridges have already.
  AheadWaits& ahead() { return ahead_; }
  // Called where a row has changed. Set once.
  void set_on_rows(std::function<void()> on_rows) { on_rows_ = std::move(on_rows); }
  // Called with what say() says, on each bridge. Set once, before join().
  void set_on_word(std::function<void(std::string_view key, std::string_view json)> on_word) { on_word_ = std::move(on_word); }
  // To all bridges, this one too, in one order; `done` is called behind that: whether the log has taken it within kSayUs, which it
  // may do yet. False where nothing can be proposed, or too many wait. REQUIRES: is_row_key(key).
  [[nodiscard]] bool say(std::string_view key, std::string_view json, std::function<void(bool taken)> done);
  // Whether it is this bridge that tells what is told once for all. REQUIRES: join().
  bool tells() const { return peers_->tells(); }
  // How all of it is. REQUIRES: join().
  ClusterReport report() const { return peers_->report(); }

  // How far the runs are that it knows. REQUIRES: join().
  std::vector<SourcePosition> positions() const { return part_->fold().positions(); }

  // PositionStore: how far a run is in the shared log.
  bool find(const std::string& source, const std::string& run, Found found) override;

  // ClusterSink.
  void on_epoch(const FoldEpoch& epoch) override;
  void on_event(const EventLine& line, std::uint64_t seq, std::int64_t stamp_us) override;
  void on_taken_back(const std::string& source, const std::string& run, std::uint64_t last) override;
  void on_row(const Folded::Row& row) override;
  void on_word(std::string_view key, std::string_view json) override {
    if (on_word_) on_word_(key, json);
  }
  void on_rows() override {
    if (on_rows_) on_rows_();
  }

  // SharedRows. REQUIRES: join().
  const FoldRows& rows() const override { return part_->fold().rows(); }
  bool keep(std::string_view key, std::uint64_t number, std::string_view value, Done done) override;
  bool drop(std::string_view key, std::uint64_t version, Done done) override;
  bool take(std::string_view key, std::uint64_t version, std::string_view event_data, Done done) override;
  bool claim(std::string_view key, std::uint64_t version, Done done) override;

 private:
  struct Said {
    std::function<void(bool)> done;  // null: it was called
    std::int64_t until_us = 0;
  };

  bool may_propose() const;
  void propose(const Envelope& event, std::int64_t wall_us);
  bool propose_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line, Done done);
  void tick_soon();
  void begin_if_unknown(std::string_view source, std::string_view run, std::uint64_t first, std::int64_t wall_us);
  void tick();
  void give_up_waiting();
  void keep_mark();
  std::string read_mark() const;
  ClusterNode node() const;
  Result<std::string> search(std::uint64_t journal_seq);

  const JetStreamOptions options_;
  const std::string mark_path_;
  const std::int64_t join_timeout_us_;
  const std::int64_t checkpoint_us_;
  const bool fresh_;
  const std::uint64_t ahead_of_disk_max_;
  const Clock& clock_;
  const std::function<void(std::function<void()>)> post_;
  const std::function<void()> on_news_;
  std::unique_ptr<JetStream> stream_;
  std::unique_ptr<JournalFill> fill_;
  std::string begins_;  // with this fold, from begin() to join()
  std::unique_ptr<ClusterLog> part_;
  std::unique_ptr<ClusterSides> sides_;
  std::unique_ptr<ClusterPeers> peers_;  // null until join()
  EventLog* log_ = nullptr;  // null until join()
  AheadWaits ahead_;
  std::function<std::uint64_t()> committed_seq_;
  std::string taken_back_;   // what this process can only mend by beginning anew
  bool tick_posted_ = false;
  std::function<void()> on_rows_;
  std::function<void(std::string_view, std::string_view)> on_word_;
  std::deque<std::shared_ptr<Said>> said_;  // that wait, in their order
  std::deque<Done> row_waits_;  // for what this process proposed of rows, in its order
  std::uint64_t dropped_ = 0;
  std::map<std::pair<std::string, std::string>, bool, std::less<>> begun_;  // runs of which something was proposed
  // A fold that is written once all its events are on disk.
  std::string mark_;
  std::uint64_t mark_seq_ = 0;
  std::int64_t marked_us_ = 0;
  std::uint64_t marked_at_ = 0;  // message of the shared log
};

}  // namespace bridge
