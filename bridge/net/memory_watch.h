// Watches the memory that no queue accounts for: parts of unfinished messages, what libzmq reads ahead.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/memory_ledger.h"
#include "net/zmq_peers.h"
#include "net/zmq_upkeep.h"

namespace bridge {

// libzmq bounds neither the parts of a message that never ends nor what many peers send at once. Where the
// allocator has given out more than all queues together hold, by more than the share of `zeromq`, those peers
// are disconnected of whom libzmq holds most: what it has read of them and nobody took. That frees it. Honest
// ones connect again and repair. One thread: the loop's.
class MemoryWatch {
 public:
  // `count` brings the ledger up to date. `endpoints`: of all ZeroMQ sockets, as they are bound. `taken`: what
  // those sockets count. `on_cut` is called with the descriptor of each who was disconnected.
  MemoryWatch(ZmqUpkeep& upkeep, MemoryLedger& ledger, std::function<void()> count,
              std::function<std::vector<std::string>()> endpoints, TakenBytes& taken,
              std::function<void(int)> on_cut)
      : upkeep_(upkeep),
        ledger_(ledger),
        count_(std::move(count)),
        endpoints_(std::move(endpoints)),
        taken_(taken),
        on_cut_(std::move(on_cut)),
        unaccounted_(ledger[Queue::zeromq]) {}

  // Call every 20 ms or so: it has a closer look taken once a second, and where the process has grown. That, finding the
  // peers and giving memory back to the system take milliseconds: they are done on the thread of `upkeep`.
  void check();

 private:
  using Clock = std::chrono::steady_clock;
  struct Seen {
    int port = 0;
    std::uint64_t received = 0;
  };
  struct Suspect {
    ZmqPeer peer;
    std::uint64_t held = 0;  // since suspicion began; of ipc not known
    bool idle = false;       // nothing was taken of it since
  };
  void on_look(std::size_t allocated);
  void suspect();
  std::vector<Suspect> suspects(const std::vector<ZmqPeer>& peers) const;
  void act(const std::vector<ZmqPeer>& peers);

  ZmqUpkeep& upkeep_;
  MemoryLedger& ledger_;
  const std::function<void()> count_;
  const std::function<std::vector<std::string>()> endpoints_;
  TakenBytes& taken_;
  const std::function<void(int)> on_cut_;
  MemoryHold unaccounted_;
  std::optional<std::size_t> usual_;     // allocated besides the queues, where nobody is to blame
  std::size_t resident_ = 0;             // when it was looked at last
  std::unordered_map<int, Seen> seen_;   // by descriptor, when suspicion began
  std::size_t accounted_ = 0;             // then
  bool looking_ = false;                 // on the other thread
  Clock::time_point looked_at_{};
  Clock::time_point acted_at_{};
  Clock::time_point cut_all_after_{};  // not before are all cut who might be to blame
  Clock::time_point trimmed_at_{};
  std::chrono::nanoseconds used_{};   // of the processor, when it was looked at last
  bool quiet_ = false;                // it had little to do since the look before
  std::size_t free_bytes_max_ = 0;    // that the allocator may keep now
};

}  // namespace bridge
