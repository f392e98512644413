#include "net/zap_handler.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "net/curve_keys.h"
#include "net/zmq_frames.h"

namespace bridge {
namespace {

constexpr int kZapAnswersPerTurnMax = 64;  // the handshakes behind them cost more than the answers
constexpr std::string_view kControlOf = "control/";

}  // namespace

ZapHandler::ZapHandler(asio::io_context& io, zmq::context_t& context, const Authenticator* authenticator,
                       const Clock& clock, std::vector<std::uint32_t> ipc_uids)
    : io_(io),
      authenticator_(authenticator),
      clock_(clock),
      ipc_uids_(std::move(ipc_uids)),
      socket_(context, zmq::socket_type::rep) {}

void ZapHandler::start() {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
}

std::string ZapHandler::admitted(const std::string& domain) const {
  const auto found = admitted_.find(domain);
  return found == admitted_.end() ? std::string() : found->second;
}

// Frames: version, request id, domain, address, routing id, mechanism, credentials (ZeroMQ RFC 27).
Turn ZapHandler::take_turn() {
  std::vector<zmq::message_t> frames;
  for (int i = 0; i < kZapAnswersPerTurnMax; ++i) {
    if (!receive_frames(socket_, frames)) return Turn::drained;
    const auto frame = [&](std::size_t n) { return n < frames.size() ? frames[n].to_string_view() : std::string_view(); };
    const std::string user = frame(0) == "1.0" ? decide({frame(2), frame(3), frame(5), frame(6)}) : std::string();
    try {
      for (const std::string_view part : {std::string_view("1.0"), frame(1), std::string_view(user.empty() ? "400" : "200"),
                                          std::string_view(user.empty() ? "not allowed" : "OK"), std::string_view(user)}) {
        socket_.send(zmq::buffer(part), zmq::send_flags::dontwait | zmq::send_flags::sndmore);
      }
      socket_.send(zmq::message_t(), zmq::send_flags::dontwait);  // no metadata
    } catch (const zmq::error_t&) {
      return Turn::drained;  // the context is going down
    }
  }
  return Turn::more;
}

std::string ZapHandler::decide(const Request& request) {
  if (request.mechanism == "CURVE") return decide_key(request);
  if (request.mechanism != "NULL") return {};
  if (request.domain == kLocalDomain) return kLocalDomain;
  if (request.domain == kIpcDomain && is_ours(request.address)) return kIpcDomain;
  refuse(request, "is of a user who is not in zmq.ipc_uids");
  return {};
}

std::string ZapHandler::decide_key(const Request& request) {
  if (authenticator_ == nullptr || request.credentials.size() != 32) return {};
  const std::string key = curve_key_text(request.credentials.data());
  const auto access = authenticator_->find_key(key);
  if (access == nullptr) {
    refuse(request, "has the key " + key + ", which is not listed, or no longer");
    return {};
  }
  if (!access->may_attach(request.domain)) {
    refuse(request, "is " + access->name + ", and the role " + access->role->name + " has no business there", access.get());
    return {};
  }
  if (request.domain.substr(0, kControlOf.size()) == kControlOf) {
    admitted_[std::string(request.domain)] = access->credential;
  }
  record(request, "login", access.get());
  return access->credential;
}

// "localhost:UID:GID:PID", as libzmq tells a peer of a Unix socket (SO_PEERCRED).
bool ZapHandler::is_ours(std::string_view address) const {
  const std::size_t colon = address.find(':');
  if (colon == std::string_view::npos) return false;
  std::uint32_t uid = 0;
  const char* const end = address.data() + address.size();
  const auto read = std::from_chars(address.data() + colon + 1, end, uid);
  if (read.ec != std::errc{} || read.ptr == end || *read.ptr != ':') return false;
  return uid == ::geteuid() || std::find(ipc_uids_.begin(), ipc_uids_.end(), uid) != ipc_uids_.end();
}

void ZapHandler::record(const Request& request, const char* what, const Access* access) const {
  if (audit_ == nullptr) return;
  AuditEntry entry;
  entry.what = what;
  entry.by(access);
  entry.remote = request.address;
  entry.target = request.domain;
  const bool refused = entry.what == std::string_view("refused");
  entry.outcome = !refused ? "success" : access == nullptr ? "unauthorized" : "forbidden";
  audit_->record(entry);
}

void ZapHandler::refuse(const Request& request, const std::string& why, const Access* access) {
  record(request, "refused", access);
  if (!lines_.allow(clock_.steady_us())) return;
  log_warn("zmq_peer_refused", "refused a ZeroMQ peer at {}: {} {}", printable(request.domain), printable(request.address), why);
}

}  // namespace bridge
