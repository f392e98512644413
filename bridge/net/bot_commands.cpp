#include "net/bot_commands.h"

#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/request_fields.h"
#include "net/zmq_frames.h"

namespace bridge {
namespace {

constexpr int kRequestsPerTurnMax = 256;

// A name for events and dead-man's switches: a routing id may be any bytes.
std::string requester_of(const std::string& routing_id) {
  if (is_name(routing_id)) return "bot-" + routing_id;
  constexpr char kHex[] = "0123456789abcdef";
  std::string name = "bot-";
  for (const char ch : routing_id.substr(0, 30)) {
    const auto c = static_cast<unsigned char>(ch);
    name += kHex[c >> 4];
    name += kHex[c & 15];
  }
  return name;
}

}  // namespace

BotCommands::BotCommands(asio::io_context& io, zmq::context_t& context,
                         CommandDispatcher& dispatcher, Counters& counters, const Clock& clock)
    : io_(io),
      dispatcher_(dispatcher),
      counters_(counters),
      clock_(clock),
      socket_(context, zmq::socket_type::router) {}

Result<bool> BotCommands::start(const std::string& endpoint, std::int64_t message_bytes_max) {
  if (endpoint.empty()) return true;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::router_mandatory, true);
    socket_.set(zmq::sockopt::router_handover, true);
    socket_.set(zmq::sockopt::maxmsgsize, message_bytes_max);
    endpoint_ = bind_socket(socket_, endpoint);
  } catch (const zmq::error_t& e) {
    return Failure{"bots.commands: cannot listen on " + endpoint + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

Turn BotCommands::take_turn() {
  std::vector<zmq::message_t> frames;
  for (int i = 0; i < kRequestsPerTurnMax; ++i) {
    if (!receive_frames(socket_, frames)) return Turn::drained;
    ++counters_.bot_requests;
    Peer peer;
    peer.routing_id = frames[0].to_string();
    peer.delimiter = frames.size() >= 2 && frames[1].size() == 0;
    if (frames.size() == (peer.delimiter ? 3u : 2u)) {
      handle(peer, frames.back().to_string_view());
      continue;
    }
    ++counters_.bot_requests_unusable;
    refuse(peer, ErrorType::bad_request, "a request is one frame of JSON, as a REQ socket sends it");
  }
  return Turn::more;
}

void BotCommands::handle(const Peer& peer, std::string_view body) {
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
  dispatcher_.execute(request.value(), id.value(), requester_of(peer.routing_id),
                      [this, peer, alive = std::weak_ptr<char>(alive_)](const std::string& json) {
                        if (!alive.expired()) reply(peer, json);
                      });
}

void BotCommands::reply(const Peer& peer, const std::string& json) {
  watch_->look_again();
  try {
    using zmq::send_flags;
    const auto more = send_flags::dontwait | send_flags::sndmore;
    if (!socket_.send(zmq::buffer(peer.routing_id), more)) return;
    if (peer.delimiter) socket_.send(zmq::message_t(), more);
    socket_.send(zmq::buffer(json), send_flags::dontwait);
  } catch (const zmq::error_t&) {
    // The bot has gone; it would ask again.
  }
}

void BotCommands::refuse(const Peer& peer, ErrorType type, std::string message) {
  ++counters_.requests_refused;
  reply(peer, error_message({type, std::move(message)}, "command", {}, clock_.wall_us()));
}

}  // namespace bridge
