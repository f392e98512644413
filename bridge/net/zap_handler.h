// Says who may come to a ZeroMQ socket: the ZAP handler (ZeroMQ RFC 27) of the bridge's context.
//
// libzmq asks it once for each connection whose socket has a domain, and holds the connection until it has answered.
// It answers 200 or 400 at once and never 300, after which peers would come again by themselves.
//
//     domain                             who
//     events, out, commands, control     a CURVE key that is listed, whose role has business there
//     control/SOURCE                     one that may speak for this source
//     ipc                                a process of the bridge's own user, or of one of `ipc_uids`
//     local                              anybody; for tcp on loopback beside sockets with keys
//
// The User-Id of each message is the credential's id, or the domain where there is none; no peer can choose it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "access/authenticator.h"
#include "audit/audit.h"
#include "base/log.h"
#include "net/zmq_watch.h"

namespace bridge {

inline constexpr const char* kIpcDomain = "ipc";
inline constexpr const char* kLocalDomain = "local";

// Lives on the loop's thread, and longer than all other sockets of the context.
class ZapHandler {
 public:
  // `authenticator`: null where nobody has a key.
  ZapHandler(asio::io_context& io, zmq::context_t& context, const Authenticator* authenticator, const Clock& clock,
             std::vector<std::uint32_t> ipc_uids);

  // Binds; to be called before any other socket is made. Throws zmq::error_t.
  void start();

  // Where it is recorded who was let in and who was not; outlives this.
  void set_audit(Audit* audit) { audit_ = audit; }

  // Whether a peer without a key is, as if libzmq had asked.
  bool lets_in(std::string_view domain, std::string_view address) { return !decide({domain, address, "NULL", {}}).empty(); }

  // The credential that was let in last by a domain control/SOURCE; empty: none.
  std::string admitted(const std::string& domain) const;

 private:
  struct Request {
    std::string_view domain;
    std::string_view address;
    std::string_view mechanism;
    std::string_view credentials;
  };
  Turn take_turn();
  // The User-Id; empty where it is refused.
  std::string decide(const Request& request);
  std::string decide_key(const Request& request);
  bool is_ours(std::string_view ipc_address) const;
  void refuse(const Request& request, const std::string& why, const Access* access = nullptr);
  void record(const Request& request, const char* what, const Access* access) const;

  asio::io_context& io_;
  const Authenticator* const authenticator_;
  const Clock& clock_;
  const std::vector<std::uint32_t> ipc_uids_;
  std::map<std::string, std::string, std::less<>> admitted_;  // by domain, of control/SOURCE
  LogLimiter lines_;
  Audit* audit_ = nullptr;
  zmq::socket_t socket_;
  std::unique_ptr<ZmqWatch> watch_;
};

}  // namespace bridge
