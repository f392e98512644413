#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "feed/address.h"
#include "feed/backoff.h"
#include "feed/inbox.h"
#include "feed/message.h"
#include "feed/subscription.h"

namespace feed {

struct Options {
  // Of several bridges, which share a log: all of theirs, with commas between. When the connection to one is lost, or
  // silent, the next one is tried; an outage is told once none of them has answered.
  std::string url = kDefaultUrl;
  std::string client_id;
  std::string client_type = "terminal";
  std::string token;  // empty: none
  std::string ca;     // of a wss:// URL: a PEM file of the certificates to trust; empty: the system's
  Subscription subscription;
  bool doubles = false;  // hand over events that were handed over before as well, for who looks for such

  // From the first attempt to reach the bridge to its answer to `register`.
  std::chrono::milliseconds connect_timeout{5000};
  Backoff::Range backoff;
  // A silent connection is pinged after the one and given up after the other; of several bridges after 2 and 6 s at most.
  std::chrono::milliseconds ping_interval{15000};
  std::chrono::milliseconds silence_max{45000};
  // Beyond it no event is taken until the user has caught up; answers to requests are. The bridge
  // treats this client as a slow one.
  Inbox::Limits inbox;
  std::uint64_t seed = 0;  // of the back-off's jitter; 0: a random one
};

// A client of the bridge that stays: it registers, hands over events in the order of the wire,
// connects again when the connection is lost and goes on after the last event that it handed over,
// so that its user sees every event of its subscription once, or a gap message.
//
// It ends only by stop() or when the bridge refuses it for good (kFailed), as one does whose certificate is not
// trusted from the start; an unreachable bridge is tried for ever, and each outage is one kDisconnected followed,
// in the end, by one kConnected. Where the certificate is wrong later, each attempt is a kDisconnected.
//
// Threads: everything below may be called from any thread, and is safe against each other; messages
// go to whoever calls next(). The client has one thread of its own, named "feed".
class Client {
 public:
  explicit Client(Options options);
  ~Client();  // stop()
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Begins to connect. REQUIRES: called once, and before everything else
  void start();

  // Says goodbye to the bridge and ends the thread, within half a second (a host name that is just
  // being looked up may take its resolver's time). Idempotent. Messages that had arrived can still
  // be taken.
  void stop();

  // The next message; nothing when `wait` is over or nothing more can come (see finished()).
  std::optional<Message> next(std::chrono::milliseconds wait);

  // After kFailed or stop(), and everything was taken.
  bool finished() const;

  // Asks and waits for the answer; before the connection stands, for that too. `fields` is a JSON
  // object with what the action takes besides `action` and `id`, or empty. The answer does not go
  // to next().
  Reply request(const std::string& action, const std::string& fields,
                std::chrono::milliseconds deadline);

  // Replaces the subscription, for later connections too. With `since` set, events come again from
  // there; else what is owed after the last event is of the new subscription.
  Reply subscribe(Subscription subscription, std::chrono::milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace feed
