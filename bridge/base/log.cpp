#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
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

namespace bridge {
namespace {

using spdlog::details::log_msg;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kQueueBytesMax = 1 << 20;
constexpr auto kEndWait = std::chrono::seconds(1);

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
      formatter_->format(log_msg("ppo-bridge", spdlog::level::warn, notice), text);
      queue_->text.append(text.data(), text.size());
      queue_->dropped_told = queue_->dropped;
    }
    queue_->text.append(line.data(), line.size());
    queue_->changed.notify_all();
  }
  void flush_() override {}

  const std::shared_ptr<LogQueue> queue_ = std::make_shared<LogQueue>();
};

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
  std::string failure;
  if (!options.file.empty()) {
    try {
      const auto file = std::make_shared<spdlog::sinks::rotating_file_sink_st>(
          options.file, static_cast<std::size_t>(options.file_bytes_max),
          static_cast<std::size_t>(options.files_max));
      file->set_formatter(std::make_unique<spdlog::pattern_formatter>(
          "%v", spdlog::pattern_time_type::local, ""));
      sinks.push_back(std::make_shared<QueueSink>([file](const std::string& lines) {
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
      }));
    } catch (const spdlog::spdlog_ex& e) {
      failure = e.what();
    }
  }
  auto logger = std::make_shared<spdlog::logger>("ppo-bridge", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::from_str(options.level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(std::move(logger));
  if (!failure.empty()) return Failure{"log.file is " + options.file + ": " + failure};
  return true;
}

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
