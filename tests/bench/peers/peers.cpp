#include "peers.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bench {
namespace {

struct Peer {
  const char* name;
  std::unique_ptr<Subject> (*make)();
};

constexpr Peer kPeers[] = {{"node", make_node_peer},
                           {"fastapi", make_fastapi_peer},
                           {"nats", make_nats_peer},
                           {"nchan", make_nchan_peer},
                           {"mosquitto", make_mosquitto_peer}};

}  // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Peer& peer : kPeers) result.emplace_back(peer.name);
    return result;
  }();
  return names;
}

bool is_peer(const std::string& name) {
  const auto& names = peer_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::unique_ptr<Subject> make_peer(const std::string& name) {
  for (const Peer& peer : kPeers) {
    if (name == peer.name) return peer.make();
  }
  std::string known = "bridge, plain, raw";
  for (const std::string& peer : peer_names()) known += ", " + peer;
  throw std::invalid_argument("no subject is called " + name + "; there are " + known);
}

}  // namespace bench
