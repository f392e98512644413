// The control channel: says who this source is, takes commands from the bridge, has them run, and
// answers each once; and gives it events that it misses.
#pragma once

#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ppo_publisher/commands.h>

#include "announcement.h"
#include "bridge_clock.h"
#include "command_message.h"
#include "command_queue.h"
#include "control_link.h"
#include "done_commands.h"
#include "outbox.h"

namespace ppo {

// Thread-safe, but that the link belongs to the library's thread (sender.h), which takes turns
// here. Handlers run in poll() and wait(), or on the thread "ppo-commands", which starts with the
// first of them.
class Control {
 public:
  // Connects; all but the strings must outlive it. Throws zmq::error_t when ZeroMQ does not take
  // the endpoint.
  Control(zmq::context_t& context, Handshakes handshakes, const std::string& run, Outbox& outbox,
          const Announcement& announcement);

  // As close_commands().
  ~Control();

  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // May throw std::bad_alloc or std::system_error. REQUIRES: a handler, and a name for a command.
  void add(std::string_view name, CommandHandler handler, CommandThread thread);
  std::vector<std::string> names() const;

  // See Publisher::poll_commands() and wait_commands().
  std::size_t poll() noexcept;
  std::size_t wait(std::chrono::milliseconds timeout) noexcept;

  // True within one of the handlers: on the thread that runs it.
  bool in_handler() const noexcept;

  // Answers what waits, and whatever comes, as rejected, and waits for a handler on "ppo-commands"
  // to be done, unless it is the one that calls. Events can still be had. Idempotent.
  void close_commands() noexcept;

  CommandStats stats() const noexcept;

  // What ended the channel; empty while it works.
  std::string error() const;

  // ---- The library's thread. ZeroMQ's errors leave these as zmq::error_t.

  using Clock = std::chrono::steady_clock;

  // Takes in, answers and says what there is; true where there may be more. `ending`: whatever is
  // asked is answered at once.
  bool turn(bool ending);
  // As of the last turn.
  bool connected() const { return link_.connected(); }
  // The next turn sees that the connection is another one.
  void move_to(const std::string& endpoint) { link_.move_to(endpoint); }
  // To be waited for; null where there is nothing to wait for.
  void* readable_socket() { return settled_ ? link_.socket() : nullptr; }
  void* monitor() { return link_.monitor(); }
  // When the next turn is due.
  Clock::time_point next() const;

  // Whether the bridge may still ask for events of which the last left at `since`; no longer than
  // to `until`.
  bool lingers(Clock::time_point since, Clock::time_point until) const;
  // Answers have half a second to leave; then fail() or end() is the last call.
  void end();
  void fail(const std::string& why) noexcept;

 private:
  struct Entry {
    std::shared_ptr<const CommandHandler> handler;
    CommandThread thread = CommandThread::kPolled;
  };
  struct Reply {
    std::uint64_t connection = 0;
    std::string text;
  };

  // On the library's thread.
  void say_hello_if_due();
  bool take_requests();
  void take(const std::string& body);
  void replay(const CommandRequest& request);
  void refuse(const std::optional<std::string>& id, std::string_view error_type,
              std::string_view message);
  void refuse_late(const std::string& id, std::string_view why);
  void forget_lost_connection();
  void refuse_expired();
  void send_replies();

  // On whichever thread runs a handler.
  std::size_t run_all(CommandQueue& queue) noexcept;
  void execute(const WaitingCommand& waiting);
  void answer(std::uint64_t connection, std::string text);

  // "ppo-commands". `blocked`: signals that handlers do not take.
  void run_commands(const sigset_t& blocked) noexcept;
  void refuse_all(CommandQueue& queue);
  void count(std::uint64_t CommandStats::*counter, std::uint64_t by = 1) noexcept;

  Outbox& outbox_;
  const Announcement& announcement_;
  const std::string run_name_;
  const Clock::time_point started_ = Clock::now();
  CommandQueue polled_;
  CommandQueue library_;
  DoneCommands done_;
  ControlLink link_;
  std::uint64_t connection_ = 0;  // that the commands in the queues came over
  Clock::time_point asked_at_{};  // when events were last asked for
  bool settled_ = false;
  AnnouncementSchedule schedule_;
  BridgeClock bridge_clock_;  // of this connection's bridge
  std::optional<Announcement::ClockHeard> clock_heard_;  // likewise

  mutable std::mutex mutex_;  // guards all below, up to the thread
  std::map<std::string, Entry, std::less<>> handlers_;
  std::vector<Reply> replies_;
  CommandStats stats_;
  std::string error_;
  Clock::time_point settled_at_;  // when the first registrations seem to be over

  std::atomic<bool> commands_thread_begun_{false};
  std::mutex close_mutex_;  // guards the thread; taken before mutex_, and never by a handler
  std::thread commands_thread_;
};

}  // namespace ppo
