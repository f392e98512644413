// The fold: what bridges make, each for itself, of the log of proposals that they share.
//
// Purpose: the same events with the same numbers on every bridge, each once, whoever proposed them and however
// often. Design: a pure function over the messages of the shared log in their order. It drops what came before,
// refuses what is out of order, and numbers the rest. Guarantee: two folds that were given the same messages
// are equal byte for byte (save()), whatever clocks, threads and restarts were in between.
//
// Everything here is decided by the messages alone: no clock, no address, no order of a hash table. A change of
// any rule is a new format (proposal.h), or bridges of two versions would tell two stories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cluster/fold_rows.h"
#include "cluster/proposal.h"
#include "event/source_position.h"

namespace bridge {

// Tells texts apart that differ by accident.
std::uint64_t digest_of(std::string_view text);

// Part of the rules: equal on all nodes.
struct FoldLimits {
  std::size_t sources = 1024;
  std::size_t runs_per_source = 4;
  std::size_t nodes = 256;
  std::size_t epochs = 64;
  std::size_t types = kEventTypesMax;
};

// Events of one type, and the stamp of the last.
struct FoldTypeCount {
  std::uint64_t events = 0;
  std::int64_t last_us = 0;
};

enum class FoldVerdict : std::uint8_t {
  accepted,        // in its turn; some of it may have been trimmed or refused
  duplicate,       // came before
  out_of_order,    // its node sends again from the one that is next
  replaced,        // by a process that a later one of the same name took the place of
  malformed,       // no proposal
  unknown_format,  // not folded: the node must stop. The fold is as before
};

// A numbering that begins, or goes on elsewhere.
struct FoldEpoch {
  std::string name;
  std::uint64_t first_seq = 0;
};

// What the last message came to.
struct Folded {
  // Lines of the proposal that became events, in order, with consecutive numbers.
  struct Range {
    std::size_t line = 0;
    std::size_t lines = 0;
    std::uint64_t first_seq = 0;
  };
  // A segment that does not follow on what is there: its node sends again from `last` + 1.
  struct Refused {
    std::string source;
    std::string run;
    std::uint64_t last = 0;
  };
  // What became of a segment that is about a row. `version`: of a row that was kept.
  struct Row {
    bool done = false;
    std::uint64_t version = 0;
  };
  FoldVerdict verdict = FoldVerdict::malformed;
  std::int64_t stamp_us = 0;  // of all its events
  std::vector<Range> ranges;
  std::vector<Refused> refused;
  std::uint64_t events = 0;   // accepted
  std::uint64_t trimmed = 0;  // events that somebody had proposed before
  std::vector<FoldEpoch> epochs;  // that began with it
  std::vector<Row> rows;  // one for each segment of that kind, and for each word
  struct Word {
    std::string key;
    std::size_t line = 0;
  };
  std::vector<Word> words;
  bool diverged = false;  // its writer had made something else of the messages up to `at`
};

// One thread.
class Fold {
 public:
  struct Chain {
    std::uint64_t started = 0;
    std::uint64_t no = 0;    // of the last proposal that was folded
    std::uint64_t used = 0;  // stream sequence
  };

  explicit Fold(std::size_t payload_bytes_max, FoldLimits limits = {})
      : payload_bytes_max_(payload_bytes_max), limits_(limits) {}

  // Folds the next message. The result, and proposal(), are good until the next call.
  // REQUIRES: stream_seq > stream_seq(). Between the two nothing was ever in the log.
  const Folded& apply(std::uint64_t stream_seq, std::string_view payload);
  const Proposal& proposal() const { return reader_.proposal(); }

  std::uint64_t stream_seq() const { return stream_seq_; }
  // Whether it had come to `hash` at that message; nothing where it was not there, or too long ago.
  std::optional<bool> agrees(std::uint64_t stream_seq, std::uint64_t hash) const;
  std::uint64_t hash() const { return hash_; }
  std::uint64_t last_seq() const { return last_seq_; }
  std::int64_t last_stamp_us() const { return last_stamp_us_; }
  const std::vector<FoldEpoch>& epochs() const { return epochs_; }
  const FoldRows& rows() const { return rows_; }
  // Of the node's newest process; zeros where it was never heard of.
  Chain chain_of(std::string_view node) const;
  // The newest event of the run that is in the log; nothing where it was never heard of, or forgotten.
  std::optional<std::uint64_t> position_of(std::string_view source, std::string_view run) const;

  // All runs that it knows, the one heard of last at the end.
  std::vector<SourcePosition> positions() const;

  // Of all events since the first, or since the first fold of a program that counts them.
  using Types = std::map<std::string, FoldTypeCount, std::less<>>;
  const Types& types() const { return types_; }
  // Of those that had no room.
  const FoldTypeCount& other_types() const { return other_types_; }

  // All that the next message is judged by, as text, and the counts of types; less than 2 MB, and what the rows take.
  std::string save() const;
  // Of what save() has but for the counts, which may have begun at other places.
  std::uint64_t state_digest() const;
  // False where `text` is not save()'s; the fold is then as before.
  [[nodiscard]] bool restore(std::string_view text);

 private:
  std::string save_state() const;

  struct Run {
    std::uint64_t last = 0;
    std::uint64_t used = 0;
  };
  struct Source {
    std::map<std::string, Run, std::less<>> runs;
    std::uint64_t used = 0;
  };

  void judge(const ProposalHeader& header);
  void fold_segment(const Segment& segment, const ProposalHeader& header);
  void fold_row(const Segment& segment, const ProposalHeader& header);
  void refuse(const Segment& segment, std::uint64_t last);
  void accept(std::size_t line, std::size_t lines, const ProposalHeader& header);
  void count_types(std::size_t line, std::size_t lines);
  void begin_epoch(std::string name, std::uint64_t first_seq);
  Run* find_run(const Segment& segment);
  Run& add_run(const Segment& segment);
  void use(const Segment& segment, Run& run, std::uint64_t last);

  static constexpr std::size_t kTrail = 16'384;

  std::size_t payload_bytes_max_;
  FoldLimits limits_;
  ProposalReader reader_;
  Folded folded_;

  std::uint64_t stream_seq_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t last_seq_ = 0;
  std::int64_t last_stamp_us_ = 0;
  std::map<std::string, Chain, std::less<>> nodes_;
  std::map<std::string, Source, std::less<>> sources_;
  std::vector<FoldEpoch> epochs_;
  FoldRows rows_;
  Types types_;
  FoldTypeCount other_types_;

  // What hash() was at each of the last messages. No part of the state: a fold that was restored cannot tell
  // yet, and decides nothing by it.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> trail_;
};

}  // namespace bridge
