// Who asks over a connection, and whether that is answered at all. For ws_server.cpp only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/counters.h"
#include "conversation/session.h"
#include "net/address_limits.h"
#include "net/client_socket.h"
#include "net/http_reply.h"
#include "net/http_rules.h"
#include "net/origin.h"

namespace bridge {

// Judges requests by their address, their Host and Origin, and the token or cookie that they bring; notes on the connection
// who asks. One thread: the loop's. References must outlive it.
class RequestJudge {
 public:
  // `session` may change.
  RequestJudge(const WebSites& sites, const std::vector<std::string>& trusted_proxies, const SessionOptions& session,
               std::shared_ptr<AddressLimits> addresses, Counters& counters, const Clock& clock);

  // Other sites and proxies for who comes from now on.
  void apply(const WebSites& sites, const std::vector<std::string>& trusted_proxies);
  // Where the bridge listens, with the real port.
  void set_address(const Address& address) { address_ = address; }

  // Counts a new connection with those of its address. False where it is to end without a word.
  bool arrive(Connection& con, const std::string& remote);

  // Of a request whose head is there: why it is refused for where it comes from, and then for who sends it. `upgrade`: it
  // asks to become a WebSocket.
  std::optional<HttpReply> judge_place(Connection& con, const HttpHead& head, bool upgrade);
  std::optional<HttpReply> judge_asker(Connection& con, const HttpHead& head, bool upgrade);

  HttpPlace place(const Connection& con) const { return {address_, con.asker.secure ? secure_sites_ : plain_sites_}; }

  // Who came in, or did not; `path`: what was refused to whom it is known to be.
  void record(const Connection& con, const char* outcome, const std::string& path = {}) const;

 private:
  bool count(Connection& con, std::string peer);
  std::optional<HttpReply> refuse_crowd(Connection& con, std::int64_t now_us);
  std::optional<HttpReply> read_access(Connection& con, const HttpHead& head, std::int64_t now_us);

  WebSites plain_sites_, secure_sites_;  // as a request was sent, to the bridge or to a proxy
  TrustedProxies proxies_;
  const SessionOptions& session_;
  const std::shared_ptr<AddressLimits> addresses_;
  Counters& counters_;
  const Clock& clock_;
  Address address_;
};

}  // namespace bridge
