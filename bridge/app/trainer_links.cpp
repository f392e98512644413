#include "app/trainer_links.h"

#include "base/loop_turns.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kAnswersWaitingBytesMax = 1024 * 1024;  // beyond the one that came last

}  // namespace

TrainerLinks::TrainerLinks(const TrainerParts& parts) : parts_(parts) {
  parts_.router.set_repair_listener([this](const RepairAnswer& answer) {
    if (parts_.intake.take_repair(answer, answering_)) parts_.flow.announce_soon();
  });
}

void TrainerLinks::on_message(const TrainerChannel::Message& message) {
  const TurnPart part("what a trainer says");
  const std::uint64_t before = parts_.log.last_seq();
  SenderRule rule;  // of events, it is kept for longer than the message
  if (message.sender.kind != ZmqSender::Kind::local) {
    rule = [sender = message.sender](std::string_view type, std::string_view source) { return sender.may_publish(type, source); };
  }
  const PeerName peer = [&] { return message.sender.peer(message.address); };
  HelloFrom from;
  from.peer = &peer;
  from.since = message.since;
  if (rule) from.rule = &rule;
  std::string reply;
  if (!parts_.intake.take_hello(message.connection, message.json, &reply, from)) {
    answering_ = from.rule;
    parts_.router.on_answer(message.connection, message.json);
    answering_ = nullptr;
  } else if (!reply.empty()) {
    (void)parts_.channel.send(std::string(message.connection), reply);
  }
  if (parts_.log.last_seq() != before) parts_.flow.announce_soon();
}

bool TrainerLinks::has_room() const { return parts_.intake.waiting_bytes() < kAnswersWaitingBytesMax; }

Result<std::string> TrainerLinks::connect(const std::string& source, const std::string& endpoint) {
  configured_.insert(source);
  return dial(source, endpoint);
}

Result<std::string> TrainerLinks::dial(const std::string& source, const std::string& endpoint) {
  auto connection = parts_.channel.connect(source, endpoint);
  if (connection && parts_.sources.bind(source, connection.value()) == nullptr) {
    return Failure{"no room for " + source + " (sources.runs_max)"};
  }
  return connection;
}

void TrainerLinks::connect_announced(const std::string& source, const std::string& endpoint) {
  // Anybody may say so: it leads to no other machine, and from nobody whose address is configured.
  if (configured_.count(source) != 0) return;
  const Result<std::string> checked = is_beyond_loopback(endpoint) ? Failure{"\"" + printable(endpoint) + "\" is beyond loopback"}
                                                                   : check_zmq_endpoint(endpoint);
  const Result<std::string> connected = checked ? dial(source, endpoint) : Result<std::string>(checked.error());
  if (!connected && refused_lines_.allow(parts_.clock.steady_us())) {
    log_warn("control_address_refused", "source {} announces a control address that is not used: {}", source,
             connected.error().message);
  }
}

}  // namespace bridge
