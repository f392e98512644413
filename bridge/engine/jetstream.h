// A shared log on NATS JetStream. This folder is the only place that knows of NATS.
//
// A message is published to <name>.log.<node> without any condition. The stream <name> keeps it and publishes it again
// to <name>.out.<node>, from where all bridges read live: a consumer would die with its server. What is missed is had by
// Direct Get, from whichever replica answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/shared_log.h"

namespace bridge {

struct JetStreamOptions {
  std::string name;  // of the stream
  std::string node;
  std::vector<std::string> servers;
  std::string credentials;  // a file; "" = none
  std::string tls_ca;       // likewise; "" = no TLS
  std::int64_t replicas = 3;
  std::int64_t bytes_max = 0;
  std::int64_t age_max_s = 0;
  std::size_t event_bytes_max = 0;  // what the servers must be able to carry
};

// Whether this build has it; else open() fails.
bool jetstream_is_built();

// One thread, but for `wake` (see open()).
class JetStream : public SharedLog {
 public:
  // Connects, and makes the stream where there is none; waits for servers and their leader until `timeout_us` is over.
  // `wake` is called from threads of its own where there is something to poll() for, and not again before that.
  static Result<std::unique_ptr<JetStream>> open(const JetStreamOptions& options, std::int64_t timeout_us,
                                                 std::function<void()> wake);

  // Tells `listener` what has come since the last time.
  virtual void poll(SharedLogListener& listener, std::int64_t now_us) = 0;
  // Why nothing goes on at the moment; "" where it does.
  virtual std::string problem() const = 0;
  // What of the stream is not as it should be.
  virtual const std::vector<std::string>& warnings() const = 0;
};

}  // namespace bridge
