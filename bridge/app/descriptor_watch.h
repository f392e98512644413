// Keeps descriptors free for clients.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/zmq_upkeep.h"

namespace bridge {

// Where hardly any descriptor is free, ZeroMQ's peers beyond their part are disconnected, the newest first, so that clients
// and /healthz always find one. One thread: the loop's.
class DescriptorWatch {
 public:
  explicit DescriptorWatch(ZmqUpkeep& upkeep) : upkeep_(upkeep) {}
  // Call every 20 ms or so. `endpoints`: where those peers connect.
  void check(const std::function<std::vector<std::string>()>& endpoints);

 private:
  ZmqUpkeep& upkeep_;
  bool looking_ = false;
};

}  // namespace bridge
