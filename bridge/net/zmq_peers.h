// The connections behind a bound ZeroMQ socket, which libzmq keeps to itself, and frames whose memory is
// counted until libzmq is through with them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <zmq.hpp>

#include "base/memory_ledger.h"

namespace bridge {

struct ZmqPeer {
  int descriptor = -1;
  std::string endpoint;
  int port = 0;                // of the peer: who uses a descriptor again has another; of ipc 0
  int unsent = 0;              // bytes in the kernel that the peer has not taken
  std::uint64_t received = 0;  // bytes that libzmq has read from it, since it connected; of ipc 0
  std::uint64_t sent = 0;      // likewise, with what libzmq has yet to read
  std::chrono::milliseconds silent{};  // since the kernel got the last of them
};

// What came out of libzmq of each peer, by descriptor, while somebody wants to know. Any thread.
class TakenBytes {
 public:
  // Call for each frame that came over a connection.
  void count(zmq::message_t& frame) {
    if (counting_) add(frame);
  }
  bool counting() const { return counting_; }
  // Begins with nothing, or stops.
  void set_counting(bool counting);
  void forget(int descriptor);
  std::unordered_map<int, std::uint64_t> by_descriptor() const;

 private:
  void add(zmq::message_t& frame);

  std::atomic<bool> counting_{false};
  mutable std::mutex mutex_;
  std::unordered_map<int, std::uint64_t> by_descriptor_;  // guarded
};

// Whoever is connected to one of these endpoints of ours, as bind_socket() named them. Looks at all descriptors
// of the process: not for every message.
std::vector<ZmqPeer> peers_of(const std::vector<std::string>& endpoints);

// The descriptor on which a message came; -1 where libzmq does not tell.
int descriptor_of(zmq::message_t& message);

// Ends a peer's connection, as if the peer had: libzmq lets its queues go. It may connect again. False
// where the descriptor is none of that endpoint's (any more).
bool cut_peer(int descriptor, const std::string& endpoint);

// A frame that counts as `share`'s, and as `also`'s if that is not null, until it has left. The shares must
// outlive the ZeroMQ context.
zmq::message_t counted_frame(std::string_view bytes, MemoryShare& share,
                             std::shared_ptr<MemoryShare> also = nullptr);

}  // namespace bridge
