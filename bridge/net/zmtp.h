// ZMTP, ZeroMQ's protocol (3.x: ZeroMQ RFC 23 and 37; 2.0: RFC 15), as a SUB speaks it that wants all there is, to
// whoever publishes and has no key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bridge {

// One connection's state; reads no socket and writes none. Holds no memory but what is to be sent, at most kUnsentMax
// bytes. Frames of a message but the last (topics) are passed over as they come, so a message that never ends holds
// nothing either. Spoken to are PUB and XPUB with the mechanism NULL.
class Zmtp {
 public:
  enum class Found {
    nothing,  // `wanted` bytes have to be there to go on
    passed,   // `consumed` bytes are done with
    message,  // `message` is its last frame, in the bytes; `consumed` with what stands before it
    broken,   // the connection is to be closed: failure() says why
  };
  struct Step {
    Found found = Found::nothing;
    std::size_t consumed = 0;
    std::size_t wanted = 0;
    std::string_view message = {};
  };
  enum class Broken {
    none,
    protocol,   // what came is not ZMTP, or from another kind of socket
    mechanism,  // it is, and wants another mechanism than NULL
    too_large,
  };

  explicit Zmtp(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // What stands first in these bytes, which begin behind all that was consumed. Nothing more is to be asked for once it
  // is broken.
  Step next(std::string_view bytes);

  // We say READY once the peer has: one that does not speak to a SUB hangs up on ours, and what it is would not be
  // known. Where the peer waits for us, call this. Does nothing before both have greeted.
  void say_ready();

  // What is to be sent, in order; whoever sends some of it takes it away.
  std::string& unsent() { return unsent_; }

  // Whether the handshake is over.
  bool ready() const { return state_ == State::ready; }
  Broken broken() const { return broken_; }
  // In words, for a log; may quote what was sent.
  const std::string& failure() const { return failure_; }

 private:
  enum class State { start, signature, socket_type, rest_of_greeting, identity, handshake, ready };

  Step greeting(std::string_view bytes);
  Step frame(std::string_view bytes);
  bool on_ready_command(std::string_view properties);
  bool on_command(std::string_view command);
  Step fail(Broken why, std::string what);

  // Pongs beyond that are left out: who does not read them cannot want them.
  static constexpr std::size_t kUnsentMax = 1024;

  const std::size_t message_bytes_max_;
  State state_ = State::start;
  bool old_ = false;  // ZMTP 2.0: no commands
  bool said_ready_ = false;
  std::uint64_t message_bytes_ = 0;  // of the frames that were passed over
  std::uint64_t passing_ = 0;        // bytes left of a frame that is passed over
  std::string unsent_;
  Broken broken_ = Broken::none;
  std::string failure_;
};

}  // namespace bridge
