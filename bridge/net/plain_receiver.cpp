#include "net/plain_receiver.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/descriptors.h"

namespace bridge {
namespace {

constexpr std::int64_t kHandshakeUs = 5'000'000;
constexpr std::int64_t kPatienceUs = std::chrono::microseconds(PlainReceiver::kPatience).count();
constexpr std::int64_t kPatienceUsMin = kPatienceUs / 5;
constexpr auto kLookInterval = std::chrono::milliseconds(20);
constexpr int kQuietMs = 20;

}  // namespace

PlainReceiver::PlainReceiver(asio::io_context& io, ZmqGuard& guard, Intake& intake, Counters& counters,
                             const Clock& clock, MemoryShare& share, std::function<void()> on_batch)
    : io_(io),
      guard_(guard),
      intake_(intake),
      counters_(counters),
      clock_(clock),
      share_(share),
      peers_(io, [this](int descriptor, const std::string& endpoint,
                        std::size_t dialed) { on_peer(descriptor, endpoint, dialed); }),
      turns_(io, intake, 0,
             [this](std::size_t place, std::size_t cost_max, bool& nothing_left) {
               return take_from(place, cost_max, nothing_left);
             },
             [this, on_batch = std::move(on_batch)] {
               on_batch();
               if (!turns_.stopped() && !want_room_.empty()) (void)give_room();
             }),
      timer_(io) {}

bool PlainReceiver::takes(const std::string& endpoint) const {
  return is_local_endpoint(endpoint) && !guard_.wants_key(endpoint);
}

Result<std::string> PlainReceiver::listen(const std::string& endpoint) {
  return peers_.listen(endpoint, guard_.ipc_mode());
}

void PlainReceiver::on_peer(int descriptor, const std::string& endpoint, std::size_t dialed) {
  const std::size_t here = places_.size() - free_.size();
  if (dialed == LocalPeers::kCame && here >= zmq_peers_that_fit() && is_one_of_the_last(descriptor)) {
    ::close(descriptor);
    if (lines_.allow(clock_.steady_us()))
      log_warn("descriptors_short", "hardly any descriptor is free: let go of who connects to {}", endpoint);
    return;
  }
  const std::size_t place = free_place();
  Place& at = places_[place];
  at.connection = std::make_shared<EventConnection>(io_, descriptor, message_bytes_max_, buffers_);
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
        if (!ec && !alive.expired()) turns_.ready(place);
      });
}

std::size_t PlainReceiver::take_from(std::size_t place, std::size_t cost_max, bool& nothing_left) {
  Place& at = places_[place];
  nothing_left = true;
  if (at.gone) return free(place), 0;
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
      if (!turns_.stopped()) wait(place);
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
      end(place);
      break;
  }
  if (at.gone) free(place);
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
  if (!turns_.resume()) return;
  // Nobody could become complete, nor say hello, meanwhile.
  for (Place& at : places_) {
    at.came_us = clock_.steady_us();
    if (at.large_since_us) at.large_since_us = at.came_us;
  }
}

void PlainReceiver::look_soon() {
  if (turns_.stopped() || std::exchange(looking_, true)) return;
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
    if (at.connection == nullptr || at.gone || at.ready || turns_.paused()) continue;
    at.connection->hurry();
    if (now_us - at.came_us < kHandshakeUs) continue;
    ++counters_.handshakes_broken;
    end(place);
  }
  if (!give_room() && !want_room_.empty() && !turns_.paused()) cut_late(now_us);
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
    turns_.ready_soon(place);
    given = true;
  }
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
  if (turns_.stopped()) return;
  turns_.stop();
  timer_.cancel();
  peers_.close();
  turns_.drain(drain_us, enough, [this] {
    want_room_.clear();
    std::vector<pollfd> all;
    for (const Place& at : places_) {
      if (at.connection != nullptr && !at.gone) all.push_back({at.connection->descriptor().native_handle(), POLLIN, 0});
    }
    // A signal, such as to be told once more to stop, ends it early and is no failure.
    if (::poll(all.data(), all.size(), kQuietMs) == 0) return false;
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if (places_[place].connection != nullptr && !places_[place].gone) turns_.ready_soon(place);
    }
    return true;
  });
  places_.clear();
}

}  // namespace bridge
