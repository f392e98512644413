#include "net/zmq_upkeep.h"

#include <pthread.h>

#include <algorithm>

namespace bridge {
namespace {

constexpr std::size_t kCutATurn = 16;  // what the kernel still has of one may be megabytes

}  // namespace

struct ZmqUpkeep::Cut {
  std::vector<ZmqPeer> peers;
  std::function<void(int)> on_cut;
  std::function<void(std::size_t)> done;
};

ZmqUpkeep::ZmqUpkeep(asio::io_context& io) : io_(io) {
  asio::post(thread_, [] { ::pthread_setname_np(::pthread_self(), "zmq-upkeep"); });
}

void ZmqUpkeep::find(std::vector<std::string> endpoints, std::function<void(std::vector<ZmqPeer>)> done) {
  run([endpoints = std::move(endpoints)] { return peers_of(endpoints); }, std::move(done));
}

void ZmqUpkeep::cut(std::vector<ZmqPeer> peers, std::function<void(int)> on_cut,
                    std::function<void(std::size_t)> done) {
  cut_some(std::make_shared<const Cut>(Cut{std::move(peers), std::move(on_cut), std::move(done)}), 0, 0);
}

void ZmqUpkeep::cut_some(const std::shared_ptr<const Cut>& what, std::size_t next, std::size_t count) {
  const std::size_t end = std::min(what->peers.size(), next + kCutATurn);
  for (; next < end; ++next) {
    const ZmqPeer& peer = what->peers[next];
    if (!cut_peer(peer.descriptor, peer.endpoint)) continue;
    what->on_cut(peer.descriptor);
    ++count;
  }
  if (next == what->peers.size()) return what->done(count);
  asio::post(io_, [this, what, next, count] { cut_some(what, next, count); });
}

}  // namespace bridge
