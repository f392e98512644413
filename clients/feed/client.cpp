#include "feed/client.h"

#include <pthread.h>

#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "feed/calls.h"
#include "feed/cursor.h"
#include "feed/json.h"
#include "feed/kept_connection.h"

namespace feed {
namespace {

using std::chrono::milliseconds;

// Where the answer to register or subscribe says where the log stands.
std::string_view standing(std::string_view text, std::string_view key) {
  const std::string_view value = json::member(text, key);
  return value.empty() ? json::member(json::member(text, "data"), key) : value;
}

Reply ended_reply() {
  return no_answer(Reply::Outcome::kDisconnected, "disconnected", "the client has ended");
}

// Whether it is worth trying again after such an answer to `register`.
bool passes_with_time(const std::string& error_type) {
  return error_type == "busy" || error_type == "rate_limited" || error_type == "timeout";
}

}  // namespace

// What is said over the connection: registration, subscription, calls, and what comes. Everything but the constructor, the
// inbox and post() lives on the wire's thread.
class Client::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        connection_({options_.url, options_.ca, !options_.token.empty(), options_.connect_timeout, options_.backoff,
                     options_.ping_interval, options_.silence_max, options_.seed},
                    {[this] { on_open(); }, [this](std::string text) { on_text(std::move(text)); },
                     [this](std::string reason, bool tell) { on_lost(std::move(reason), tell); },
                     [this](std::string error_type, std::string reason) { on_failed(std::move(error_type), std::move(reason)); }}),
        wire_(connection_.wire()),
        inbox_(options_.inbox),
        cursor_(options_.subscription.since) {}

  void start();
  void stop();
  Inbox& inbox() { return inbox_; }
  void room_again() {
    (void)wire_.post([this] {
      connection_.heard();  // the silence was ours
      if (skipping_) resubscribe();
      wire_.resume();
    });
  }
  Reply ask(const std::string& action, const std::string& fields,
            std::optional<Subscription> replacing, milliseconds deadline);

 private:
  enum class State { kAway, kGreeting, kRegistering, kLive };

  void on_open();
  void on_text(std::string text);
  void on_lost(std::string reason, bool tell);
  void on_failed(std::string error_type, std::string reason);

  void do_register(std::string_view welcome);
  void on_registered(Reply reply);
  bool on_standing(std::string_view reply);
  void on_reply(Envelope envelope, std::string text);
  void on_item(Envelope envelope, std::string text);
  void hand_over(Message message);
  void resubscribe();
  void send_calls() {
    calls_.send(cursor_.epoch(), [this](const std::string& request) { return wire_.send(request); });
  }
  void drop_calls(const std::string& why) { calls_.drop(why, connection_.ended()); }

  const Options options_;
  KeptConnection connection_;
  Wire& wire_;  // its
  Inbox inbox_;
  std::mutex thread_mutex_;  // guards thread_ against two stops
  std::thread thread_;

  State state_ = State::kAway;
  Cursor cursor_;
  std::optional<Subscription> subscription_;  // what replaced that of the options
  Calls calls_;
  std::string register_id_;
  std::string resume_id_;  // of a request for what was let go of
  bool skipping_ = false;  // events are let go of, to be asked for again
};

void Client::Impl::start() {
  const std::lock_guard<std::mutex> lock(thread_mutex_);
  (void)wire_.post([this] { connection_.begin(); });
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "feed");
    wire_.run();
  });
}

void Client::Impl::stop() {
  const std::lock_guard<std::mutex> lock(thread_mutex_);
  if (!thread_.joinable()) return;
  (void)wire_.post([this] {
    const bool polite = state_ == State::kLive && !wire_.paused();
    state_ = State::kAway;
    calls_.drop("the client was stopped", true);
    connection_.end(polite, [this] {
      inbox_.close();
      wire_.stop();
    });
  });
  thread_.join();
}

void Client::Impl::on_open() {
  state_ = State::kGreeting;
  skipping_ = false;
  resume_id_.clear();
}

void Client::Impl::on_lost(std::string reason, bool tell) {
  state_ = State::kAway;
  drop_calls("the connection was lost: " + reason);
  if (!tell) return;
  Message message;
  message.kind = Message::Kind::kDisconnected;
  message.notice.reason = std::move(reason);
  message.notice.resumed_at = cursor_.position();
  message.notice.first = !connection_.stood_before();
  hand_over(std::move(message));
}

void Client::Impl::on_failed(std::string error_type, std::string reason) {
  state_ = State::kAway;
  drop_calls(reason);
  Message message;
  message.kind = Message::Kind::kFailed;
  message.notice.error_type = std::move(error_type);
  message.notice.reason = std::move(reason);
  hand_over(std::move(message));
  inbox_.close();
}

void Client::Impl::on_text(std::string text) {
  // Only in a batch is an array a message.
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[' && json::valid(text)) {
    json::for_each_element(text, [this](std::string_view element) {
      std::optional<Envelope> envelope = read_envelope(element);
      if (state_ != State::kLive || !envelope || envelope->is_reply()) return;
      on_item(std::move(*envelope), std::string(element));
    });
    return;
  }
  std::optional<Envelope> envelope = read_envelope(text);
  if (!envelope) {
    connection_.lose("the bridge sent what is not JSON");
  } else if (state_ == State::kGreeting) {
    do_register(text);
  } else if (envelope->is_reply()) {
    on_reply(std::move(*envelope), std::move(text));
  } else if (state_ == State::kLive) {
    on_item(std::move(*envelope), std::move(text));
  }
}

void Client::Impl::do_register(std::string_view welcome) {
  const std::string epoch = json::as_string(standing(welcome, "epoch")).value_or(std::string());
  const Since since = cursor_.next_since();
  if (std::holds_alternative<SinceSeq>(since) && epoch.empty()) {
    connection_.fail("bad_request", "the bridge names no epoch, so `since` must");
    return;
  }
  const Subscription& wanted = subscription_ ? *subscription_ : options_.subscription;
  register_id_ = calls_.next_id();
  json::Object request;
  request.add_string("action", "register").add_string("id", register_id_);
  request.add_string("client_id", options_.client_id);
  request.add_string("client_type", options_.client_type);
  if (!options_.token.empty()) request.add_string("token", options_.token);
  add_members(wanted, since_json(since, epoch), request);
  state_ = State::kRegistering;
  wire_.send(request.text());
}

void Client::Impl::on_registered(Reply reply) {
  if (!reply.ok) {
    if (passes_with_time(reply.error_type)) {
      connection_.lose(reply.error_type + ": " + reply.error);
    } else {
      connection_.fail(std::move(reply.error_type), std::move(reply.error));
    }
    return;
  }
  state_ = State::kLive;

  Message message;
  message.kind = Message::Kind::kConnected;
  Notice& notice = message.notice;
  notice.resumed_at = cursor_.position();
  notice.epoch = json::as_string(standing(reply.text, "epoch")).value_or(std::string());
  notice.seq = json::as_u64(standing(reply.text, "seq")).value_or(0);
  if (const std::string_view recovered = standing(reply.text, "recovered"); !recovered.empty()) {
    notice.recovered = recovered == "true";
  }
  notice.first = !connection_.stood_before();
  notice.epoch_changed = on_standing(reply.text);
  connection_.stands();
  hand_over(std::move(message));

  send_calls();
}

// An answer that events follow; true where the numbering is another one.
bool Client::Impl::on_standing(std::string_view reply) {
  return cursor_.on_registered(json::as_string(standing(reply, "epoch")).value_or(std::string()),
                               json::as_u64(standing(reply, "seq")).value_or(0));
}

void Client::Impl::on_reply(Envelope envelope, std::string text) {
  // A bridge that does not repeat ids is still understood here: nothing else was asked yet.
  if (state_ == State::kRegistering && (envelope.id == register_id_ || envelope.id.empty())) {
    on_registered(read_reply(std::move(text)));
    return;
  }
  if (!resume_id_.empty() && envelope.id == resume_id_) {
    const Reply reply = read_reply(std::move(text));
    if (!reply.ok) return connection_.lose(reply.error_type + ": " + reply.error);
    resume_id_.clear();
    skipping_ = false;
    on_standing(reply.text);
    return;
  }
  const std::shared_ptr<Call> call = calls_.take(envelope.id);
  if (call == nullptr) {
    if (Calls::is_own(envelope.id)) return;  // too late: the user was told "timeout"
    Message message;
    message.kind = Message::Kind::kReply;
    message.text = std::move(text);
    message.envelope = std::move(envelope);
    hand_over(std::move(message));
    return;
  }
  Reply reply = read_reply(std::move(text));
  if (call->replacing && reply.ok) {
    subscription_ = std::move(call->replacing);
    if (!std::holds_alternative<std::monostate>(subscription_->since) || subscription_->snapshot) {
      cursor_.restart(subscription_->since);
      on_standing(reply.text);
    }
  }
  call->answer.set_value(std::move(reply));
}

void Client::Impl::on_item(Envelope envelope, std::string text) {
  if (skipping_ && !envelope.replay) {
    if (calls_.empty() && resume_id_.empty()) wire_.pause();
    return;
  }
  Message message;
  if (envelope.is_gap()) {
    message.kind = Message::Kind::kGap;
    message.gap = read_gap(text);
    if (!envelope.replay && !cursor_.admit(message.gap)) return;
  } else {
    message.kind = Message::Kind::kEvent;
    if (!envelope.replay && !cursor_.admit(envelope) && !options_.doubles) return;
  }
  message.text = std::move(text);
  message.envelope = std::move(envelope);
  connection_.brought_something();
  hand_over(std::move(message));
}

// Who waits for an answer has it, which is behind events: these are let go of and asked for again,
// but for a replay's, which nobody could ask for.
void Client::Impl::hand_over(Message message) {
  const bool replay = message.envelope.replay;
  if (inbox_.push(std::move(message)) != Inbox::Level::kFull) return;
  if (calls_.empty() || replay) {
    wire_.pause();
  } else {
    skipping_ = true;
  }
}

void Client::Impl::resubscribe() {
  if (state_ != State::kLive) return;
  resume_id_ = calls_.next_id();
  json::Object request;
  request.add_string("action", "subscribe").add_string("id", resume_id_);
  add_members(subscription_ ? *subscription_ : options_.subscription,
              since_json(cursor_.next_since(), cursor_.epoch()), request);
  wire_.send(request.text());
}

Reply Client::Impl::ask(const std::string& action, const std::string& fields,
                        std::optional<Subscription> replacing, milliseconds deadline) {
  const auto call = std::make_shared<Call>();
  call->action = action;
  call->fields = fields;
  call->replacing = std::move(replacing);
  std::future<Reply> answer = call->answer.get_future();
  const bool posted = wire_.post([this, call] {
    if (connection_.ended()) {
      call->answer.set_value(ended_reply());
      return;
    }
    calls_.add(call);
    if (state_ == State::kLive) send_calls();
    if (wire_.paused()) {
      skipping_ = true;
      wire_.resume();
    }
  });
  if (!posted) return ended_reply();
  if (answer.wait_for(deadline) == std::future_status::ready) return answer.get();
  (void)wire_.post([this, call] { calls_.forget(call->id); });
  return no_answer(Reply::Outcome::kTimeout, "timeout",
                   "no answer within " + std::to_string(deadline.count()) + " ms");
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Client::~Client() {
  stop();
}

void Client::start() {
  impl_->start();
}

void Client::stop() {
  impl_->stop();
}

std::optional<Message> Client::next(milliseconds wait) {
  Inbox::Popped popped = impl_->inbox().pop(wait);
  if (popped.resume) impl_->room_again();
  return std::move(popped.message);
}

bool Client::finished() const {
  return impl_->inbox().finished();
}

Reply Client::request(const std::string& action, const std::string& fields, milliseconds deadline) {
  return impl_->ask(action, fields, std::nullopt, deadline);
}

Reply Client::subscribe(Subscription subscription, milliseconds deadline) {
  return impl_->ask("subscribe", "", std::move(subscription), deadline);
}

}  // namespace feed
