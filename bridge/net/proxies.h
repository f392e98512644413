// Proxies in front of the bridge, and what they say of who asks (X-Forwarded-For, X-Forwarded-Proto). Nobody else's word
// counts: such fields are passed over, as anybody can send them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_parser.h"

namespace bridge {

// An entry of websocket.trusted_proxies, an address or a network (10.0.0.0/8, fd00::/8); "" = it is one, else what is
// wrong with it.
std::string check_proxy(std::string_view text);

// Who asks, and whether he spoke TLS as far as he is concerned.
struct Asker {
  std::string remote;  // ADDRESS:PORT; the port is 0 where a proxy tells the address
  bool secure = false;
};

class TrustedProxies {
 public:
  // REQUIRES: check_proxy() has found them good.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  // Whether it is ADDRESS:PORT of one of them.
  bool trusts(std::string_view remote) const;

  // `peer`: who sent the request himself.
  Asker asker(Asker peer, const HttpHead& head) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  // an IPv4 address as ::ffff:a.b.c.d
  struct Network {
    Bytes bytes{};
    std::size_t bits = 0;
  };
  friend std::string check_proxy(std::string_view text);
  static bool read_address(std::string_view text, Bytes* bytes);
  static bool read_network(std::string_view text, Network* network);
  bool trusts(const Bytes& address) const;

  std::vector<Network> networks_;
};

}  // namespace bridge
