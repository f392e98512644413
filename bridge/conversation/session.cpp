#include "conversation/session.h"

#include <utility>

#include "base/loop_turns.h"
#include "event/messages.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

// Handed to the socket at a time. The rest stays in the history, where it costs nothing.
constexpr std::size_t kWriteBytesMax = 256 * 1024;

constexpr std::int64_t kExpiryToldS = 60;  // ahead

}  // namespace

Session::Session(SessionContext& context, FrameSink& sink, std::uint64_t connection,
                 std::string remote, bool deflate, std::shared_ptr<const Access> access, bool event_stream)
    : context_(context),
      sink_(sink),
      event_stream_(event_stream),
      feed_(
          context.log, context.cohorts, context.clock, [this] { pump(); }, deflate, event_stream),
      protocol_(feed_, context.dispatcher, context.replays, context.log, context.counters,
                context.clock, context.options.requests_per_s_max, connection,
                [this](Verdict verdict) { act_on(verdict); }),
      connection_(connection),
      remote_(std::move(remote)),
      connected_us_(context.clock.wall_us()),
      last_ping_us_(context.clock.steady_us()),
      opened_us_(context.clock.steady_us()) {
  protocol_.set_audit(context.options.audit, remote_);
  protocol_.set_ahead(context.options.ahead);
  const Authenticator* const authenticator = context.options.authenticator;
  if (authenticator == nullptr) return;
  access_version_ = authenticator->version();
  protocol_.require_access(*authenticator, std::move(access));
}

void Session::open() {
  const std::int64_t now_us = context_.clock.wall_us();
  const std::string& version = context_.options.version;
  const std::shared_ptr<const Access>& access = protocol_.access();
  if (!protocol_.admit()) {
    ++context_.counters.clients_refused;
    return close(CloseCode::try_again_later, "full: too many connections of " + access->name);
  }
  if (event_stream_) return;
  auto welcome = std::make_shared<const std::string>(text_frame(
      protocol_.is_open() ? welcome_message(version, context_.log.epoch(), context_.log.head(), now_us,
                                            access == nullptr ? "" : access_json(*access))
                          : closed_welcome_message(version, now_us)));
  in_flight_bytes_ += welcome->size();
  in_flight_bytes_ -= sink_.send({std::move(welcome)});
}

void Session::on_text(std::string_view text) {
  if (context_.catch_up) context_.catch_up();
  if (!closing_ && !draining_) act_on(protocol_.handle(text));
}

void Session::act_on(Verdict verdict) {
  if (closing_) return;
  if (!context_.cohorts.unread().has_room_for(0) && context_.shed) context_.shed();
  if (closing_) return;
  switch (verdict) {
    case Verdict::keep:
      if (feed_.unread_bytes() <= kWriteBytesMax) return pump();
      if (!pump_waits_) pump_later(nullptr);  // what is large is written in a turn of its own
      return;
    case Verdict::too_slow:
      ++context_.counters.clients_closed_slow;
      close(CloseCode::too_slow, "replies pile up unread");
      return;
    case Verdict::unauthorized:
      pump();
      if (!closing_) close(CloseCode::unauthorized, "not authenticated");
      return;
    case Verdict::forbidden:
      pump();
      if (!closing_) close(CloseCode::forbidden, "nothing here for a " + protocol_.access()->role->name);
      return;
    case Verdict::rate_limited:
      pump();  // it is told first
      if (!closing_) close(CloseCode::rate_limited, "refused again and again");
      return;
  }
}

// Goes on for as long as the socket takes what it is given, up to a turn's worth: then others are
// due.
void Session::pump() {
  std::size_t given = 0;
  while (in_flight_bytes_ == 0 && !closing_ && !pump_waits_) {
    if (given >= kWriteBytesMax) return pump_later(nullptr);
    Outgoing out = feed_.pull(kWriteBytesMax);
    given += out.bytes;
    const bool more = out.more;
    if (!give(std::move(out)) && !more) return;
    if (more) return pump_later(context_.cohorts.work());
  }
}

// Goes on behind what the other sockets have to do; where it has much to look through, in turns with
// others that have.
void Session::pump_later(WorkQueue* work) {
  pump_waits_ = true;
  const auto go_on = [this] {
    pump_waits_ = false;
    pump();
  };
  if (work == nullptr) return sink_.post(go_on);
  work->add_later(feed_.account(), [go_on](bool* done) {
    *done = true;
    go_on();
    return std::uint64_t{0};
  });
}

// False where there was nothing to give.
bool Session::give(Outgoing out) {
  context_.counters.gaps_sent += feed_.gaps() - gaps_counted_;
  gaps_counted_ = feed_.gaps();
  if (out.give_up) {
    ++context_.counters.clients_closed_slow;
    close(CloseCode::too_slow, "too slow for what it asked for (on_lag)");
    return false;
  }
  if (out.empty()) {
    if (draining_ && !out.more && (draining_at_once_ || !protocol_.owes_replies())) close(CloseCode::going_away, "the bridge stops");
    return false;
  }
  events_sent_ += out.events;
  bytes_sent_ += out.bytes;
  context_.counters.events_sent += out.events;
  context_.counters.bytes_sent += out.bytes;
  if (out.live_events != 0) {
    context_.counters.receive_to_send[delivery()].add(context_.clock.wall_us() - out.live_since_us, out.live_events);
  }
  in_flight_bytes_ = out.bytes;
  in_flight_unread_ = out.unread_bytes;
  in_flight_bytes_ -= sink_.send(std::move(out.buffers));
  return true;
}

void Session::on_written(std::size_t bytes) {
  const TurnPart part("to a client that has read");
  in_flight_bytes_ -= bytes;
  if (in_flight_bytes_ == 0) pump();
}

std::size_t Session::delivery() const {
  const Subscription& wanted = feed_.subscription();
  return static_cast<std::size_t>(event_stream_      ? Delivery::event_stream
                                  : wanted.latest() ? Delivery::latest
                                  : wanted.batch()  ? Delivery::batch
                                                    : Delivery::each);
}

void Session::on_pong() {
  // One that nobody asked for is no answer.
  if (unanswered_since_us_ != 0) {
    context_.counters.send_to_ack[delivery()].add(context_.clock.steady_us() - unanswered_since_us_, 1);
  }
  unanswered_since_us_ = 0;
}

bool Session::check_access() {
  const Authenticator* const authenticator = context_.options.authenticator;
  if (authenticator == nullptr) return true;
  const std::shared_ptr<const Access> access = protocol_.access();
  if (access == nullptr) {
    if (context_.clock.steady_us() - opened_us_ < context_.options.auth_timeout_us) return true;
    close(CloseCode::unauthorized, "not authenticated in time");
    return false;
  }
  if (access_version_ != authenticator->version()) {
    access_version_ = authenticator->version();
    const auto now = authenticator->again(*access);
    if (now == nullptr) {
      close(CloseCode::unauthorized, "the token is no longer good");
      return false;
    }
    act_on(protocol_.set_access(now));
    if (closing_) return false;
  }
  const std::int64_t expires_s = protocol_.access()->expires_s;
  if (protocol_.access()->expired(authenticator->now_s())) {
    close(CloseCode::unauthorized, "the token has expired");
    return false;
  }
  if (expires_s != 0 && expires_s - authenticator->now_s() <= kExpiryToldS && expiry_told_s_ != expires_s) {
    expiry_told_s_ = expires_s;
    act_on(feed_.say(token_expires_message(expires_s, context_.clock.wall_us())) ? Verdict::keep
                                                                                 : Verdict::too_slow);
  }
  return !closing_;
}

void Session::tick() {
  if (closing_ || !check_access()) return;
  const std::int64_t now = context_.clock.steady_us();
  if (unanswered_since_us_ != 0 && now - unanswered_since_us_ >= context_.options.pong_timeout_us) {
    ++context_.counters.clients_closed_no_pong;
    close(CloseCode::no_pong, "no pong");
    return;
  }
  if (now - last_ping_us_ >= context_.options.ping_interval_us) {
    last_ping_us_ = now;
    if (unanswered_since_us_ == 0) unanswered_since_us_ = now;
    sink_.ping();
  }
}

void Session::drain(bool at_once) {
  draining_ = true;
  draining_at_once_ = draining_at_once_ || at_once;
  pump();
}

void Session::cut() {
  ++context_.counters.clients_closed_slow;
  context_.cohorts.unread().refuse();
  closing_ = true;
  sink_.cut();
}

void Session::close(CloseCode code, const std::string& reason) {
  closing_ = true;
  sink_.close(code, reason);
}

ClientInfo Session::info() const {
  ClientInfo info;
  info.connection = connection_;
  info.client_id = protocol_.client_id();
  info.client_type = protocol_.client_type();
  if (protocol_.access() != nullptr) info.identity = protocol_.access()->name;
  info.remote = remote_;
  info.deflate = feed_.deflate();
  info.event_stream = event_stream_;
  info.connected_us = connected_us_;
  info.subscriptions = feed_.subscription().patterns();
  info.filter_json = feed_.subscription().filter_json();
  info.events_sent = events_sent_;
  info.bytes_sent = bytes_sent_;
  info.lag = lag();
  info.gaps = feed_.gaps();
  return info;
}

}  // namespace bridge
