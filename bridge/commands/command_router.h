// Commands on their way to trainers and back (PROTOCOL section 5).
//
// A lane a control line: one command is with the trainer, up to kCommandsWaitingMax wait behind. A trainer
// that does not answer is sent nothing more until it does, restarts, or has had kLostReplyUs to: what its
// clients were told had timed out must not be done in a heap later on. Every command submitted is answered
// exactly once, whatever dies when.
//
// Questions for missing events (`_replay`, PROTOCOL section 6) take the same lane, ahead of the commands
// that wait. A trainer that announces that it answers them at any time is asked beside its commands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/counters.h"
#include "commands/command.h"
#include "commands/command_targets.h"
#include "commands/remembered_commands.h"
#include "commands/remote_desk.h"
#include "sources/repair_answer.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"

namespace bridge {

inline constexpr std::size_t kCommandsWaitingMax = 64;    // behind the one with the trainer
inline constexpr std::int64_t kLostReplyUs = 10'000'000;  // after its deadline
inline constexpr std::int64_t kRepairDeadlineUs = 2'000'000;  // waiting for the lane included

// The first character of a connection to a REP, which answers in turn and may leave `id` out. No
// routing id begins with it.
inline constexpr char kReplyingConnection = '\x01';

// The sockets to the trainers, as the router sees them.
class TrainerLink {
 public:
  virtual ~TrainerLink() = default;
  // False where there is no such connection, or it takes no more.
  virtual bool send(const std::string& connection, const std::string& json) = 0;
};

// Pure logic. One thread: the log's. References must outlive it.
class CommandRouter final : public RepairLink {
 public:
  // Called for each trainer's answer to a command, after the requester had it.
  using Executed = std::function<void(const Command&, const TrainerAnswer&)>;

  CommandRouter(SourceTable& sources, TrainerLink& link, Counters& counters, const Clock& clock,
                Executed on_executed);

  // `respond` is called exactly once, at once or later, unless the router goes first. It may be called
  // when its requester is long gone, and must bear that.
  // `own_only`: for trainers of other bridges it is not, and where none of its own takes it that is not told.
  void submit(Command command, Respond respond, bool own_only = false);

  // The same for what another bridge of the cluster asks for: it goes no further.
  void submit_here(RemoteCommand wanted, Respond respond);

  // From now on trainers of other bridges are reached too, by `desk`. Both outlive this.
  void set_peers(const Peers* peers, RemoteDesk* desk) {
    peers_ = peers;
    desk_ = desk;
  }

  // Whom a command would go to now, or why to nobody.
  Result<std::vector<CommandAim>, RequestError> look_up(const Command& command, bool own_only = false) const;

  // Set before the first ask(). It may ask again.
  void set_repair_listener(std::function<void(const RepairAnswer&)> on_repaired) {
    on_repaired_ = std::move(on_repaired);
  }
  bool ask(Run& run, std::uint64_t from, std::uint64_t to) override;

  // A message of a trainer's. What is no answer to the command that is with it is counted.
  void on_answer(std::string_view connection, std::string_view json);

  // SourceListener's: what was meant for the line is answered now.
  void on_line_lost(ControlLine& line, Lane& lane, const std::string& why);

  // Answers what is over its deadline. Call every few milliseconds while busy().
  void tick();
  bool busy() const { return pending_ != 0 || blocked_ != 0 || repairs_ != 0; }

  // Commands with trainers or waiting for them.
  std::size_t pending() const { return pending_; }
  std::size_t bytes() const { return bytes_ + remembered_.bytes(); }
  // What all that are not answered yet may take, and a quarter as much what is remembered.
  void set_bytes_max(std::size_t bytes_max) {
    bytes_max_ = bytes_max;
    remembered_.set_bytes_max(bytes_max / 4);
  }

 private:
  // A request's part for one trainer.
  struct TrainerCommand {
    CommandRequestPtr request;
    std::string source;
    std::string run;    // that it was aimed at; empty: not known
    std::string agent;  // empty: the trainer itself
    std::int64_t deadline_us = 0;
    std::string id;
  };
  struct Repair {
    std::string source;
    std::string run;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string id;
    std::int64_t deadline_us = 0;
    bool sent = false;
  };
  struct TrainerLane;
  using Lanes = std::set<TrainerLane*>;

  // `all`: whom a "*" means now.
  bool join_earlier(const Command& command, const Respond& respond, bool here_only, const std::function<std::vector<CommandAim>()>& all);
  void start(Command command, const std::vector<CommandAim>& aims, Respond respond, bool here_only, std::vector<TrainerAnswer> kept = {});
  void ask_node(const CommandAim& aim, const CommandRequestPtr& request);
  void assign(const CommandAim& aim, const CommandRequestPtr& request);
  TrainerLane& lane_of(ControlLine& line);
  void send_next(TrainerLane& lane);
  void send_commands(TrainerLane& lane);
  bool send(const ControlLine& line, const TrainerCommand& part);
  bool may_ask(const TrainerLane& lane) const;
  bool send(const ControlLine& line, Repair& repair);
  void take_command_answer(TrainerLane& lane, std::string_view json);
  bool take_repair_answer(TrainerLane& lane, std::string_view json);
  void finish(const Repair& repair, RepairOutcome outcome, std::string_view events = {});
  void tell_finished();
  void answer(const TrainerCommand& part, TrainerAnswer answer, bool told = true);
  void fail(const TrainerCommand& part, ErrorType type, std::string message);
  void complete(CommandRequest& request);
  void block(TrainerLane& lane, const std::string& id);
  void unblock(TrainerLane& lane);

  SourceTable& sources_;
  const Peers* peers_ = nullptr;  // null: there is no other bridge
  RemoteDesk* desk_ = nullptr;
  TrainerLink& link_;
  Counters& counters_;
  const Clock& clock_;
  const Executed on_executed_;
  std::function<void(const RepairAnswer&)> on_repaired_;
  std::deque<RepairAnswer> finished_;  // to be told once the lanes are in order
  RememberedCommands remembered_;
  const std::shared_ptr<Lanes> lanes_ = std::make_shared<Lanes>();  // the lines own them
  std::uint64_t last_id_ = 0;
  std::size_t pending_ = 0;  // parts not answered yet
  std::size_t bytes_ = 0;    // of these
  std::size_t bytes_max_ = 64 << 20;
  std::size_t blocked_ = 0;  // lanes that wait for a late answer
  std::size_t repairs_ = 0;  // questions not answered yet
};

}  // namespace bridge
