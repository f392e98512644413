#include "control.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "names.h"
#include "signal_mask.h"
#include "timestamp.h"

namespace ppo {
namespace {

using std::chrono::milliseconds;

// How long close() gives the last answers to leave.
constexpr int kLingerMs = 500;

// A bridge may be quicker than a program that registers its commands one by one, or makes ready
// before the first. Requests are left lying until the last registration is this old, but not for
// longer than kSettleMax from the start.
constexpr milliseconds kSettle{50};
constexpr milliseconds kSettleMax{1000};

// Of the events of one reply to a bridge that misses some; it asks again for the rest.
constexpr std::size_t kReplayBytesMax = 1024 * 1024;

// How long a bridge has to see at the end that it misses something. It hears of the end at once.
constexpr milliseconds kReplayQuiet{250};

// Requests taken in before the thread looks at everything else again.
constexpr int kRequestsAtOnce = 64;

// Late is what came, or would have begun, after its deadline.
constexpr std::string_view kTooLate = "deadline passed; not carried out";

// The handlers that a thread is in: one may poll, and so run another.
struct Running {
  const Control* control;
  const Running* outer;
};
thread_local const Running* t_running = nullptr;

CommandResult result_of(const WaitingCommand& waiting) {
  try {
    return (*waiting.handler)(waiting.command);
  } catch (const std::exception& e) {
    return CommandResult::rejected(e.what());
  } catch (...) {
    return CommandResult::rejected("the handler failed");
  }
}

}  // namespace

Control::Control(zmq::context_t& context, Handshakes handshakes, const std::string& run, Outbox& outbox,
                 const Announcement& announcement)
    : outbox_(outbox),
      announcement_(announcement),
      run_name_(run),
      link_(context, std::move(handshakes)),
      connection_(link_.connection()),
      settled_at_(started_ + kSettleMax) {}

Control::~Control() {
  close_commands();
}

void Control::add(std::string_view name, CommandHandler handler, CommandThread thread) {
  Entry entry{std::make_shared<const CommandHandler>(std::move(handler)), thread};
  if (thread == CommandThread::kLibrary && !commands_thread_begun_) {
    const std::lock_guard close_lock(close_mutex_);
    if (!commands_thread_.joinable() && !library_.closed()) {
      const sigset_t blocked = signals_blocked();
      const SignalMask none(all_signals());
      commands_thread_ = std::thread([this, blocked] { run_commands(blocked); });
      commands_thread_begun_ = true;
    }
  }
  const std::lock_guard lock(mutex_);
  handlers_.insert_or_assign(std::string(name), std::move(entry));
  settled_at_ = std::min(Clock::now() + kSettle, started_ + kSettleMax);
}

std::vector<std::string> Control::names() const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : handlers_) names.push_back(name);
  return names;
}

// ---- Running handlers.

std::size_t Control::poll() noexcept {
  return run_all(polled_);
}

std::size_t Control::wait(milliseconds timeout) noexcept {
  polled_.wait(timeout);
  return run_all(polled_);
}

std::size_t Control::run_all(CommandQueue& queue) noexcept {
  std::size_t ran = 0;
  try {
    while (const auto waiting = queue.claim()) {
      execute(*waiting);
      ++ran;
    }
  } catch (const std::exception&) {
    // Out of memory: whoever asked will have to do without an answer.
  }
  return ran;
}

void Control::execute(const WaitingCommand& waiting) {
  const Command& command = waiting.command;
  if (Clock::now() >= command.deadline) {
    count(&CommandStats::refused);
    count(&CommandStats::late);
    return answer(waiting.connection, error_reply(command.id, "timeout", kTooLate));
  }
  if (auto again = done_.find(waiting, Clock::now())) {
    count(&CommandStats::repeated);
    return answer(waiting.connection, std::move(*again));
  }
  const Running here{this, std::exchange(t_running, &here)};
  const CommandResult result = result_of(waiting);
  t_running = here.outer;
  count(&CommandStats::executed);
  std::string reply = result.ok() ? result_reply(command.id, result.text())
                                  : error_reply(command.id, "rejected", result.text());
  if (result.ok()) done_.add(waiting, reply, Clock::now());
  answer(waiting.connection, std::move(reply));
}

void Control::answer(std::uint64_t connection, std::string text) {
  {
    const std::lock_guard lock(mutex_);
    replies_.push_back({connection, std::move(text)});
  }
  outbox_.wake();
}

void Control::run_commands(const sigset_t& blocked) noexcept {
  pthread_setname_np(pthread_self(), "ppo-commands");
  while (!library_.closed()) {
    library_.wait(milliseconds::max());
    if (library_.closed()) break;
    const SignalMask mask(blocked);
    run_all(library_);
  }
}

// ---- The library's thread.

bool Control::turn(bool ending) {
  link_.see_news();
  forget_lost_connection();
  {
    const std::lock_guard lock(mutex_);
    settled_ = ending || Clock::now() >= settled_at_;
    stats_.connected = link_.connected();
  }
  const bool more = settled_ && take_requests();
  refuse_expired();
  send_replies();
  say_hello_if_due();  // behind the answers: the bridge waits for none after the last
  return more;
}

// Asks for the bridge's time only once its answer is taken at once.
void Control::say_hello_if_due() {
  const Clock::time_point now = Clock::now();
  if (!link_.connected()) return;
  const std::uint64_t version = announcement_.version() * 2 + (settled_ ? 1 : 0);
  if (!schedule_.due(now, version, link_.connection())) return;
  const auto clock_us = settled_ ? std::optional(wall_us()) : std::nullopt;
  const bool sent = link_.try_send(announcement_.body(outbox_.numbering(), clock_us, clock_heard_));
  if (sent && clock_us) bridge_clock_.asked(*clock_us, now);
  if (sent && clock_us && !clock_heard_) link_.unanswered();
  schedule_.said(now, sent);
}

// True where there may be more.
bool Control::take_requests() {
  std::string body;
  for (int i = 0; i < kRequestsAtOnce; ++i) {
    switch (link_.receive(body)) {
      case ControlLink::Got::kNothing:
        return false;
      case ControlLink::Got::kMalformed:
        count(&CommandStats::received);
        count(&CommandStats::malformed);
        break;
      case ControlLink::Got::kRequest:
        count(&CommandStats::received);
        take(body);
        break;
    }
  }
  return true;
}

void Control::take(const std::string& body) {
  const Clock::time_point now = Clock::now();
  ParsedRequest parsed = parse_request(body);
  if (parsed.clock) {
    clock_heard_ = {std::llround(parsed.clock->at * 1e6), wall_us()};
    return bridge_clock_.answered(parsed.clock->clock, parsed.clock->at, now);
  }
  if (!parsed.request) return refuse(parsed.id, parsed.error_type, parsed.message);
  CommandRequest& request = *parsed.request;
  if (request.run != run_name_) {
    return refuse(
        request.id, "rejected",
        "the command is for run '" + printable(request.run) + "'; this is run '" + run_name_ + "'");
  }
  if (request.command == kReplayCommand) return replay(request);
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = handlers_.find(request.command);
    if (found != handlers_.end()) entry = found->second;
  }
  if (entry.handler == nullptr) {
    return refuse(request.id, "unknown_command",
                  "there is no command '" + printable(request.command) + "' here");
  }
  Clock::time_point deadline = now + milliseconds(std::max<std::int64_t>(request.deadline_ms, 0));
  if (request.by) {
    deadline = std::min(deadline, bridge_clock_.surely_past(*request.by).value_or(deadline));
  }
  if (deadline <= now) return refuse_late(request.id, kTooLate);
  const std::string id = request.id;
  WaitingCommand waiting{{std::move(request.id), std::move(request.command),
                          std::move(request.params), std::move(request.agent_id), deadline},
                         std::move(entry.handler),
                         link_.connection(),
                         std::move(request.idempotency_key)};
  CommandQueue& queue = entry.thread == CommandThread::kLibrary ? library_ : polled_;
  if (queue.offer(std::move(waiting))) return;
  if (queue.closed()) return refuse(id, "rejected", "this source is closing");
  refuse(id, "busy", std::to_string(kCommandsWaitingMax) + " commands wait already");
}

void Control::replay(const CommandRequest& request) {
  const auto range = parse_replay(request.params);
  if (!range) {
    return refuse(
        request.id, "bad_request",
        "params are " + printable(request.params) + "; must be from and to, two integers");
  }
  asked_at_ = Clock::now();
  const std::string bodies = outbox_.replay(range->from, range->to, kReplayBytesMax);
  if (!link_.try_send(replay_reply(request.id, bodies))) count(&CommandStats::unheard);
}

bool Control::lingers(Clock::time_point since, Clock::time_point until) const {
  const auto now = Clock::now();
  return link_.connected() && now < until && now < std::max(since, asked_at_) + kReplayQuiet;
}

void Control::refuse(const std::optional<std::string>& id, std::string_view error_type,
                     std::string_view message) {
  count(&CommandStats::refused);
  const std::string text = error_reply(id, error_type, message);
  if (!link_.try_send(text)) count(&CommandStats::unheard);
}

void Control::refuse_late(const std::string& id, std::string_view why) {
  count(&CommandStats::late);
  refuse(id, "timeout", why);
}

void Control::forget_lost_connection() {
  if (connection_ == link_.connection()) return;
  connection_ = link_.connection();
  bridge_clock_.forget();
  clock_heard_.reset();
  count(&CommandStats::unheard, polled_.take_all().size() + library_.take_all().size());
}

void Control::refuse_expired() {
  const Clock::time_point now = Clock::now();
  for (const WaitingCommand& late : polled_.take_expired(now)) {
    refuse_late(late.command.id, "not polled in time; not carried out");
  }
  for (const WaitingCommand& late : library_.take_expired(now)) {
    refuse_late(late.command.id, kTooLate);
  }
}

void Control::send_replies() {
  std::vector<Reply> replies;
  {
    const std::lock_guard lock(mutex_);
    replies.swap(replies_);
  }
  for (const Reply& reply : replies) {
    const bool heard = reply.connection == link_.connection() && link_.try_send(reply.text);
    if (!heard) count(&CommandStats::unheard);
  }
}

Control::Clock::time_point Control::next() const {
  auto at = Clock::time_point::max();
  for (const auto& deadline : {polled_.next_deadline(), library_.next_deadline()}) {
    if (deadline) at = std::min(at, *deadline);
  }
  if (link_.connected()) at = std::min(at, schedule_.next());
  at = std::min(at, link_.reopens_at());
  const std::lock_guard lock(mutex_);
  return settled_ ? at : std::min(at, settled_at_);
}

// ---- The end.

void Control::refuse_all(CommandQueue& queue) {
  for (const WaitingCommand& waiting : queue.take_all()) {
    count(&CommandStats::refused);
    answer(waiting.connection,
           error_reply(waiting.command.id, "rejected", "this source is closing"));
  }
}

bool Control::in_handler() const noexcept {
  const Running* running = t_running;
  while (running != nullptr && running->control != this) running = running->outer;
  return running != nullptr;
}

void Control::close_commands() noexcept {
  polled_.close();
  library_.close();
  if (!in_handler()) {
    const std::lock_guard close_lock(close_mutex_);
    if (commands_thread_.joinable()) commands_thread_.join();
  }
  try {
    refuse_all(polled_);
    refuse_all(library_);
  } catch (const std::exception&) {
    // Out of memory: whoever asked will have to do without an answer.
  }
}

void Control::end() {
  link_.close(link_.connected() ? kLingerMs : 0);
  const std::lock_guard lock(mutex_);
  stats_.connected = false;
}

void Control::fail(const std::string& why) noexcept {
  try {
    link_.close(0);
    const std::lock_guard lock(mutex_);
    stats_.connected = false;
    error_ = why;
  } catch (const std::exception&) {
    // Out of memory, or ZeroMQ will not even close.
  }
}

CommandStats Control::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::string Control::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Control::count(std::uint64_t CommandStats::*counter, std::uint64_t by) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.*counter += by;
}

}  // namespace ppo
