// Runs: a name, a config and an end, as events.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <ppo_publisher/value.h>

#include "outbox.h"

namespace ppo {

// Those of one publisher: at most one at a time for all of it, and one for each agent. Thread-safe.
// What is published leaves in order, under the lock. All may throw std::bad_alloc.
class Runs {
 public:
  // `outbox` must outlive it; `run` is what names that were left out end in.
  Runs(Outbox& outbox, std::string run) : outbox_(outbox), run_(std::move(run)) {}

  // See Publisher.
  bool start(std::string_view name, const Object& config, const std::vector<std::string>& tags,
             std::string_view agent_id);
  bool update_config(const Object& config, std::string_view agent_id);
  bool end(std::string_view state, std::string_view error, std::string_view agent_id);
  std::string name() const;

 private:
  using Config = std::map<std::string, std::string, std::less<>>;  // as it was published
  struct Run {
    std::string name;
    Config config;
  };

  // REQUIRES for these: mutex_ is held.
  bool change(const Object& config, const std::string& agent_id);
  Object changes(const Object& config, Config& known) const;
  bool publish(std::string_view type, Object data, std::string_view agent_id);

  Outbox& outbox_;
  const std::string run_;
  mutable std::mutex mutex_;                      // guards all below
  std::map<std::string, Run, std::less<>> open_;  // by agent; "" for all
  std::string name_;                              // of the newest
};

}  // namespace ppo
