#include "sender.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <utility>

#include "curve_key.h"
#include "names.h"
#include "signal_mask.h"

namespace ppo {
namespace {

using std::chrono::milliseconds;

// After try_send() failed, for the case that its signal was swallowed.
constexpr milliseconds kRetry{10};

// An event that comes alone leaves at once. After it the thread looks away for this long, so that
// under load events leave together and publish() does not have to wake it for each: measured at
// 100,000 events/s, that takes publish() from 3.4 us to 0.6 us.
constexpr std::chrono::microseconds kGather{200};

// What a program that publishes and ends at once waits for its bridge to appear.
constexpr milliseconds kFirstContact{250};

// A bridge that has been away for so long, or up to twice that, is left for the next one: long enough for one that is
// started anew. At random, so that not all publishers of a bridge come to the next one at once. At the end it is urgent.
constexpr milliseconds kAway{1000};
constexpr milliseconds kAwayAtEnd{100};

// How often the end is looked for once it is near.
constexpr milliseconds kLingerStep{10};

int ms_left(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(1'000'000)).count());
}

void say_on_stderr(const std::string& trouble) {
  std::fprintf(stderr, "ppo_publisher: %s\n", trouble.c_str());
}

Handshakes handshakes(const PublisherOptions& options, const std::string& endpoint) {
  const auto say = [blocked = signals_blocked(), on_trouble = options.on_trouble](const std::string& trouble) {
    if (!on_trouble) return say_on_stderr(trouble);
    const SignalMask mask(blocked);
    on_trouble(trouble);
  };
  return {endpoint, connecting::read_curve_key(options.curve), say};
}

}  // namespace

Sender::Sender(const PublisherOptions& options, Outbox& outbox, Announcement& announcement)
    : outbox_(outbox),
      announcement_(announcement),
      topic_end_('/' + options.source + '/'),
      flush_(options.flush_ms),
      bridges_(bridge_addresses(options.endpoint, options.control)),
      link_(context_, handshakes(options, bridges_.front().events)) {
  for (const BridgeAddress& bridge : bridges_) {  // one that is no address must not show only when it is gone to
    for (const std::string& address : {bridge.events, bridge.control}) {
      if (bridges_.size() > 1 && !address.empty()) zmq::socket_t(context_, zmq::socket_type::dealer).connect(address);
    }
  }
  start_control(options);
  const SignalMask none(all_signals());
  thread_ = std::thread([this] { run(); });
}

void Sender::start_control(const PublisherOptions& options) {
  no_control_ = "control is empty; must be a ZeroMQ address";
  if (options.control.empty()) return;
  try {
    control_ = std::make_unique<Control>(context_, handshakes(options, bridges_.front().control), options.run,
                                         outbox_, announcement_);
    announcement_.begin();
  } catch (const std::exception& e) {
    no_control_ = "control " + printable(options.control) + ": " + e.what();
  }
}

void Sender::close() noexcept {
  closing_ = true;
  outbox_.wake();
  const std::lock_guard lock(close_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Sender::run() noexcept {
  pthread_setname_np(pthread_self(), "ppo-publisher");
  try {
    loop();
  } catch (const std::exception& e) {  // out of memory, or zmq_poll failed
    outbox_.fail(e.what());
    outbox_.abandon();
    if (control_ != nullptr) control_->fail(e.what());
  }
  try {
    link_.forget();
    context_.close();  // waits for what lingers
  } catch (const std::exception&) {
    // Nobody is left to tell; the destructor closes what is still open.
  }
}

void Sender::loop() {
  bool gather = false;  // something was sent since the thread last looked away
  for (;;) {
    const bool more = turn_control();
    const Step step = turn_events();
    choose_bridge();
    if (events_ended_ && closing_ && !control_lingers()) return;
    if (step == Step::sent) gather = true;
    if (step == Step::sent || more) continue;
    if (step == Step::idle && std::exchange(gather, false)) {
      std::this_thread::sleep_for(kGather);
    } else {
      wait(step);
    }
  }
}

// ---- Events.

Sender::Step Sender::turn_events() {
  try {
    link_.see_news();
    if (events_ended_) {
      if (!link_.gone()) events_gone_at_ = Clock::now();
      return Step::idle;
    }
    ever_connected_ = ever_connected_ || link_.connected();
    outbox_.set_connected(link_.connected());
    announce_if_due();
    const Step step = send_one();
    if (step == Step::sent || !finished()) return step;
    const bool linger = link_.connected();
    if (announcement_.set_state("stopped") && linger) announce_if_due();  // after the last event
    end_events(linger ? ms_left(finish_by_) : 0);
  } catch (const zmq::error_t& e) {
    outbox_.fail(std::string("ZeroMQ: ") + e.what());
    end_events(0);
  }
  return Step::idle;
}

void Sender::end_events(int linger_ms) {
  events_ended_ = true;
  events_gone_at_ = Clock::now();
  outbox_.set_connected(false);
  outbox_.abandon();
  link_.close(linger_ms);
}

Sender::Step Sender::send_one() {
  Batch batch = outbox_.take();
  if (batch.empty()) return Step::idle;
  if (link_.try_send(std::string(batch.topic_type()) + topic_end_, batch.body())) {
    outbox_.sent(std::move(batch));
    return Step::sent;
  }
  outbox_.put_back(std::move(batch));
  return Step::blocked;
}

void Sender::announce_if_due() {
  if (!announcement_.begun() || !link_.connected()) return;
  const auto now = Clock::now();
  if (!schedule_.due(now, announcement_.version(), link_.connections())) return;
  const std::string body = announcement_.body(outbox_.numbering());
  schedule_.said(now, link_.try_send("_source" + topic_end_, body));
}

bool Sender::finished() {
  if (!outbox_.closing()) return false;
  const auto now = Clock::now();
  if (!finishing()) finish_by_ = now + flush_;
  if (now >= finish_by_ || outbox_.empty()) return true;
  if (link_.connected() || bridges_.size() > 1) return false;
  return ever_connected_ || now >= started_ + kFirstContact;
}

// ---- Commands.

// True where there may be more to do at once.
bool Sender::turn_control() {
  if (control_ == nullptr || control_ended_) return false;
  try {
    return control_->turn(events_ended_ && closing_);
  } catch (const std::exception& e) {
    control_->fail(std::string("ZeroMQ: ") + e.what());
    control_ended_ = true;
    return false;
  }
}

// Events can be had again until the last of them has left, and for a moment longer.
bool Sender::control_lingers() {
  if (control_ == nullptr || control_ended_) return false;
  const bool published = outbox_.numbering().head != 0;
  if (published && control_->lingers(events_gone_at_, events_gone_at_ + flush_)) return true;
  turn_control();  // says that this is the end
  control_->end();
  control_ended_ = true;
  return false;
}

// ---- Several bridges.

// One at a time. Events follow the control connection, whose hello has to be there first: without it a bridge does not
// know that it can ask for what it lacks.
void Sender::choose_bridge() {
  if (bridges_.size() == 1 || events_ended_) return;
  const bool controlled = control_ != nullptr && !control_ended_;
  const bool there = controlled ? control_->connected() : link_.connected();
  const auto now = Clock::now();
  try {
    if (there && events_bridge_ != bridge_) {
      link_.move_to(bridges_[bridge_].events);
      events_bridge_ = bridge_;
    } else if (there && link_.connected()) {
      away_until_ = Clock::time_point::max();
    } else if (now >= away_until_) {
      away_until_ = Clock::time_point::max();
      bridge_ = (bridge_ + 1) % bridges_.size();
      if (controlled) return control_->move_to(bridges_[bridge_].control);
      link_.move_to(bridges_[bridge_].events);
      events_bridge_ = bridge_;
    } else if (const auto least = finishing() ? kAwayAtEnd : kAway; away_until_ > now + 2 * least) {
      away_until_ = now + std::uniform_int_distribution(least.count(), 2 * least.count())(random_) * milliseconds(1);
    }
  } catch (const zmq::error_t&) {
    // Out of descriptors for the moment: it is tried again.
  }
}

// ---- Waiting.

void Sender::wait(Step step) {
  if (step == Step::idle && !outbox_.may_sleep()) return;
  std::array<zmq_pollitem_t, 5> items{};
  std::size_t count = 0;
  const auto add = [&](void* socket, int fd) { items[count++] = {socket, fd, ZMQ_POLLIN, 0}; };
  add(nullptr, outbox_.wake_up().fd());
  if (!events_ended_) {
    add(nullptr, link_.socket_fd());
    add(nullptr, link_.monitor_fd());
  }
  if (control_ != nullptr && !control_ended_) {
    if (void* const socket = control_->readable_socket()) add(socket, 0);
    if (void* const monitor = control_->monitor()) add(monitor, 0);
  }
  const auto at = until(step);
  const int timeout_ms = at == Clock::time_point::max() ? -1 : ms_left(at);
  // An interrupted wait is as good as one that found nothing.
  zmq_poll(items.data(), static_cast<int>(count), timeout_ms);
  if ((items[0].revents & ZMQ_POLLIN) != 0) outbox_.wake_up().clear();
}

// When there is something to do even if nothing happens until then.
Sender::Clock::time_point Sender::until(Step step) const {
  auto at = Clock::time_point::max();
  if (step == Step::blocked) at = Clock::now() + kRetry;
  if (events_ended_ && closing_) at = Clock::now() + kLingerStep;
  if (!events_ended_) {
    if (finishing()) at = std::min(at, bridges_.size() > 1 ? finish_by_ : std::min(finish_by_, started_ + kFirstContact));
    at = std::min({at, link_.next(), away_until_});
    if (announcement_.begun() && link_.connected()) at = std::min(at, schedule_.next());
  }
  if (control_ != nullptr && !control_ended_) at = std::min(at, control_->next());
  return at;
}

}  // namespace ppo
