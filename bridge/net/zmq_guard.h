// How ZeroMQ's sockets are guarded, and who sent a message: CURVE keys over tcp, users over ipc, nobody asked elsewhere.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "access/authenticator.h"
#include "base/result.h"
#include "net/curve_keys.h"
#include "net/zap_handler.h"
#include "sources/intake.h"

namespace bridge {

// Of the socket that bots subscribe at. What they subscribe to can keep a thread of libzmq busy without end (it answers the
// socket's commands one by one as long as there are more), so that socket has the context's second I/O thread.
inline constexpr const char* kBotDomain = "out";

struct ZmqGuardOptions {
  CurveKeys keys;  // empty: no CURVE
  bool curve_on_loopback = false;
  std::vector<std::uint32_t> ipc_uids;
};

// Who sent a message.
struct ZmqSender {
  enum class Kind {
    local,   // over loopback or ipc, without a key: may do what everybody may there
    key,     // `access` says who
    nobody,  // his key was let in, and is no longer good
  } kind = Kind::local;
  std::shared_ptr<const Access> access;

  bool may_publish_as(std::string_view source) const {
    return kind == Kind::local || (access != nullptr && access->may_publish_as(source));
  }
  bool may_publish(std::string_view type, std::string_view source) const {
    return kind == Kind::local || (access != nullptr && access->may_publish(type, source));
  }
  BodySender peer(const char* address) const {
    BodySender who{address == nullptr ? "" : address};
    if (kind == Kind::nobody) who.address += label();
    if (access != nullptr) who = {who.address, access->name, access->credential};
    return who;
  }
  // For messages, behind an address.
  std::string label() const {
    return kind == Kind::local ? "" : access == nullptr ? ", whose key is no longer good" : ", who is " + access->name;
  }
};

// Who sent what the sockets of one thread receive. The authenticator must outlive it.
class ZmqSenders {
 public:
  // Null: nobody has a key, and everybody is local.
  explicit ZmqSenders(const Authenticator* authenticator) : authenticator_(authenticator) {}

  // Of a frame that came over a connection; good until the next call. Costs 60 ns where it is the sender of the last.
  const ZmqSender& of(zmq::message_t& frame);

 private:
  const Authenticator* const authenticator_;
  const char* last_user_ = nullptr;  // as libzmq has it; looked at beside the text, for memory is used again
  std::string last_text_;
  std::uint64_t last_version_ = 0;
  ZmqSender last_;
};

// Lives on the loop's thread, and longer than the sockets; what is const may be called on any.
class ZmqGuard {
 public:
  // `authenticator`: null where nobody has a key.
  ZmqGuard(asio::io_context& io, zmq::context_t& context, const Authenticator* authenticator, const Clock& clock,
           ZmqGuardOptions options);

  // To be called before any other socket is made. Throws zmq::error_t.
  void start() { zap_.start(); }
  // Where keys that come in, and those that do not, are recorded; outlives this.
  void set_audit(Audit* audit) { zap_.set_audit(audit); }

  // Whether peers at this endpoint have to have a key.
  bool wants_key(std::string_view endpoint) const;
  // Whether ZAP is asked for each of them, be it for their user or for nothing.
  bool asks(std::string_view endpoint) const;
  // What ZAP would say of a peer without a key, `address` as in its requests; for who speaks ZMTP without libzmq.
  bool lets_in(std::string_view endpoint, std::string_view address);
  // The permissions of an ipc:// path: who is not asked by his user has no way in at all.
  mode_t ipc_mode() const { return options_.ipc_uids.empty() ? 0600 : 0666; }

  // Binds or connects a socket of the bridge's, who is the server (in CURVE's sense) either way. `domain` as in
  // zap_handler.h. Throws zmq::error_t. bind() returns where it is bound.
  std::string bind(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const;
  void connect(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const;

  // For the sockets of the loop.
  const ZmqSender& sender_of(zmq::message_t& frame) { return senders_.of(frame); }
  // For those of another thread. What a peer calls itself is not looked at where there are no keys.
  ZmqSenders senders() const { return ZmqSenders(options_.keys.secret_key.empty() ? nullptr : authenticator_); }

  // What a key that was good may do now; null: nothing.
  std::shared_ptr<const Access> again(const Access& access) const { return authenticator_->again(access); }
  // Whether who was let in last by a domain control/SOURCE would not be any more.
  bool has_lost(const std::string& domain) const;

 private:
  void set_options(zmq::socket_t& socket, const std::string& endpoint, const std::string& domain) const;

  const Authenticator* const authenticator_;
  const ZmqGuardOptions options_;
  ZapHandler zap_;
  ZmqSenders senders_;
};

}  // namespace bridge
