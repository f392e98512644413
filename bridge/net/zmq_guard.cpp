#include "net/zmq_guard.h"

#include <sys/stat.h>

#include <utility>

#include "base/address.h"
#include "net/local_socket.h"
#include "net/zmq_watch.h"

namespace bridge {
namespace {

constexpr int kZmqHandshakeMs = 5000;
constexpr int kKeyedHeartbeatMs = 2000;
constexpr int kKeyedHeartbeatTimeoutMs = 10'000;
constexpr int kDenialRedialMs = 100;
constexpr int kDenialRedialMsMax = 5000;  // one that is refused comes again and again, and a handshake costs a millisecond
constexpr std::uint64_t kIoThread = 1, kBotIoThread = 2;  // a bit each

}  // namespace

ZmqGuard::ZmqGuard(asio::io_context& io, zmq::context_t& context, const Authenticator* authenticator,
                   const Clock& clock, ZmqGuardOptions options)
    : authenticator_(authenticator),
      options_(std::move(options)),
      zap_(io, context, authenticator, clock, options_.ipc_uids),
      senders_(senders()) {}

bool ZmqGuard::wants_key(std::string_view endpoint) const {
  if (options_.keys.secret_key.empty() || endpoint.substr(0, kTcpScheme.size()) != kTcpScheme) return false;
  const auto address = parse_address(endpoint.substr(kTcpScheme.size()));
  return options_.curve_on_loopback || !address || !is_loopback(address.value().host);
}

bool ZmqGuard::asks(std::string_view endpoint) const {
  return !options_.keys.secret_key.empty() || is_ipc_endpoint(endpoint);
}

bool ZmqGuard::lets_in(std::string_view endpoint, std::string_view address) {
  return !asks(endpoint) || zap_.lets_in(is_ipc_endpoint(endpoint) ? kIpcDomain : kLocalDomain, address);
}

// Each endpoint of a socket keeps what the socket's options were when it was made.
void ZmqGuard::set_options(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const {
  const bool keys = wants_key(endpoint);
  socket.set(zmq::sockopt::affinity, domain == kBotDomain ? kBotIoThread : kIoThread);
  if (keys) {
    socket.set(zmq::sockopt::curve_secretkey, options_.keys.secret_key);
    socket.set(zmq::sockopt::heartbeat_ivl, kKeyedHeartbeatMs);
    socket.set(zmq::sockopt::heartbeat_timeout, kKeyedHeartbeatTimeoutMs);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::reconnect_ivl, kDenialRedialMs);
    socket.set(zmq::sockopt::reconnect_ivl_max, kDenialRedialMsMax);
  }
  if (!options_.keys.secret_key.empty()) socket.set(zmq::sockopt::curve_server, keys);
  const bool asked = asks(endpoint);
  if (asked) {
    socket.set(zmq::sockopt::zap_domain, keys ? domain : is_ipc_endpoint(endpoint) ? kIpcDomain : kLocalDomain);
  } else {
    (void)zmq_setsockopt(socket.handle(), ZMQ_ZAP_DOMAIN, nullptr, 0);  // which no std::string can say
  }
  // Were there no handler, nobody would get in. Not every libzmq has it, and ours has the handler from first to last.
  constexpr int kZapEnforceDomain = 93;  // ZMQ_ZAP_ENFORCE_DOMAIN
  const int enforce = asked ? 1 : 0;
  (void)zmq_setsockopt(socket.handle(), kZapEnforceDomain, &enforce, sizeof enforce);
  socket.set(zmq::sockopt::handshake_ivl, kZmqHandshakeMs);
}

std::string ZmqGuard::bind(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const {
  set_options(socket, endpoint, domain);
  std::string bound = bind_socket(socket, endpoint);
  if (is_ipc_endpoint(bound) && bound[kIpcScheme.size()] != '@') {
    if (::chmod(bound.c_str() + kIpcScheme.size(), ipc_mode()) != 0) throw zmq::error_t(errno);
  }
  return bound;
}

void ZmqGuard::connect(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const {
  set_options(socket, endpoint, domain);
  connect_socket(socket, endpoint);
}

const ZmqSender& ZmqSenders::of(zmq::message_t& frame) {
  if (authenticator_ == nullptr) return last_;
  const char* const user = zmq_msg_gets(frame.handle(), "User-Id");
  const std::uint64_t version = authenticator_->version();
  const bool same = user != nullptr && user == last_user_ && last_text_ == user && version == last_version_;
  if (same && (last_.access == nullptr || !last_.access->expired(authenticator_->now_s()))) return last_;
  last_user_ = user;
  last_text_ = user == nullptr ? "" : user;
  last_version_ = version;
  const bool local = last_text_ == kLocalDomain || last_text_ == kIpcDomain;
  last_.access = local ? nullptr : authenticator_->by_id(last_text_);
  last_.kind = local                      ? ZmqSender::Kind::local
               : last_.access == nullptr ? ZmqSender::Kind::nobody
                                         : ZmqSender::Kind::key;
  return last_;
}

bool ZmqGuard::has_lost(const std::string& domain) const {
  const std::string id = zap_.admitted(domain);
  if (id.empty()) return false;
  const auto access = authenticator_->by_id(id);
  return access == nullptr || !access->may_attach(domain);
}

}  // namespace bridge
