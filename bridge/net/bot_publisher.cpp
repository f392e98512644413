#include "net/bot_publisher.h"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "base/loop_turns.h"

namespace bridge {
namespace {

// Of the processor's time, in one call: on a busy machine the thread may only wait for its turn.
constexpr auto kHeldUpAfter = std::chrono::milliseconds(10);
constexpr auto kRestMax = std::chrono::milliseconds(250);
constexpr auto kSentAwayAfter = std::chrono::milliseconds(100);  // as often as libzmq tries again; sooner invites a flood
constexpr auto kAskIdleAfter = std::chrono::milliseconds(200);
constexpr auto kEndPatience = std::chrono::seconds(1);
constexpr std::uint64_t kLoudBytes = 16 * 1024;
constexpr auto kLoudBefore = std::chrono::seconds(1);  // libzmq was held up

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
// for a moment more, which those have who are there; and who has just sent much is disconnected: a bot that wants events sends
// next to nothing, and libzmq lets go of each with a walk over what all of them subscribe to.
void BotPublisher::watch() {
  const auto now = std::chrono::steady_clock::now();
  const bool held_up = asked_ && socket_->used() - used_ >= kHeldUpAfter;
  if (held_up) {
    if (!shut_) hold_off();
    open_at_ = now + std::min<std::chrono::nanoseconds>(now - shut_at_, kRestMax);
  }
  if (shut_) look_after_door(held_up);
  if (asked_) return;
  if (shut_ && now >= open_at_) let_in();
  if (!socket_->wanted() && now - asked_at_ < kAskIdleAfter) return;
  asked_ = true;
  asked_at_ = now;
  used_ = socket_->used();
  socket_->call([this] { asio::post(io_, [this] { asked_ = false; }); });
}

void BotPublisher::hold_off() {
  shut_ = true;
  shut_at_ = std::chrono::steady_clock::now();
  ++counters_.bots_held_off;
  if (!lines_.allow(std::chrono::duration_cast<std::chrono::microseconds>(shut_at_.time_since_epoch()).count())) return;
  log_warn("bots_held_off", "bots.events takes up what bots subscribe to, and lets no more of them in until that is done");
}

// On the other thread: the kernel may still have something of each.
void BotPublisher::look_after_door(bool held_up) {
  if (std::exchange(looking_, true)) return;
  const auto now = std::chrono::steady_clock::now();
  const bool sends_away = now - sent_away_at_ >= kSentAwayAfter;
  if (sends_away) sent_away_at_ = now;
  upkeep_.run([door = socket_->door(), endpoint = endpoint_, held_up, sends_away, loud_for = now - shut_at_ + kLoudBefore] {
    (void)door->shut();
    if (sends_away) door->send_away();
    if (!held_up) return true;
    for (const ZmqPeer& peer : peers_of({endpoint})) {
      if (peer.sent >= kLoudBytes && peer.silent < loud_for) (void)cut_peer(peer.descriptor, endpoint);
    }
    return true;
  }, [this](bool) { looking_ = false; });
}

void BotPublisher::let_in() {
  shut_ = false;
  upkeep_.run([door = socket_->door()] { return door->open(), true; }, [](bool) {});
}

}  // namespace bridge
