#include "cluster/proposer.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr std::size_t kInFlightMax = 4;
constexpr std::int64_t kBetweenSendsUs = 1'000;   // of proposals that are not full
constexpr std::int64_t kUnackedUs = 500'000;      // then all that is under way is sent again
constexpr std::int64_t kUnfoldedUs = 1'000'000;   // the same behind an acknowledgement
constexpr std::int64_t kNoLeaderUs = 100'000;     // and doubling
constexpr std::int64_t kNoLeaderMaxUs = 1'000'000;
constexpr int kDoublingsMax = 3;

}  // namespace

void Proposer::add(const Envelope& event, std::int64_t wall_us) {
  make_room(event);
  open_.add(event);
  close_if_full(wall_us);
}

void Proposer::add_lost(std::string_view source, std::string_view run, std::uint64_t from, std::uint64_t to,
                        const Envelope& event, std::int64_t wall_us) {
  open_.add_lost(source, run, from, to, event);
  close_if_full(wall_us);
}

void Proposer::add_begin(std::string_view source, std::string_view run, std::uint64_t first, std::int64_t wall_us) {
  open_.add_begin(source, run, first);
  close_if_full(wall_us);
}

void Proposer::add_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line, std::int64_t wall_us) {
  if (line != nullptr) make_room(*line);
  open_.add_row(kind, key, number, line);
  close_if_full(wall_us);
}

// What is large stands alone: servers carry no more than the largest event and a proposal's overhead.
void Proposer::make_room(const Envelope& event) {
  if (!open_.empty() && open_.bytes() + event.data.size() > kProposalBytesFull) close();
}

void Proposer::close_if_full(std::int64_t wall_us) {
  stamp_us_ = std::max<std::int64_t>(wall_us, 0);
  if (open_.full()) close();
}

void Proposer::close() {
  const std::uint64_t no = ++last_no_;
  closed_.push_back({no, open_.take({node_, started_, no, at_, hash_, stamp_us_})});
  closed_bytes_ += closed_.back().bytes.size();
}

bool Proposer::resend_due(std::int64_t now_us) const {
  if (in_flight_ == 0) return false;
  if (no_leader_) return now_us >= hold_until_us_;
  const Closed& first = closed_.front();
  if (first.refused) return true;  // what was before it is folded by now
  const std::int64_t due_us = first.acked_us >= 0 ? first.acked_us + kUnfoldedUs : first.sent_us + kUnackedUs;
  return now_us >= due_us + kUnackedUs * ((1 << std::min(resends_in_a_row_, kDoublingsMax)) - 1);
}

std::vector<Proposer::Outgoing> Proposer::tick(const Fold& fold, std::int64_t now_us) {
  std::vector<Outgoing> out;
  if (started_ == 0 || replaced_) return out;
  at_ = fold.stream_seq();
  hash_ = fold.hash();
  const auto send = [&](Closed& block) {
    block.sent_us = sent_us_ = now_us;
    block.acked_us = -1;
    block.refused = false;
    out.push_back({block.no, block.bytes});
  };
  if (resend_due(now_us)) {
    no_leader_ = false;
    ++resends_in_a_row_;
    resent_ += in_flight_;
    for (std::size_t i = 0; i < in_flight_; ++i) send(closed_[i]);
  }
  if (now_us < hold_until_us_) return out;
  if (closed_.empty() && !open_.empty() && now_us >= sent_us_ + kBetweenSendsUs) close();
  while (in_flight_ < std::min(closed_.size(), kInFlightMax)) send(closed_[in_flight_++]);
  return out;
}

void Proposer::on_ack(std::uint64_t no, std::int64_t now_us) {
  for (std::size_t i = 0; i < in_flight_; ++i) {
    if (closed_[i].no == no) closed_[i].acked_us = now_us;
  }
}

void Proposer::on_no_leader(std::int64_t now_us) {
  if (in_flight_ == 0 || now_us < hold_until_us_) return;
  backoff_us_ = std::clamp(backoff_us_ * 2, kNoLeaderUs, kNoLeaderMaxUs);
  hold_until_us_ = now_us + backoff_us_;
  no_leader_ = true;
}

std::vector<Folded::Refused> Proposer::on_folded(const Fold& fold, const Folded& folded) {
  std::vector<Folded::Refused> again;
  if (started_ == 0) return again;
  const Fold::Chain chain = fold.chain_of(node_);
  replaced_ = replaced_ || chain.started > started_;
  const ProposalHeader& header = fold.proposal().header;
  if (header.started != started_ || replaced_) return again;
  if (folded.verdict == FoldVerdict::out_of_order) {
    for (std::size_t i = 0; i < in_flight_; ++i) {
      if (closed_[i].no == header.no) closed_[i].refused = true;
    }
    return again;
  }
  for (const Folded::Refused& refused : folded.refused) {
    std::uint64_t& taken_back_at = taken_back_[{refused.source, refused.run}];
    if (taken_back_at >= header.no) continue;  // went out before it was
    // What comes again must not stand in one proposal with what was there before.
    if (!open_.empty()) close();
    taken_back_at = last_no_;
    again.push_back(refused);
  }
  while (!closed_.empty() && closed_.front().no <= chain.no) {
    closed_bytes_ -= closed_.front().bytes.size();
    closed_.pop_front();
    in_flight_ -= in_flight_ != 0 ? 1 : 0;
    backoff_us_ = 0;
    resends_in_a_row_ = 0;
    hold_until_us_ = INT64_MIN;
    no_leader_ = false;
  }
  for (auto it = taken_back_.begin(); it != taken_back_.end();) {
    it = it->second <= chain.no ? taken_back_.erase(it) : std::next(it);
  }
  return again;
}

}  // namespace bridge
