#include "net/bot_publisher.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/loop_turns.h"
#include "base/text.h"
#include "net/zmq_peers.h"

namespace bridge {
namespace {

constexpr int kSendMessagesMax = 100'000;  // waiting for one bot (ZMQ_SNDHWM)
// A longer one matches nothing. With what a handshake says, which counts by the same limit.
constexpr std::int64_t kSubscriptionBytesMax = 512;
// Of one bot, in ZeroMQ. libzmq takes up what has come whenever it is called, before it can be counted here, and
// with more than one it finds ever more where its other thread reads faster than this one takes up.
constexpr int kSubscriptionsWaitingMax = 1;
// With ZAP, libzmq 4.3.4 never hands over the first where there may be but one.
constexpr int kSubscriptionsWaitingMaxAsked = 2;
constexpr std::size_t kSentBytesMax = 64 * 1024;
constexpr int kSubscriptionsPerTurnMax = 1024;
// Of all topics: libzmq walks them whenever a peer goes, 20 to 40 ns each.
constexpr std::size_t kTopicNodesMax = 16'384;
constexpr std::size_t kTopicSharePerBot = 4;  // the part of them, and of their memory, that one bot may have
constexpr auto kShedInterval = std::chrono::milliseconds(50);  // the memory is free by then

}  // namespace

BotPublisher::BotPublisher(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, EventLog& log,
                           Counters& counters, const Clock& clock, MemoryShare& unread, MemoryShare& topics,
                           TakenBytes& taken, ZmqUpkeep& upkeep)
    : io_(io),
      context_(context),
      guard_(guard),
      log_(log),
      counters_(counters),
      clock_(clock),
      taken_(taken),
      upkeep_(upkeep),
      socket_(context, zmq::socket_type::xpub),
      unread_(unread),
      topic_bytes_(topics),
      topics_share_(topics) {}

Result<bool> BotPublisher::start(const std::string& endpoint) {
  if (endpoint.empty()) return true;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, kSendMessagesMax);
    socket_.set(zmq::sockopt::maxmsgsize, kSubscriptionBytesMax);
    keys_ = guard_.wants_key(endpoint);
    socket_.set(zmq::sockopt::xpub_manual, keys_);
    const bool asks = guard_.asks(endpoint);
    socket_.set(zmq::sockopt::rcvhwm, asks ? kSubscriptionsWaitingMaxAsked : kSubscriptionsWaitingMax);
    monitor_ = std::make_unique<ZmqMonitor>(io_, context_, socket_, counters_,
                                            [this](int descriptor) { drop_topics_of(descriptor); });
    endpoint_ = guard_.bind(socket_, endpoint, "out");
  } catch (const zmq::error_t& e) {
    return Failure{"bots.events: cannot listen on " + endpoint + ": " + e.what()};
  }
  cursor_ = log_.head();
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

void BotPublisher::publish() {
  const TurnPart part("to bots");
  if (!watch_) return;
  if (topics_.empty()) {
    cursor_ = log_.head();  // nobody listens: nothing to do for an event
  } else if (cursor_ < log_.head() && take_turn() == Turn::more) {
    watch_->look_again();
  }
}

// XPUB passes on the first subscription and the last unsubscription of each prefix; between them
// somebody listens.
bool BotPublisher::read_subscriptions() {
  zmq::message_t message;
  for (int i = 0; i < kSubscriptionsPerTurnMax; ++i) {
    if (!socket_.recv(message, zmq::recv_flags::dontwait)) return true;
    taken_.count(message);
    if (message.size() == 0) continue;
    take_subscription(message);
  }
  return false;
}

void BotPublisher::take_subscription(zmq::message_t& message) {
  std::string topic(message.to_string_view().substr(1));
  const char kind = *message.data<char>();
  const int descriptor = descriptor_of(message);
  if (keys_) {
    if (descriptor < 0) return;  // of one who has gone, whose topics the monitor tells of
    monitor_->catch_up();
    const ZmqSender& sender = guard_.sender_of(message);
    const bool allowed = sender.access != nullptr && sender.access->may_read_topic(topic);
    if (kind == 1 && !allowed) {
      ++counters_.bot_topics_refused;
      if (refused_lines_.allow(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch()).count())) {
        log_warn("bot_topic_refused", "a bot{} may not subscribe to \"{}\"", sender.label(), printable(topic));
      }
      return;
    }
    // These act on the connection that the message came over.
    if (kind == 1) {
      socket_.set(zmq::sockopt::subscribe, topic);
      readers_[descriptor] = sender.access;
    } else if (kind == 0) {
      socket_.set(zmq::sockopt::unsubscribe, topic);
    }
    topic.insert(0, std::to_string(descriptor) + '\0');
  }
  if (kind == 1) {
    if (topics_.empty()) cursor_ = log_.head();
    add_topic(topic, descriptor);
  } else if (kind == 0) {
    drop_topic(topic);
  }
}

void BotPublisher::drop_topics_of(int descriptor) {
  if (readers_.erase(descriptor) == 0) return;
  std::vector<std::string> theirs;
  for (const auto& [topic, whose] : topics_.topics()) {
    if (whose.bot == descriptor) theirs.push_back(topic);
  }
  for (const std::string& topic : theirs) drop_topic(topic);
}

void BotPublisher::check_keys() {
  if (readers_.empty()) return;
  monitor_->catch_up();
  std::unordered_map<int, std::shared_ptr<const Access>> now;
  for (const auto& [descriptor, access] : readers_) now[descriptor] = guard_.again(*access);
  const auto may_still = [&](const std::string& topic, int descriptor) {
    const auto& access = now[descriptor];
    return access != nullptr && access->may_read_topic(std::string_view(topic).substr(topic.find('\0') + 1));
  };
  std::set<int> lost;
  for (const auto& [topic, whose] : topics_.topics()) {
    if (!may_still(topic, whose.bot)) lost.insert(whose.bot);
  }
  for (const int descriptor : lost) (void)cut_peer(descriptor, endpoint_);
}

void BotPublisher::add_topic(const std::string& topic, int descriptor) {
  topics_.add(topic, descriptor);
  topic_bytes_.set(topics_.all().bytes());
  const BotTopics::Cost bot = topics_.of(descriptor);
  const bool too_many = bot.nodes > kTopicNodesMax / kTopicSharePerBot ||
                        bot.bytes() > topics_share_.bytes_max() / kTopicSharePerBot;
  if (!too_many && topics_.all().nodes <= kTopicNodesMax && topics_share_.has_room_for(0)) return;
  if (!cut_peer(too_many ? descriptor : topics_.greediest(), endpoint_)) return;
  topics_share_.refuse();
  log_warn("bot_cut_off", "disconnected a bot from bots.events: it subscribes to too many topics");
}

void BotPublisher::drop_topic(const std::string& topic) {
  topics_.drop(topic);
  topic_bytes_.set(topics_.all().bytes());
}

void BotPublisher::shed() {
  const auto now = std::chrono::steady_clock::now();
  if (now - shed_at_ < kShedInterval) return;
  shed_at_ = now;
  upkeep_.find({endpoint_}, [this](const std::vector<ZmqPeer>& peers) { shed_slowest(peers); });
}

void BotPublisher::shed_slowest(const std::vector<ZmqPeer>& peers) {
  const auto slowest = std::max_element(peers.begin(), peers.end(), [](auto& a, auto& b) {
    return a.unsent < b.unsent;
  });
  if (slowest == peers.end() || !cut_peer(slowest->descriptor, endpoint_)) return;
  unread_.refuse();
  log_warn("bot_cut_off", "disconnected a bot from bots.events: bots have {} bytes unread, and it is furthest behind",
               unread_.bytes());
}

Turn BotPublisher::take_turn() {
  std::size_t bytes = 0;
  const std::int64_t now_us = clock_.wall_us();
  try {
    const bool read_all = read_subscriptions();
    if (topics_.empty()) return read_all ? Turn::drained : Turn::more;
    while (cursor_ < log_.head()) {
      if (!unread_.has_room_for(0)) shed();
      // What is cut off takes a moment to be freed: until then the log keeps the rest.
      const bool full = unread_.bytes() > unread_.bytes_max() / 2 * 3;
      if (full || bytes >= kSentBytesMax) return Turn::more;
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
        socket_.send(counted_frame(json, unread_), zmq::send_flags::dontwait);
        bytes += json.size() + 64;
        ++counters_.bot_events_sent;
        counters_.receive_to_send[static_cast<std::size_t>(Delivery::bot)].add(now_us - entry.timestamp_us, 1);
      }
    }
    if (!read_all) return Turn::more;
  } catch (const zmq::error_t&) {
    return Turn::drained;  // the context is going down
  }
  return Turn::drained;
}

}  // namespace bridge
