// How a bridge is started that is to be filled up.
#pragma once

#include "support/bridge_process.h"

namespace testing_support {

// A bridge with little memory: 20 MB of it for what clients have yet to read.
inline BridgeOptions little_memory() {
  BridgeOptions options;
  options.settings = {"limits.memory_bytes_max=157286400", "history.bytes_max=8388608",
                      "events.held_bytes_max=1048576", "websocket.clients_max=200", "sources.runs_max=256",
                      "websocket.threads=1", "events.message_bytes_max=1048576"};
  return options;
}

}  // namespace testing_support
