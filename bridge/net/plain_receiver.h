// Events in, from sources of this machine that need no key (PROTOCOL section 2).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "net/event_connection.h"
#include "net/intake_turns.h"
#include "net/local_peers.h"
#include "net/zmq_guard.h"
#include "sources/intake.h"

namespace bridge {

// The loop reads these connections itself and speaks ZMTP over them, without libzmq: no other thread is woken for an
// event, a source is read from only when it is its turn (deficit round robin over bytes, each connection for itself),
// and what each holds is known (EventConnection). Of large messages so many are waited for as `share` has room for. One
// that has not become complete for kPatience, or for a second where many wait for room, is let go of
// while somebody waits: its source is disconnected, and repairs. So is who has waited longest, where what has come of
// those messages is more than its part of the share.
//
// Lives on the loop's thread; stop() before the loop goes.
class PlainReceiver {
 public:
  static constexpr std::chrono::seconds kPatience{5};

  // `on_batch` is called after each turn that took messages in.
  PlainReceiver(asio::io_context& io, ZmqGuard& guard, Intake& intake, Counters& counters, const Clock& clock,
                MemoryShare& share, std::function<void()> on_batch);
  ~PlainReceiver() { stop(0, {}); }

  // Before the others. A peer that sends a larger message is disconnected.
  void set_message_bytes_max(std::size_t bytes) { message_bytes_max_ = bytes; }
  // Whether it takes this address; one that wants a key, or is of another machine, it does not.
  bool takes(const std::string& endpoint) const;
  // REQUIRES: takes(endpoint). Where it is bound, with the real port; the failure is the reason alone.
  Result<std::string> listen(const std::string& endpoint);
  // Now, and again whenever the connection ends. REQUIRES: takes(endpoint).
  void connect(const std::string& endpoint) { (void)peers_.connect(endpoint); }

  // Takes nothing in until resume(): the kernel and the sources hold the rest. Idempotent.
  void pause() { turns_.pause(); }
  void resume();

  // Takes in what has arrived, for at most `drain_us` and until it is `enough` (null: never), and closes. Idempotent.
  void stop(std::int64_t drain_us, const std::function<bool()>& enough);

 private:
  // Where a connection is, by a number that is its own while it lasts.
  struct Place {
    std::shared_ptr<EventConnection> connection;  // null: free
    std::size_t dialed = LocalPeers::kCame;
    bool ready = false;  // the handshake is over
    bool gone = false;   // is freed when its turn comes
    std::int64_t came_us = 0;
    std::optional<std::int64_t> large_since_us;  // it has held a large message; empty: it does not
  };

  void on_peer(int descriptor, const std::string& endpoint, std::size_t dialed);
  std::size_t free_place();
  void wait(std::size_t place);
  void end(std::size_t place);
  void free(std::size_t place);
  void tell_of(const EventConnection& connection);

  std::size_t take_from(std::size_t place, std::size_t cost_max, bool& nothing_left);

  void look_soon();
  void look();
  bool give_room();
  void cut_late(std::int64_t now_us);

  asio::io_context& io_;
  ZmqGuard& guard_;
  Intake& intake_;
  Counters& counters_;
  const Clock& clock_;
  MemoryShare& share_;
  std::size_t message_bytes_max_ = 16 << 20;
  ReadBuffers buffers_{share_};
  LocalPeers peers_;
  std::vector<Place> places_;
  std::vector<std::size_t> free_;
  std::size_t greeting_ = 0;           // whose handshake is not over
  std::deque<std::size_t> want_room_;  // who came first, first
  IntakeTurns turns_;
  asio::steady_timer timer_;  // runs while somebody's time may be over
  LogLimiter lines_;
  bool looking_ = false;
};

}  // namespace bridge
