// What the bridges' logs held, and whether each source came out of them as promised.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bridge.h"
#include "feed/message.h"
#include "source.h"
#include "world.h"

namespace sim {

struct LogEntry {
  std::string type;
  std::string source;
  std::string run;
  std::uint64_t source_seq = 0;
};

// Follows the log of each bridge as it grows. DESIGN's invariant 2 is checked here: a source's events
// come in order, each once, or their loss is named.
class Truth {
 public:
  Truth(World& world, const std::vector<std::unique_ptr<SimSource>>& sources)
      : world_(world), sources_(sources) {}

  // Takes what has come since the last call.
  void follow(SimBridge& bridge);

  // All is quiet: every event published since the last restart of its source has come out of this
  // bridge, or its loss was named. `lossless`: none was lost.
  void check_complete(const SimBridge& bridge, bool lossless) const;

  const std::vector<LogEntry>& log(const std::string& epoch) const;

  // Whether this start of this source there was. To others nothing is promised.
  bool honest(const std::string& source, const std::string& run) const;

 private:
  struct Progress {
    std::uint64_t expected = 0;  // 0 = not met yet
    std::uint64_t lost = 0;
  };
  using Run = std::pair<std::string, std::string>;  // source, run
  struct Epoch {
    std::vector<LogEntry> entries;  // by seq, from 1
    std::map<Run, Progress> progress;
    std::string gap;  // of the last gap message, which the event behind it must repeat
  };

  void check_stamp(const SimBridge& bridge) const;
  void take(Epoch& epoch, const std::string& payload);
  bool introduced(const std::string& source, const std::string& run) const;

  World& world_;
  const std::vector<std::unique_ptr<SimSource>>& sources_;
  std::map<std::string, Epoch> epochs_;
};

}  // namespace sim
