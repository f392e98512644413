#include "base/log.h"

#include <memory>
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

bool LogLimiter::allow(const std::string& key, std::int64_t steady_us, std::uint64_t* held_back) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (entries_.size() >= keys_max_) entries_.clear();
    entries_.emplace(key, Entry{steady_us, 0});
    *held_back = 0;
    return true;
  }
  if (steady_us - it->second.last_us < interval_us_) {
    ++it->second.held_back;
    return false;
  }
  *held_back = it->second.held_back;
  it->second = Entry{steady_us, 0};
  return true;
}

}  // namespace bridge
