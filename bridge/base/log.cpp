#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>

#include "base/text.h"
#include "base/without_tokens.h"

namespace bridge {
namespace {

using spdlog::details::log_msg;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kQueueBytesMax = 1 << 20;
constexpr auto kEndWait = std::chrono::seconds(1);
constexpr const char* kDroppedEvent = "log_dropped";

// Lines on their way to one output. The thread that writes them shares it: that one may be stuck in a
// write when the program ends.
struct LogQueue {
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;  // whole lines
  bool writing = false;
  bool ended = false;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_told = 0;

  bool idle() const { return text.empty() && !writing; }
};

using WriteLines = std::function<void(const std::string& lines)>;

void write_lines(LogQueue& queue, const WriteLines& write) {
  std::unique_lock<std::mutex> lock(queue.mutex);
  for (;;) {
    queue.changed.wait(lock, [&] { return queue.ended || !queue.text.empty(); });
    if (queue.text.empty()) return;
    const std::string lines = std::exchange(queue.text, {});
    queue.writing = true;
    lock.unlock();
    write(lines);
    lock.lock();
    queue.writing = false;
    queue.changed.notify_all();
  }
}

// What the logger writes to. Never blocks.
class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit QueueSink(WriteLines write) {
    std::thread([queue = queue_, write = std::move(write)] {
      pthread_setname_np(pthread_self(), "log");
      write_lines(*queue, write);
    }).detach();
  }

  void end(Steady::time_point by) {
    std::unique_lock<std::mutex> lock(queue_->mutex);
    queue_->changed.wait_until(lock, by, [this] { return queue_->idle(); });
    queue_->ended = true;
    queue_->changed.notify_all();
  }

  std::uint64_t dropped() const {
    const std::lock_guard<std::mutex> lock(queue_->mutex);
    return queue_->dropped;
  }

 private:
  void sink_it_(const log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    const std::lock_guard<std::mutex> lock(queue_->mutex);
    if (queue_->ended || queue_->text.size() + line.size() > kQueueBytesMax) {
      ++queue_->dropped;
      return;
    }
    if (const std::uint64_t more = queue_->dropped - queue_->dropped_told; more != 0) {
      const std::string notice =
          std::to_string(more) + " lines of the log were dropped: nobody read them in time";
      spdlog::memory_buf_t text;
      formatter_->format(log_msg({kDroppedEvent, 1, kDroppedEvent}, "ppo-bridge", spdlog::level::warn, notice), text);
      queue_->text.append(text.data(), text.size());
      queue_->dropped_told = queue_->dropped;
    }
    queue_->text.append(line.data(), line.size());
    queue_->changed.notify_all();
  }
  void flush_() override {}

  const std::shared_ptr<LogQueue> queue_ = std::make_shared<LogQueue>();
};

// As syslog(3) numbers them.
char priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return '7';
    case spdlog::level::info:
      return '6';
    case spdlog::level::warn:
      return '4';
    case spdlog::level::err:
      return '3';
    default:
      return '2';
  }
}

// One line of the log: a JSON object, or text.
class LineFormatter final : public spdlog::formatter {
 public:
  // `to_journal`: with its priority in front, and without its time, which the journal has.
  LineFormatter(bool json, bool to_journal) : json_(json), to_journal_(to_journal) {}

  void format(const log_msg& msg, spdlog::memory_buf_t& line) override {
    std::string text;
    if (to_journal_) ((text += '<') += priority_of(msg.level)) += '>';
    json_ ? add_json(msg, &text) : add_text(msg, &text);
    text = without_tokens(text);
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(json_, to_journal_); }

 private:
  static std::string_view level_of(const log_msg& msg) {
    const auto name = spdlog::level::to_string_view(msg.level);
    return {name.data(), name.size()};
  }
  static std::string_view event_of(const log_msg& msg) {
    return msg.source.empty() ? std::string_view("other") : std::string_view(msg.source.funcname);
  }
  static std::int64_t since_1970_us(const log_msg& msg) {
    return std::chrono::duration_cast<std::chrono::microseconds>(msg.time.time_since_epoch()).count();
  }

  void add_json(const log_msg& msg, std::string* text) const {
    *text += "{\"timestamp\":";
    append_seconds(*text, std::max<std::int64_t>(since_1970_us(msg), 0));
    *text += ",\"level\":";
    append_json_string(*text, level_of(msg));
    *text += ",\"event\":";
    append_json_string(*text, event_of(msg));
    *text += ",\"message\":";
    const std::string_view said(msg.payload.data(), msg.payload.size());
    is_utf8(said) ? append_json_string(*text, said) : append_json_string(*text, printable(said, said.size()));
    *text += "}\n";
  }
  void add_text(const log_msg& msg, std::string* text) {
    if (!to_journal_) {
      spdlog::memory_buf_t time;
      time_.format(msg, time);
      text->append(time.data(), time.size());
    }
    text->append(level_of(msg)).append(" ").append(event_of(msg)).append(": ");
    // A line is one line, whatever is quoted in it.
    for (const char c : std::string_view(msg.payload.data(), msg.payload.size())) *text += c == '\n' ? ' ' : c;
    *text += '\n';
  }

  const bool json_;
  const bool to_journal_;
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%e%z ", spdlog::pattern_time_type::local, ""};
};

// Whether stderr is what the service manager reads for its journal (systemd.exec(5), JOURNAL_STREAM).
bool stderr_is_journal() {
  const char* const named = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (named == nullptr || ::fstat(STDERR_FILENO, &file) != 0) return false;
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) == named;
}

void write_to_stderr(const std::string& lines) {
  for (std::size_t at = 0; at < lines.size();) {
    const ::ssize_t n = ::write(STDERR_FILENO, lines.data() + at, lines.size() - at);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      pollfd writable{STDERR_FILENO, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return;  // nobody can read it any more
    }
  }
}

// Each of the logger's outputs.
template <class Visit>
void for_each_queue(Visit&& visit) {
  for (const spdlog::sink_ptr& sink : spdlog::default_logger_raw()->sinks()) {
    if (auto* const queue = dynamic_cast<QueueSink*>(sink.get())) visit(*queue);
  }
}

}  // namespace

Result<bool> init_log(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<QueueSink>(write_to_stderr)};
  sinks.front()->set_formatter(std::make_unique<LineFormatter>(options.json, stderr_is_journal()));
  std::string failure;
  if (!options.file.empty()) {
    try {
      const auto file = std::make_shared<spdlog::sinks::rotating_file_sink_st>(
          options.file, static_cast<std::size_t>(options.file_bytes_max),
          static_cast<std::size_t>(options.files_max));
      file->set_formatter(std::make_unique<spdlog::pattern_formatter>(
          "%v", spdlog::pattern_time_type::local, ""));
      auto sink = std::make_shared<QueueSink>([file](const std::string& lines) {
        try {
          // One at a time: the file is rotated between them.
          for (std::size_t from = 0, to = 0; from < lines.size(); from = to) {
            to = lines.find('\n', from) + 1;
            file->log(log_msg("", spdlog::level::info, lines.substr(from, to - from)));
          }
          file->flush();
        } catch (const spdlog::spdlog_ex&) {
          // The disk is full, say: stderr has them too.
        }
      });
      sink->set_formatter(std::make_unique<LineFormatter>(options.json, false));
      sinks.push_back(std::move(sink));
    } catch (const spdlog::spdlog_ex& e) {
      failure = e.what();
    }
  }
  auto logger = std::make_shared<spdlog::logger>("ppo-bridge", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::from_str(options.level));
  spdlog::set_default_logger(std::move(logger));
  if (!failure.empty()) return Failure{"log.file is " + options.file + ": " + failure};
  return true;
}

void set_log_level(const std::string& level) { spdlog::default_logger_raw()->set_level(spdlog::level::from_str(level)); }

void end_log() {
  const auto by = Steady::now() + kEndWait;
  for_each_queue([by](QueueSink& queue) { queue.end(by); });
}

std::uint64_t log_lines_dropped() {
  std::uint64_t n = 0;
  for_each_queue([&n](const QueueSink& queue) { n += queue.dropped(); });
  return n;
}

bool LogLimiter::allow(std::int64_t steady_us) {
  if (last_us_ && steady_us - *last_us_ < kIntervalUs) {
    ++held_back_;
    return false;
  }
  last_us_ = steady_us;
  return true;
}

std::uint64_t LogLimiter::take_held_back(std::int64_t steady_us) {
  if (held_back_ == 0 || steady_us - *last_us_ < kIntervalUs) return 0;
  return std::exchange(held_back_, 0);
}

}  // namespace bridge
