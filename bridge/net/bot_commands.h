// Commands from bots: the ROUTER that their REQ sockets connect to (PROTOCOL section 5).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "access/authenticator.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "commands/command_dispatcher.h"
#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. References must outlive it.
class BotCommands {
 public:
  // `authenticator`: where bots without a key have to say who they are, by a `token` in each request; null: nowhere.
  BotCommands(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, CommandDispatcher& dispatcher,
              Counters& counters, const Clock& clock, MemoryShare& unread, TakenBytes& taken,
              const Authenticator* authenticator = nullptr);

  // Where tokens and keys that are not good are recorded; outlives this.
  void set_audit(Audit* audit) { audit_ = audit; }

  // Binds; "" leaves it off. A failure names the address and the reason.
  // `requests_per_s_max`: of each bot; see RequestBudget.
  Result<bool> start(const std::string& endpoint, std::int64_t message_bytes_max,
                     std::uint64_t requests_per_s_max);
  // Of bots that come from now on.
  void set_requests_per_s_max(std::uint64_t max) { requests_per_s_max_ = max; }

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

 private:
  // Who asked, and in which envelope.
  struct Peer {
    std::string routing_id;
    std::string remote;
    bool delimiter = true;  // a REQ's; a bare DEALER has none
    std::shared_ptr<MemoryShare> unread;  // replies that it has yet to take
    std::shared_ptr<RequestBudget> budget;
    std::weak_ptr<char> connection;  // that it asked over; another may get its routing id after it
  };
  // What is known of a bot, at least while it has replies to take.
  struct Known {
    std::weak_ptr<MemoryShare> unread;
    std::shared_ptr<RequestBudget> budget;
    int descriptor = -1;
    std::shared_ptr<char> connection;  // until that descriptor is closed
    std::size_t newest_bytes = 0;  // of the reply sent last
    bool reads = true;         // when it asked last it had all replies but the newest, or that too
    bool insists = false;      // asked for more than it may have unread, and has not read since
    std::int64_t since_us = 0;  // steady clock: since when something is unread
  };
  Turn take_turn();
  void look_up(Peer& peer, int descriptor);
  void shed();
  void handle(const Peer& peer, std::string_view body, const ZmqSender& sender);
  bool may_have(const Peer& peer, const Known* bot, std::size_t bytes) const;
  // `question`: the id of what can be asked again; then `busy` may come in place of a large reply.
  void reply(const Peer& peer, const std::string& json, const std::optional<std::string>& question = {});
  void refuse_access(const Peer& peer, const Requester& requester, const rapidjson::Value& request,
                     std::string message, const std::string& id_json, ErrorType type = ErrorType::unauthorized);
  void refuse(const Peer& peer, ErrorType type, std::string message,
              const std::string& id_json = {});

  asio::io_context& io_;
  zmq::context_t& context_;
  ZmqGuard& guard_;
  CommandDispatcher& dispatcher_;
  Counters& counters_;
  const Clock& clock_;
  MemoryShare& unread_;
  TakenBytes& taken_;
  const Authenticator* const authenticator_;
  Audit* audit_ = nullptr;
  std::uint64_t requests_per_s_max_ = 0;
  std::map<std::string, Known> known_;
  std::size_t sweep_at_ = 0;  // entries
  std::weak_ptr<MemoryShare> shedding_;  // of who was disconnected last
  zmq::socket_t socket_;
  std::string endpoint_;
  bool keys_ = false;  // that bots have to have one
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  // Answers of trainers may come after the end.
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
