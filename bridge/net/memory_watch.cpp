#include "net/memory_watch.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "net/zmq_peers.h"

namespace bridge {
namespace {

constexpr std::size_t kGrownBytes = 8 << 20;
constexpr std::uint64_t kSentMin = 1 << 20;  // who sent less is not to blame
constexpr auto kLookInterval = std::chrono::seconds(1);
constexpr auto kFreedAfter = std::chrono::milliseconds(40);  // libzmq does so on a thread of its own

}  // namespace

void MemoryWatch::check() {
  const Clock::time_point now = Clock::now();
  const std::size_t resident = resident_bytes();
  // What is freed and taken again does not make the process grow: while something is wrong, look each time.
  const bool calm = received_.empty() && acted_at_ == Clock::time_point{};
  if (calm && resident < resident_ + kGrownBytes && now - looked_at_ < kLookInterval) return;
  const bool first = looked_at_ == Clock::time_point{};
  looked_at_ = now;
  resident_ = resident;
  count_();
  const std::size_t allocated = allocated_bytes();
  const std::size_t accounted = ledger_.accounted();
  const std::size_t besides = allocated > accounted ? allocated - accounted : 0;
  if (first) usual_ = besides;
  unaccounted_.set(besides > usual_ ? besides - usual_ : 0);
  const MemoryShare& share = ledger_[Queue::zeromq];
  if (!share.has_room_for(0)) {
    if (now - acted_at_ >= kFreedAfter) act();
  } else if (share.bytes() > share.bytes_max() / 4) {
    if (!received_.empty()) return;
    for (const std::string& endpoint : endpoints_()) {
      for (const ZmqPeer& peer : peers_of(endpoint)) received_[peer.descriptor] = peer.received;
    }
  } else {
    received_.clear();
    if (std::exchange(acted_at_, {}) != Clock::time_point{}) ::malloc_trim(0);
  }
}

void MemoryWatch::act() {
  struct Sender {
    int descriptor;
    std::uint64_t sent;
    std::uint64_t total;
    std::string endpoint;
  };
  std::vector<Sender> senders;
  std::uint64_t most = kSentMin;
  for (const std::string& endpoint : endpoints_()) {
    for (const ZmqPeer& peer : peers_of(endpoint)) {
      // What came over ipc is not told: it is suspected as the most.
      const bool ipc = peer.received == 0 && endpoint.compare(0, 6, "ipc://") == 0;
      const std::uint64_t before = std::min(received_[peer.descriptor], peer.received);
      senders.push_back({peer.descriptor, ipc ? UINT64_MAX : peer.received - before, peer.received,
                         endpoint});
      if (!ipc) most = std::max(most, senders.back().sent);
    }
  }
  acted_at_ = Clock::now();
  received_.clear();
  MemoryShare& share = ledger_[Queue::zeromq];
  std::size_t cut = 0;
  for (const Sender& sender : senders) {
    if (sender.sent < most / 2 || sender.sent < kSentMin ||
        !cut_peer(sender.descriptor, sender.endpoint)) {
      received_[sender.descriptor] = sender.total;
      continue;
    }
    on_cut_(sender.descriptor);
    ++cut;
    share.refuse();
    spdlog::warn("{} bytes of memory are in no queue: disconnected who sent most over {}; sources repair, "
                 "bots resume", share.bytes(), sender.endpoint);
  }
  if (cut != 0) return;
  spdlog::warn("{} bytes of memory are in no queue, and no ZeroMQ peer sent them", share.bytes());
  usual_ += share.bytes();
}

}  // namespace bridge
