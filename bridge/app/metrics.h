// /metrics: the bridge's counters in the Prometheus text exposition format, by prometheus-cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "commands/own_commands.h"
#include "net/tls_context.h"
#include "store/journal_thread.h"

namespace bridge {

// What the view does not know of.
struct Depths {
  const ClientsReport& serving;
  std::size_t commands_pending = 0;
  const TlsContext* tls = nullptr;  // null: plain
  const Audit* audit = nullptr;     // null: there is none
  std::uint64_t addresses_forgotten = 0;
  const ClusterReport* cluster = nullptr;  // null: the bridge is alone
};

// Reads the counters of the moment; keeps nothing. Call on the log's thread.
// `journal` is null where there is none.
std::string metrics_text(const BridgeView& view, const Depths& depths,
                         const JournalStatus* journal);

}  // namespace bridge
