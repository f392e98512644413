// Whole multipart messages of a ZeroMQ socket, bounded.
#pragma once

#include <vector>

#include <zmq.hpp>

#include "net/zmq_peers.h"

namespace bridge {

inline constexpr std::size_t kFramesKeptMax = 8;

// Takes the next message without waiting; false where there is none. Of a message with more frames
// than kFramesKeptMax the first ones are kept and one more, so that its size tells. `taken`: of a ROUTER, what
// counts the frames behind the first one, which libzmq has written itself.
inline bool receive_frames(zmq::socket_t& socket, std::vector<zmq::message_t>& frames,
                           TakenBytes* taken = nullptr) {
  frames.clear();
  try {
    for (;;) {
      zmq::message_t frame;
      if (!socket.recv(frame, zmq::recv_flags::dontwait)) return false;
      const bool more = frame.more();
      if (taken != nullptr && !frames.empty()) taken->count(frame);
      if (frames.size() <= kFramesKeptMax) frames.push_back(std::move(frame));
      if (!more) return true;
    }
  } catch (const zmq::error_t&) {
    return false;  // the context is going down
  }
}

}  // namespace bridge
