// A shared log on NATS JetStream. This folder is the only place that knows of NATS.
//
// A message is published to <name>.log.<node> without any condition. The stream <name> keeps it and publishes it again
// to <name>.out.<node>, from where all bridges read live: a consumer would die with its server. What is missed the stream's leader
// is asked for, and no other replica: one that led and was cut off keeps, with nats-server 2.9, what it never got through in place of
// what the others have (Direct Get would be answered by it). Checkpoints are messages of it with a subject of their own, <name>.log.@checkpoint, by
// which the newest is found. Beside the stream bridges talk to each other by plain subjects, <name>.node.<node>
// and <name>.cmd.<node>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/node_link.h"
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
class JetStream : public SharedLog, public NodeLink {
 public:
  // Connects, and makes the stream where there is none; waits for servers and their leader until `timeout_us` is over.
  // `wake` is called from threads of its own where there is something to poll() for, and not again before that.
  static Result<std::unique_ptr<JetStream>> open(const JetStreamOptions& options, std::int64_t timeout_us,
                                                 std::function<void()> wake);

  // Tells `listener` what has come since the last time.
  virtual void poll(SharedLogListener& listener, std::int64_t now_us) = 0;
  // From now on poll() tells `listener`, and none before it, what other nodes say, and they can ask this one. It outlives this, or
  // the next one.
  virtual Result<bool> listen(NodeLinkListener& listener) = 0;
  // The server that leads the stream, as heard of last; "" where it is not known, or alone.
  virtual const std::string& leader() const = 0;
  // What other nodes said and there was no room for.
  virtual std::uint64_t words_dropped() const = 0;
  // Why nothing goes on at the moment; "" where it does.
  virtual std::string problem() const = 0;
  // What of the stream is not as it should be.
  virtual const std::vector<std::string>& warnings() const = 0;
};

}  // namespace bridge
