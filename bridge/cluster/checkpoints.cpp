#include "cluster/checkpoints.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr std::int64_t kSendAgainUs = 1'000'000;
constexpr std::int64_t kPatienceUs = 5'000'000;  // with one message
constexpr std::int64_t kAskNewestUs = 300'000;

}  // namespace

std::optional<Checkpoints::Comparison> Checkpoints::on_folded(std::uint64_t seq, std::string_view bytes, const Fold& fold,
                                                              std::int64_t now_us) {
  bytes_ += bytes.size();
  CheckpointMessage message;
  if (!read_checkpoint_message(bytes, &message)) return std::nullopt;
  last_message_ = seq;
  last_message_us_ = now_us;
  const bool awaited = !outgoing_.empty() && bytes == outgoing_;
  if (message.is_mark) {
    const std::uint64_t digest = fold.state_digest();
    states_[next_state_++ % states_.size()] = {seq, digest};
    if (awaited) begin(seq, fold, digest);
    return std::nullopt;
  }
  const auto known = std::find_if(states_.begin(), states_.end(), [&](const State& one) { return one.at == message.at; });
  const bool differs = known != states_.end() && known->digest != message.digest;
  if (awaited && message.part < message.parts) {
    making_.before = seq;
    making_.body = parts_[static_cast<std::size_t>(making_.part++)];
    outgoing_ = write_checkpoint_message(making_);
    sent_us_ = INT64_MIN / 2;
    began_us_ = now_us;
  } else if (awaited) {
    end();
  }
  if (message.is_last() && !differs && message.at > newest_.at) {
    newest_ = {seq, message.at, message.seq};
    knows_newest_ = true;
    events_from_ = fold.last_seq();
    bytes_ = 0;
    since_us_ = now_us;
  }
  return Comparison{message.node, differs};
}

// The state that is put into the log is that behind the mark, and no other.
void Checkpoints::begin(std::uint64_t at, const Fold& fold, std::uint64_t digest) {
  const std::string state = fold.save();
  const std::uint64_t older = making_.older;
  making_ = CheckpointMessage();
  making_.node = node_;
  making_.at = at;
  making_.seq = fold.last_seq();
  making_.digest = digest;
  making_.bytes = state.size();
  making_.older = older;
  parts_ = checkpoint_parts(state, &making_.packed);
  if (parts_.empty()) return end();
  making_.parts = parts_.size();
  making_.part = 1;
  making_.body = parts_.front();
  outgoing_ = write_checkpoint_message(making_);
  sent_us_ = INT64_MIN / 2;
}

bool Checkpoints::asks(std::int64_t now_us) {
  if (knows_newest_ || now_us < asked_us_ + kAskNewestUs) return false;
  asked_us_ = now_us;
  return true;
}

void Checkpoints::on_found(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  CheckpointMessage message;
  if (!read_checkpoint_message(bytes, &message)) return on_none(now_us);  // a later program's
  if (knows_newest_) return;
  if (message.is_last()) newest_ = {seq, message.at, message.seq};
  if (!message.is_last()) newest_.last = message.older;
  last_message_ = seq;
  last_message_us_ = now_us;
  knows_newest_ = true;
}

void Checkpoints::on_none(std::int64_t now_us) {
  if (none_since_us_ < 0) none_since_us_ = now_us;
  knows_newest_ = knows_newest_ || now_us >= none_since_us_ + kNoCheckpointForUs;
}

bool Checkpoints::is_due(const Fold& fold, std::int64_t now_us) const {
  if (!knows_newest_ || now_us < began_us_ + pace_.again_us) return false;
  if (last_message_ > newest_.last && now_us >= last_message_us_ + pace_.again_us) return true;
  if (fold.stream_seq() <= newest_.last && newest_.at + 1 >= first_seq_) return false;  // nothing has come since
  // Where the log lets go of messages the newest must not be among them, or near to them.
  const bool of_use = newest_.at + 1 >= first_seq_ + (last_seq_ + 1 - std::min(last_seq_ + 1, first_seq_)) / 2;
  if (first_seq_ > 1 && !of_use) return true;
  return fold.last_seq() > newest_.seq && (fold.last_seq() >= events_from_.value_or(fold.last_seq()) + pace_.events ||
                                           bytes_ >= pace_.bytes || now_us >= since_us_ + pace_.every_us);
}

std::string Checkpoints::tick(const Fold& fold, bool makes, std::int64_t now_us) {
  if (!events_from_) {
    events_from_ = fold.last_seq();
    since_us_ = now_us;
  }
  if (!outgoing_.empty() && now_us >= began_us_ + kPatienceUs) {
    ++given_up_;
    end();
  }
  if (outgoing_.empty()) {
    if (!makes || !is_due(fold, now_us)) return {};
    began_us_ = now_us;
    sent_us_ = INT64_MIN / 2;
    making_ = CheckpointMessage();
    making_.node = node_;
    making_.is_mark = true;
    making_.mark = digest_of(node_ + ' ' + std::to_string(now_us) + ' ' + std::to_string(++marks_));
    making_.older = newest_.last;
    outgoing_ = write_checkpoint_message(making_);
  }
  if (now_us < sent_us_ + kSendAgainUs) return {};
  sent_us_ = now_us;
  return outgoing_;
}

}  // namespace bridge
