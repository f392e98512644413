// Commands on their way to trainers and back (PROTOCOL section 5).
//
// A lane a trainer: one command is with it, up to kCommandsWaitingMax wait behind. A trainer that
// does not answer is sent nothing more until it does, restarts, or has had kLostReplyUs to: what
// its clients were told had timed out must not be done in a heap later on. Every command submitted
// is answered exactly once, whatever dies when.
//
// Questions for missing events (`_replay`, PROTOCOL section 6) take the same lane, ahead of the
// commands that wait. A trainer that announces that it answers them at any time is asked beside its
// commands.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "event/messages.h"
#include "sources/repair_answer.h"
#include "sources/source_registry.h"
#include "sources/source_tracker.h"

namespace bridge {

inline constexpr std::size_t kCommandsWaitingMax = 64;       // behind the one with the trainer
inline constexpr std::int64_t kLostReplyUs = 10'000'000;     // after its deadline
inline constexpr std::int64_t kIdempotencyUs = 600'000'000;  // how long a key is remembered
inline constexpr std::size_t kIdempotencyKeysMax = 10'000;   // the oldest make room
inline constexpr std::size_t kIdempotencyKeyBytesMax = 128;
inline constexpr std::int64_t kCommandDeadlineMaxUs = 60'000'000;
inline constexpr std::int64_t kRepairDeadlineUs = 2'000'000;  // waiting for the lane included

struct Command {
  std::string name;
  std::string params_json = "{}";
  std::string target;            // a source, an agent, SOURCE/AGENT, or "*"
  std::int64_t deadline_us = 0;  // from now, 1..kCommandDeadlineMaxUs
  std::string idempotency_key;   // empty = none
  std::string requester;         // for the command_executed event
};

// One trainer's answer, or what took its place.
struct TrainerAnswer {
  std::string source;
  bool success = false;
  std::string result_json;  // of success; JSON text
  RequestError error;       // else
  std::int64_t elapsed_us = 0;
};

struct CommandOutcome {
  std::optional<RequestError> refusal;  // no trainer was asked
  bool to_all = false;                  // the target was "*"
  std::vector<TrainerAnswer> answers;   // one, or with "*" one a trainer
  std::int64_t elapsed_us = 0;
};

using Respond = std::function<void(const CommandOutcome&)>;

// The sockets to the trainers, as the router sees them.
class TrainerLink {
 public:
  virtual ~TrainerLink() = default;
  // False where no trainer of that name is connected, or it takes no more.
  virtual bool send(const std::string& source, const std::string& json) = 0;
};

// Pure logic. One thread: the log's. References must outlive it.
class CommandRouter final : public RepairLink {
 public:
  // Called for each trainer's answer to a command, after the requester had it.
  using Executed = std::function<void(const Command&, const TrainerAnswer&)>;

  CommandRouter(const SourceRegistry& sources, TrainerLink& link, Counters& counters,
                const Clock& clock, Executed on_executed);

  // `respond` is called exactly once, at once or later, unless the router goes first. It may be
  // called when its requester is long gone, and must bear that.
  void submit(Command command, Respond respond);

  // Set before the first ask(). It may ask again.
  void set_repair_listener(std::function<void(const RepairAnswer&)> on_repaired) {
    on_repaired_ = std::move(on_repaired);
  }
  bool ask(const std::string& source, const std::string& run, std::uint64_t from,
           std::uint64_t to) override;

  // A frame from the trainer's socket. What is no answer to the command that is with it is counted.
  void on_answer(std::string_view source, std::string_view json);

  // The source restarted or is gone: what was meant for the one before is answered now.
  void on_source_lost(const std::string& source, const std::string& why);

  // Answers what is over its deadline. Call every few milliseconds while busy().
  void tick();
  bool busy() const { return pending_ != 0 || blocked_ != 0 || repairs_ != 0; }

  // Commands with trainers or waiting for them.
  std::size_t pending() const { return pending_; }

 private:
  // One submitted command and all who wait for its outcome (the same key joins).
  struct Request {
    Command command;
    std::vector<Respond> responds;
    CommandOutcome outcome;
    std::size_t unanswered = 0;
    std::int64_t submitted_us = 0;
    bool done = false;
  };
  using RequestPtr = std::shared_ptr<Request>;
  // A request's part for one trainer.
  struct TrainerCommand {
    RequestPtr request;
    std::string agent;  // empty: the trainer itself
    std::string run;    // that it was aimed at; empty: not known
    std::int64_t deadline_us = 0;
    std::string id;
  };
  struct Repair {
    std::string run;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string id;
    std::int64_t deadline_us = 0;
    bool sent = false;
  };
  struct Lane {
    std::optional<TrainerCommand> with_trainer;
    std::deque<TrainerCommand> waiting;
    std::deque<Repair> repairs;         // the first may be with the trainer; one a start of it
    std::optional<Repair> late_repair;  // the last one over its deadline
    std::string unanswered_id;          // over its deadline, its late answer still awaited
    std::int64_t unblock_us = 0;
  };
  struct Aim {
    std::string source;
    std::string agent;
  };
  struct Remembered {
    RequestPtr request;
    std::list<std::string>::iterator order;
  };

  std::optional<RequestError> aim(const std::string& target, std::vector<Aim>* aims) const;
  bool join_earlier(const Command& command, const Respond& respond);
  void remember(const std::string& key, const RequestPtr& request);
  void assign(const Aim& aim, const RequestPtr& request);
  void send_next(const std::string& source, Lane& lane);
  void send_commands(const std::string& source, Lane& lane);
  bool may_ask(const std::string& source, const Lane& lane) const;
  bool send(const std::string& source, Repair& repair);
  bool answers_any_time(const std::string& source) const;
  bool take_repair_answer(const std::string& source, Lane& lane, std::string_view id,
                          std::string_view json);
  void finish(const std::string& source, const Repair& repair, RepairOutcome outcome,
              std::string_view events = {});
  void tell_finished();
  void answer(const std::string& source, const TrainerCommand& part, TrainerAnswer answer);
  void fail(const std::string& source, const TrainerCommand& part, ErrorType type,
            std::string message);
  void complete(Request& request);
  void block(Lane& lane, const std::string& id);
  void unblock(Lane& lane);

  const SourceRegistry& sources_;
  TrainerLink& link_;
  Counters& counters_;
  const Clock& clock_;
  const Executed on_executed_;
  std::function<void(const RepairAnswer&)> on_repaired_;
  std::deque<RepairAnswer> finished_;  // to be told once the lanes are in order
  std::map<std::string, Lane, std::less<>> lanes_;
  std::unordered_map<std::string, Remembered> by_key_;
  std::list<std::string> key_order_;  // oldest first
  std::uint64_t last_id_ = 0;
  std::size_t pending_ = 0;  // parts not answered yet
  std::size_t blocked_ = 0;  // lanes that wait for a late answer
  std::size_t repairs_ = 0;  // questions not answered yet
};

}  // namespace bridge
