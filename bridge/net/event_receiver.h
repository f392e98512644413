// The sockets that events come over.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "net/plain_receiver.h"
#include "net/zmq_receiver.h"

namespace bridge {

// Those of this machine without keys are read by the loop itself (PlainReceiver), the others by libzmq, whose thread
// does the work of decryption (ZmqReceiver). Lives on the loop's thread; stop() before the loop goes.
class EventReceiver {
 public:
  // As those two want it: a turn that took messages in is followed by `on_batch`.
  EventReceiver(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Intake& intake, Counters& counters,
                TakenBytes& taken, const Clock& clock, MemoryShare& share, const std::function<void()>& on_batch)
      : plain_(io, guard, intake, counters, clock, share, on_batch),
        zmq_(io, context, guard, intake, counters, taken, on_batch) {}

  // Binds and connects. A failure names the address and the reason.
  Result<bool> start(const ReceiverOptions& options);

  // Where it is bound, with the real ports.
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  // Of those the ones that libzmq listens at.
  const std::vector<std::string>& zmq_endpoints() const { return zmq_.endpoints(); }

  // See ZmqReceiver.
  void drop_from(int descriptor) { zmq_.drop_from(descriptor); }

  // Takes nothing in until resume(). Idempotent.
  void pause() {
    plain_.pause();
    zmq_.pause();
  }
  void resume() {
    plain_.resume();
    zmq_.resume();
  }

  // Takes in what has arrived, each for at most `drain_us` and until it is `enough`, and closes. Idempotent. Sources
  // send the rest to whoever comes next.
  void stop(std::int64_t drain_us, const std::function<bool()>& enough) {
    plain_.stop(drain_us, enough);
    zmq_.stop(drain_us, enough);
  }

 private:
  PlainReceiver plain_;
  ZmqReceiver zmq_;
  std::vector<std::string> endpoints_;
};

}  // namespace bridge
