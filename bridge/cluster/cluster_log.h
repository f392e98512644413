// One bridge's part in a shared log: reads it in order, folds it, hands on what became an event, and proposes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "cluster/checkpoints.h"
#include "cluster/fold.h"
#include "cluster/proposer.h"
#include "cluster/shared_log.h"
#include "cluster/stream_cursor.h"

namespace bridge {

// Why a node takes no further part. None of it mends itself.
enum class ClusterTrouble : std::uint8_t {
  none,
  replaced,        // a later process of this node's name has taken its place
  unknown_format,  // the log holds what only a later program understands
  went_back,       // the log ends before what was folded of it
  diverged,        // of the nodes heard of lately as many have made something else of the same messages as agree
  behind,          // the log has let go of messages that this node has yet to fold
};

// A sentence for a person.
const char* cluster_trouble_text(ClusterTrouble trouble);

// Who takes what the log comes to.
class ClusterSink {
 public:
  virtual ~ClusterSink() = default;
  // The numbering begins, or goes on elsewhere, with the next event.
  virtual void on_epoch(const FoldEpoch& epoch) = 0;
  virtual void on_event(const EventLine& line, std::uint64_t seq, std::int64_t stamp_us) = 0;
  // What this node proposed of a run behind `last` does not count: it is to be proposed again from there.
  virtual void on_taken_back(const std::string& source, const std::string& run, std::uint64_t last) = 0;
  // What became of what this process proposed of rows: of each, in its order.
  virtual void on_row(const Folded::Row&) {}
  // A word for all.
  virtual void on_word(std::string_view /*key*/, std::string_view /*json*/) {}
  // Some row has changed, whoever proposed that; before on_row().
  virtual void on_rows() {}
};

struct ClusterNode {
  std::string name;
  std::size_t payload_bytes_max = 0;
  std::size_t proposal_events_max = kProposalEventsMax;
  FoldLimits limits;
  CheckpointPace checkpoints;
};

// Pure logic: no thread, no clock. One thread. References must outlive it.
class ClusterLog final : public SharedLogListener {
 public:
  // `saved` is a fold's save() from earlier, or empty; what is not one counts as empty: see restored().
  ClusterLog(ClusterNode node, SharedLog& shared, ClusterSink& sink, std::string_view saved);

  bool restored() const { return restored_; }
  // As handed on so far; where there is trouble it is ahead of that, and not to be saved.
  const Fold& fold() const { return fold_; }
  ClusterTrouble trouble() const { return trouble_; }
  // It has folded all that was in the log when it came: proposals may be made. `wall_us` below is of that moment.
  bool ready() const { return proposer_.started() && trouble_ == ClusterTrouble::none; }
  // Messages of the log that are known of and not folded yet.
  std::uint64_t behind() const { return cursor_.behind(); }
  // When the log's leader last told where it ends, by the clock of tick(); INT64_MIN: never.
  std::int64_t end_heard_us() const { return end_heard_us_; }
  // More waits than should: no more is to be read from sources.
  bool congested() const;
  Proposer& proposer() { return proposer_; }
  const Proposer& proposer() const { return proposer_; }

  const Checkpoints& checkpoints() const { return checkpoints_; }

  // Call every millisecond, about. `makes_checkpoints`: this node is the one that does, or one of them: they are alike.
  void tick(std::int64_t now_us, std::int64_t wall_us, bool makes_checkpoints = false);

  void on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) override;
  void on_missing(std::uint64_t seq, std::int64_t now_us) override;
  void on_end(std::uint64_t folded, std::uint64_t first_seq, std::uint64_t last_seq,
              std::int64_t now_us) override;
  void on_ack(std::uint64_t no, std::uint64_t seq, std::int64_t now_us) override;
  void on_no_leader(std::int64_t now_us) override { proposer_.on_no_leader(now_us); }
  void on_checkpoint(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) override { checkpoints_.on_found(seq, bytes, now_us); }
  void on_no_checkpoint(std::int64_t now_us) override { checkpoints_.on_none(now_us); }

 private:
  struct Word {
    bool disagrees = false;
    std::int64_t heard_us = 0;
  };

  void fold_one(std::uint64_t seq, std::string_view bytes, std::int64_t now_us);
  void hand_on(const Folded& folded);
  void compare(std::string_view node, bool diverged, std::int64_t now_us);

  const ClusterNode node_;
  SharedLog& shared_;
  ClusterSink& sink_;
  Fold fold_;
  bool restored_;
  StreamCursor cursor_;
  Proposer proposer_;
  Checkpoints checkpoints_;
  ClusterTrouble trouble_ = ClusterTrouble::none;
  bool end_known_ = false;
  std::uint64_t end_at_start_ = 0;
  std::int64_t end_asked_us_ = INT64_MIN / 2;
  std::int64_t end_heard_us_ = INT64_MIN;
  std::int64_t short_since_us_ = -1;  // since when the log is said to end before what was folded
  std::map<std::string, Word, std::less<>> words_;  // of each other node the last
  std::string message_;  // kept for its memory
};

}  // namespace bridge
