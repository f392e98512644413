#include "options.h"

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "bridge_addresses.h"
#include "names.h"

namespace ppo {
namespace {

constexpr std::size_t kEventsLimit = 1u << 24;
constexpr std::size_t kBytesLimit = std::size_t{1} << 40;
constexpr int kFlushMsLimit = 3'600'000;

// "" where `value` is within 1..max.
std::string out_of_range(const char* key, std::size_t value, std::size_t max) {
  if (value >= 1 && value <= max) return {};
  return std::string(key) + " is " + std::to_string(value) + "; must be 1.." + std::to_string(max);
}

std::string bad_name(const char* key, std::string_view value) {
  if (is_name(value)) return {};
  return std::string(key) + " is '" + printable(value) + "'; must be " + std::string(kNameRange);
}

std::string no_endpoint() {
  const std::string bad = bad_bridges();
  return bad.empty() ? "endpoint is empty; must be a ZeroMQ address" : bad;
}

}  // namespace

std::string curve_file() {
  const char* const path = std::getenv("PPO_CURVE_FILE");
  return path != nullptr ? path : "";
}

PublisherOptions complete(PublisherOptions options) {
  if (options.source.empty()) options.source = made_up_source();
  if (options.run.empty()) options.run = fresh_run();
  options.control = control_beside(options.endpoint, options.control);
  return options;
}

std::string check(const PublisherOptions& options) {
  const std::string checks[] = {
      options.endpoint.empty() ? no_endpoint() : "",
      bad_name("source", options.source),
      bad_name("run", options.run),
      out_of_range("ring_events_max", options.ring_events_max, kEventsLimit),
      out_of_range("ring_bytes_max", options.ring_bytes_max, kBytesLimit),
      out_of_range("batch_bytes_max", options.batch_bytes_max, kBytesLimit),
      out_of_range("event_bytes_max", options.event_bytes_max, kBytesLimit),
      options.flush_ms >= 0 && options.flush_ms <= kFlushMsLimit
          ? ""
          : "flush_ms is " + std::to_string(options.flush_ms) + "; must be 0.." +
                std::to_string(kFlushMsLimit),
  };
  for (const std::string& wrong : checks) {
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace ppo
