// What the tests of the journal share: a bridge that keeps one, and what it tells of it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

namespace testing_support {

inline BridgeOptions with_journal(const std::string& path, std::vector<std::string> settings = {}) {
  BridgeOptions options;
  options.settings = std::move(settings);
  options.settings.push_back("journal.path=\"" + path + "\"");
  return options;
}

// The value of a metric of the bridge; -1 where it has none of that name.
inline double metric(const BridgeProcess& bridge, const std::string& name) {
  const std::string body = http(bridge.websocket(), "GET", "/metrics").body;
  const std::size_t at = body.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(body.c_str() + at + name.size() + 2, nullptr);
}

[[nodiscard]] inline bool wait_committed(const BridgeProcess& bridge, std::int64_t seq) {
  return wait_until([&] {
    return metric(bridge, "ppo_bridge_journal_committed_seq") >= static_cast<double>(seq);
  });
}

// Whether as many events were written to the journal since the bridge started.
[[nodiscard]] inline bool wait_rows(const BridgeProcess& bridge, std::int64_t rows) {
  return wait_until([&] {
    return metric(bridge, "ppo_bridge_journal_rows_total") >= static_cast<double>(rows);
  });
}

// Whether it has said so on stderr.
inline bool bridge_says(const BridgeProcess& bridge, const std::string& what) {
  return const_cast<BridgeProcess&>(bridge).process().stderr_text().find(what) !=
         std::string::npos;
}

// Events n = from..to of source "s", each with its n as source_seq, in batches.
inline bool publish_numbered(EventPublisher& publisher, std::int64_t from, std::int64_t to,
                             const std::string& padding = {}) {
  std::vector<std::string> batch;
  for (std::int64_t n = from; n <= to; ++n) {
    std::string data = R"({"n":)" + std::to_string(n);
    if (!padding.empty()) data += R"(,"p":")" + padding + "\"";
    batch.push_back(event_body(n % 10 == 0 ? "ten" : "one", data + "}", "s", "r",
                               static_cast<std::uint64_t>(n)));
    if (batch.size() == 100 || n == to) {
      if (!publisher.publish_batch(batch)) return false;
      batch.clear();
    }
  }
  return true;
}

inline std::string since(const std::string& epoch, std::int64_t seq) {
  return R"({"action":"register","since":{"epoch":")" + epoch + R"(","seq":)" +
         std::to_string(seq) + "}}";
}

}  // namespace testing_support
