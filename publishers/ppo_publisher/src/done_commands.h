// The answers to commands that were done and came with an idempotency key, so that one that comes
// again, over whichever bridge, gets that and is not done again.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "command_queue.h"

namespace ppo {

// Thread-safe. The oldest go: beyond kDoneMax, kDoneBytesMax or kDoneFor.
class DoneCommands {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kDoneMax = 256;
  static constexpr std::size_t kDoneBytesMax = 4 * 1024 * 1024;
  static constexpr std::chrono::seconds kDoneFor{600};

  // The answer where it has been done; bad_request where the key was another command's.
  std::optional<std::string> find(const WaitingCommand& waiting, Clock::time_point now);
  // `reply`: result_reply()'s; an error is none, as then it was not done.
  void add(const WaitingCommand& waiting, std::string reply, Clock::time_point now);

 private:
  struct Done {
    Command command;
    std::string key;
    std::string reply;
    Clock::time_point at;
    std::size_t bytes() const { return command.params.size() + key.size() + reply.size(); }
  };
  const Done* known(const std::string& key) const;
  void forget(std::size_t room, Clock::time_point now);

  std::mutex mutex_;      // guards all below
  std::list<Done> done_;  // oldest first
  std::size_t bytes_ = 0;
};

}  // namespace ppo
