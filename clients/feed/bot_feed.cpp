#include "feed/bot_feed.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "feed/json.h"
#include "feed/token.h"

namespace feed {
namespace {

using json::Object;
using std::chrono::milliseconds;

// How soon a bridge that was there is missed.
constexpr milliseconds kQuick{1'500};
// What the bridge is given less than this side waits, so that its own `timeout` arrives.
constexpr milliseconds kDeadlineMargin{500};
constexpr milliseconds kDeadlineMin{100};
constexpr milliseconds kDeadlineMax{60'000};
constexpr std::string_view kEventsCommand = "get_recent_events";
constexpr int kSignsMax = 1'000;
constexpr std::int64_t kAnswerBytesMax = 64 << 20;

template <std::size_t N>
bool is_one_of(const std::string& text, const char* const (&names)[N]) {
  return std::find(std::begin(names), std::end(names), text) != std::end(names);
}

zmq::socket_t socket_to(zmq::context_t& context, zmq::socket_type type, const std::optional<CurveKey>& key) {
  zmq::socket_t socket = connecting::socket(context, type, key);
  socket.set(zmq::sockopt::maxmsgsize, kAnswerBytesMax);
  return socket;
}

enum class Waited { kReadable, kOther, kInVain, kInterrupted };

// Until the socket is readable or, if that is not null, `other`.
Waited wait_readable(zmq::socket_t& socket, std::chrono::steady_clock::time_point until,
                     zmq::socket_t* other = nullptr) {
  const auto wait = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  zmq::pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                             {other == nullptr ? nullptr : other->handle(), -1, ZMQ_POLLIN, 0}};
  try {
    const int ready = zmq::poll(items, other == nullptr ? 1 : 2, std::max(wait, milliseconds(0)));
    if (ready > 0) return items[0].revents != 0 ? Waited::kReadable : Waited::kOther;
    return Waited::kInVain;
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
    return Waited::kInterrupted;
  }
}

std::vector<BotAddress> addresses_of(const BotFeedOptions& options) {
  const Result<std::vector<BotAddress>> found = bot_addresses(options.events, options.commands);
  if (!found) throw std::invalid_argument(found.error());
  return *found;
}

Message gap_message(Gap gap) {
  Message message;
  message.kind = Message::Kind::kGap;
  message.envelope.type = "gap";
  Object data;
  data.add_number("from_seq", *gap.from_seq).add_number("to_seq", *gap.to_seq);
  data.add_string("reason", gap.reason);
  message.text = Object().add_string("type", "gap").add("data", data.text()).text();
  message.gap = std::move(gap);
  return message;
}

}  // namespace

BotFeed::BotFeed(BotFeedOptions options)
    : options_(std::move(options)),
      bridges_(addresses_of(options_)),
      signs_(socket_to(context_, zmq::socket_type::sub, options_.key)),
      cursor_(options_.since),
      backoff_({}, std::random_device()()) {
  signs_.set(zmq::sockopt::rcvhwm, kSignsMax);
  // A topic ends in a delimiter: without, `trade` would match `trades` too.
  for (const std::string& type : options_.types) signs_.set(zmq::sockopt::subscribe, type + "/");
  connecting::connect(signs_, bridges_[bridge_].events);
  open_requests();
}

void BotFeed::open_requests() {
  handshakes_.reset();
  requests_ = socket_to(context_, zmq::socket_type::req, options_.key);
  // With a key a bot is called as its key is, and a routing id could only be in its own way.
  if (!options_.name.empty() && !options_.key) requests_.set(zmq::sockopt::routing_id, options_.name);
  handshakes_ = std::make_unique<Handshakes>(context_, requests_);
  connecting::connect(requests_, bridges_[bridge_].commands);
}

// To another bridge, or anew to the same: ZeroMQ does not come again by itself to where it was refused.
void BotFeed::move_signs(std::size_t to) {
  try {
    signs_.disconnect(bridges_[bridge_].events);
  } catch (const zmq::error_t&) {
    // It had given that up already.
  }
  bridge_ = to;
  signs_refused_ = false;
  connecting::connect(signs_, bridges_[bridge_].events);
}

BotFeed::News BotFeed::next(milliseconds wait) {
  return is_time(Clock::now() + wait) ? catch_up() : News{};
}

// Whether the bridge is to be asked.
bool BotFeed::is_time(Clock::time_point until) {
  if (Clock::now() < pause_until_) {
    std::this_thread::sleep_until(std::min(until, pause_until_));
    return Clock::now() >= pause_until_;
  }
  return behind_ || wait_readable(signs_, std::min(until, next_look_)) == Waited::kReadable ||
         Clock::now() >= next_look_;
}

void BotFeed::take_signs() {
  zmq::message_t frame;
  for (int n = 0; n < 2 * kSignsMax && signs_.recv(frame, zmq::recv_flags::dontwait); ++n) {
  }
}

BotFeed::News BotFeed::catch_up() {
  News news;
  behind_ = true;
  take_signs();
  const Since since = cursor_.next_since();
  Object params;
  std::string types;
  for (const std::string& type : options_.types) {
    types += (types.empty() ? "" : ",") + json::quote(type);
  }
  params.add("type", "[" + types + "]");
  std::uint64_t count = 0;
  if (const auto* at = std::get_if<Position>(&since)) {
    params.add_number("since_seq", at->seq).add_string("epoch", at->epoch);
    count = options_.page_events;
  } else if (const auto* last = std::get_if<SinceLast>(&since)) {
    count = last->count;
  }
  params.add_number("count", count);
  const bool quick = answered_ || bridges_.size() > 1;  // there is another one to ask
  const Answer answer = ask(kEventsCommand, params.text(), "", "",
                            quick ? std::min(options_.timeout, kQuick) : options_.timeout);
  answered_ = answer.error_type != "no_answer";
  if (answer.kind == Answer::Kind::kDone) {
    take_page(answer.result, since, news);
  } else {
    constexpr const char* kFinal[] = {"unauthorized", "forbidden", "bad_request", "unknown_command",
                                      "bad_json"};
    news.error = answer.error_type + ": " + answer.error;
    news.kind =
        is_one_of(answer.error_type, kFinal) ? News::Kind::kRefused : News::Kind::kUnavailable;
  }
  const bool good = news.kind == News::Kind::kAll || news.kind == News::Kind::kMore;
  if (good) {
    backoff_.reset();
    next_look_ = Clock::now() + options_.check_interval;
  } else {
    pause_until_ = Clock::now() + backoff_.next();
  }
  return news;
}

void BotFeed::take_page(std::string_view result, const Since& since, News& news) {
  const auto epoch = json::as_string(json::member(result, "epoch"));
  auto end = json::as_u64(json::member(result, "seq"));
  if (!epoch || !end) {
    news.kind = News::Kind::kUnavailable;
    news.error = "the bridge's answer names no seq or no epoch";
    return;
  }
  news.epoch_changed = cursor_.on_registered(*epoch, *end);
  std::vector<Message> events;
  json::for_each_element(json::member(result, "events"), [&](std::string_view text) {
    Message event;
    event.text = std::string(text);
    event.envelope = read_envelope(text).value_or(Envelope());
    if (event.envelope.seq) events.push_back(std::move(event));
  });
  const auto* at = std::get_if<Position>(&since);
  // A page that leads nowhere would be asked for for ever.
  const bool on = at != nullptr && !events.empty() && (at->epoch != *epoch || events.back().envelope.seq != at->seq);
  behind_ = on && json::member(result, "more") == "true";
  if (behind_) end = events.back().envelope.seq;
  if (at != nullptr && json::member(result, "recovered") != "true") {
    const bool missed = json::as_u64(json::member(result, "missed")) != 0u;
    Gap gap;
    gap.reason = "evicted";
    gap.from_seq = at->epoch == *epoch ? at->seq + 1 : 1;
    gap.to_seq = missed ? *end : 0;
    news.messages.push_back(gap_message(std::move(gap)));
  }
  for (Message& event : events) {
    if (cursor_.admit(event.envelope)) news.messages.push_back(std::move(event));
  }
  cursor_.complete_until(*end);
  news.kind = behind_ ? News::Kind::kMore : News::Kind::kAll;
}

// Nothing where none came: the socket is made anew then, since a REQ that waits for an answer can
// do nothing else, and the bridge that owes it may be gone (the "lazy pirate" of the ZeroMQ guide).
// With `for_events` a signal ends the wait: its user looks at what it meant, and asks again.
std::optional<std::string> BotFeed::answer_to(const std::string& question, bool for_events,
                                              Clock::time_point until) {
  refusal_.clear();
  bool interrupted = false;
  bool given_up = !requests_.send(zmq::buffer(question), zmq::send_flags::dontwait);
  while (!given_up) {
    const Waited waited = wait_readable(requests_, until, &handshakes_->monitor());
    zmq::message_t answer;
    if (waited == Waited::kOther) {
      const std::string why = handshakes_->trouble(options_.key);
      if (!why.empty()) {
        refusal_ = "the bridge at " + bridges_[bridge_].commands + " " + why;
        signs_refused_ = true;
        break;
      }
    }
    if (waited == Waited::kReadable && requests_.recv(answer, zmq::recv_flags::dontwait)) {
      while (answer.more() && requests_.recv(answer, zmq::recv_flags::dontwait)) {
      }
      if (signs_refused_) move_signs(bridge_);
      return answer.to_string();
    }
    interrupted = for_events && waited == Waited::kInterrupted;
    given_up = Clock::now() >= until || interrupted;
  }
  if (!interrupted && bridges_.size() > 1) move_signs((bridge_ + 1) % bridges_.size());
  open_requests();
  return std::nullopt;
}

Answer BotFeed::ask(std::string_view command, std::string_view params, std::string_view target,
                    std::string_view idempotency_key, milliseconds wait) {
  wait = std::min(wait, options_.timeout);
  const milliseconds deadline = std::clamp(wait - kDeadlineMargin, kDeadlineMin, kDeadlineMax);
  const std::uint64_t id = ++last_id_;
  Object question;
  question.add_string("command", command).add("params", params).add_number("id", id);
  question.add_number("deadline_ms", static_cast<std::uint64_t>(deadline.count()));
  if (!target.empty()) question.add_string("target", target);
  if (!idempotency_key.empty()) question.add_string("idempotency_key", idempotency_key);

  Answer answer;
  if (!options_.token.empty()) {
    if (auto trouble = options_.key ? std::nullopt : token_trouble(bridges_[bridge_].commands)) {
      answer.kind = Answer::Kind::kRefused;
      answer.error_type = "unauthorized";
      answer.error = std::move(*trouble);
      return answer;
    }
    question.add_string("token", options_.token);
  }
  std::optional<std::string> text =
      answer_to(question.text(), command == kEventsCommand, Clock::now() + wait);
  // The answer to another question is one that came too late.
  if (!text || !json::valid(*text) || json::as_u64(json::member(*text, "id")) != id) {
    if (!text && !refusal_.empty()) {
      answer.kind = Answer::Kind::kRefused;
      answer.error_type = "unauthorized";
      answer.error = refusal_;
      return answer;
    }
    answer.error_type = text ? "bad_answer" : "no_answer";
    answer.error = text ? "the bridge's answer is no answer to what was asked"
                        : "none came from " + options_.commands + " within " +
                              std::to_string(wait.count()) + " ms";
    return answer;
  }
  const Reply reply = read_reply(std::move(*text));
  if (reply.ok) {
    answer.kind = Answer::Kind::kDone;
    answer.result = json::member(reply.text, "result");
    answer.source = json::as_string(json::member(reply.text, "source")).value_or("");
  } else {
    constexpr const char* kPerhapsDone[] = {"timeout", "unknown_outcome"};
    answer.kind =
        is_one_of(reply.error_type, kPerhapsDone) ? Answer::Kind::kUnknown : Answer::Kind::kRefused;
    answer.error_type = reply.error_type;
    answer.error = reply.error;
  }
  return answer;
}

}  // namespace feed
