// How limits.memory_bytes_max is shared out among the queues.
#pragma once

#include "app/config.h"
#include "base/memory_ledger.h"
#include "base/result.h"

namespace bridge {

// Sets every bound of the ledger. Fails, with the keys that have a say, where what they ask for does not
// fit. Queues with a bound of their own get that; the others share what is left.
Result<bool> share_memory(const Config& config, MemoryLedger& ledger);

}  // namespace bridge
