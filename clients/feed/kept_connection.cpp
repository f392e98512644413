#include "feed/kept_connection.h"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "feed/bridges.h"
#include "feed/token.h"

namespace feed {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kGoodbyeMax{250};
constexpr std::uint16_t kCloseUnauthorized = 4001;
constexpr std::uint16_t kCloseForbidden = 4003;
constexpr std::uint16_t kCloseTryLater = 1013;
constexpr std::uint16_t kCloseRateLimit = 4029;
// A connection that stood this long, or brought something, was a good one (PROTOCOL.md, section 4).
constexpr milliseconds kStableAfter{1000};
// Where there is another bridge to go to.
constexpr milliseconds kPingOfSeveral{2000};
constexpr milliseconds kSilenceOfSeveral{6000};

std::uint64_t seed_or_random(std::uint64_t seed) {
  return seed != 0 ? seed : std::random_device()();
}

}  // namespace

KeptConnection::KeptConnection(Options options, Callbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      wire_({[this] {
               heard();
               callbacks_.on_open();
             },
             [this](std::string text) {
               if (ended_) return;
               heard();
               callbacks_.on_text(std::move(text));
             },
             [this] { heard(); }, [this](Wire::Closed closed) { on_closed(std::move(closed)); }},
            options_.ca),
      backoff_(options_.backoff, seed_or_random(options_.seed)) {}

void KeptConnection::begin() {
  const Result<std::vector<std::string>> urls = complete_urls(options_.urls);
  if (!urls) return fail("", urls.error());
  urls_ = *urls;
  connect();
}

void KeptConnection::connect() {
  brought_something_ = false;
  wire_.set_timer(Wire::Timer::kDeadline, options_.connect_timeout, [this] {
    lose("no answer within " + std::to_string(options_.connect_timeout.count()) + " ms");
  });
  if (auto trouble = options_.secret ? token_trouble(urls_[at_]) : std::nullopt) {
    return fail("unauthorized", std::move(*trouble));
  }
  wire_.open(urls_[at_]);
}

void KeptConnection::stands() {
  wire_.cancel_timer(Wire::Timer::kDeadline);
  stands_ = ever_stood_ = true;
  stands_since_ = Clock::now();
  outage_told_ = false;
  watch_silence();
}

// One outage is told once, however many attempts it takes.
void KeptConnection::lose(std::string reason, bool come_later) {
  wire_.drop();
  wire_.cancel_timer(Wire::Timer::kDeadline);
  wire_.cancel_timer(Wire::Timer::kAlive);
  const bool stood = stands_ && Clock::now() - stands_since_ >= kStableAfter;
  if ((stood || brought_something_) && !come_later) backoff_.reset();
  stands_ = false;
  at_ = (at_ + 1) % urls_.size();
  const bool tell = !outage_told_ && (ever_stood_ || ++tried_ >= urls_.size());
  outage_told_ = outage_told_ || tell;
  callbacks_.on_lost(std::move(reason), tell);
  wire_.set_timer(Wire::Timer::kRetry, backoff_.next(), [this] { connect(); });
}

void KeptConnection::fail(std::string error_type, std::string reason) {
  ended_ = true;
  wire_.drop();
  wire_.cancel_timers();
  callbacks_.on_failed(std::move(error_type), std::move(reason));
}

void KeptConnection::end(bool polite, std::function<void()> done) {
  ended_ = true;
  done_ = std::move(done);
  wire_.cancel_timers();
  if (!polite) return drop();
  wire_.close();
  wire_.set_timer(Wire::Timer::kClosing, kGoodbyeMax, [this] { drop(); });
}

void KeptConnection::drop() {
  wire_.drop();
  wire_.cancel_timers();
  if (done_) done_();
}

void KeptConnection::on_closed(Wire::Closed closed) {
  if (ended_) {
    drop();
  } else if (closed.code == kCloseUnauthorized) {
    fail("unauthorized", closed.reason);
  } else if (closed.code == kCloseForbidden) {
    fail("forbidden", closed.reason);
  } else if (closed.needs_a_person && !ever_stood_ && urls_.size() == 1) {
    fail("", closed.reason);
  } else {
    // A certificate may be renewed; until then it is said each time.
    if (closed.needs_a_person) outage_told_ = false;
    const bool later = closed.code == kCloseTryLater || closed.code == kCloseRateLimit;
    lose(std::move(closed.reason), later);
  }
}

// Counts the ticks in which nothing came, and not the time: after a standstill of this process (a
// laptop that slept) what has arrived meanwhile still gets its turn.
void KeptConnection::watch_silence() {
  const bool several = urls_.size() > 1;
  const milliseconds interval = several ? std::min(options_.ping_interval, kPingOfSeveral) : options_.ping_interval;
  const milliseconds silence_max = several ? std::min(options_.silence_max, kSilenceOfSeveral) : options_.silence_max;
  wire_.set_timer(Wire::Timer::kAlive, interval, [this, interval, silence_max] {
    // Nobody is heard while nobody listens.
    silent_ticks_ = heard_ || wire_.paused() ? 0 : silent_ticks_ + 1;
    heard_ = false;
    const milliseconds silence = interval * silent_ticks_;
    if (silence >= silence_max) {
      return lose("the bridge has been silent for " + std::to_string(silence.count()) + " ms");
    }
    if (silent_ticks_ > 0) wire_.ping();
    watch_silence();
  });
}

}  // namespace feed
