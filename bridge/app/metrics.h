// /metrics: the bridge's counters in the Prometheus text exposition format, by prometheus-cpp.
#pragma once

#include <string>

#include "core/own_commands.h"
#include "store/journal_thread.h"

namespace bridge {

// Reads the counters of the moment; keeps nothing. Call on the log's thread.
// `journal` is null where there is none.
std::string metrics_text(const BridgeView& view, std::size_t clients,
                         const JournalStatus* journal);

}  // namespace bridge
