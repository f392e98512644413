#include "net/bot_socket.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <asio/post.hpp>

#include "base/text.h"

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
constexpr int kReceiveBytes = 16 * 1024;  // in the kernel, likewise: what has come is taken up, whoever is disconnected
constexpr std::size_t kSentBytesMax = 64 * 1024;
constexpr int kSubscriptionsPerTurnMax = 1024;
// Of all topics: libzmq walks them whenever a peer goes, 20 to 40 ns each.
constexpr std::size_t kTopicNodesMax = 16'384;
constexpr std::size_t kTopicSharePerBot = 4;  // the part of them, and of their memory, that one bot may have
constexpr auto kShedInterval = std::chrono::milliseconds(50);  // the memory is free by then
constexpr auto kNoRoomPause = std::chrono::milliseconds(1);
constexpr auto kCutPause = std::chrono::milliseconds(20);

}  // namespace

BotSocket::BotSocket(const BotSocketParts& parts, BotQueue& queue, std::function<void()> on_room)
    : parts_(parts),
      queue_(queue),
      on_room_(std::move(on_room)),
      work_(asio::make_work_guard(io_)),
      socket_(parts.context, zmq::socket_type::xpub),
      senders_(parts.guard.senders()),
      topic_bytes_(parts.topics) {}

BotSocket::~BotSocket() {
  while (!end(kCutPause)) {
  }
  if (door_) door_->end();
}

// While bots subscribe on and on libzmq does not come back: no more get in, and all are disconnected until it does. What it
// has taken up it lets go of peer by peer, each time with a walk over all of it.
bool BotSocket::end(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  stopping_ = true;
  wake();
  (void)door_->shut();
  const auto by = std::chrono::steady_clock::now() + patience;
  while (end_.wait_for(kCutPause) != std::future_status::ready) {
    if (std::chrono::steady_clock::now() > by) return false;
    door_->send_away();
    for (const ZmqPeer& peer : peers_of({endpoint_})) (void)cut_peer(peer.descriptor, endpoint_);
  }
  thread_.join();
  return true;
}

Result<std::string> BotSocket::start(const std::string& endpoint) {
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, kSendMessagesMax);
    socket_.set(zmq::sockopt::maxmsgsize, kSubscriptionBytesMax);
    socket_.set(zmq::sockopt::rcvbuf, kReceiveBytes);
    keys_ = parts_.guard.wants_key(endpoint);
    socket_.set(zmq::sockopt::xpub_manual, keys_);
    const bool asks = parts_.guard.asks(endpoint);
    socket_.set(zmq::sockopt::rcvhwm, asks ? kSubscriptionsWaitingMaxAsked : kSubscriptionsWaitingMax);
    monitor_ = std::make_unique<ZmqMonitor>(io_, parts_.context, socket_, counters_,
                                            [this](int descriptor) { drop_topics_of(descriptor); }, nullptr,
                                            [this](int descriptor) { door_ = std::make_shared<BotDoor>(descriptor); });
    endpoint_ = parts_.guard.bind(socket_, endpoint, kBotDomain);
    monitor_->catch_up();
  } catch (const zmq::error_t& e) {
    return Failure{"bots.events: cannot listen on " + endpoint + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "bots");
    io_.run();
    ended_.set_value();
  });
  return endpoint_;
}

void BotSocket::call(std::function<void()> f) { asio::post(io_, std::move(f)); }

void BotSocket::wake() {
  call([this] { watch_->look_again(); });
}

std::chrono::nanoseconds BotSocket::used() {
  clockid_t clock{};
  timespec used{};
  if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void BotSocket::check_keys() {
  call([this] {
    look_at_keys();
    share_counters();  // what the monitor counts has no turn of its own
  });
}

void BotSocket::share_counters() {
  const std::lock_guard lock(counted_mutex_);
  counted_ += std::exchange(counters_, {});
}

Counters BotSocket::take_counted() {
  const std::lock_guard lock(counted_mutex_);
  return std::exchange(counted_, {});
}

Turn BotSocket::take_turn() {
  Left left = Left::nothing;
  bool read_all = true;
  const std::uint64_t sent = counters_.bot_events_sent;
  try {
    read_all = read_subscriptions();
    left = send_some();
  } catch (const zmq::error_t&) {
    // The context is going down.
  }
  // What has come while it sent may have told of itself already.
  const bool again = left == Left::more || !read_all || counters_.bot_events_sent != sent;
  share_counters();
  if (stopping_ && left != Left::more) {
    io_.stop();
    return Turn::drained;
  }
  if (again) return Turn::more;
  if (left == Left::nothing) return Turn::drained;
  pause_.expires_after(kNoRoomPause);
  pause_.async_wait([this](const asio::error_code& ec) {
    if (!ec) watch_->look_again();
  });
  return Turn::by_himself;
}

BotSocket::Left BotSocket::send_some() {
  const std::int64_t now_us = parts_.clock.wall_us();
  for (std::size_t bytes = 0;;) {
    if (!sending_) {
      bool ask_again = false;
      sending_ = queue_.take(&ask_again);
      if (ask_again) on_room_();
      if (!sending_) return Left::nothing;
    }
    if (topics_.empty()) {
      sending_.reset();
      continue;
    }
    if (!parts_.unread.has_room_for(0)) shed();
    // What is cut off takes a moment to be freed: until then the queue, and behind it the log, keep the rest.
    if (parts_.unread.bytes() > parts_.unread.bytes_max() / 2 * 3) return Left::no_room;
    if (bytes >= kSentBytesMax) return Left::more;
    const Block& block = *sending_->block;
    for (; sending_->first_seq <= sending_->last_seq && bytes < kSentBytesMax; ++sending_->first_seq) {
      const auto i = static_cast<std::size_t>(sending_->first_seq - block.first_seq());
      send(block, i, now_us);
      bytes += block.json(i).size() + 64;
    }
    if (sending_->first_seq > sending_->last_seq) sending_.reset();
  }
}

void BotSocket::send(const Block& block, std::size_t index, std::int64_t now_us) {
  const EventEntry& entry = block.entry(index);
  topic_.assign(block.text(entry.type)).append(1, '/');
  topic_.append(block.text(entry.source)).append(1, '/');
  socket_.send(zmq::buffer(topic_), zmq::send_flags::dontwait | zmq::send_flags::sndmore);
  socket_.send(counted_frame(block.json(index), parts_.unread), zmq::send_flags::dontwait);
  ++counters_.bot_events_sent;
  counters_.receive_to_send[static_cast<std::size_t>(Delivery::bot)].add(now_us - entry.timestamp_us, 1);
}

// XPUB passes on the first subscription and the last unsubscription of each prefix; between them
// somebody listens.
bool BotSocket::read_subscriptions() {
  zmq::message_t message;
  for (int i = 0; i < kSubscriptionsPerTurnMax; ++i) {
    if (!socket_.recv(message, zmq::recv_flags::dontwait)) return true;
    parts_.taken.count(message);
    if (message.size() == 0) continue;
    take_subscription(message);
  }
  return false;
}

void BotSocket::take_subscription(zmq::message_t& message) {
  std::string topic(message.to_string_view().substr(1));
  const char kind = *message.data<char>();
  const int descriptor = descriptor_of(message);
  if (keys_) {
    if (descriptor < 0) return;  // of one who has gone, whose topics the monitor tells of
    monitor_->catch_up();
    const ZmqSender& sender = senders_.of(message);
    const bool allowed = sender.access != nullptr && sender.access->may_read_topic(topic);
    if (kind == 1 && !allowed) {
      ++counters_.bot_topics_refused;
      if (refused_lines_.allow(parts_.clock.steady_us())) {
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
    add_topic(topic, descriptor);
  } else if (kind == 0) {
    drop_topic(topic);
  }
}

void BotSocket::drop_topics_of(int descriptor) {
  if (readers_.erase(descriptor) == 0) return;
  std::vector<std::string> theirs;
  for (const auto& [topic, whose] : topics_.topics()) {
    if (whose.bot == descriptor) theirs.push_back(topic);
  }
  for (const std::string& topic : theirs) drop_topic(topic);
}

void BotSocket::look_at_keys() {
  if (readers_.empty()) return;
  monitor_->catch_up();
  std::unordered_map<int, std::shared_ptr<const Access>> now;
  for (const auto& [descriptor, access] : readers_) now[descriptor] = parts_.guard.again(*access);
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

void BotSocket::add_topic(const std::string& topic, int descriptor) {
  topics_.add(topic, descriptor);
  on_topics();
  const BotTopics::Cost bot = topics_.of(descriptor);
  const bool too_many = bot.nodes > kTopicNodesMax / kTopicSharePerBot ||
                        bot.bytes() > parts_.topics.bytes_max() / kTopicSharePerBot;
  if (!too_many && topics_.all().nodes <= kTopicNodesMax && parts_.topics.has_room_for(0)) return;
  if (!cut_peer(too_many ? descriptor : topics_.greediest(), endpoint_)) return;
  parts_.topics.refuse();
  log_warn("bot_cut_off", "disconnected a bot from bots.events: it subscribes to too many topics");
}

void BotSocket::drop_topic(const std::string& topic) {
  topics_.drop(topic);
  on_topics();
}

// Who has read that there is a topic gets what is published from then on.
void BotSocket::on_topics() {
  wanted_ = !topics_.empty();
  topic_bytes_.set(topics_.all().bytes());
}

void BotSocket::shed() {
  const auto now = std::chrono::steady_clock::now();
  if (now - shed_at_ < kShedInterval) return;
  shed_at_ = now;
  const std::vector<ZmqPeer> peers = peers_of({endpoint_});
  const auto slowest = std::max_element(peers.begin(), peers.end(), [](auto& a, auto& b) {
    return a.unsent < b.unsent;
  });
  if (slowest == peers.end() || !cut_peer(slowest->descriptor, endpoint_)) return;
  parts_.unread.refuse();
  log_warn("bot_cut_off", "disconnected a bot from bots.events: bots have {} bytes unread, and it is furthest behind",
           parts_.unread.bytes());
}

}  // namespace bridge
