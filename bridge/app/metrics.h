// /metrics: the bridge's counters in the Prometheus text exposition format, by prometheus-cpp.
#pragma once

#include <string>

#include "core/own_commands.h"

namespace bridge {

// Reads the counters of the moment; keeps nothing. Call on the log's thread.
std::string metrics_text(const BridgeView& view, std::size_t clients);

}  // namespace bridge
