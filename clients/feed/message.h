#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "feed/subscription.h"

namespace feed {

// The top-level fields of a message of the bridge that decide what becomes of it. Absent ones are
// empty.
struct Envelope {
  std::string type;
  std::string status;  // replies only
  std::string action;  // replies only
  std::string id;      // as a string: what was asked with
  std::string source;
  std::string run;
  std::optional<std::uint64_t> seq;
  std::optional<std::uint64_t> source_seq;

  bool replay = false;  // of a replay that was asked for, not of the stream

  bool is_reply() const { return !status.empty() || !action.empty(); }
  bool is_gap() const { return type == "gap" && !seq && !is_reply(); }
};

// Nothing where `text` is not one JSON object.
std::optional<Envelope> read_envelope(std::string_view text);

// Events that this client was owed and does not get. Either from_seq..to_seq of the log, or, where
// `source` is not empty, from_source_seq..to_source_seq of that source's run.
struct Gap {
  std::string reason;
  std::optional<std::uint64_t> from_seq;
  std::optional<std::uint64_t> to_seq;
  std::string source;
  std::string run;
  std::optional<std::uint64_t> from_source_seq;
  std::optional<std::uint64_t> to_source_seq;
};

// REQUIRES: read_envelope(text) gave a gap
Gap read_gap(std::string_view text);

// The bridge's answer to a request, or why there is none.
struct Reply {
  enum class Outcome {
    kAnswered,      // `text` is the bridge's reply
    kTimeout,       // none within the deadline
    kDisconnected,  // the connection was lost, or never there; the request may have been carried
                    // out
  };
  Outcome outcome = Outcome::kAnswered;
  std::string text;
  bool ok = false;         // answered, and not with an error
  std::string error_type;  // of the answer, or "timeout", "disconnected"
  std::string error;       // a sentence
};

// REQUIRES: json::valid(text)
Reply read_reply(std::string text);

// The answer to a command.
struct Answer {
  enum class Kind {
    kDone,
    kRefused,  // with an error: not carried out
    kUnknown,  // none came, or the trainer's did not reach the bridge in time, or at all
  };
  Kind kind = Kind::kUnknown;
  std::string result;      // kDone: JSON text
  std::string source;      // kDone: who carried it out; may be empty
  std::string error_type;  // else
  std::string error;       // a sentence
};

// A connection came, went, or cannot be had at all.
struct Notice {
  std::string reason;                  // kDisconnected, kFailed
  std::string error_type;              // kFailed: what the bridge said; empty where it said nothing
  std::string epoch;                   // kConnected: the bridge's numbering
  std::uint64_t seq = 0;               // kConnected: its newest event
  std::optional<bool> recovered;       // kConnected: where `since` was asked: nothing is missing
  std::optional<Position> resumed_at;  // what is asked for as `since`, where that is known
  bool first = false;          // kConnected: the first of this client; kDisconnected: none before
  bool epoch_changed = false;  // kConnected: another numbering than before
};

// What a client hands to its user, in the order of the wire.
struct Message {
  enum class Kind { kEvent, kGap, kReply, kConnected, kDisconnected, kFailed };

  Kind kind = Kind::kEvent;
  std::string text;   // kEvent, kGap, kReply: as it came, byte for byte
  Envelope envelope;  // of `text`
  Gap gap;            // kGap
  Notice notice;      // kConnected, kDisconnected, kFailed
};

}  // namespace feed
