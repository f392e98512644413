// The bridge's events for bots, over ZeroMQ, and the commands of bots.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "feed/backoff.h"
#include "feed/bridges.h"
#include "feed/cursor.h"
#include "feed/curve_key.h"
#include "feed/message.h"

namespace feed {

struct BotFeedOptions {
  // Of several bridges, which share a log: all of theirs, with commas between, as many in both. One that does not
  // answer is left for the next.
  std::string events = "tcp://127.0.0.1:5557";
  std::string commands = "tcp://127.0.0.1:5558";
  std::string name;                         // who a dead-man's switch is known by; empty: no name
  std::string token;                        // empty: none
  std::optional<CurveKey> key;              // where the bridge wants one; `name` counts for nothing then
  std::vector<std::string> types;           // without patterns
  Since since;                              // a Position, a SinceLast, or from now on
  std::chrono::milliseconds timeout{3000};  // for one answer
  std::chrono::milliseconds check_interval{1000};  // asked so often where there is no sign
  std::size_t page_events = 5'000;                 // asked for at a time, 1..10,000
};

// Every event of some types once and in order, whatever the connection or the bridge went through,
// or a gap. What the SUB socket brings is only a sign that there is something: it drops what it
// cannot hold, and among some types a hole cannot be told from events of others. So the events are
// asked for, behind the last one handed over; the cursor is that of the WebSocket client.
//
// One thread.
class BotFeed {
 public:
  // Throws zmq::error_t where an address is none, and std::invalid_argument where the lists are not as long.
  explicit BotFeed(BotFeedOptions options);

  struct News {
    enum class Kind {
      kQuiet,        // nothing was asked
      kMore,         // and there are more: catch_up()
      kAll,          // the bridge has no more
      kUnavailable,  // no answer, or that it is busy; it will be tried again
      kRefused,      // the bridge will not have this bot: see `error`
    };
    Kind kind = Kind::kQuiet;
    std::string error;
    std::vector<Message> messages;  // events and gaps, the oldest first
    bool epoch_changed = false;     // the bridge numbers anew
  };
  // Waits at most `wait` for a sign that there is something, and asks for it.
  News next(std::chrono::milliseconds wait);
  // Asks without a sign.
  News catch_up();

  // Has a command carried out; waits at most `wait` (or the options' timeout, where that is less).
  // Empty `target` and `idempotency_key` are left out. REQUIRES: `params` is a JSON object
  Answer ask(std::string_view command, std::string_view params, std::string_view target,
             std::string_view idempotency_key, std::chrono::milliseconds wait);
  Answer ask(std::string_view command, std::string_view params) {
    return ask(command, params, "", "", options_.timeout);
  }

  // The place behind what was handed over; nothing before the first answer.
  const std::optional<Position>& position() const { return cursor_.position(); }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_time(Clock::time_point until);
  void take_signs();
  void open_requests();
  void move_signs(std::size_t to);
  std::optional<std::string> answer_to(const std::string& question, bool for_events,
                                       Clock::time_point until);
  void take_page(std::string_view result, const Since& since, News& news);

  const BotFeedOptions options_;
  const std::vector<BotAddress> bridges_;
  std::size_t bridge_ = 0;  // which of them
  zmq::context_t context_;
  zmq::socket_t signs_;
  zmq::socket_t requests_;
  std::unique_ptr<Handshakes> handshakes_;  // of requests_
  std::string refusal_;         // why the last question did not even get there
  bool signs_refused_ = false;  // those do not come by themselves then
  Cursor cursor_;
  Backoff backoff_;
  bool behind_ = true;    // the bridge has, or may have, more
  bool answered_ = true;  // the last time
  Clock::time_point next_look_{};
  Clock::time_point pause_until_{};
  std::uint64_t last_id_ = 0;
};

}  // namespace feed
