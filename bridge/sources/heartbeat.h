// What a bridge of a cluster tells the others once a second: how far it is, and which sources it has (PROTOCOL section 12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sources/source_table.h"

namespace bridge {

inline constexpr std::size_t kHeartbeatBytesMax = 256 * 1024;
inline constexpr std::size_t kHeartbeatSourcesMax = 1024;  // with each of their runs

struct HeartbeatHead {
  std::string node;
  std::int64_t wall_us = 0;
  bool stopping = false;
  bool able = false;             // it has part in the cluster, and hears from it
  std::uint64_t stream_seq = 0;  // the message of the shared log up to which it has folded,
  std::uint64_t hash = 0;        // what that came to,
  std::uint64_t seq = 0;         // and its newest event
};

struct Heartbeat {
  HeartbeatHead head;
  SourceTable::Sources sources;  // their runs as they were then, by the steady clock of who reads
  std::size_t runs = 0;
};

// Those that are connected, and then those heard of last, have room first; all that one knows of a source has it only where
// it is left over. `left_out`: how many runs have none.
std::string write_heartbeat(const HeartbeatHead& head, const SourceTable& sources, std::int64_t steady_us, std::size_t* left_out);

// From outside: a failure names what is wrong, and where.
Result<Heartbeat> read_heartbeat(std::string_view text, std::string_view node, std::int64_t steady_us);

}  // namespace bridge
