#include "net/bot_commands.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "commands/command_audit.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/request_fields.h"
#include "net/zmq_frames.h"
#include "net/zmq_peers.h"

namespace bridge {
namespace {

constexpr int kRequestsPerTurnMax = 8;  // each may take a step at once
constexpr std::size_t kTurnBytesMax = 64 * 1024;  // some 8 ns each
constexpr std::size_t kBotsKnownMin = 1024;  // before those are forgotten that nothing is owed to
constexpr int kRequestsWaitingMax = 16;  // of one bot in ZeroMQ (ZMQ_RCVHWM)
constexpr std::size_t kSharePerBot = 4;  // one that has not taken so much of all gets no more replies
// Beyond the bound, for bots that have nothing else unread, until those are gone that leave theirs unread.
constexpr std::size_t kFirstRepliesBytesMax = 2 * kReplyBytesMax;
constexpr std::int64_t kTimeToReadUs = 1'000'000;
constexpr std::size_t kSmallReplyBytes = 64 * 1024;  // comes whatever is unread
constexpr char kUnreadReplies[] = "replies to earlier requests are still unread";

// A name for events and dead-man's switches: a routing id may be any bytes.
std::string requester_of(const std::string& routing_id) {
  if (is_name(routing_id)) return "bot-" + routing_id;
  std::string name = "bot-";
  for (const char c : routing_id.substr(0, 30)) append_hex(static_cast<unsigned char>(c), &name);
  return name;
}

}  // namespace

BotCommands::BotCommands(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard,
                         CommandDispatcher& dispatcher, Counters& counters, const Clock& clock,
                         MemoryShare& unread, TakenBytes& taken, const Authenticator* authenticator)
    : io_(io),
      context_(context),
      guard_(guard),
      dispatcher_(dispatcher),
      counters_(counters),
      clock_(clock),
      unread_(unread),
      taken_(taken),
      authenticator_(authenticator),
      socket_(context, zmq::socket_type::router) {}

Result<bool> BotCommands::start(const std::string& endpoint, std::int64_t message_bytes_max,
                                std::uint64_t requests_per_s_max) {
  requests_per_s_max_ = requests_per_s_max;
  if (endpoint.empty()) return true;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::router_mandatory, true);
    // A bot that comes again before its old connection has ended takes it over, but with keys: it would be another's.
    keys_ = guard_.wants_key(endpoint);
    socket_.set(zmq::sockopt::router_handover, !keys_);
    socket_.set(zmq::sockopt::rcvhwm, kRequestsWaitingMax);
    socket_.set(zmq::sockopt::maxmsgsize, message_bytes_max);
    monitor_ = std::make_unique<ZmqMonitor>(io_, context_, socket_, counters_, [this](int descriptor) {
      if (!keys_) return;
      const auto ended = [descriptor](const auto& bot) { return bot.second.descriptor == descriptor; };
      const auto bot = std::find_if(known_.begin(), known_.end(), ended);
      if (bot == known_.end()) return;
      bot->second.connection.reset();
      bot->second.descriptor = -1;  // it will be another's
    });
    endpoint_ = guard_.bind(socket_, endpoint, "commands");
  } catch (const zmq::error_t& e) {
    return Failure{"bots.commands: cannot listen on " + endpoint + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

Turn BotCommands::take_turn() {
  std::vector<zmq::message_t> frames;
  std::size_t bytes = 0;
  for (int i = 0; i < kRequestsPerTurnMax && bytes < kTurnBytesMax; ++i) {
    if (!receive_frames(socket_, frames, &taken_)) return Turn::drained;
    if (keys_) monitor_->catch_up();
    bytes += frames.back().size();
    ++counters_.bot_requests;
    Peer peer;
    peer.routing_id = frames[0].to_string();
    const char* const address = zmq_msg_gets(frames.back().handle(), "Peer-Address");
    if (address != nullptr) peer.remote = address;
    peer.delimiter = frames.size() >= 2 && frames[1].size() == 0;
    look_up(peer, descriptor_of(frames.back()));
    if (peer.unread->bytes() > unread_.bytes_max() / kSharePerBot) {
      known_[peer.routing_id].insists = true;
      unread_.refuse();
      refuse(peer, ErrorType::busy, kUnreadReplies);
      continue;
    }
    if (frames.size() == (peer.delimiter ? 3u : 2u)) {
      handle(peer, frames.back().to_string_view(), guard_.sender_of(frames.back()));
      continue;
    }
    ++counters_.bot_requests_unusable;
    refuse(peer, ErrorType::bad_request, "a request is one frame of JSON, as a REQ socket sends it");
  }
  return Turn::more;
}

void BotCommands::look_up(Peer& peer, int descriptor) {
  if (known_.size() >= sweep_at_) {
    for (auto it = known_.begin(); it != known_.end();) {
      it = it->second.unread.expired() ? known_.erase(it) : std::next(it);
    }
    sweep_at_ = 2 * known_.size() + kBotsKnownMin;
  }
  Known& bot = known_[peer.routing_id];
  if (bot.descriptor != descriptor || !bot.connection) bot.connection = std::make_shared<char>();
  peer.connection = bot.connection;
  bot.descriptor = descriptor;
  peer.unread = bot.unread.lock();
  if (!peer.unread) bot.unread = peer.unread = std::make_shared<MemoryShare>();
  // ZeroMQ lets go of a reply some time after it was read; of earlier ones by then.
  bot.reads = peer.unread->bytes() <= bot.newest_bytes;
  if (bot.reads) bot.insists = false;
  if (!bot.budget) bot.budget = std::make_shared<RequestBudget>(clock_, requests_per_s_max_);
  peer.budget = bot.budget;
}

// All bots together have too much unread: of those that ask for more all the same, or had time to read, whoever has left
// something unread for longest is disconnected, and the next one only once that memory is free.
void BotCommands::shed() {
  if (const auto last = shedding_.lock(); last && last->bytes() != 0) return;
  const auto bytes = [](const Known& bot) {
    const auto unread = bot.unread.lock();
    return unread ? unread->bytes() : 0;
  };
  const std::int64_t now_us = clock_.steady_us();
  const auto since = [&](const Known& bot) {
    const bool to_blame = bytes(bot) != 0 && (bot.insists || now_us - bot.since_us >= kTimeToReadUs);
    return to_blame ? bot.since_us : INT64_MAX;
  };
  const auto oldest = std::min_element(
      known_.begin(), known_.end(),
      [&](const auto& a, const auto& b) { return since(a.second) < since(b.second); });
  if (oldest == known_.end() || since(oldest->second) == INT64_MAX || !cut_peer(oldest->second.descriptor, endpoint_)) return;
  unread_.refuse();
  log_warn("bot_cut_off", "disconnected {} from bots.commands: it has {} bytes of replies unread",
           requester_of(oldest->first), bytes(oldest->second));
  shedding_ = oldest->second.unread;
  known_.erase(oldest);
}

// Whether it gets a large reply: it may have asked for many before the first was there.
bool BotCommands::may_have(const Peer& peer, const Known* bot, std::size_t bytes) const {
  if (bytes <= kSmallReplyBytes) return true;
  const std::size_t unread = peer.unread->bytes();
  const std::size_t share = unread_.bytes_max() / kSharePerBot;
  const bool reads = unread == 0 || (bot != nullptr && bot->reads);
  return (reads || unread + bytes <= share) && unread_.bytes() + bytes <= unread_.bytes_max() + kFirstRepliesBytesMax;
}

void BotCommands::handle(const Peer& peer, std::string_view body, const ZmqSender& sender) {
  const bool taken = peer.budget->take();
  const auto request = read_document(body);
  if (!request || !request.value().IsObject()) {
    ++counters_.bot_requests_unusable;
    if (!request) {
      refuse(peer, ErrorType::bad_json, "the request " + request.error().message);
    } else {
      refuse(peer, ErrorType::bad_request, "a request must be a JSON object");
    }
    return;
  }
  const auto id = request_id(request.value());
  if (!id) {
    refuse(peer, ErrorType::bad_request, id.error().message);
    return;
  }
  if (!taken) {
    ++counters_.requests_rate_limited;
    return refuse(peer, ErrorType::rate_limited, peer.budget->refusal(), id.value());
  }
  if (sender.kind == ZmqSender::Kind::nobody) {
    return refuse_access(peer, {requester_of(peer.routing_id), nullptr, nullptr, 0, peer.remote}, request.value(),
                         "the key of this connection is no longer good", id.value());
  }
  std::shared_ptr<const Access> access = sender.access;
  // A routing id is anybody's: with a key a bot is called as its key is.
  const std::string name = access == nullptr ? requester_of(peer.routing_id) : "bot-" + access->name;
  if (access == nullptr && authenticator_ != nullptr) {
    Authenticator::Attempt attempt;
    const rapidjson::Value* const token = find(request.value(), "token");
    if (token != nullptr && token->IsString()) {
      attempt = authenticator_->attempt(view(*token), peer.remote);
      access = attempt.access;
      if (access == nullptr) ++counters_.tokens_refused;
      if (attempt.wait_s != 0) ++counters_.tokens_limited;
    }
    if (access == nullptr) {
      const bool limited = attempt.wait_s != 0;
      return refuse_access(peer, {name, nullptr, nullptr, 0, peer.remote}, request.value(),
                           limited ? refusal_of(attempt) : "token is missing, wrong, or no longer good", id.value(),
                           limited ? ErrorType::rate_limited : ErrorType::unauthorized);
    }
  }
  // What was only asked of the bridge can be asked again.
  const rapidjson::Value* const command = find(request.value(), "command");
  const bool own = command != nullptr && command->IsString() && OwnCommands::knows(view(*command));
  const auto question = own ? std::make_optional(id.value()) : std::nullopt;
  // The reply that is owed keeps the budget, and so what it waits for.
  dispatcher_.execute(request.value(), id.value(), {name, peer.budget, std::move(access), 0, peer.remote},
                      [this, peer, question, alive = std::weak_ptr<char>(alive_)](const std::string& json) {
                        if (!alive.expired()) reply(peer, json, question);
                      });
}

void BotCommands::reply(const Peer& peer, const std::string& json, const std::optional<std::string>& question) {
  if (keys_) {
    monitor_->catch_up();
    if (peer.connection.expired()) return;
  }
  watch_->look_again();
  const auto known = known_.find(peer.routing_id);
  Known* const bot = known == known_.end() ? nullptr : &known->second;
  if (question && !may_have(peer, bot, json.size())) {
    if (bot != nullptr && peer.unread->bytes() != 0) bot->insists = !bot->reads;
    unread_.refuse();
    return refuse(peer, ErrorType::busy, kUnreadReplies, *question);
  }
  if (bot != nullptr) {
    if (bot->reads || peer.unread->bytes() == 0) bot->since_us = clock_.steady_us();
    bot->reads = false;  // until it asks again
    bot->newest_bytes = json.size();
  }
  try {
    using zmq::send_flags;
    const auto more = send_flags::dontwait | send_flags::sndmore;
    if (!socket_.send(zmq::buffer(peer.routing_id), more)) return;
    if (peer.delimiter) socket_.send(zmq::message_t(), more);
    socket_.send(counted_frame(json, unread_, peer.unread), send_flags::dontwait);
    if (!unread_.has_room_for(0)) shed();
  } catch (const zmq::error_t&) {
    // The bot has gone; it would ask again.
  }
}

void BotCommands::refuse_access(const Peer& peer, const Requester& requester, const rapidjson::Value& request,
                                std::string message, const std::string& id_json, ErrorType type) {
  if (audit_ != nullptr) {
    AuditEntry entry = audit_entry(requester, request);
    entry.what = "refused";
    entry.outcome = error_type_name(type);
    audit_->record(entry);
  }
  refuse(peer, type, std::move(message), id_json);
}

void BotCommands::refuse(const Peer& peer, ErrorType type, std::string message,
                         const std::string& id_json) {
  ++counters_.requests_refused;
  reply(peer, error_message({type, std::move(message)}, "command", id_json, clock_.wall_us()));
}

}  // namespace bridge
