// Connections that are not clients: handshakes under way, plain HTTP, the refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <asio/ip/address.hpp>

#include "base/address.h"

namespace bridge {

// As peer_of().
inline std::string peer_key(const asio::ip::address& address) { return peer_of(address.to_string()); }

// By number, which grows, and by peer. Where there is no room, the oldest of the peer who has most of them makes
// it: however many of one peer are silent, or come, another's handshake goes through. One thread.
template <class Connection>
class WaitingConnections {
 public:
  void add(std::uint64_t number, Connection* connection, std::string peer) {
    of_peer_[peer].emplace(number, connection);
    peers_.emplace(number, std::move(peer));
  }

  void erase(std::uint64_t number) {
    const auto peer = peers_.find(number);
    if (peer == peers_.end()) return;
    const auto of = of_peer_.find(peer->second);
    of->second.erase(number);
    if (of->second.empty()) of_peer_.erase(of);
    peers_.erase(peer);
  }

  // REQUIRES: there is one. It is no longer among them.
  Connection* crowded_out() {
    auto most = of_peer_.begin();
    for (auto of = of_peer_.begin(); of != of_peer_.end(); ++of) {
      if (of->second.size() > most->second.size()) most = of;
    }
    const auto [number, connection] = *most->second.begin();
    erase(number);
    return connection;
  }

  std::size_t size() const { return peers_.size(); }

 private:
  std::map<std::string, std::map<std::uint64_t, Connection*>> of_peer_;
  std::map<std::uint64_t, std::string> peers_;
};

}  // namespace bridge
