// Where a bridge that starts goes on in the shared log: where its journal ends, at the log's beginning, or at a checkpoint.
//
// It goes on from its own fold as long as the log has what follows that, and from the beginning where the log still has all;
// else, or where it is to begin `fresh` with an empty journal, from a checkpoint that it can trust: one that is whole, is of
// the fold that it says it is of, and behind which the log has everything. Of those the newest that is not ahead of the
// journal, so that nothing is left out, or else the newest. Where there is none, problem() says so: it never guesses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/checkpoint.h"
#include "cluster/fold.h"
#include "cluster/shared_log.h"

namespace bridge {

// What a bridge has of its own.
struct JoinFrom {
  std::string saved;                     // its fold's save(); "": none
  std::uint64_t journal_seq = UINT64_MAX;  // the newest event of its journal; UINT64_MAX: not known yet
  bool fresh = false;
};

// Pure logic: no thread, no clock. One thread. References must outlive it.
class JoinSearch final : public SharedLogListener {
 public:
  JoinSearch(JoinFrom from, SharedLog& shared, Fold empty);

  // Call every millisecond or so until it is done.
  void tick(std::int64_t now_us);

  bool done() const { return step_ == Step::done; }
  // Nothing can be gone on from. REQUIRES: done().
  bool behind() const { return behind_; }
  // What ClusterLog begins with; "": the log's beginning. REQUIRES: done() && !behind().
  const std::string& saved() const { return saved_; }
  // It is a checkpoint's.
  bool from_checkpoint() const { return from_checkpoint_; }

  void on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) override;
  void on_missing(std::uint64_t seq, std::int64_t now_us) override;
  void on_end(std::uint64_t folded, std::uint64_t first_seq, std::uint64_t last_seq, std::int64_t now_us) override;
  void on_ack(std::uint64_t, std::uint64_t, std::int64_t) override {}
  void on_no_leader(std::int64_t) override {}
  void on_checkpoint(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) override;
  void on_no_checkpoint(std::int64_t now_us) override;

 private:
  enum class Step { end, newest, part, done };

  void ask(Step step, std::int64_t now_us);
  void look_at(std::uint64_t seq, std::string_view bytes, std::int64_t now_us);
  void consider(std::int64_t now_us);
  void go_older(std::uint64_t last_part, std::int64_t now_us);
  void settle();

  const JoinFrom from_;
  SharedLog& shared_;
  const Fold empty_;
  Step step_ = Step::end;
  std::int64_t asked_us_ = INT64_MIN / 2;
  std::int64_t none_since_us_ = -1;  // since when all that were asked have said that there is no checkpoint
  std::int64_t part_since_us_ = 0;
  std::uint64_t first_seq_ = 1;
  bool whole_ = false;           // the log has everything from its beginning on
  std::uint64_t wanted_ = 0;     // the message that is read
  int looked_ = 0;
  std::string head_bytes_;       // of the checkpoint that is read: its last part
  CheckpointMessage head_;       // points into it
  std::uint64_t part_ = 0;       // that was read last
  std::string body_;             // from that part on
  std::string best_;             // a state that can be trusted
  std::string saved_;
  bool from_checkpoint_ = false;
  bool behind_ = false;
};

}  // namespace bridge
