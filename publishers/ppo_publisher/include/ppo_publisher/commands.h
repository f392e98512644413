// Commands: what somebody who watches asks of this program, and what it answers.
//
//   publisher.on_command("pause", [&](const ppo::Command& command) {
//     paused = true;
//     return ppo::CommandResult::success("{\"step\":" + std::to_string(step) + "}");
//   });
//   while (training) {
//     train_a_little();
//     publisher.poll_commands();  // handlers run here
//   }
//
// A bridge that was asked for a command sends it to this source. Every command gets one answer: the
// handler's, or the library's own where no handler runs. A handler never runs for a command that
// was aimed at another start (`run`) of this source, or whose deadline has passed (by the bridge's
// clock, which the library keeps comparing with its own), or whose bridge has gone before the
// handler began; and never twice, even where it was asked for twice with one idempotency key.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ppo_publisher/value.h>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

struct Command {
  std::string id{};           // the bridge's name for it
  std::string name{};         // as registered
  std::string params = "{}";  // the text of a JSON object (RFC 8259), on one line
  std::string agent_id{};     // whom it is for; empty: all agents of this source
  std::chrono::steady_clock::time_point deadline{};  // after it nobody waits for the answer
};

// What a handler answers.
class [[nodiscard]] CommandResult {
 public:
  // Done. `json`: the text of a JSON object (RFC 8259: no NaN) of at most kResultBytesMax; anything
  // else is answered as rejected.
  static CommandResult success(std::string json = "{}") { return {true, std::move(json)}; }

  // Not done, because of `message`. What a handler throws comes to the same.
  static CommandResult rejected(std::string message) { return {false, std::move(message)}; }

  bool ok() const { return ok_; }
  // The JSON text, or the message.
  const std::string& text() const { return text_; }

 private:
  CommandResult(bool ok, std::string text) : ok_(ok), text_(std::move(text)) {}

  bool ok_;
  std::string text_;
};

inline constexpr std::size_t kResultBytesMax = 1024 * 1024;

// Commands that wait for a handler to run, on each of the two threads; more are answered `busy`.
inline constexpr std::size_t kCommandsWaitingMax = 64;

// Where a handler runs.
enum class CommandThread {
  kPolled,   // in poll_commands() and wait_commands(), on the thread that calls them
  kLibrary,  // on a thread of the library's, "ppo-commands"; one command at a time
};

using CommandHandler = std::function<CommandResult(const Command&)>;

// Something that can be set while the program runs, and its present value.
struct Parameter {
  std::string name{};  // 1-256 bytes
  Value value = nullptr;
  std::string kind = "number";  // or integer, boolean, text, choice
  std::optional<double> min = {};
  std::optional<double> max = {};
  std::string unit = {};
  std::string agent_id = {};  // whose it is; empty: of all here
  std::vector<std::string> choices = {};
};

struct CommandStats {
  std::uint64_t received = 0;   // requests that came in, of any kind
  std::uint64_t executed = 0;   // handlers that ran to their end
  std::uint64_t repeated = 0;   // answered as before, by their idempotency key: they were done already
  std::uint64_t refused = 0;    // answered without a handler: malformed, another run's, unknown,
                                // too many, too late
  std::uint64_t late = 0;       // of those refused, that came or were not begun by their deadline
  std::uint64_t malformed = 0;  // of those received, that could not be answered
  std::uint64_t unheard = 0;    // answers, or commands not begun, whose bridge had gone
  bool connected = false;       // to a bridge's control socket
};

}  // namespace ppo
