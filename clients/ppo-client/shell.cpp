#include "ppo-client/shell.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "feed/client.h"
#include "feed/json.h"
#include "ppo-client/ask.h"
#include "ppo-client/connection.h"
#include "ppo-client/line_editor.h"
#include "ppo-client/registry.h"
#include "ppo-client/shell_line.h"

namespace client {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Who waits for a completion does not wait for longer, nor asks more often.
constexpr milliseconds kRegistryWait{500};
constexpr milliseconds kRegistryAge{2'000};

constexpr const char* kHelp = R"(  COMMAND [TARGET] [KEY=VALUE ...]    such as: pause agent_0
                                              set_hyperparameter agent_0 name=clip_range value=0.1
  status, sources, clients, types     how the bridge is, who publishes, who listens, what comes
  snapshot, recent [--type T ...]     the latest events
  command NAME [--param K=V ...]      any command, also of the bridge
  exit                                or Ctrl-D
TARGET is an agent, a source, SOURCE/AGENT, SOURCE@RUN where two processes have one name, or * for
all trainers. Tab completes.
Behind a command: --json, --deadline-ms N, --idempotency-key K; --help for more.
)";

class Shell {
 public:
  Shell(const Options& options, const Style& style, Output& out, Output& err)
      : options_(options), style_(style), out_(out), err_(err), client_(feed_options(options, no_events())) {
    client_.start();
  }

  std::optional<ExitCode> connect() {
    return await_connection(
        client_, options_, err_, [] { return false; }, nullptr);
  }

  void stop() { client_.stop(); }

  struct Done {
    ExitCode code = kExitOk;
    bool end = false;
  };
  Done run(const std::string& line) {
    const auto words = split_words(line);
    if (!words) return {mistake("error: " + words.error()), false};
    if (words->empty()) return {};
    const std::string& first = words->front();
    if (first == "exit" || first == "quit") return {kExitOk, true};
    if (first == "help") {
      out_.text(kHelp);
      return {};
    }
    if (first == "tail" || first == "shell") {
      return {mistake("error: " + first + " is not for within the shell"), false};
    }
    const auto parsed = parse_shell_line(expand_shorthand(*words), options_);
    if (const auto* leave = std::get_if<Leave>(&parsed)) {
      (leave->code == kExitOk ? out_ : err_).text(leave->text);
      return {leave->code, false};
    }
    const Options& line_options = std::get<Options>(parsed);
    const auto& task = std::get<AskOptions>(line_options.task);
    const feed::Reply reply = answer_to(client_, task);
    return {show(reply, task, line_options.json, style_, out_, err_), false};
  }

  // What became of the connection since.
  void tell_news() {
    while (const auto message = client_.next(milliseconds(0))) {
      if (message->kind == feed::Message::Kind::kDisconnected) {
        err_.line("connection lost (" + printable(message->notice.reason) + "); connecting again");
      } else if (message->kind == feed::Message::Kind::kConnected) {
        err_.line("connected again");
      } else if (message->kind == feed::Message::Kind::kFailed) {
        err_.line(error_line(message->notice.error_type, message->notice.reason));
      }
    }
  }

  const Registry& registry() {
    if (Clock::now() - asked_at_ < kRegistryAge) return registry_;
    const feed::Reply reply =
        client_.request("command", R"({"command":"get_sources","params":{}})", kRegistryWait);
    if (reply.ok) registry_ = read_registry(feed::json::member(reply.text, "result"));
    asked_at_ = Clock::now();
    return registry_;
  }

  void flush() {
    out_.flush();
    err_.flush();
  }

 private:
  ExitCode mistake(const std::string& text) {
    err_.line(printable(text));
    return kExitUsage;
  }

  const Options& options_;
  const Style style_;
  Output& out_;
  Output& err_;
  feed::Client client_;
  Registry registry_;
  Clock::time_point asked_at_{Clock::now() - kRegistryAge};
};

// The code of the first command that failed.
ExitCode run_all(Shell& shell, const Output& out, const ReadLine& read_line) {
  ExitCode code = kExitOk;
  while (!out.broken()) {
    shell.tell_news();
    shell.flush();
    const std::optional<std::string> line = read_line();
    if (!line) break;
    const Shell::Done done = shell.run(*line);
    if (code == kExitOk) code = done.code;
    shell.flush();
    if (done.end) break;
  }
  shell.stop();
  return code;
}

std::optional<std::string> line_of_stdin() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

}  // namespace

ExitCode shell(const Options& options, const Style& style, Output& out, Output& err) {
  if (::isatty(STDIN_FILENO) != 1 || !out.is_terminal()) {
    return run_lines(options, style, out, err, line_of_stdin);
  }
  Shell shell(options, style, out, err);
  if (const auto failed = shell.connect()) return *failed;
  out.line("connected to " + printable(options.url) + "; help tells what there is");
  LineEditor editor("ppo> ", history_path(std::getenv("XDG_STATE_HOME"), std::getenv("HOME")),
                    [&](std::string_view line) { return complete(line, shell.registry()); });
  run_all(shell, out, [&] { return editor.read(); });
  return kExitOk;
}

ExitCode run_lines(const Options& options, const Style& style, Output& out, Output& err,
                   const ReadLine& read_line) {
  Shell shell(options, style, out, err);
  if (const auto failed = shell.connect()) return *failed;
  return run_all(shell, out, read_line);
}

}  // namespace client
