#include "net/trainer_channel.h"

#include <utility>

#include "net/zmq_frames.h"

namespace bridge {
namespace {

constexpr int kHeartbeatMs = 2000;
constexpr int kHeartbeatTimeoutMs = 10'000;
constexpr std::int64_t kAnswerBytesMax = 16 << 20;  // a peer that sends more is disconnected
constexpr int kAnswersPerTurnMax = 256;

}  // namespace

TrainerChannel::TrainerChannel(asio::io_context& io, zmq::context_t& context, Counters& counters,
                               OnAnswer on_answer)
    : io_(io),
      counters_(counters),
      on_answer_(std::move(on_answer)),
      socket_(context, zmq::socket_type::router) {}

Result<bool> TrainerChannel::start(const std::string& endpoint) {
  if (endpoint.empty()) return true;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    // Without mandatory a command to nobody vanishes; without handover a trainer that comes back
    // under its name is refused until the old connection is known to be dead.
    socket_.set(zmq::sockopt::router_mandatory, true);
    socket_.set(zmq::sockopt::router_handover, true);
    socket_.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
    socket_.set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
    socket_.set(zmq::sockopt::maxmsgsize, kAnswerBytesMax);
    endpoint_ = bind_socket(socket_, endpoint);
  } catch (const zmq::error_t& e) {
    return Failure{"trainers.control: cannot listen on " + endpoint + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

bool TrainerChannel::send(const std::string& source, const std::string& json) {
  if (!watch_) return false;
  watch_->look_again();
  try {
    using zmq::send_flags;
    // The first frame finds the peer or fails; the rest of the message then goes to it.
    if (!socket_.send(zmq::buffer(source), send_flags::dontwait | send_flags::sndmore)) return false;
    socket_.send(zmq::message_t(), send_flags::dontwait | send_flags::sndmore);
    return socket_.send(zmq::buffer(json), send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;  // EHOSTUNREACH: no such peer
  }
}

Turn TrainerChannel::take_turn() {
  std::vector<zmq::message_t> frames;
  for (int i = 0; i < kAnswersPerTurnMax; ++i) {
    if (!receive_frames(socket_, frames)) return Turn::drained;
    // Routing id, delimiter, body, as a REP would send it; a bare DEALER leaves the delimiter out.
    const bool delimiter = frames.size() == 3 && frames[1].size() == 0;
    if (!delimiter && frames.size() != 2) {
      ++counters_.command_answers_unusable;
      continue;
    }
    on_answer_(frames[0].to_string_view(), frames.back().to_string_view());
  }
  return Turn::more;
}

}  // namespace bridge
