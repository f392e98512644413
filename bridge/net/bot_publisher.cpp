#include "net/bot_publisher.h"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "base/loop_turns.h"

namespace bridge {
namespace {

// Of the processor's time, in one call: on a busy machine the thread may only wait for its turn.
constexpr auto kHeldUpAfter = std::chrono::milliseconds(10);
constexpr auto kCutAfter = std::chrono::milliseconds(50);
constexpr auto kAskIdleAfter = std::chrono::milliseconds(200);
constexpr auto kEndPatience = std::chrono::seconds(1);
constexpr std::uint64_t kLoudBytes = 128 * 1024;

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
    // Further on it may be: what came while nobody listened was not handed on, and need not be sealed.
    const bool open = cursor_ >= log_.history().last_seq();
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

// libzmq does not come back while bots connect, or subscribe, faster than it takes that up. So no more get in until it does, and
// for as long again, which those have who are there; and where that lasts those are disconnected who have sent most: a bot that
// wants events sends next to nothing.
void BotPublisher::watch() {
  const auto now = std::chrono::steady_clock::now();
  if (asked_) {
    const auto used = socket_->used() - used_;
    if (used < kHeldUpAfter) return;
    if (!shut_) hold_off();
    open_at_ = now + (now - shut_at_);
    if (used > kCutAfter) cut_loudest();
    return;
  }
  if (shut_ && now >= open_at_) let_in(true);
  if (!socket_->wanted() && now - asked_at_ < kAskIdleAfter) return;
  asked_ = true;
  asked_at_ = now;
  used_ = socket_->used();
  socket_->call([this] { asio::post(io_, [this] { asked_ = false; }); });
}

void BotPublisher::hold_off() {
  shut_at_ = std::chrono::steady_clock::now();
  let_in(false);
  ++counters_.bots_held_off;
  if (!lines_.allow(std::chrono::duration_cast<std::chrono::microseconds>(shut_at_.time_since_epoch()).count())) return;
  log_warn("bots_held_off", "bots.events takes up what bots subscribe to, and lets no more of them in until that is done");
}

// On the other thread: the kernel may still have megabytes of each.
void BotPublisher::cut_loudest() {
  if (std::exchange(cutting_, true)) return;
  upkeep_.run([endpoint = endpoint_] {
    const std::vector<ZmqPeer> peers = peers_of({endpoint});
    std::uint64_t most = kLoudBytes;
    for (const ZmqPeer& peer : peers) most = std::max(most, peer.received);
    for (const ZmqPeer& peer : peers) {
      if (peer.received >= std::max(most / 2, kLoudBytes)) (void)cut_peer(peer.descriptor, endpoint);
    }
    return true;
  }, [this](bool) { cutting_ = false; });
}

void BotPublisher::let_in(bool more) {
  shut_ = !more;
  upkeep_.run([listening = socket_->listening(), more] { return bridge::shut_out(listening, !more), true; }, [](bool) {});
}

}  // namespace bridge
