// The connections behind a bound ZeroMQ socket, which libzmq keeps to itself, and frames whose memory is
// counted until libzmq is through with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
};

// What came out of libzmq of each peer, by descriptor, while somebody wants to know. One thread: the loop's.
struct TakenBytes {
  bool counting = false;
  std::unordered_map<int, std::uint64_t> by_descriptor;

  // Call for each frame that came over a connection.
  void count(zmq::message_t& frame);
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
