#include "net/memory_watch.h"

#include "base/log.h"

#include <malloc.h>
#include <time.h>

#include <algorithm>

namespace bridge {
namespace {

constexpr std::size_t kGrownBytes = 8 << 20;
constexpr std::size_t kFreeBytesMax = 64 << 20;  // that the allocator keeps
constexpr std::size_t kFreeBytesQuietMax = 4 << 20;  // once there is little to do ...
constexpr int kQuietShare = 20;                      // ... not more than one part in so many of the time
constexpr std::uint64_t kHeldMin = 256 * 1024;  // who has less in libzmq is not to blame
constexpr auto kLookInterval = std::chrono::seconds(1);
constexpr auto kFreedAfter = std::chrono::milliseconds(40);  // libzmq does so on a thread of its own
constexpr auto kCutAllInterval = std::chrono::seconds(10);

std::chrono::nanoseconds processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

void MemoryWatch::check() {
  const Clock::time_point now = Clock::now();
  const std::size_t resident = resident_bytes();
  // What is freed and taken again does not make the process grow: while something is wrong, look each time.
  const bool calm = !taken_.counting() && resident < resident_ + kGrownBytes && now - looked_at_ < kLookInterval;
  if (looking_ || calm) return;
  looking_ = true;
  const std::chrono::nanoseconds used = processor_time();
  const bool quiet = (used - used_) * kQuietShare < now - looked_at_;
  // What a burst took stays with the allocator until then. Once is enough: what it cannot give back it could not a
  // second later.
  free_bytes_max_ = quiet && !quiet_ ? kFreeBytesQuietMax : kFreeBytesMax;
  quiet_ = quiet;
  used_ = used;
  looked_at_ = now;
  resident_ = resident;
  count_();
  accounted_ = ledger_.accounted();
  upkeep_.run(allocated_bytes, [this](std::size_t allocated) { on_look(allocated); });
}

// What was given back or taken while that was looked at is nobody's fault.
void MemoryWatch::on_look(std::size_t allocated) {
  looking_ = false;
  count_();
  const std::size_t accounted = std::max(accounted_, ledger_.accounted());
  const std::size_t besides = allocated > accounted ? allocated - accounted : 0;
  if (!usual_) usual_ = besides;
  unaccounted_.set(besides > *usual_ ? besides - *usual_ : 0);
  const MemoryShare& share = ledger_[Queue::zeromq];
  const Clock::time_point now = Clock::now();
  if (share.bytes() <= share.bytes_max() / 4) {
    if (taken_.counting()) taken_.set_counting(false);
  } else if (!taken_.counting()) {
    suspect();
  } else if (!share.has_room_for(0) && now - acted_at_ >= kFreedAfter) {
    acted_at_ = now;
    upkeep_.find(endpoints_(), [this](const std::vector<ZmqPeer>& peers) { act(peers); });
  }
  if (resident_ > allocated + free_bytes_max_ && now - trimmed_at_ >= kLookInterval) {
    trimmed_at_ = now;
    upkeep_.run([] { return ::malloc_trim(0); }, [](int) {});
  }
}

// From now on it is known what libzmq holds of each. (Counting begins first: who sends meanwhile is not suspected for it.)
void MemoryWatch::suspect() {
  taken_.set_counting(true);
  seen_.clear();
  cut_all_after_ = std::max(cut_all_after_, looked_at_ + kLookInterval);
  upkeep_.find(endpoints_(), [this](const std::vector<ZmqPeer>& peers) {
    for (const ZmqPeer& peer : peers) seen_[peer.descriptor] = {peer.port, peer.received};
  });
}

std::vector<MemoryWatch::Suspect> MemoryWatch::suspects(const std::vector<ZmqPeer>& peers) const {
  std::vector<Suspect> all;
  const auto by_descriptor = taken_.by_descriptor();
  for (const ZmqPeer& peer : peers) {
    const auto taken = by_descriptor.find(peer.descriptor);
    const auto seen = seen_.find(peer.descriptor);
    const bool known = seen != seen_.end() && seen->second.port == peer.port;
    const bool idle = taken == by_descriptor.end();
    const std::uint64_t gone = (known ? seen->second.received : 0) + (idle ? 0 : taken->second);
    all.push_back({peer, peer.received > gone ? peer.received - gone : 0, idle});
  }
  return all;
}

void MemoryWatch::act(const std::vector<ZmqPeer>& peers) {
  if (!taken_.counting()) return;
  const std::vector<Suspect> all = suspects(peers);
  std::uint64_t most = 0;
  for (const Suspect& one : all) most = std::max(most, one.held);
  // Where nobody has much that is new, it is somebody who has sent it before and waits since, or came over
  // ipc, whose bytes nobody counts.
  const bool all_idle = most < kHeldMin;
  if (all_idle && acted_at_ < cut_all_after_) return;
  cut_all_after_ = acted_at_ + (all_idle ? kCutAllInterval : kLookInterval);  // it may take libzmq so long
  std::vector<ZmqPeer> to_blame;
  for (const Suspect& one : all) {
    const bool spared = all_idle ? !one.idle && one.peer.port != 0 : one.held < std::max(most / 2, kHeldMin);
    if (!spared) to_blame.push_back(one.peer);
  }
  MemoryShare& share = ledger_[Queue::zeromq];
  const auto on_cut = [this, &share](int descriptor) {
    taken_.forget(descriptor);
    seen_.erase(descriptor);
    on_cut_(descriptor);
    share.refuse();
  };
  upkeep_.cut(std::move(to_blame), on_cut, [&share, all_idle](std::size_t cut) {
    log_warn("zmq_peers_cut_off", "{} bytes of memory are in no queue: disconnected {} ZeroMQ peers {}; sources repair, bots resume",
             share.bytes(), cut, all_idle ? "that may have sent them" : "that sent most of them");
  });
}

}  // namespace bridge
