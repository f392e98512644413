#include "net/plain_receiver.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "base/loop_turns.h"

namespace bridge {
namespace {

// Taken in before the sockets get their turn: about as much as a block holds and a session writes
// in one go, so writing keeps up with reading by construction, and a busy bridge writes whole
// blocks. What is left of a large batch is taken in on the next turns.
constexpr std::size_t kReadTurnBytesMax = 256 * 1024;
// Of one beside others, so that many have a part of every turn.
constexpr std::int64_t kQuantumBytes = kReadTurnBytesMax / 16;
constexpr std::int64_t kHandshakeUs = 5'000'000;
constexpr std::int64_t kPatienceUs = std::chrono::microseconds(PlainReceiver::kPatience).count();
constexpr std::int64_t kPatienceUsMin = kPatienceUs / 5;
constexpr auto kLookInterval = std::chrono::milliseconds(20);
constexpr int kQuietMs = 20;
constexpr rlim_t kDescriptorsKept = 32;  // for what the bridge itself opens

// Whether this descriptor, which is the lowest that was free, is one of the last.
bool is_one_of_the_last(int descriptor) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(descriptor) + kDescriptorsKept >= limit.rlim_cur;
}

}  // namespace

PlainReceiver::PlainReceiver(asio::io_context& io, ZmqGuard& guard, Intake& intake, Counters& counters,
                             const Clock& clock, MemoryShare& share, std::function<void()> on_batch)
    : io_(io),
      guard_(guard),
      intake_(intake),
      counters_(counters),
      clock_(clock),
      share_(share),
      on_batch_(std::move(on_batch)),
      peers_(io, [this](int descriptor, const std::string& endpoint,
                        std::size_t dialed) { on_peer(descriptor, endpoint, dialed); }),
      turns_(0, kQuantumBytes),
      timer_(io) {}

bool PlainReceiver::takes(const std::string& endpoint) const {
  return is_local_endpoint(endpoint) && !guard_.wants_key(endpoint);
}

Result<std::string> PlainReceiver::listen(const std::string& endpoint) {
  return peers_.listen(endpoint, guard_.ipc_mode());
}

void PlainReceiver::on_peer(int descriptor, const std::string& endpoint, std::size_t dialed) {
  const std::size_t here = places_.size() - free_.size();
  if (dialed == LocalPeers::kCame && here >= options_.connections_that_fit && is_one_of_the_last(descriptor)) {
    ::close(descriptor);
    if (lines_.allow(clock_.steady_us()))
      log_warn("descriptors_short", "hardly any descriptor is free: let go of who connects to {}", endpoint);
    return;
  }
  const std::size_t place = free_place();
  Place& at = places_[place];
  at.connection = std::make_shared<EventConnection>(io_, descriptor, options_.message_bytes_max, buffers_);
  at.dialed = dialed;
  at.came_us = clock_.steady_us();
  ++greeting_;
  look_soon();
  at.connection->descriptor().async_wait(
      asio::posix::stream_descriptor::wait_write,
      [this, place, endpoint, alive = std::weak_ptr<void>(at.connection)](const asio::error_code& ec) {
        if (ec || alive.expired()) return;
        EventConnection& connection = *places_[place].connection;
        std::string peer = peer_of_socket(connection.descriptor().native_handle());
        if (!guard_.lets_in(endpoint, peer)) {
          ++counters_.handshakes_refused;
          return end(place);
        }
        connection.greet(std::move(peer));
        wait(place);
      });
}

std::size_t PlainReceiver::free_place() {
  if (free_.empty()) {
    free_.push_back(places_.size());
    places_.emplace_back();
    turns_.resize(places_.size());
  }
  const std::size_t place = free_.back();
  free_.pop_back();
  return place;
}

// Whoever is in the rotation leaves it first.
void PlainReceiver::end(std::size_t place) {
  Place& at = places_[place];
  if (at.connection == nullptr || at.gone) return;
  if (!at.ready) --greeting_;
  want_room_.erase(std::remove(want_room_.begin(), want_room_.end(), place), want_room_.end());
  at.connection->close();
  if (turns_.waits(place)) {
    at.gone = true;
  } else {
    free(place);
  }
}

void PlainReceiver::free(std::size_t place) {
  const std::size_t dialed = std::exchange(places_[place], Place()).dialed;
  free_.push_back(place);
  peers_.connect_again(dialed);
}

void PlainReceiver::wait(std::size_t place) {
  EventConnection& connection = *places_[place].connection;
  connection.descriptor().async_wait(
      asio::posix::stream_descriptor::wait_read,
      [this, place, alive = std::weak_ptr<void>(places_[place].connection)](const asio::error_code& ec) {
        if (!ec && !alive.expired()) on_ready(place);
      });
}

void PlainReceiver::on_ready(std::size_t place) {
  turns_.join(place);
  if (!posted_) take_turn();
}

void PlainReceiver::take_turn_soon() {
  if (std::exchange(posted_, true)) return;
  asio::post(io_, [this, alive = std::weak_ptr<void>(alive_)] {
    if (alive.expired() || stopped_) return;
    posted_ = false;
    take_turn();
  });
}

void PlainReceiver::take_turn() {
  if (paused_) return;
  const TurnPart part("events in");
  std::size_t taken = 0;
  // All of a turn have the time at which it began: it is over in a millisecond.
  intake_.begin_turn();
  while (taken < kReadTurnBytesMax && !turns_.nobody_waits()) {
    const std::size_t place = turns_.next();
    bool nothing_left = true;
    std::size_t cost = 0;
    if (!places_[place].gone) {
      cost = take_from(place, std::min(static_cast<std::size_t>(turns_.allowance()), kReadTurnBytesMax - taken),
                       nothing_left);
    }
    taken += cost;
    turns_.took(static_cast<std::int64_t>(cost), nothing_left);
    if (places_[place].gone) free(place);
  }
  if (taken != 0) on_batch_();
  if (!stopped_ && !want_room_.empty()) (void)give_room();
  if (!stopped_ && !turns_.nobody_waits()) take_turn_soon();
}

std::size_t PlainReceiver::take_from(std::size_t place, std::size_t cost_max, bool& nothing_left) {
  Place& at = places_[place];
  const EventConnection::Taken taken = at.connection->take(intake_, cost_max);
  if (!at.ready && at.connection->zmtp().ready()) {
    at.ready = true;
    --greeting_;
  }
  if (at.connection->reserved() == 0) {
    at.large_since_us.reset();
  } else if (!at.large_since_us) {
    at.large_since_us = clock_.steady_us();
  }
  nothing_left = taken.state != EventConnection::State::more;
  switch (taken.state) {
    case EventConnection::State::more:
      break;
    case EventConnection::State::drained:
      if (!stopped_) wait(place);
      break;
    case EventConnection::State::no_room:
      (void)share_.refuse();
      want_room_.push_back(place);
      // What waits is bounded too: whoever has waited longest comes again, and repairs.
      while (buffers_.too_many_parts() && !want_room_.empty()) end(want_room_.front());
      look_soon();
      break;
    case EventConnection::State::ended:
      tell_of(*at.connection);
      end(place);  // freed once it has left the rotation
      break;
  }
  return taken.cost;
}

void PlainReceiver::tell_of(const EventConnection& connection) {
  const Zmtp& zmtp = connection.zmtp();
  if (zmtp.broken() == Zmtp::Broken::mechanism) {
    ++counters_.handshakes_without_key;
  } else if (!zmtp.ready()) {
    ++counters_.handshakes_broken;
  }
  if (zmtp.broken() == Zmtp::Broken::none || !lines_.allow(clock_.steady_us())) return;
  log_warn("events_peer_broken", "events: disconnected {}: {}", connection.peer(), zmtp.failure());
}

void PlainReceiver::resume() {
  if (!std::exchange(paused_, false)) return;
  // Nobody could become complete, nor say hello, meanwhile.
  for (Place& at : places_) {
    at.came_us = clock_.steady_us();
    if (at.large_since_us) at.large_since_us = at.came_us;
  }
  if (!turns_.nobody_waits()) take_turn_soon();
}

void PlainReceiver::look_soon() {
  if (stopped_ || std::exchange(looking_, true)) return;
  timer_.expires_after(kLookInterval);
  timer_.async_wait([this](const asio::error_code& ec) {
    looking_ = false;
    if (!ec) look();
  });
}

void PlainReceiver::look() {
  const std::int64_t now_us = clock_.steady_us();
  for (std::size_t place = 0; greeting_ != 0 && place < places_.size(); ++place) {
    const Place& at = places_[place];
    if (at.connection == nullptr || at.gone || at.ready || paused_) continue;
    at.connection->hurry();
    if (now_us - at.came_us < kHandshakeUs) continue;
    ++counters_.handshakes_broken;
    end(place);
  }
  if (!give_room() && !want_room_.empty() && !paused_) cut_late(now_us);
  if (greeting_ != 0 || !want_room_.empty()) look_soon();
}

// True where somebody goes on.
bool PlainReceiver::give_room() {
  bool given = false;
  std::size_t promised = 0;
  while (!want_room_.empty()) {
    const std::size_t place = want_room_.front();
    const std::size_t wanted = places_[place].connection->wanted();
    if (!buffers_.has_room_for(promised + wanted)) break;
    promised += wanted;
    want_room_.pop_front();
    turns_.join(place);
    given = true;
  }
  if (given && !paused_) take_turn_soon();
  return given;
}

// The more wait, the less time there is for each.
void PlainReceiver::cut_late(std::int64_t now_us) {
  const std::int64_t patience_us = std::max(kPatienceUsMin, kPatienceUs / static_cast<std::int64_t>(want_room_.size()));
  for (std::size_t place = 0; place < places_.size(); ++place) {
    const Place& at = places_[place];
    if (!at.connection || at.gone || !at.large_since_us || now_us - *at.large_since_us < patience_us) continue;
    if (lines_.allow(now_us)) {
      log_warn("events_peer_slow",
               "events: disconnected {}: {} bytes of a message have not all come while others wait for room",
               at.connection->peer(), at.connection->reserved());
    }
    (void)share_.refuse();
    end(place);
  }
}

void PlainReceiver::stop(std::int64_t drain_us, const std::function<bool()>& enough) {
  if (std::exchange(stopped_, true)) return;
  timer_.cancel();
  peers_.close();
  using Steady = std::chrono::steady_clock;
  const auto until = Steady::now() + std::chrono::microseconds(drain_us);
  // What sources have sent may still be on its way through the kernel: drained means that nothing has come for a
  // moment.
  while (Steady::now() < until && !(enough && enough())) {
    std::vector<pollfd> all;
    want_room_.clear();
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if (places_[place].connection == nullptr || places_[place].gone) continue;
      turns_.join(place);
      all.push_back({places_[place].connection->descriptor().native_handle(), POLLIN, 0});
    }
    take_turn();
    if (!turns_.nobody_waits()) continue;
    // A signal, such as to be told once more to stop, ends it early and is no failure.
    if (::poll(all.data(), all.size(), kQuietMs) == 0) break;
  }
  places_.clear();
}

}  // namespace bridge
