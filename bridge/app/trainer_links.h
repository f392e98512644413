// What trainers say over their connections, and connections to those trainers that bind.
#pragma once

#include <set>
#include <string>

#include <asio/io_context.hpp>

#include "app/flow.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "commands/command_router.h"
#include "log/event_log.h"
#include "net/trainer_channel.h"
#include "sources/intake.h"
#include "sources/source_table.h"

namespace bridge {

// Who has to do with what they say. All of it outlives the TrainerLinks.
struct TrainerParts {
  TrainerChannel& channel;
  Intake& intake;
  SourceTable& sources;
  CommandRouter& router;
  const EventLog& log;
  Flow& flow;
  const Clock& clock;
};

// One thread: the log's.
class TrainerLinks {
 public:
  // From now on it takes what the router has of repairs.
  explicit TrainerLinks(const TrainerParts& parts);

  // A message that came over a connection: who the trainer is, or an answer.
  void on_message(const TrainerChannel::Message& message);

  // False while answers wait that came before: so much of them that no more should come.
  bool has_room() const;

  // To one that binds, where the configuration says: nothing that is announced changes it.
  Result<std::string> connect(const std::string& source, const std::string& endpoint);
  // The same, where somebody has said that one does.
  void connect_announced(const std::string& source, const std::string& endpoint);

 private:
  Result<std::string> dial(const std::string& source, const std::string& endpoint);

  const TrainerParts parts_;
  std::set<std::string> configured_;
  LogLimiter refused_lines_;               // of announced addresses that are not used
  const SenderRule* answering_ = nullptr;  // of the trainer whose answer is being taken
};

}  // namespace bridge
