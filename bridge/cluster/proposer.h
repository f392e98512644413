// What this bridge proposes to the log that it shares: when a proposal is closed, sent and sent again.
//
// A proposal leaves at once where none is under way; else events gather until those before it are folded, so a lone
// event is not delayed and thousands a second make few messages. Progress is what the own fold shows and nothing
// else: an acknowledgement says that the message is in the log, not that it counts. A number is used for one
// sequence of bytes only, which are kept until they are folded: a first copy may be on its way yet, and whichever
// comes first is the one that counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/fold.h"
#include "cluster/proposal.h"

namespace bridge {

// Pure logic: no thread, no clock. One thread.
class Proposer {
 public:
  struct Outgoing {
    std::uint64_t no = 0;
    std::string_view bytes;  // good until something is folded
  };

  // `events_max`: of a proposal. REQUIRES: 1..kProposalEventsMax.
  explicit Proposer(std::string node, std::size_t events_max = kProposalEventsMax)
      : node_(std::move(node)), open_(events_max) {}

  // From now on proposals may go out. `started` is greater than that of any process before of this name.
  void start(std::uint64_t started) { started_ = started; }
  bool started() const { return started_ != 0; }

  // In the order in which they are to be in the log. REQUIRES: started(). What a run's events come up to is the caller's to see to:
  // they begin behind Fold::position_of(), and again behind each of rewinds().
  void add(const Envelope& event, std::int64_t wall_us);
  void add_lost(std::string_view source, std::string_view run, std::uint64_t from, std::uint64_t to,
                const Envelope& event, std::int64_t wall_us);
  void add_begin(std::string_view source, std::string_view run, std::uint64_t first, std::int64_t wall_us);
  // See ProposalWriter::add_row().
  void add_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line, std::int64_t wall_us);

  // What is to be sent now, in this order.
  std::vector<Outgoing> tick(const Fold& fold, std::int64_t now_us);

  void on_ack(std::uint64_t no, std::int64_t now_us);
  void on_no_leader(std::int64_t now_us);
  // Each message of this node, once `fold` has folded it. Gives what of it was refused and is to be proposed again, from
  // behind `last`.
  std::vector<Folded::Refused> on_folded(const Fold& fold, const Folded& folded);

  // That process of this node made it which this one is.
  bool made(const ProposalHeader& header) const { return header.started == started_ && header.node == node_; }
  // A later process of this name is in the log: nothing that this one proposes counts any more.
  bool replaced() const { return replaced_; }
  // What is not folded yet.
  std::size_t bytes() const { return closed_bytes_ + open_.bytes(); }
  bool idle() const { return closed_.empty() && open_.empty(); }
  std::uint64_t resent() const { return resent_; }

 private:
  struct Closed {
    std::uint64_t no = 0;
    std::string bytes;
    std::int64_t sent_us = 0;
    std::int64_t acked_us = -1;
    bool refused = false;  // a copy of it came out of order
  };

  void make_room(const Envelope& event);
  void close_if_full(std::int64_t wall_us);
  void close();
  bool resend_due(std::int64_t now_us) const;

  const std::string node_;
  std::uint64_t started_ = 0;
  ProposalWriter open_;
  std::int64_t stamp_us_ = 0;  // of the newest event in it
  std::uint64_t last_no_ = 0;
  std::deque<Closed> closed_;  // not folded yet; the first in_flight_ of them were sent
  std::size_t in_flight_ = 0;
  std::size_t closed_bytes_ = 0;
  std::uint64_t at_ = 0;  // as of the last tick
  std::uint64_t hash_ = 0;
  std::int64_t sent_us_ = INT64_MIN / 2;
  std::int64_t hold_until_us_ = INT64_MIN;  // nobody is there to take it
  std::int64_t backoff_us_ = 0;
  int resends_in_a_row_ = 0;
  std::uint64_t resent_ = 0;
  bool no_leader_ = false;
  bool replaced_ = false;
  // Runs that were taken back, and the last proposal that may hold events of theirs from before that.
  std::map<std::pair<std::string, std::string>, std::uint64_t> taken_back_;
};

}  // namespace bridge
