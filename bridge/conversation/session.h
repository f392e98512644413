// One WebSocket client, apart from its socket: its feed, its conversation, its pings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "commands/own_commands.h"
#include "conversation/client_protocol.h"
#include "event/close_code.h"
#include "stream/feed.h"

namespace bridge {

// The socket as a session sees it. After close() or terminate() nothing more is sent.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Queues whole frames as they are. Returns how many bytes of them are written already; for the
  // others the session's on_written() is called once they are, or are lost, never from within
  // send(). On a connection that is going down neither comes: nothing more is wanted of the
  // session.
  [[nodiscard]] virtual std::size_t send(
      std::vector<std::shared_ptr<const std::string>> frames) = 0;
  virtual void ping() = 0;
  virtual void close(CloseCode code, const std::string& reason) = 0;
  // Ends the connection and lets go of what is queued: it would not be read anyway.
  virtual void cut() { close(CloseCode::too_slow, "too much is unread"); }
  // Runs `f` later on the same thread.
  virtual void post(std::function<void()> f) = 0;
};

struct SessionOptions {
  std::string version;  // of the bridge, for the welcome
  std::int64_t ping_interval_us = 20'000'000;
  std::int64_t pong_timeout_us = 60'000'000;
  std::uint64_t requests_per_s_max = 1000;
  const Authenticator* authenticator = nullptr;  // null: nobody has to say who he is; outlives the sessions
  std::int64_t auth_timeout_us = 5'000'000;      // to say it
  Audit* audit = nullptr;                        // null: nothing is recorded; outlives the sessions
  AheadWaits* ahead = nullptr;                   // see ClientProtocol::set_ahead(); outlives the sessions
};

// What sessions of one thread share; outlives them all.
struct SessionContext {
  EventLog& log;
  Cohorts& cohorts;
  CommandTaker& dispatcher;
  Replays& replays;
  Counters& counters;
  const Clock& clock;
  SessionOptions options;
  // Brings the log up to all that a client may know of before its request is looked at; empty where
  // the log is always there.
  std::function<void()> catch_up = {};
  // Called when what clients have yet to read takes more than its share; ends one that has most of it.
  std::function<void()> shed = {};
};

// One thread: the loop's. Owned by the connection; the sink must outlive it.
class Session {
 public:
  // `connection` counts connections from 1, `remote` is the peer's address for get_clients.
  // `deflate`: the client takes compressed messages.
  // `access`: who it is, where it has said so with its handshake. `event_stream`: what it is given is one, not
  // frames, and begins with the reply to its only request.
  Session(SessionContext& context, FrameSink& sink, std::uint64_t connection, std::string remote,
          bool deflate = false, std::shared_ptr<const Access> access = nullptr, bool event_stream = false);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Says the welcome, unless it is an event stream.
  void open();

  // From the socket.
  void on_text(std::string_view text);
  void on_pong();
  void on_written(std::size_t bytes);

  // Call about once a second: pings, and gives up on a client that does not answer.
  void tick();

  // Gives the client what there is and then says 1001. No request is taken any more; replies that are owed are waited for
  // unless it is called with `at_once`, which it may be later.
  void drain(bool at_once = true);

  // Memory of what the client has yet to read and nobody else holds.
  std::size_t unread_bytes() const { return feed_.unread_bytes() + in_flight_unread_; }
  // The same where its socket takes no more; 0 where it was not asked to yet.
  std::size_t untaken_bytes() const { return in_flight_bytes_ == 0 ? 0 : unread_bytes(); }
  void cut();

  ClientInfo info() const;
  bool is_event_stream() const { return event_stream_; }
  // As Feed's, where nothing of it is on its way.
  std::optional<std::uint64_t> position() const {
    return in_flight_bytes_ == 0 ? feed_.position() : std::nullopt;
  }
  std::uint64_t lag() const { return feed_.subscription().nothing() ? 0 : feed_.lag(); }

 private:
  void pump();
  void pump_later(WorkQueue* work);
  bool give(Outgoing out);
  void act_on(Verdict verdict);
  void close(CloseCode code, const std::string& reason);
  // False where the client is not, or no longer, one that may be here: then it is closed.
  bool check_access();
  // Its class, as an index of DeliveryDelays.
  std::size_t delivery() const;

  // In front, and together with the front of the feed, what each delivery looks at: with thousands of clients all of it
  // has to come from memory, a line of 64 bytes at a time.
  SessionContext& context_;
  FrameSink& sink_;
  std::size_t in_flight_bytes_ = 0;
  std::size_t in_flight_unread_ = 0;
  std::uint64_t events_sent_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t gaps_counted_ = 0;
  const bool event_stream_;
  bool pump_waits_ = false;  // for its turn
  bool draining_ = false;
  bool draining_at_once_ = false;
  bool closing_ = false;
  Feed feed_;
  ClientProtocol protocol_;
  const std::uint64_t connection_;
  const std::string remote_;
  const std::int64_t connected_us_;
  std::int64_t last_ping_us_;
  std::int64_t unanswered_since_us_ = 0;  // of the oldest ping without a pong; 0 = none
  const std::int64_t opened_us_;  // steady
  std::uint64_t access_version_ = 0;
  std::int64_t expiry_told_s_ = 0;  // of the expiry that was told ahead
};

}  // namespace bridge
