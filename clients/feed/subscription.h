#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "feed/json.h"

namespace feed {

// A place in the bridge's log: after event `seq` of `epoch`.
struct Position {
  std::string epoch;
  std::uint64_t seq = 0;

  bool operator==(const Position& other) const { return epoch == other.epoch && seq == other.seq; }
};

// The last `count` events.
struct SinceLast {
  std::uint64_t count = 0;
};

// The events of the last `seconds`.
struct SinceSeconds {
  double seconds = 0;
};

// After event `seq` of whatever epoch the bridge has when the client comes: its welcome names it.
struct SinceSeq {
  std::uint64_t seq = 0;
};

// From where on events are wanted; monostate: from now on.
using Since = std::variant<std::monostate, Position, SinceLast, SinceSeconds, SinceSeq>;

// Which events a client wants. See section 4 of the protocol.
struct Subscription {
  // Types, "*" and prefixes ("order_*"). Nothing: all; an empty list: none.
  std::optional<std::vector<std::string>> types;
  std::string filter;  // a JSON object, or empty
  Since since;
  bool batch = false;     // several events a message, as a JSON array
  bool snapshot = false;  // the latest event of each thing first
  // Of each thing only the newest, at most so often; 0: every event.
  double latest_hz = 0;
  std::string on_lag;  // "gap", "latest", "close"; empty: as the bridge does by itself
};

// A subscription as the members of a request, in the order of the protocol's table.
void add_members(const Subscription& subscription, const std::string& since, json::Object& request);

// The value of a request's `since`; empty for monostate. A SinceSeq is of `epoch`.
std::string since_json(const Since& since, const std::string& epoch);

}  // namespace feed
