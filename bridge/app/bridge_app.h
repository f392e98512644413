// The bridge, put together: every part made once, in the order in which they need each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "app/config.h"
#include "app/hand_over.h"
#include "app/reload.h"
#include "base/result.h"

namespace bridge {

// One thread: whoever calls run().
class BridgeApp {
 public:
  // Nothing is opened yet. `file` is where `config` is from, and `read` reads it anew for SIGHUP; without them that
  // reads only the files that it names. `program` is what SIGUSR2 hands over to.
  explicit BridgeApp(const LoadedConfig& config, const std::string& file = {}, ReadConfig read = {}, Program program = {});
  ~BridgeApp();
  BridgeApp(const BridgeApp&) = delete;
  BridgeApp& operator=(const BridgeApp&) = delete;

  // Opens every socket. A failure names the address.
  Result<bool> start();

  // "ready ws=ws://... events_in=tcp://...": the addresses with their real ports.
  std::string ready_line() const;

  // Serves until SIGTERM or SIGINT came and the clients are drained (at most kDrainSeconds), or
  // stop() was called. A second signal ends it at once.
  void run();

  // Once run() has returned: sockets that the program is to be become with (become()), once this is gone; empty where
  // nothing was handed over.
  const std::vector<int>& handed_over() const;

  // Call once run() has returned. False where a thread is in a call of libzmq that does not end: then the process can only
  // end, or become another, without this being destroyed.
  [[nodiscard]] bool end();

  // Begins to stop, as a signal would. From any thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge
