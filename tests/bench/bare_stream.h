// The floor of mode cluster: a loop that does nothing but publish blocks to a stream of NATS, and read them at another server.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "histogram.h"
#include "options.h"

namespace bench {

// Which of `urls` leads the stream. Throws std::runtime_error where none does within ten seconds, or this build has no libnats.
std::size_t leader_of(const std::vector<std::string>& urls, const std::string& stream);

// The blocks are as bridges put them into their log, and so are the stream and the rules by which they leave: what is
// due leaves in one block where none is under way and the last one left a millisecond ago, and full ones up to four at a time.
class BareStream {
 public:
  virtual ~BareStream() = default;

  // Makes the stream "bare", and connects to its leader and to another one. Throws std::runtime_error.
  static std::unique_ptr<BareStream> open(const std::vector<std::string>& urls, const Options& options);

  // Events a second that were read, in full blocks, over options.seconds.
  virtual double events_per_s() = 0;
  // From the moment an event was due to its being read, at options.latency_events_per_s.
  virtual std::unique_ptr<Histogram> latency() = 0;
};

}  // namespace bench
