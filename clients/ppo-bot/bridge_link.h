// The bot's link to the bridge: events in, commands out, and the certainty that nothing is missing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "feed/seen_events.h"
#include "ppo-bot/event_socket.h"
#include "ppo-bot/events.h"
#include "ppo-bot/request_socket.h"

namespace bot {

struct LinkOptions {
  std::string events = "tcp://127.0.0.1:5557";
  std::string commands = "tcp://127.0.0.1:5558";
  std::string name;                 // who asks: a dead-man's switch is known by it; empty: no name
  std::string token;                // empty: none
  std::string prices_from;          // the source whose prices count; empty: any
  milliseconds timeout{3'000};      // for one answer
  std::size_t page_events = 5'000;  // asked for at a time, 1..10,000
};

// The answer to a command.
struct Answer {
  enum class Kind {
    kDone,
    kRefused,  // with an error: not carried out
    kUnknown,  // none came, or the trainer's did not reach the bridge in time, or at all
  };
  Kind kind = Kind::kUnknown;
  std::string result;      // kDone: JSON text
  std::string source;      // kDone: who carried it out; may be empty
  std::string error_type;  // else
  std::string error;       // a sentence
};

// Events come over a SUB socket, as long as it is connected, and each fill and episode's end is
// handed over once, whatever the connection or the bridge went through. A SUB that wants some
// types only cannot tell a lost event from one of another type, and one that was cut has missed
// some, so what counts is asked for: catch_up() before every action, and after every cut.
//
// One thread.
class BridgeLink {
 public:
  // `stop` ends a long catch_up() early. Throws zmq::error_t where an address is none.
  BridgeLink(LinkOptions options, std::function<bool()> stop);

  // Waits at most `wait` for events and returns those that are new, in the bridge's order. Nothing
  // comes between a cut and the next catch_up(), which has it all.
  std::vector<Event> poll(milliseconds wait);

  bool connected() const { return events_.connected(); }
  // The connection stands and was caught up with since the last cut.
  bool sound() const { return connected() && caught_up_with_ == events_.cuts() + 1; }

  struct CatchUp {
    enum class Kind {
      kDone,
      kUnavailable,  // no connection or no answer; try again
      kRefused,      // the bridge will not have this bot: see `error`
    };
    Kind kind = Kind::kUnavailable;
    std::string error;
    std::vector<Event> events;   // new ones, in the bridge's order; also where kind is not kDone
    bool after_cut = false;      // prices were caught up with too
    bool epoch_changed = false;  // the bridge numbers anew
    bool lost = false;           // older events than these are no longer held by the bridge
  };
  // Asks for everything behind what is certain. With `item`, for the newest price of it too. The
  // first one asks for no past but recent prices. kDone: the link is sound().
  CatchUp catch_up(const std::string& item);

  // Has a command carried out; waits at most `wait` (or the options' timeout, where that is less).
  // Empty `target` and `idempotency_key` are left out. REQUIRES: `params` is a JSON object
  Answer ask(std::string_view command, std::string_view params, std::string_view target,
             std::string_view idempotency_key, milliseconds wait);
  Answer ask(std::string_view command, std::string_view params) {
    return ask(command, params, "", "", options_.timeout);
  }

  // The bridge's numbering; empty before the first catch_up().
  const std::string& epoch() const { return epoch_; }
  // No event that counts is missing up to here.
  std::uint64_t certain_seq() const { return certain_seq_; }
  std::uint64_t answers_missed() const { return commands_.renewals(); }

 private:
  enum class Page { kComplete, kOtherEpoch, kFailed };

  bool is_new(const Event& event);
  bool is_wanted_price(const Event& event) const;
  bool begin(CatchUp& into);
  // All events of a type behind certain_seq_, page by page.
  Page read_type(std::string_view type, std::uint64_t& newest, CatchUp& into);
  bool check_held(std::uint64_t newest, CatchUp& into);
  bool read_newest_price(const std::string& item, CatchUp& into);
  void take_events(std::string_view result, CatchUp& into);
  std::optional<std::string> recent_events(const std::string& params, CatchUp& into);

  const LinkOptions options_;
  const std::function<bool()> stop_;
  zmq::context_t context_;
  EventSocket events_;
  RequestSocket commands_;
  feed::SeenEvents seen_;
  std::string epoch_;
  std::uint64_t certain_seq_ = 0;
  std::uint64_t caught_up_with_ = 0;  // the connection's number, from 1
  std::uint64_t last_id_ = 0;
};

}  // namespace bot
