#include "cluster/fold.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace bridge {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

// Eight bytes at a time. It tells histories apart that differ by accident; nobody's ill will is kept out by it.
std::uint64_t mix(std::uint64_t hash, std::string_view bytes) {
  hash = mix(hash, bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    for (std::size_t i = size; size < sizeof word && i > 0; --i) {
      word = word << 8 | static_cast<unsigned char>(bytes[i - 1]);
    }
    if (size == sizeof word) std::memcpy(&word, bytes.data(), sizeof word);
    hash = mix(hash, word);
    bytes.remove_prefix(size);
  }
  return hash;
}

std::string first_epoch_name(const ProposalHeader& header) {
  return std::string(header.node) + '-' + std::to_string(header.started);
}

// The one that was used longest ago; of several the first by name.
template <class Map>
typename Map::iterator oldest(Map& map) {
  return std::min_element(map.begin(), map.end(),
                          [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
}

}  // namespace

std::uint64_t digest_of(std::string_view text) { return mix(0, text); }

const Folded& Fold::apply(std::uint64_t stream_seq, std::string_view payload) {
  assert(stream_seq > stream_seq_);
  folded_ = Folded();
  const ProposalProblem problem = reader_.read(payload, payload_bytes_max_);
  if (problem == ProposalProblem::unknown_format) {
    folded_.verdict = FoldVerdict::unknown_format;
    return folded_;
  }
  stream_seq_ = stream_seq;
  if (problem == ProposalProblem::none) {
    const ProposalHeader& header = reader_.proposal().header;
    folded_.diverged = !agrees(header.at, header.hash).value_or(true);
    judge(reader_.proposal().header);
  }
  hash_ = mix(mix(mix(hash_, stream_seq), payload), last_seq_);
  if (trail_.empty()) trail_.resize(kTrail);
  trail_[stream_seq % kTrail] = {stream_seq, hash_};
  return folded_;
}

std::optional<bool> Fold::agrees(std::uint64_t stream_seq, std::uint64_t hash) const {
  if (trail_.empty() || stream_seq == 0) return std::nullopt;
  const auto& [seq, had] = trail_[stream_seq % kTrail];
  return seq == stream_seq ? std::optional<bool>(had == hash) : std::nullopt;
}

void Fold::judge(const ProposalHeader& header) {
  const auto known = nodes_.find(header.node);
  Chain chain = known == nodes_.end() ? Chain() : known->second;
  if (header.started < chain.started) {
    folded_.verdict = FoldVerdict::replaced;
    return;
  }
  if (header.started > chain.started) chain = {header.started, 0, 0};
  if (header.no <= chain.no) {
    folded_.verdict = FoldVerdict::duplicate;
    return;
  }
  if (header.no > chain.no + 1) {
    folded_.verdict = FoldVerdict::out_of_order;
    return;
  }
  folded_.verdict = FoldVerdict::accepted;
  chain.no = header.no;
  chain.used = stream_seq_;
  if (known != nodes_.end()) {
    known->second = chain;
  } else {
    if (nodes_.size() == limits_.nodes) nodes_.erase(oldest(nodes_));
    nodes_.emplace(header.node, chain);
  }
  folded_.stamp_us = last_stamp_us_ = std::max(last_stamp_us_, header.stamp_us);
  for (const Segment& segment : reader_.proposal().segments) fold_segment(segment, header);
}

void Fold::fold_segment(const Segment& segment, const ProposalHeader& header) {
  switch (segment.kind) {
    case Segment::Kind::uncounted:
      accept(segment.line, segment.lines(), header);
      return;
    case Segment::Kind::format:
      return;  // one that this fold knows
    case Segment::Kind::epoch:
      if (segment.first > last_seq_ && (epochs_.empty() || segment.first > epochs_.back().first_seq)) {
        begin_epoch(std::string(segment.source), segment.first);
      }
      return;
    case Segment::Kind::keep:
    case Segment::Kind::drop:
    case Segment::Kind::take:
    case Segment::Kind::claim:
    case Segment::Kind::word:
      return fold_row(segment, header);
    default:
      break;
  }
  Run* const run = find_run(segment);
  const std::uint64_t last = run == nullptr ? 0 : run->last;
  if (segment.kind == Segment::Kind::begin) {
    if (run == nullptr) use(segment, add_run(segment), segment.first - 1);
    return;
  }
  if (segment.first > last + 1) {
    refuse(segment, last);
    return;
  }
  if (segment.kind == Segment::Kind::lost) {
    if (segment.first != last + 1) return;  // somebody had it after all
    use(segment, run == nullptr ? add_run(segment) : *run, segment.last());
    accept(segment.line, 1, header);
    return;
  }
  const std::uint64_t known = std::min(last + 1 - segment.first, segment.count);
  folded_.trimmed += known;
  if (known == segment.count) return;
  use(segment, run == nullptr ? add_run(segment) : *run, segment.last());
  accept(segment.line + static_cast<std::size_t>(known), static_cast<std::size_t>(segment.count - known), header);
}

void Fold::fold_row(const Segment& segment, const ProposalHeader& header) {
  Folded::Row made;
  if (segment.kind == Segment::Kind::keep) {
    const auto version = rows_.keep(segment.source, segment.first, header.node, reader_.proposal().lines[segment.line].data, last_seq_);
    made = {version.has_value(), version.value_or(0)};
  } else if (segment.kind == Segment::Kind::drop) {
    made.done = rows_.drop(segment.source, segment.first);
  } else if (segment.kind == Segment::Kind::word) {
    made.done = true;
    folded_.words.push_back({std::string(segment.source), segment.line});
  } else if (segment.kind == Segment::Kind::claim) {
    made.done = rows_.claim(segment.source, segment.first, header.node);
  } else {
    made.done = rows_.take(segment.source, segment.first, header.node);
    if (made.done) accept(segment.line, 1, header);
  }
  folded_.rows.push_back(made);
}

void Fold::refuse(const Segment& segment, std::uint64_t last) {
  folded_.refused.push_back({std::string(segment.source), std::string(segment.run), last});
}

void Fold::accept(std::size_t line, std::size_t lines, const ProposalHeader& header) {
  if (epochs_.empty()) begin_epoch(first_epoch_name(header), 1);
  folded_.ranges.push_back({line, lines, last_seq_ + 1});
  folded_.events += lines;
  last_seq_ += lines;
  count_types(line, lines);
}

// Those of one block are of few types, and often of the one before.
void Fold::count_types(std::size_t line, std::size_t lines) {
  FoldTypeCount* count = nullptr;
  std::string_view type;
  for (std::size_t i = line; i < line + lines; ++i) {
    const std::string_view wanted = reader_.proposal().lines[i].type;
    if (count == nullptr || wanted != type) {
      auto known = types_.find(wanted);
      if (known == types_.end() && types_.size() < limits_.types) known = types_.emplace(wanted, FoldTypeCount()).first;
      count = known == types_.end() ? &other_types_ : &known->second;
      type = wanted;
    }
    ++count->events;
    count->last_us = last_stamp_us_;
  }
}

void Fold::begin_epoch(std::string name, std::uint64_t first_seq) {
  if (epochs_.size() == limits_.epochs) epochs_.erase(epochs_.begin());
  epochs_.push_back({std::move(name), first_seq});
  last_seq_ = first_seq - 1;
  folded_.epochs.push_back(epochs_.back());
}

Fold::Run* Fold::find_run(const Segment& segment) {
  const auto source = sources_.find(segment.source);
  if (source == sources_.end()) return nullptr;
  const auto run = source->second.runs.find(segment.run);
  return run == source->second.runs.end() ? nullptr : &run->second;
}

Fold::Run& Fold::add_run(const Segment& segment) {
  auto source = sources_.find(segment.source);
  if (source == sources_.end()) {
    if (sources_.size() == limits_.sources) sources_.erase(oldest(sources_));
    source = sources_.emplace(segment.source, Source()).first;
  }
  auto& runs = source->second.runs;
  if (runs.size() == limits_.runs_per_source) runs.erase(oldest(runs));
  return runs[std::string(segment.run)];
}

void Fold::use(const Segment& segment, Run& run, std::uint64_t last) {
  run.last = last;
  run.used = stream_seq_;
  sources_.find(segment.source)->second.used = stream_seq_;
}

Fold::Chain Fold::chain_of(std::string_view node) const {
  const auto known = nodes_.find(node);
  return known == nodes_.end() ? Chain() : known->second;
}

std::vector<SourcePosition> Fold::positions() const {
  std::vector<std::pair<std::uint64_t, SourcePosition>> used;
  for (const auto& [name, source] : sources_) {
    for (const auto& [run_name, run] : source.runs) used.push_back({run.used, {name, run_name, run.last}});
  }
  std::stable_sort(used.begin(), used.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<SourcePosition> positions;
  for (auto& [at, position] : used) positions.push_back(std::move(position));
  return positions;
}

std::optional<std::uint64_t> Fold::position_of(std::string_view source, std::string_view run) const {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return std::nullopt;
  const auto known = found->second.runs.find(run);
  if (known == found->second.runs.end()) return std::nullopt;
  return known->second.last;
}

}  // namespace bridge
