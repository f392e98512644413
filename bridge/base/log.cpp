#include "base/log.h"

#include <memory>
#include <utility>
#include <vector>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace bridge {

Result<bool> init_log(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  std::string failure;
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          options.file, static_cast<std::size_t>(options.file_bytes_max),
          static_cast<std::size_t>(options.files_max)));
    } catch (const spdlog::spdlog_ex& e) {
      failure = e.what();
    }
  }
  auto logger = std::make_shared<spdlog::logger>("ppo-bridge", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::from_str(options.level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  if (!failure.empty()) return Failure{"log.file is " + options.file + ": " + failure};
  return true;
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
