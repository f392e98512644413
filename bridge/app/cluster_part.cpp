#include "app/cluster_part.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "app/cluster_options.h"
#include "base/log.h"
#include "cluster/join_search.h"
#include "event/messages.h"

namespace bridge {
namespace {

// Part of the fold's rules: what is larger is no proposal, on any node.
constexpr std::size_t kClusterPayloadMax = 64 << 20;
constexpr std::size_t kProposedBytesMax = 128 << 20;  // beside what sources wait with
constexpr std::size_t kRunsRemembered = 4096;
constexpr std::size_t kMarkBytesMax = kCheckpointBytesMax;
constexpr std::int64_t kMarkEveryUs = 1'000'000;
constexpr char kLetGo[] = "let go of by the shared log of the cluster";
constexpr std::int64_t kSayUs = 5'000'000;
constexpr std::size_t kSaidMax = 1024;
constexpr auto kPause = std::chrono::milliseconds(1);

// Whoever asks what the epoch is, before there is a log.
struct EpochSeeker final : ClusterSink {
  void on_epoch(const FoldEpoch&) override {}
  void on_event(const EventLine&, std::uint64_t, std::int64_t) override {}
  void on_taken_back(const std::string&, const std::string&, std::uint64_t) override {}
};

std::string epoch_of(const Fold& fold) { return fold.epochs().empty() ? std::string() : fold.epochs().back().name; }

Envelope own_line(std::string_view type, std::string_view data) {
  Envelope line;
  line.type = type;
  line.source = kOwnSource;
  line.data = data;
  return line;
}

}  // namespace

ClusterPart::ClusterPart(const Config& config, const Clock& clock, std::function<void(std::function<void()>)> post,
                         std::function<void()> on_news)
    : options_(jetstream_options(config)),
      mark_path_(config.journal.path + "-cluster"),
      join_timeout_us_(config.cluster.join_timeout_s * 1'000'000),
      checkpoint_us_(config.cluster.checkpoint_s * 1'000'000),
      fresh_(config.cluster.join == "fresh"),
      ahead_of_disk_max_(static_cast<std::uint64_t>(config.history.events_max) / 2),
      clock_(clock),
      post_(std::move(post)),
      on_news_(std::move(on_news)) {}

ClusterNode ClusterPart::node() const {
  ClusterNode node;
  node.name = options_.node;
  node.payload_bytes_max = kClusterPayloadMax;
  node.checkpoints.every_us = checkpoint_us_;
  node.checkpoints.again_us = std::min(node.checkpoints.again_us, checkpoint_us_);
  return node;
}

// The fold to go on from: this bridge's own, a checkpoint's, or none ("").
Result<std::string> ClusterPart::search(std::uint64_t journal_seq) {
  JoinSearch search({read_mark(), journal_seq, fresh_}, *stream_, Fold(kClusterPayloadMax));
  const std::int64_t until_us = clock_.steady_us() + join_timeout_us_;
  while (!search.done()) {
    const std::int64_t now_us = clock_.steady_us();
    if (now_us > until_us) return Failure{"the shared log " + options_.name + " does not answer"};
    stream_->poll(search, now_us);
    search.tick(now_us);
    std::this_thread::sleep_for(kPause);
  }
  if (search.behind()) return Failure{cluster_trouble_text(ClusterTrouble::behind)};
  if (search.from_checkpoint() && journal_seq != UINT64_MAX) {
    log_info("cluster_checkpoint", "cluster: node {} begins at a checkpoint of the shared log", options_.node);
  }
  return search.saved();
}

Result<std::string> ClusterPart::open() {
  auto opened = JetStream::open(options_, join_timeout_us_, [this] { post_(on_news_); });
  if (!opened) return opened.error();
  stream_ = std::move(opened.value());
  for (const std::string& warning : stream_->warnings()) log_warn("cluster_stream", "cluster: {}", warning);
  const auto found = search(UINT64_MAX);
  if (!found) return found.error();
  EpochSeeker seeker;
  ClusterLog seek(node(), *stream_, seeker, found.value());
  const std::int64_t until_us = clock_.steady_us() + join_timeout_us_;
  bool began = false;
  while (epoch_of(seek.fold()).empty()) {
    const std::int64_t now_us = clock_.steady_us();
    stream_->poll(seek, now_us);
    seek.tick(now_us, clock_.wall_us());
    if (seek.trouble() != ClusterTrouble::none) return Failure{cluster_trouble_text(seek.trouble())};
    if (now_us > until_us) return Failure{"the shared log " + options_.name + " does not answer"};
    if (seek.ready() && !std::exchange(began, true)) {
      Envelope event;
      event.type = "system_status";
      event.source = kOwnSource;
      event.data = R"({"status":"cluster_began","message":"the first event of a cluster"})";
      seek.proposer().add(event, clock_.wall_us());
    }
    std::this_thread::sleep_for(kPause);
  }
  return epoch_of(seek.fold());
}

Result<bool> ClusterPart::begin(LogStart* start, Journal& journal) {
  auto found = search(start->last_seq);
  if (!found) return found.error();
  begins_ = std::move(found.value());
  Fold fold(kClusterPayloadMax);
  if (!fold.restore(begins_) || fold.last_seq() <= start->last_seq) return true;
  std::uint64_t filled = 0;
  std::uint64_t at = start->last_seq;
  if (!fresh_) {
    fill_ = std::make_unique<JournalFill>(options_.node, *stream_, clock_);
    const auto taken = fill_->run(start->last_seq, fold.last_seq(), [&](const std::vector<BlockPtr>& blocks) {
      at = blocks.back()->last_seq();
      return journal.fill(blocks, kLetGo);
    });
    if (!taken) return taken.error();
    filled = taken.value();
  }
  if (at < fold.last_seq()) {
    const auto skipped = journal.skip_to(fold.last_seq(), kLetGo);
    if (!skipped) return skipped;
  }
  log_warn("cluster_left_out", "cluster: the shared log goes on behind event {} only; of the {} before that which the journal lacked {} came from other bridges' journals",
           fold.last_seq(), fold.last_seq() - start->last_seq, filled);
  start->last_seq = fold.last_seq();
  start->last_stamp_us = fold.last_stamp_us();
  return true;
}

void ClusterPart::attach(const ClusterSides& sides) {
  sides_ = std::make_unique<ClusterSides>(sides);
  sides.commands.set_ahead(&ahead_);
}

Result<bool> ClusterPart::join(EventLog& log, std::function<std::uint64_t()> committed_seq,
                               const std::function<void()>& meanwhile) {
  log_ = &log;
  committed_seq_ = std::move(committed_seq);
  log.propose_to([this](const Envelope& event, std::int64_t wall_us) { propose(event, wall_us); });
  part_ = std::make_unique<ClusterLog>(node(), *stream_, *this, std::exchange(begins_, std::string()));
  std::map<std::string, TypeCounts::Count, std::less<>> types;
  for (const auto& [type, count] : part_->fold().types()) types[type] = {count.events, count.last_us};
  const FoldTypeCount& others = part_->fold().other_types();
  sides_->types.go_on_from(std::move(types), {others.events, others.last_us});
  peers_ = std::make_unique<ClusterPeers>(options_.name, options_.node, *stream_, *part_, *this, clock_, *sides_, [this] { return problem(); });
  std::uint64_t read = part_->fold().stream_seq();
  std::uint64_t kept = committed_seq_();
  std::int64_t moved_us = clock_.steady_us();
  while (!part_->ready()) {
    meanwhile();
    const std::int64_t now_us = clock_.steady_us();
    if (log.last_seq() <= committed_seq_() + ahead_of_disk_max_) stream_->poll(*part_, now_us);
    tick();
    if (!problem().empty() && part_->trouble() != ClusterTrouble::none) return Failure{problem()};
    const bool reads = std::exchange(read, part_->fold().stream_seq()) != read;
    if (std::exchange(kept, committed_seq_()) != kept || reads) moved_us = now_us;
    if (now_us > moved_us + join_timeout_us_) {
      return Failure{"nothing came of the shared log " + options_.name + " for cluster.join_timeout_s; " +
                     std::to_string(part_->behind()) + " messages are to be read yet"};
    }
    std::this_thread::sleep_for(kPause);
  }
  if (part_->fold().last_seq() < log.last_seq()) {
    return Failure{"the journal goes to event " + std::to_string(log.last_seq()) + ", the shared log " + options_.name + " only to " +
                   std::to_string(part_->fold().last_seq()) + ": it was cut or made anew; name another journal.path"};
  }
  log_info("cluster_joined", "cluster {}: node {} has read {} messages, up to event {}", options_.name, options_.node,
               part_->fold().stream_seq(), part_->fold().last_seq());
  return peers_->start();
}

bool ClusterPart::poll() {
  if (!part_) return false;
  const std::uint64_t before = log_->last_seq();
  stream_->poll(*part_, clock_.steady_us());
  tick();
  ahead_.tick(log_->last_seq(), clock_.steady_us());
  return log_->last_seq() != before;
}

void ClusterPart::tick() {
  part_->tick(clock_.steady_us(), clock_.wall_us(), peers_->tells());
  peers_->tick();
  give_up_waiting();
  keep_mark();
}

void ClusterPart::flush(std::int64_t patience_us) {
  if (peers_) peers_->stop();
  const std::int64_t until_us = clock_.steady_us() + patience_us;
  while (part_ && !part_->proposer().idle() && problem().empty() && clock_.steady_us() < until_us) {
    (void)poll();
    std::this_thread::sleep_for(kPause);
  }
}

// What the stream said last, such as that it has no leader, is taken back by what it says of the next message: with none on
// its way more has to come in, or nothing ever would; but only where the leader is heard, and not on the lesser side of a cut.
bool ClusterPart::congested() const {
  if (!part_) return false;
  const bool lasts = part_->trouble() != ClusterTrouble::none || !taken_back_.empty();
  const bool led = part_->end_heard_us() > clock_.steady_us() - kLeaderHeardUs;
  return part_->congested() || lasts || (!problem().empty() && !(led && part_->proposer().idle()));
}

std::string ClusterPart::problem() const {
  if (part_ && part_->trouble() != ClusterTrouble::none) return cluster_trouble_text(part_->trouble());
  if (!taken_back_.empty()) return taken_back_;
  return stream_ ? stream_->problem() : std::string();
}

bool ClusterPart::find(const std::string& source, const std::string& run, Found found) {
  if (!part_) return false;
  post_([found = std::move(found), last = part_->fold().position_of(source, run)] { found(last); });
  return true;
}

void ClusterPart::on_epoch(const FoldEpoch& epoch) { log_info("cluster_epoch", "cluster: epoch {}", epoch.name); }

void ClusterPart::on_event(const EventLine& line, std::uint64_t seq, std::int64_t stamp_us) {
  // What the journal has already is what it would be made of again.
  if (seq > log_->last_seq()) log_->accept(line, seq, stamp_us);
  sides_->types.observe(line.type, stamp_us);
  if (line.source == kOwnSource && line.type == "system_status") peers_->on_status(line.data);
}

void ClusterPart::on_taken_back(const std::string& source, const std::string& run, std::uint64_t last) {
  taken_back_ = "the cluster takes no event of " + source + " (run " + run + ") behind " + std::to_string(last) +
                " from this process; start it again";
  log_error("cluster_taken_back", "cluster: {}", taken_back_);
}

// Of a run that the cluster has never heard of and that does not begin at 1: what is before cannot be had.
void ClusterPart::begin_if_unknown(std::string_view source, std::string_view run, std::uint64_t first, std::int64_t wall_us) {
  if (begun_.size() >= kRunsRemembered) begun_.clear();
  const bool fresh = begun_.emplace(std::make_pair(std::string(source), std::string(run)), true).second;
  if (fresh && first != 1 && !part_->fold().position_of(source, run)) {
    part_->proposer().add_begin(source, run, first, wall_us);
  }
}

bool ClusterPart::may_propose() const { return part_ && part_->ready() && part_->proposer().bytes() <= kProposedBytesMax; }

void ClusterPart::propose(const Envelope& event, std::int64_t wall_us) {
  if (!may_propose()) {
    if (dropped_++ == 0) log_error("cluster_dropped", "cluster: events are dropped: {}", problem().empty() ? "too many wait" : problem());
    return;
  }
  const auto lost = event.source == kOwnSource && event.type == "system_status" ? read_source_lost(event.data) : std::nullopt;
  if (lost && !lost->run.empty()) {
    begin_if_unknown(lost->source, lost->run, lost->from_source_seq, wall_us);
    part_->proposer().add_lost(lost->source, lost->run, lost->from_source_seq, lost->to_source_seq, event, wall_us);
  } else {
    if (event.tracked()) begin_if_unknown(event.source, event.run, event.source_seq, wall_us);
    part_->proposer().add(event, wall_us);
  }
  tick_soon();
}

void ClusterPart::tick_soon() {
  if (std::exchange(tick_posted_, true)) return;
  post_([this] {
    tick_posted_ = false;
    tick();
  });
}

bool ClusterPart::propose_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line, Done done) {
  if (!may_propose()) return false;
  part_->proposer().add_row(kind, key, number, line, clock_.wall_us());
  row_waits_.push_back(std::move(done));
  tick_soon();
  return true;
}

void ClusterPart::on_row(const Folded::Row& row) {
  if (row_waits_.empty()) return;
  const Done done = std::move(row_waits_.front());
  row_waits_.pop_front();
  done(row);
}

bool ClusterPart::keep(std::string_view key, std::uint64_t number, std::string_view value, Done done) {
  const Envelope line = own_line("row", value);
  return propose_row(Segment::Kind::keep, key, number, &line, std::move(done));
}

bool ClusterPart::say(std::string_view key, std::string_view json, std::function<void(bool taken)> done) {
  if (said_.size() >= kSaidMax) return false;
  const Envelope line = own_line("word", json);
  const auto said = std::make_shared<Said>(Said{std::move(done), clock_.steady_us() + kSayUs});
  const bool proposed = propose_row(Segment::Kind::word, key, 0, &line, [said](const Folded::Row&) {
    if (said->done) std::exchange(said->done, nullptr)(true);
  });
  if (proposed) said_.push_back(said);
  return proposed;
}

void ClusterPart::give_up_waiting() {
  const std::int64_t now_us = clock_.steady_us();
  while (!said_.empty() && (!said_.front()->done || now_us >= said_.front()->until_us)) {
    const auto said = std::move(said_.front());
    said_.pop_front();
    if (said->done) std::exchange(said->done, nullptr)(false);
  }
}

bool ClusterPart::drop(std::string_view key, std::uint64_t version, Done done) {
  return propose_row(Segment::Kind::drop, key, version, nullptr, std::move(done));
}

bool ClusterPart::claim(std::string_view key, std::uint64_t version, Done done) {
  return propose_row(Segment::Kind::claim, key, version, nullptr, std::move(done));
}

bool ClusterPart::take(std::string_view key, std::uint64_t version, std::string_view event_data, Done done) {
  const Envelope line = own_line("system_status", event_data);
  return propose_row(Segment::Kind::take, key, version, &line, std::move(done));
}

std::string ClusterPart::read_mark() const {
  std::ifstream file(mark_path_, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() <= kMarkBytesMax ? text : std::string();
}

// The next start goes on from it. It is never ahead of the journal, so that nothing is missing there; what it is behind is
// read again, and is there.
void ClusterPart::keep_mark() {
  if (log_ == nullptr || part_->trouble() != ClusterTrouble::none) return;
  const std::int64_t now_us = clock_.steady_us();
  if (mark_.empty()) {
    if (now_us < marked_us_ + kMarkEveryUs) return;
    marked_us_ = now_us;
    const std::uint64_t at = part_->fold().stream_seq();
    if (part_->fold().last_seq() < log_->last_seq() || std::exchange(marked_at_, at) == at) return;
    mark_ = part_->fold().save();
    mark_seq_ = part_->fold().last_seq();
  }
  if (committed_seq_() < mark_seq_) return;
  const std::string fresh = mark_path_ + ".new";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << mark_;
    if (!file.flush()) {
      mark_.clear();
      return;
    }
  }
  (void)std::rename(fresh.c_str(), mark_path_.c_str());
  mark_.clear();
}

}  // namespace bridge
