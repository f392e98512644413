#include "app/descriptor_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/descriptors.h"
#include "base/log.h"

namespace bridge {

void DescriptorWatch::check(const std::function<std::vector<std::string>()>& endpoints) {
  if (looking_) return;
  const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (lowest_free >= 0) ::close(lowest_free);
  if (lowest_free >= 0 && !is_one_of_the_last(lowest_free)) return;
  looking_ = true;
  upkeep_.find(endpoints(), [this](std::vector<ZmqPeer> peers) {
    std::sort(peers.begin(), peers.end(), [](auto& a, auto& b) { return a.descriptor > b.descriptor; });
    peers.resize(peers.size() - std::min(peers.size(), zmq_peers_that_fit()));
    upkeep_.cut(std::move(peers), [](int) {}, [this](std::size_t cut) {
      looking_ = false;
      if (cut == 0) return;
      log_warn("descriptors_short", "hardly any descriptor is free: disconnected {} ZeroMQ peers", cut);
    });
  });
}

}  // namespace bridge
