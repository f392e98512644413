// A proposal: a block of events as a bridge puts it into the log that it shares with others.
//
//   PPO1 {"node":"n1","started":1764180000000000,"no":812,"at":90411,"hash":"9f03...","stamp":1764180001000000,
//         "segments":[["trainer-1","k3f9a2",1043,57],["","",0,3]]}\n       (one line; broken here to be read)
//   for each event: the size of its line and that of `data` in it, 32 bits each, least byte first
//   the events' lines (event/event_line.h)
//
// Segments, in the order of their lines:
//   ["source","run",first,count]       events of one run with consecutive source_seq
//   ["","",0,count]                    events that nobody counts
//   ["!lost","source","run",from,to]   these will not come; one line, the bridge's own event that says so
//   ["!begin","source","run",first]    nobody can be asked for what was before; no line
//   ["!epoch","name",first_seq]        the numbering goes on there; no line
//   ["!format",n]                      from here on rules of that number; no line
//   ["!keep","key",n]                  a row (fold_rows.h); one line, which is no event: its `data` is the value
//   ["!drop","key",version]            the row goes; no line
//   ["!take","key",version]            the proposal's node has the row in hand; one line, the bridge's own event that says so
//   ["!claim","key",version]           the proposal's node has it in hand in place of another; no line
//   ["!word","key",0]                  something for all bridges, in the log's order, that is no event and no row; one line, its `data`
// One that has any of these begins with PPO2: bridges that do not know of them stop there.
// No name has a '!', so no source can be taken for a rule.
//
// There is one spelling: a reader refuses what the writer here would not have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/event_line.h"

namespace bridge {

// What a fold of this program understands.
inline constexpr std::uint64_t kFoldFormat = 2;

inline constexpr std::size_t kNodeNameBytesMax = 32;
inline constexpr std::size_t kProposalBytesFull = 256 * 1024;  // then it is closed
inline constexpr std::size_t kProposalEventsMax = 12'500;
inline constexpr std::size_t kProposalSegmentsMax = 256;
// Beside the lines: the header with its segments, and the index.
inline constexpr std::size_t kProposalOverheadMax = 160 * 1024;

// 1-32 characters of A-Z a-z 0-9 _ -
bool is_node_name(std::string_view s);

struct Segment {
  enum class Kind : std::uint8_t { uncounted, counted, lost, begin, epoch, format, keep, drop, take, claim, word };
  Kind kind = Kind::uncounted;
  std::string_view source;  // epoch: its name; of a row the key
  std::string_view run;
  std::uint64_t first = 0;  // source_seq; epoch: seq; format: its number; keep: the row's; else of a row its version
  std::uint64_t count = 0;  // counted, uncounted, lost
  std::size_t line = 0;     // the first of its lines

  std::uint64_t last() const { return first + count - 1; }
  std::size_t lines() const {
    return kind == Kind::lost || kind == Kind::keep || kind == Kind::take || kind == Kind::word ? 1
           : kind <= Kind::counted ? static_cast<std::size_t>(count)
                                   : 0;
  }
  bool is_row() const { return kind >= Kind::keep; }
};

struct ProposalHeader {
  std::string_view node;
  std::uint64_t started = 0;  // which process of that name: a later one has more
  std::uint64_t no = 0;       // of the proposals of this process, from 1
  std::uint64_t at = 0;       // how far in the shared log its writer had folded,
  std::uint64_t hash = 0;     // and what that had come to
  std::int64_t stamp_us = 0;
};

struct Proposal {
  ProposalHeader header;
  std::vector<Segment> segments;
  std::vector<EventLine> lines;
};

enum class ProposalProblem : std::uint8_t {
  none,
  malformed,       // not of our making: it changes nothing
  unknown_format,  // of a later program: who goes on without it would tell something else than others
};

// Reads proposals, one at a time, and reuses its memory. One thread.
class ProposalReader {
 public:
  // What it read points into `payload`. `payload_bytes_max`: more is malformed.
  ProposalProblem read(std::string_view payload, std::size_t payload_bytes_max);
  const Proposal& proposal() const { return proposal_; }

 private:
  bool read_all(std::string_view payload);
  Proposal proposal_;
};

// Gathers what the next proposal holds. One thread.
class ProposalWriter {
 public:
  explicit ProposalWriter(std::size_t events_max = kProposalEventsMax) : events_max_(events_max) {}

  // A counted event joins the segment that it continues.
  void add(const Envelope& event);
  // `event` is the bridge's own that tells of it. REQUIRES: from <= to.
  void add_lost(std::string_view source, std::string_view run, std::uint64_t from, std::uint64_t to,
                const Envelope& event);
  void add_begin(std::string_view source, std::string_view run, std::uint64_t first);
  void add_epoch(std::string_view name, std::uint64_t first_seq);
  // Of rows; `line` is null where there is none. REQUIRES: is_row_key(key).
  void add_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line);

  bool empty() const { return segments_ == 0; }
  std::size_t bytes() const { return header_.size() + index_.size() + lines_.size(); }
  std::uint64_t events() const { return index_.size() / 8; }
  // It takes no more: one event may go beyond kProposalBytesFull, alone if it is large.
  bool full() const {
    return bytes() >= kProposalBytesFull || events() >= events_max_ || segments_ >= kProposalSegmentsMax;
  }

  // The proposal's bytes; the writer is empty after. REQUIRES: !empty().
  std::string take(const ProposalHeader& header);

 private:
  void close_run();
  void begin_segment();
  void put_line(const Envelope& event);

  const std::size_t events_max_;
  std::string header_;  // the segments so far
  std::string index_;
  std::string lines_;
  std::size_t segments_ = 0;
  bool rows_ = false;
  // The segment that may yet grow.
  bool open_ = false;
  std::string source_, run_;  // empty: uncounted
  std::uint64_t first_ = 0, count_ = 0;
};

}  // namespace bridge
