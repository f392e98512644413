#include "net/bot_publisher.h"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr auto kHeldUpAfter = std::chrono::milliseconds(20);
constexpr auto kEndPatience = std::chrono::seconds(1);
constexpr std::uint64_t kLoudBytes = 64 * 1024;

}  // namespace

BotPublisher::BotPublisher(asio::io_context& io, EventLog& log, Counters& counters, ZmqUpkeep& upkeep,
                           MemoryShare& backlog, const BotSocketParts& socket)
    : io_(io), log_(log), counters_(counters), upkeep_(upkeep), queue_(backlog), parts_(socket) {}

BotPublisher::~BotPublisher() = default;

Result<bool> BotPublisher::start(const std::string& endpoint) {
  if (endpoint.empty()) return true;
  auto socket = std::make_unique<BotSocket>(parts_, queue_, [this] { asio::post(io_, [this] { publish(); }); });
  auto bound = socket->start(endpoint);
  if (!bound) return bound.error();
  endpoint_ = bound.value();
  socket_ = std::move(socket);
  cursor_ = log_.head();
  return true;
}

bool BotPublisher::end() { return !socket_ || socket_->end(kEndPatience); }

void BotPublisher::publish(bool last) {
  const TurnPart part("to bots");
  if (!socket_) return;
  if (!socket_->wanted()) {
    cursor_ = log_.head();  // nobody listens: nothing to do for an event
    return;
  }
  bool wake = false;
  while (cursor_ < log_.head()) {
    const bool open = cursor_ == log_.history().last_seq();
    if (!queue_.may_put(open && !last)) break;
    if (open) log_.seal();
    BlockPtr block = log_.history().find(cursor_ + 1);
    if (!block) {  // so far behind that the history let go
      counters_.bot_events_missed += log_.history().first_seq() - 1 - cursor_;
      cursor_ = log_.history().first_seq() - 1;
      continue;
    }
    const std::uint64_t last_seq = std::min(block->last_seq(), log_.head());
    wake |= queue_.put({std::move(block), cursor_ + 1, last_seq});
    cursor_ = last_seq;
  }
  if (wake) socket_->wake();
}

void BotPublisher::check_keys() {
  if (socket_) socket_->check_keys();
}

void BotPublisher::tick() {
  if (!socket_) return;
  counters_ += socket_->take_counted();
  watch();
}

// libzmq does not come back while bots connect, or subscribe, faster than it takes that up. So no more get in until it does,
// and those are disconnected who have sent most: a bot that wants events sends next to nothing.
void BotPublisher::watch() {
  const auto now = std::chrono::steady_clock::now();
  if (!asked_) {
    if (std::exchange(shut_, false)) socket_->let_in(true);
    if (queue_.empty()) return;
    asked_ = true;
    asked_at_ = now;
    socket_->call([this] { asio::post(io_, [this] { asked_ = false; }); });
  } else if (!shut_ && now - asked_at_ > kHeldUpAfter) {
    shut_ = true;
    socket_->let_in(false);
    ++counters_.bots_held_off;
    look();
    if (!lines_.allow(std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count())) return;
    log_warn("bots_held_off", "bots.events takes up what bots subscribe to, and lets no more of them in until that is done");
  } else if (shut_) {
    look();
  }
}

void BotPublisher::look() {
  if (std::exchange(looking_, true)) return;
  upkeep_.find({endpoint_}, [this](const std::vector<ZmqPeer>& peers) { cut_loudest(peers); });
}

void BotPublisher::cut_loudest(const std::vector<ZmqPeer>& peers) {
  looking_ = false;
  if (!asked_) return;
  std::uint64_t most = kLoudBytes;
  for (const ZmqPeer& peer : peers) most = std::max(most, peer.received);
  for (const ZmqPeer& peer : peers) {
    if (peer.received >= std::max(most / 2, kLoudBytes)) (void)cut_peer(peer.descriptor, endpoint_);
  }
}

}  // namespace bridge
