#include "ppo-client/top.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "feed/client.h"
#include "feed/json.h"
#include "ppo-client/connection.h"
#include "ppo-client/json_text.h"
#include "ppo-client/top_screen.h"

namespace client {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr milliseconds kLook{50};  // for a signal
constexpr double kDelaysOfS = 10;  // what the delays are told of, where one looks for so long

constexpr std::string_view kBegin = "\x1b[?1049h\x1b[?25l";  // a screen of its own, without a cursor
constexpr std::string_view kEnd = "\x1b[?25h\x1b[?1049l";

// What the bridge answered, or why it did not.
struct Answers {
  std::string status, sources, clients;  // results
  std::string failure;
  ExitCode code = kExitOk;
  double at_s = 0;
};

// Asks once an interval on a thread of its own, so that Ctrl-C never waits for an answer.
class Asking {
 public:
  Asking(feed::Client& client, const Options& options, milliseconds interval)
      : client_(client), timeout_(options.timeout), interval_(interval), thread_([this] { run(); }) {}
  ~Asking() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    client_.stop();  // ends a question that is under way
    thread_.join();
  }

  std::optional<Answers> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, std::nullopt);
  }

 private:
  void run() {
    auto next = Clock::now();
    for (;;) {
      Answers answers = ask();
      std::unique_lock lock(mutex_);
      answers_ = std::move(answers);
      next = std::max(next + interval_, Clock::now());
      if (wake_.wait_until(lock, next, [this] { return stopping_; })) return;
    }
  }
  Answers ask() {
    Answers answers;
    answers.at_s = Seconds(Clock::now().time_since_epoch()).count();
    for (const auto& [command, result] : {std::pair{"get_status", &answers.status}, std::pair{"get_sources", &answers.sources},
                                          std::pair{"get_clients", &answers.clients}}) {
      const std::string fields = feed::json::Object().add_string("command", command).text();
      const feed::Reply reply = client_.request("command", fields, timeout_);
      if (reply.outcome == feed::Reply::Outcome::kAnswered && reply.ok) {
        *result = std::string(feed::json::member(reply.text, "result"));
        continue;
      }
      answers.failure = error_line(reply.error_type, reply.error);
      answers.code = reply.outcome == feed::Reply::Outcome::kAnswered ? kExitRefused : kExitFailed;
      return answers;
    }
    return answers;
  }

  feed::Client& client_;
  const milliseconds timeout_;
  const milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Answers> answers_;  // guarded
  bool stopping_ = false;           // guarded
  std::thread thread_;
};

// The alternate screen as long as it lives.
class FullScreen {
 public:
  explicit FullScreen(Output& out) : out_(out) { out_.text(kBegin); }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
  ~FullScreen() {
    out_.text(kEnd);
    out_.flush();
  }
  // What stands there already is written over, so that nothing flickers.
  void draw(const std::string& text) {
    std::string frame = "\x1b[H";
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      frame.append(text, at, end - at).append("\x1b[K");
      at = end + 1;
      if (at < text.size()) frame += "\r\n";
    }
    out_.text(frame += "\x1b[J");
    out_.flush();
  }

 private:
  Output& out_;
};

bool can_draw(const Output& out) {
  const char* const term = std::getenv("TERM");
  return out.is_terminal() && term != nullptr && std::string_view(term) != "dumb" && *term != '\0';
}

std::string json_line(const Answers& answers, bool terminal) {
  const double now_s = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
  feed::json::Object object;
  object.add("timestamp", std::to_string(now_s)).add("status", answers.status);
  const std::string_view sources = feed::json::member(answers.sources, "sources");
  const std::string_view clients = feed::json::member(answers.clients, "clients");
  object.add("sources", sources.empty() ? "[]" : sources).add("clients", clients.empty() ? "[]" : clients);
  return one_line(object.text(), terminal);
}

}  // namespace

ExitCode top(const Options& options, const TopOptions& task, const Style& style, Output& out, Output& err,
             const std::function<bool()>& stop) {
  feed::Client client(feed_options(options, no_events()));
  client.start();
  if (const auto failed = await_connection(client, options, err, stop, nullptr)) return *failed;

  std::unique_ptr<FullScreen> screen;
  if (!task.once && !options.json && can_draw(out)) screen = std::make_unique<FullScreen>(out);
  Asking asking(client, options, task.interval);
  std::deque<TopSample> seen;
  while (!stop() && !out.broken()) {
    const std::optional<Answers> answers = asking.take();
    if (!answers) {
      // Also takes what the client tells of its connection, which the answers tell as well.
      if (!client.next(kLook) && client.finished()) return kExitFailed;
      if (!screen) out.reader_gone();
      continue;
    }
    const bool failed = !answers->failure.empty();
    if (failed && (!screen || seen.empty())) {
      screen.reset();
      err.line(answers->failure);
      return answers->code;
    }
    if (options.json) {
      out.line(json_line(*answers, out.is_terminal()));
      out.flush();
      if (task.once) return kExitOk;
      continue;
    }
    if (!failed) {
      seen.push_back(read_top_sample(answers->status, answers->sources, answers->clients));
      seen.back().at_s = answers->at_s;
      seen.back().now_s = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
      while (seen.size() > 2 && seen[1].at_s <= answers->at_s - kDelaysOfS) seen.pop_front();
    }
    if (task.once && seen.size() < 2) continue;  // two make a rate
    const TopSample* const before = seen.size() < 2 ? nullptr : &seen[seen.size() - 2];
    const Style now_style{style.colours, out.terminal_width()};
    const TopSample* const since = task.once || seen.size() < 2 ? nullptr : &seen.front();
    const std::string text =
        top_screen(seen.back(), before, since, now_style, screen ? out.terminal_height() : 0, failed ? answers->failure : "");
    if (screen) {
      screen->draw(text);
    } else {
      out.text(text);
      out.flush();
      if (task.once) return kExitOk;
      out.text("\n");
    }
  }
  return kExitOk;
}

}  // namespace client
