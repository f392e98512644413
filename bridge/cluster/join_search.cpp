#include "cluster/join_search.h"

#include <utility>

#include "cluster/checkpoints.h"

namespace bridge {
namespace {

constexpr std::int64_t kAskAgainUs = 300'000;
constexpr std::int64_t kPartPatienceUs = 5'000'000;
constexpr int kLookedMax = 256;  // messages

}  // namespace

JoinSearch::JoinSearch(JoinFrom from, SharedLog& shared, Fold empty)
    : from_(std::move(from)), shared_(shared), empty_(std::move(empty)) {}

void JoinSearch::tick(std::int64_t now_us) {
  if (step_ == Step::done) return;
  if (step_ == Step::part && now_us >= part_since_us_ + kPartPatienceUs) return go_older(0, now_us);
  if (now_us >= asked_us_ + kAskAgainUs) ask(step_, now_us);
}

void JoinSearch::ask(Step step, std::int64_t now_us) {
  step_ = step;
  asked_us_ = now_us;
  if (step == Step::end) shared_.ask_end(0);
  if (step == Step::newest) shared_.find_checkpoint();
  if (step == Step::part) shared_.fetch(wanted_);
}

void JoinSearch::on_end(std::uint64_t, std::uint64_t first_seq, std::uint64_t, std::int64_t now_us) {
  if (step_ != Step::end) return;
  first_seq_ = first_seq;
  whole_ = first_seq <= 1;
  Fold own = empty_;
  const bool has_own = own.restore(from_.saved) && own.last_seq() <= from_.journal_seq;
  if (has_own && own.stream_seq() + 1 >= first_seq) {
    saved_ = from_.saved;
    step_ = Step::done;
  } else if (whole_ && !(from_.fresh && from_.journal_seq == 0)) {
    step_ = Step::done;
  } else {
    ask(Step::newest, now_us);
  }
}

void JoinSearch::on_no_checkpoint(std::int64_t now_us) {
  if (step_ != Step::newest) return;
  if (none_since_us_ < 0) none_since_us_ = now_us;
  if (now_us >= none_since_us_ + kNoCheckpointForUs) settle();
}

void JoinSearch::on_checkpoint(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  if (step_ != Step::newest) return;
  CheckpointMessage message;
  // What a later program has put there tells this one nothing.
  if (!read_checkpoint_message(bytes, &message) || (!message.is_last() && message.older == 0)) return on_no_checkpoint(now_us);
  look_at(seq, bytes, now_us);
}

void JoinSearch::on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  if (step_ == Step::part && seq == wanted_) look_at(seq, bytes, now_us);
}

void JoinSearch::on_missing(std::uint64_t seq, std::int64_t) {
  if (step_ == Step::part && seq == wanted_) asked_us_ += kAskAgainUs / 2;  // whoever was asked lags: soon again
}

void JoinSearch::look_at(std::uint64_t, std::string_view bytes, std::int64_t now_us) {
  CheckpointMessage message;
  if (++looked_ > kLookedMax || !read_checkpoint_message(bytes, &message)) return go_older(0, now_us);
  if (message.is_mark) return go_older(message.older, now_us);
  if (part_ == 0) {
    // One that is being made, or was given up, says where the one before it is.
    if (!message.is_last()) return go_older(message.older, now_us);
    // Those before it reach back less far still.
    if (message.at + 1 < first_seq_) return settle();
    head_bytes_ = bytes;
    (void)read_checkpoint_message(head_bytes_, &head_);
    message = head_;
    body_.clear();
  } else if (!message.belongs_to(head_) || message.part + 1 != part_) {
    return go_older(head_.older, now_us);
  }
  part_ = message.part;
  body_.insert(0, message.body);
  if (part_ == 1) return consider(now_us);
  wanted_ = message.before;
  part_since_us_ = now_us;
  ask(Step::part, now_us);
}

// The checkpoint is whole.
void JoinSearch::consider(std::int64_t now_us) {
  const std::string state = checkpoint_state(head_, body_, empty_);
  const bool leaves_out = head_.seq > from_.journal_seq;
  if (!state.empty() && (best_.empty() || !leaves_out)) best_ = state;
  if (!state.empty() && !leaves_out) return settle();
  // An empty journal is ahead of none.
  if (!best_.empty() && from_.journal_seq == 0) return settle();
  go_older(head_.older, now_us);
}

void JoinSearch::go_older(std::uint64_t last_part, std::int64_t now_us) {
  part_ = 0;
  wanted_ = last_part;
  if (last_part < first_seq_) return settle();  // gone, or not known
  part_since_us_ = now_us;
  ask(Step::part, now_us);
}

void JoinSearch::settle() {
  step_ = Step::done;
  from_checkpoint_ = !best_.empty();
  behind_ = best_.empty() && !whole_;
  saved_ = best_;
}

}  // namespace bridge
