// A source's connection: what it has sent is read from it and taken in, a part at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/memory_ledger.h"
#include "net/zmtp.h"
#include "sources/intake.h"

namespace bridge {

// What the connections of one thread read into, all of it counted as `share`'s. What is read at once is a wake-up of
// who sends and a word to him, so some buffers are large, and one is kept.
class ReadBuffers {
 public:
  static constexpr std::size_t kBytes = 256 * 1024;
  // That many at a time, as long as parts have no more than half of their room; the others are small.
  static constexpr std::size_t kLargeMax = 16;
  static constexpr std::size_t kSmallBytes = 16 * 1024;

  enum class Kind {
    part,     // as long as what is left
    shared,   // one that any of them may have
    message,  // as long as its one large message
  };
  struct Buffer {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    Kind kind = Kind::part;
  };

  explicit ReadBuffers(MemoryShare& share) : share_(share) {}

  // The next shared one is so large.
  std::size_t shared_bytes() const {
    const bool large = shared_ < kLargeMax && of_parts_ + (shared_ + 1) * kBytes <= parts_bytes_max() / 2;
    return large ? kBytes : kSmallBytes;
  }
  Buffer take_shared();
  bool has_room_for(std::size_t message_bytes) const {
    return of_messages_ + message_bytes + parts_bytes_max() <= share_.bytes_max();
  }
  // Of another kind, whether there is room or not.
  Buffer take(std::size_t bytes, Kind kind);
  bool too_many_parts() const { return of_parts_ > parts_bytes_max(); }
  void give_back(Buffer buffer);

 private:
  // A third of the share is for what has come in part; messages of more than kSmallBytes that are not all there have
  // the rest.
  std::size_t parts_bytes_max() const { return share_.bytes_max() / 3; }

  MemoryShare& share_;
  std::unique_ptr<char[]> spare_;  // of kBytes, or null
  std::size_t shared_ = 0;         // of kBytes that were taken
  std::size_t of_messages_ = 0, of_parts_ = 0;
};

// Owns its descriptor. One thread: the loop's. Holds at most what was read at once; of a large message it reads on once
// the buffers have room for all of it.
class EventConnection {
 public:
  // The buffers must outlive it.
  EventConnection(asio::io_context& io, int descriptor, std::size_t message_bytes_max, ReadBuffers& buffers);
  ~EventConnection() { buffers_.give_back(std::move(buffer_)); }

  enum class State {
    more,     // has, or may have, something that was not taken in
    drained,  // has nothing
    no_room,  // a large message has begun, for which the share has no room: call again once has_room_for(wanted())
    ended,    // is to be closed: the peer has, or failure() says why
  };
  struct Taken {
    std::size_t cost = 0;  // as the intake counts it
    State state = State::more;
  };
  // Takes in what costs about so much. REQUIRES: intake.begin_turn() in the same turn of the loop.
  Taken take(Intake& intake, std::size_t cost_max);

  // Begins to speak; `peer` as it is called in logs.
  void greet(std::string peer);
  // The peer may wait for us to go on with the handshake.
  void hurry();
  // Nothing else is to be asked of it then.
  void close();

  asio::posix::stream_descriptor& descriptor() { return descriptor_; }
  const std::string& peer() const { return peer_; }
  const Zmtp& zmtp() const { return zmtp_; }
  // Bytes of a message that has begun and has room of its own in the share.
  std::size_t reserved() const { return buffer_.kind == ReadBuffers::Kind::message ? buffer_.size : 0; }
  // What stands first, and is not all there, is so long.
  std::size_t wanted() const { return wanted_; }

 private:
  enum class Read { got, nothing, no_room, ended };
  Read read();
  bool make_room();
  bool reserve();
  void move_to(ReadBuffers::Buffer other);
  void consume(std::size_t bytes);
  State let_go();
  void send_unsent();

  std::string peer_;
  const PeerName peer_name_;
  ReadBuffers& buffers_;
  Zmtp zmtp_;
  asio::posix::stream_descriptor descriptor_;
  ReadBuffers::Buffer buffer_;
  std::size_t begin_ = 0, end_ = 0;   // what is in it, and not done with
  std::size_t wanted_ = 0;            // of what stands first
  bool read_all_ = false;             // what there was, when it was read last
  std::optional<IntakeBatch> batch_;  // of what is in the buffer
  std::size_t batch_bytes_ = 0;       // with its header
};

}  // namespace bridge
