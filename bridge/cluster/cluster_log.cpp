#include "cluster/cluster_log.h"

#include <algorithm>
#include <utility>

namespace bridge {
namespace {

constexpr std::int64_t kAskEndUs = 500'000;
constexpr std::int64_t kWentBackUs = 15'000'000;  // one that leads nobody any more says so for up to ten seconds
constexpr std::int64_t kWordUs = 5'000'000;
constexpr std::size_t kOpenBytesMax = 64 << 20;
constexpr std::size_t kAheadBytesFull = 32 << 20;

}  // namespace

const char* cluster_trouble_text(ClusterTrouble trouble) {
  switch (trouble) {
    case ClusterTrouble::none:
      return "none";
    case ClusterTrouble::replaced:
      return "a later process with this node's name is in the cluster's log; this one has no part in it any more";
    case ClusterTrouble::unknown_format:
      return "the cluster's log holds what only a later version of the bridge understands; upgrade this node";
    case ClusterTrouble::went_back:
      return "the cluster's log ends before what this node has read of it: it was cut or made anew";
    case ClusterTrouble::diverged:
      return "this node's log is another than that of the other nodes: one of them read another history";
    case ClusterTrouble::behind:
      return "the cluster's log has let go of what this node has yet to read, and holds no checkpoint behind that; give it a copy "
             "of the journal of one that works (ppo-client backup), and of the file -cluster beside it";
  }
  return "";
}

ClusterLog::ClusterLog(ClusterNode node, SharedLog& shared, ClusterSink& sink, std::string_view saved)
    : node_(std::move(node)),
      shared_(shared),
      sink_(sink),
      fold_(node_.payload_bytes_max, node_.limits),
      restored_(fold_.restore(saved)),
      cursor_(fold_.stream_seq() + 1),
      proposer_(node_.name, node_.proposal_events_max),
      checkpoints_(node_.name, node_.checkpoints) {}

bool ClusterLog::congested() const {
  return proposer_.bytes() > kOpenBytesMax || cursor_.ahead_bytes() > kAheadBytesFull;
}

void ClusterLog::tick(std::int64_t now_us, std::int64_t wall_us, bool makes_checkpoints) {
  if (trouble_ != ClusterTrouble::none) return;
  if (now_us >= end_asked_us_ + kAskEndUs) {
    end_asked_us_ = now_us;
    shared_.ask_end(fold_.stream_seq());
  }
  const StreamCursor::Wishes wishes = cursor_.tick(now_us);
  for (const std::uint64_t seq : wishes.fetch) shared_.fetch(seq);
  if (wishes.catch_up_from != 0) shared_.catch_up(wishes.catch_up_from);
  if (!proposer_.started() && end_known_ && fold_.stream_seq() >= end_at_start_) {
    const std::uint64_t before = fold_.chain_of(node_.name).started;
    proposer_.start(std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(wall_us, 1)), before + 1));
  }
  for (const Proposer::Outgoing& message : proposer_.tick(fold_, now_us)) {
    shared_.publish(message.no, message.bytes);
  }
  if (!ready()) return;
  if (checkpoints_.asks(now_us)) shared_.find_checkpoint();
  const std::string checkpoint = checkpoints_.tick(fold_, makes_checkpoints, now_us);
  if (!checkpoint.empty()) shared_.publish_checkpoint(checkpoint);
}

void ClusterLog::on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  if (trouble_ != ClusterTrouble::none) return;
  cursor_.on_message(seq, bytes, now_us);
  while (trouble_ == ClusterTrouble::none && cursor_.take(&seq, &message_)) fold_one(seq, message_, now_us);
}

void ClusterLog::on_missing(std::uint64_t seq, std::int64_t now_us) { cursor_.on_missing(seq, now_us); }

void ClusterLog::on_end(std::uint64_t folded, std::uint64_t first_seq, std::uint64_t last_seq,
                        std::int64_t now_us) {
  if (trouble_ != ClusterTrouble::none) return;
  end_heard_us_ = now_us;
  if (last_seq < folded) {
    // One that was the leader until just now may say so without being right.
    if (short_since_us_ < 0) short_since_us_ = now_us;
    if (now_us >= short_since_us_ + kWentBackUs) trouble_ = ClusterTrouble::went_back;
    return;
  }
  short_since_us_ = -1;
  if (first_seq > cursor_.next_seq()) {
    trouble_ = ClusterTrouble::behind;
    return;
  }
  if (!std::exchange(end_known_, true)) end_at_start_ = last_seq;
  cursor_.on_reached(last_seq, now_us);
  checkpoints_.on_end(first_seq, last_seq);
}

void ClusterLog::on_ack(std::uint64_t no, std::uint64_t seq, std::int64_t now_us) {
  cursor_.on_reached(seq, now_us);
  proposer_.on_ack(no, now_us);
}

void ClusterLog::fold_one(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  const Folded& folded = fold_.apply(seq, bytes);
  if (folded.verdict == FoldVerdict::unknown_format) {
    trouble_ = ClusterTrouble::unknown_format;
    return;
  }
  const auto checkpoint = checkpoints_.on_folded(seq, bytes, fold_, now_us);
  if (checkpoint) compare(checkpoint->node, checkpoint->differs, now_us);
  if (folded.verdict == FoldVerdict::malformed) return;
  const ProposalHeader& header = fold_.proposal().header;
  compare(header.node, folded.diverged, now_us);
  if (trouble_ != ClusterTrouble::none) return;
  hand_on(folded);
  for (const Folded::Word& word : folded.words) sink_.on_word(word.key, fold_.proposal().lines[word.line].data);
  if (folded.rows.size() > folded.words.size()) sink_.on_rows();
  if (header.node != node_.name) return;
  if (proposer_.made(header)) {
    for (const Folded::Row& row : folded.rows) sink_.on_row(row);
  }
  for (const Folded::Refused& refused : proposer_.on_folded(fold_, folded)) {
    sink_.on_taken_back(refused.source, refused.run, refused.last);
  }
  if (proposer_.replaced()) trouble_ = ClusterTrouble::replaced;
}

void ClusterLog::hand_on(const Folded& folded) {
  auto epoch = folded.epochs.begin();
  for (const Folded::Range& range : folded.ranges) {
    for (; epoch != folded.epochs.end() && epoch->first_seq <= range.first_seq; ++epoch) sink_.on_epoch(*epoch);
    for (std::size_t i = 0; i < range.lines; ++i) {
      sink_.on_event(fold_.proposal().lines[range.line + i], range.first_seq + i, folded.stamp_us);
    }
  }
  for (; epoch != folded.epochs.end(); ++epoch) sink_.on_epoch(*epoch);
}

// One that read another history must not stop all others, and must not go on itself.
void ClusterLog::compare(std::string_view node, bool diverged, std::int64_t now_us) {
  if (node == node_.name) return;
  const auto known = words_.find(node);
  if (known != words_.end()) {
    known->second = {diverged, now_us};
  } else if (words_.size() < node_.limits.nodes) {
    words_.emplace(node, Word{diverged, now_us});
  }
  if (!diverged) return;
  int agree = 1;  // this node
  int disagree = 0;
  for (const auto& [name, word] : words_) {
    if (word.heard_us >= now_us - kWordUs) ++(word.disagrees ? disagree : agree);
  }
  if (disagree >= agree) trouble_ = ClusterTrouble::diverged;
}

}  // namespace bridge
