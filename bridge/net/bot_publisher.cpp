#include "net/bot_publisher.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr int kSendMessagesMax = 100'000;  // waiting for one bot (ZMQ_SNDHWM)
constexpr std::int64_t kSubscriptionBytesMax = 4096;
constexpr std::size_t kSentBytesMax = 64 * 1024;

}  // namespace

BotPublisher::BotPublisher(asio::io_context& io, zmq::context_t& context, EventLog& log,
                           Counters& counters)
    : io_(io), log_(log), counters_(counters), socket_(context, zmq::socket_type::xpub) {}

Result<bool> BotPublisher::start(const std::string& endpoint) {
  if (endpoint.empty()) return true;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, kSendMessagesMax);
    socket_.set(zmq::sockopt::maxmsgsize, kSubscriptionBytesMax);
    endpoint_ = bind_socket(socket_, endpoint);
  } catch (const zmq::error_t& e) {
    return Failure{"bots.events: cannot listen on " + endpoint + ": " + e.what()};
  }
  cursor_ = log_.head();
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

void BotPublisher::publish() {
  if (!watch_) return;
  if (subscriptions_ == 0) {
    cursor_ = log_.head();  // nobody listens: nothing to do for an event
  } else if (cursor_ < log_.head() && take_turn() == Turn::more) {
    watch_->look_again();
  }
}

// XPUB passes on the first subscription and the last unsubscription of each prefix; between them
// somebody listens.
void BotPublisher::read_subscriptions() {
  zmq::message_t message;
  while (socket_.recv(message, zmq::recv_flags::dontwait)) {
    if (message.size() == 0) continue;
    const char kind = *message.data<char>();
    if (kind == 1) {
      if (subscriptions_++ == 0) cursor_ = log_.head();
    } else if (kind == 0 && subscriptions_ > 0) {
      --subscriptions_;
    }
  }
}

Turn BotPublisher::take_turn() {
  std::size_t bytes = 0;
  try {
    read_subscriptions();
    if (subscriptions_ == 0) return Turn::drained;
    while (cursor_ < log_.head()) {
      if (bytes >= kSentBytesMax) return Turn::more;
      if (cursor_ == log_.history().last_seq()) log_.seal();
      const BlockPtr block = log_.history().find(cursor_ + 1);
      if (!block) {  // so far behind that the history let go: the hole in seq tells
        cursor_ = log_.history().first_seq() - 1;
        continue;
      }
      const std::uint64_t last = std::min(block->last_seq(), log_.head());
      for (; cursor_ < last && bytes < kSentBytesMax; ++cursor_) {
        const auto i = static_cast<std::size_t>(cursor_ + 1 - block->first_seq());
        const EventEntry& entry = block->entry(i);
        topic_.assign(block->text(entry.type)).append(1, '/');
        topic_.append(block->text(entry.source)).append(1, '/');
        const std::string_view json = block->json(i);
        socket_.send(zmq::buffer(topic_), zmq::send_flags::dontwait | zmq::send_flags::sndmore);
        socket_.send(zmq::buffer(json), zmq::send_flags::dontwait);
        bytes += json.size() + 64;
        ++counters_.bot_events_sent;
      }
    }
  } catch (const zmq::error_t&) {
    return Turn::drained;  // the context is going down
  }
  return Turn::drained;
}

}  // namespace bridge
