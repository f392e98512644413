// A publisher: hands a program's events to the bridge without ever making the program wait.
//
//   ppo::Publisher publisher;
//   publisher.publish(ppo::SystemStatus{"started", "training run 7"});
//   publisher.publish("order_placed", {{"item", "Abyssal whip"}, {"price", 1'500'000}});
//
// Events go into a bounded ring in memory; one thread ("ppo-publisher") takes them from there to
// ZeroMQ. They stay in the ring until a bridge has really subscribed, so the first event of a
// program arrives, and they wait there again while the bridge is away or does not read. A full ring
// lets its oldest events go, those first that were sent: what was not is counted in `dropped`.
//
// What was sent stays in the ring as well, for as long as there is room. A bridge that misses
// events (it died with them, the connection was cut) asks for them on its control socket, to which
// the publisher keeps a connection; its thread answers at once, whatever the program is busy with.
// Once a second the publisher says what it has, and who and how it is: over that connection, which
// is how the bridge knows whom it can command, and beside its events. What the ring no longer has
// the bridge reports to everyone as lost.
//
// Guarantee: publish() blocks on neither network nor disk and never throws, whether the bridge is
// up, down or stuck.
//
// A program that answers commands (commands.h) registers a handler for each.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ppo_publisher/commands.h>
#include <ppo_publisher/events.h>
#include <ppo_publisher/value.h>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

// $PPO_EVENTS_ADDRESS and $PPO_CONTROL_ADDRESS, or those of the bridges of $PPO_BRIDGES (HOST[:PORT],...), or the
// bridge's defaults on this host. An empty $PPO_CONTROL_ADDRESS means no commands.
std::string events_address();
std::string control_address();
// $PPO_CURVE_FILE, or empty.
std::string curve_file();

// Names (`source`, `run`, agent ids) are 1-64 of `A-Z a-z 0-9 _ . : -`.
struct PublisherOptions {
  // Where the bridge takes events in. Of several bridges, which share a log: all of theirs, with commas between, and as
  // many in `control`. The publisher is with one at a time; when that is away for 1 to 2 s, it goes to the next.
  std::string endpoint = events_address();
  // Where it asks and sends commands from; empty: no commands, and nothing is ever sent again.
  std::string control = control_address();
  // The file with the key by which the bridge knows this publisher, where it wants one (`ppo-bridge
  // curve create NAME`); empty: none. Only its owner may read it.
  std::string curve = curve_file();
  // Told on the library's thread what keeps the bridge from letting this publisher in, once each
  // time. Left out: a line on stderr. Events wait meanwhile.
  std::function<void(const std::string& trouble)> on_trouble{};
  // Who publishes; empty: made up from host, program and a random part, the same for as long as
  // this process runs (a second publisher beside the first has -2 behind it).
  std::string source{};
  std::string run{};  // which start of it; empty: a fresh random name

  // With any of these a run begins at once, as start_run() has it.
  std::string run_name{};
  Object config{};
  std::vector<std::string> tags{};

  // What is kept in memory: what waits, and what was sent and may be asked for again.
  std::size_t ring_events_max = 65'536;
  std::size_t ring_bytes_max = 32 * 1024 * 1024;

  // Of one message; an event longer than this goes alone.
  std::size_t batch_bytes_max = 256 * 1024;

  // Of one event with its envelope. The default is the bridge's own.
  std::size_t event_bytes_max = 1024 * 1024;

  // How long close() waits at most for what waits to leave when a bridge is there, and for the
  // bridge to ask for what it misses.
  int flush_ms = 1000;
};

// A consistent picture: published == sent + dropped + queued.
struct PublisherStats {
  std::uint64_t published = 0;   // events accepted by publish()
  std::uint64_t sent = 0;        // events handed to ZeroMQ
  std::uint64_t dropped = 0;     // events that a full ring let go, or that close() left behind
  std::uint64_t refused = 0;     // publish() calls that returned false
  std::uint64_t batches = 0;     // messages handed to ZeroMQ
  std::uint64_t queued = 0;      // events waiting
  std::uint64_t replayed = 0;    // events handed to a bridge that asked for them; not in `sent`
  std::uint64_t source_seq = 0;  // of the newest event; 0: none yet
  bool connected = false;        // a bridge is subscribed
};

class Span;

// Thread-safe, except that destruction must not overlap any other call. Not for use across fork():
// a child must not touch a Publisher that its parent made, not even destroy it (leave by _exit or
// exec).
class Publisher {
 public:
  // Never throws. When an option is out of range or ZeroMQ fails, the publisher refuses (and
  // counts) every event, and error() says why.
  explicit Publisher(PublisherOptions options = {}) noexcept;

  // As close().
  ~Publisher();

  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Takes an event; returns at once. `type`: 1-64 of `A-Z a-z 0-9 _ . -`, not beginning with `_`.
  // `data_json`: the text of a JSON object (RFC 8259, and the literals NaN, Infinity, -Infinity) in
  // UTF-8, at most 63 levels deep. It travels as it is, save that line breaks between its tokens
  // become spaces. False when refused: bad type, bad data, longer than event_bytes_max, out of
  // memory, after close(), or because of error(); last_refusal() says which.
  bool publish(std::string_view type, std::string_view data_json) noexcept;

  // The same with data as value.h has it: publish("tick", {{"price", 199}}).
  bool publish(std::string_view type, std::initializer_list<Field> data) noexcept;
  bool publish(std::string_view type, const Object& data) noexcept;

  // The same for the typed events (events.h). False also when `agent_id` is not a name.
  template <class Event, class = decltype(Event::kType)>
  bool publish(const Event& event) noexcept {
    return publish_typed(Event::kType, &event, [](const void* of, std::string& out) {
      return encode(*static_cast<const Event*>(of), out);
    });
  }

  // One point of a curve, see Scalar.
  bool scalar(std::string_view tag, double value, std::optional<std::int64_t> step = {},
              std::string_view agent_id = {}) noexcept {
    return publish(Scalar{tag, value, step, agent_id});
  }

  // Publishes how long the Span lives: `const auto span = publisher.span("rollout");`
  [[nodiscard]] Span span(std::string name, std::optional<std::int64_t> step = {},
                          std::string agent_id = {});

  // Publishes `run_started`. `name`: made up where empty. `config`: 64 KiB of it; what does not fit
  // is named in `left_out`; in place of an `api_key`, a `password` and the like everyone sees ***.
  // With it goes, as `program`, what one needs to do it again: argv, host, and commit and branch of
  // the checkout around the executable. `agent_id`: of this agent's run; empty: of all here. Again
  // with the same name it changes nothing but the config, with another one the run before ends as
  // finished.
  //
  // The run ends by end_run() or close(): as crashed where an exception unwinds the publisher,
  // otherwise as finished. False where the event was refused.
  bool start_run(std::string_view name = {}, const Object& config = {},
                 const std::vector<std::string>& tags = {},
                 std::string_view agent_id = {}) noexcept;
  // Publishes what of it is new or changed, as `run_config`.
  bool update_config(const Object& config, std::string_view agent_id = {}) noexcept;
  // `state`: finished, crashed or interrupted; `error`: "Type: message". Without `agent_id` all
  // runs end. False also where none is open.
  bool end_run(std::string_view state = "finished", std::string_view error = {},
               std::string_view agent_id = {}) noexcept;
  // Of the run that was started last; empty before. May throw std::bad_alloc.
  std::string run_name() const;

  // Answers the command `name` (1-64 of `A-Z a-z 0-9 _ . -`, not beginning with `_`) by `handler`
  // from now on, in place of an earlier one. False, and command_error() says why, where the name or
  // the handler is none, without a control endpoint or with one that ZeroMQ does not take, after
  // close(), or because of error().
  //
  // close() waits until a handler on the library's thread is done. A handler may call close() or
  // exit(): see there.
  bool on_command(std::string_view name, CommandHandler handler,
                  CommandThread thread = CommandThread::kPolled) noexcept;

  // Runs the handlers of all polled commands that wait, here and now; how many. Costs next to
  // nothing where none waits, so call it often: a command nobody polls for is answered with
  // `timeout` when its deadline passes, and not carried out.
  std::size_t poll_commands() noexcept;

  // As poll_commands(), but waits for a command to come, at most `timeout`; for a program that has
  // nothing else to do. Any duration will do. Returns at once after close(); without a control
  // channel it just waits.
  std::size_t wait_commands(std::chrono::milliseconds timeout) noexcept;

  CommandStats command_stats() const noexcept;

  // Why commands cannot be had; empty while all is well. May throw std::bad_alloc.
  std::string command_error() const;

  // What this source says of itself to the bridge, once a second and on every change: which agents
  // live here, and whether it is "running" (as at first), "paused" or "stopped" (which close() says
  // by itself). False where one is not a name, or not one of these states, or memory ran out; then
  // nothing changes.
  bool set_agents(const std::vector<std::string>& agent_ids) noexcept;
  bool set_state(std::string_view state) noexcept;
  // What can be set by the command `set_hyperparameter`: 64 of them at most, in 16 KiB. A dashboard
  // makes fields of them. False where one is not as Parameter has it.
  bool set_parameters(const std::vector<Parameter>& parameters) noexcept;

  PublisherStats stats() const noexcept;

  // Why the newest event that was refused was: "TYPE: what is wrong; must be ...". Empty while none
  // was. May throw std::bad_alloc.
  std::string last_refusal() const;

  // Waits until all that was published has been handed to ZeroMQ, at most `timeout`. False where it
  // was not: no bridge took it, or a full ring or close() let it go.
  bool flush(std::chrono::milliseconds timeout) noexcept;

  // As used on the wire; empty where the option was refused.
  const std::string& source() const noexcept;
  const std::string& run() const noexcept;

  // Why nothing can be published: names the option, its value and its range, or what ZeroMQ said.
  // Empty while all is well. May throw std::bad_alloc.
  std::string error() const;

  // Refuses further events, waits at most flush_ms for the waiting ones to leave (of a single bridge
  // not at all when it is not there; a publisher younger than 250 ms first gives it that long to
  // appear), then until the bridge has asked for nothing more for a quarter of a second, and ends
  // the threads. Commands that still wait are answered as rejected; an answer has half a second to
  // leave. Idempotent.
  //
  // Within a handler it returns at once: events and commands are refused from then on, and the rest
  // is done once the handler has been answered - by the poll_commands() that ran it, or, on the
  // library's thread, by the next call of the program's that polls or closes. Of a program that
  // calls exit() in a handler, whoever asked hears that the outcome is not known.
  void close() noexcept;

 private:
  // Appends an event's data to `out`, or says there what is wrong with it.
  using Encode = bool (*)(const void* event, std::string& out);
  bool publish_typed(std::string_view type, const void* event, Encode encode) noexcept;

  class Impl;
  Impl* impl_ = nullptr;  // its own; null only when memory ran out in the constructor
};

// Publishes a `span` when it ends. The publisher must outlive it.
class Span {
 public:
  Span(Publisher& publisher, std::string name, std::optional<std::int64_t> step,
       std::string agent_id)
      : publisher_(publisher),
        name_(std::move(name)),
        agent_id_(std::move(agent_id)),
        step_(step) {}
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Publisher& publisher_;
  const std::string name_;
  const std::string agent_id_;
  const std::optional<std::int64_t> step_;
  const std::chrono::system_clock::time_point start_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

inline Span Publisher::span(std::string name, std::optional<std::int64_t> step,
                            std::string agent_id) {
  return Span(*this, std::move(name), step, std::move(agent_id));
}

}  // namespace ppo
