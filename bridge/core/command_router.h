// Commands on their way to trainers and back (PROTOCOL section 5).
//
// A lane a trainer: one command is with it, up to kCommandsWaitingMax wait behind. A trainer that does
// not answer is sent nothing more until it does, restarts, or has had kLostReplyUs to: what its clients
// were told had timed out must not be done in a heap later on. Every command submitted is answered
// exactly once, whatever dies when.
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
#include "core/source_registry.h"
#include "event/messages.h"

namespace bridge {

inline constexpr std::size_t kCommandsWaitingMax = 64;           // behind the one with the trainer
inline constexpr std::int64_t kLostReplyUs = 10'000'000;         // after its deadline
inline constexpr std::int64_t kIdempotencyUs = 600'000'000;      // how long a key is remembered
inline constexpr std::size_t kIdempotencyKeysMax = 10'000;       // the oldest make room
inline constexpr std::size_t kIdempotencyKeyBytesMax = 128;
inline constexpr std::int64_t kCommandDeadlineMaxUs = 60'000'000;

struct Command {
  std::string name;
  std::string params_json = "{}";
  std::string target;  // a source, an agent, SOURCE/AGENT, or "*"
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
class CommandRouter {
 public:
  // Called for each trainer's answer to a command, after the requester had it.
  using Executed = std::function<void(const Command&, const TrainerAnswer&)>;

  CommandRouter(const SourceRegistry& sources, TrainerLink& link, Counters& counters,
                const Clock& clock, Executed on_executed);

  // `respond` is called exactly once, at once or later, unless the router goes first. It may be called
  // when its requester is long gone, and must bear that.
  void submit(Command command, Respond respond);

  // A frame from the trainer's socket. What is no answer to the command that is with it is counted.
  void on_answer(std::string_view source, std::string_view json);

  // The source restarted or is gone: what was meant for the one before is answered now.
  void on_source_lost(const std::string& source, const std::string& why);

  // Answers what is over its deadline. Call every few milliseconds while busy().
  void tick();
  bool busy() const { return pending_ != 0 || blocked_ != 0; }

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
  struct Errand {
    RequestPtr request;
    std::string agent;  // empty: the trainer itself
    std::string run;    // that it was aimed at; empty: not known
    std::int64_t deadline_us = 0;
    std::string id;
  };
  struct Lane {
    std::optional<Errand> with_trainer;
    std::deque<Errand> waiting;
    std::string unanswered_id;  // over its deadline, its late answer still awaited
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
  void answer(const std::string& source, const Errand& errand, TrainerAnswer answer);
  void fail(const std::string& source, const Errand& errand, ErrorType type, std::string message);
  void complete(Request& request);
  void block(Lane& lane, const std::string& id);
  void unblock(Lane& lane);

  const SourceRegistry& sources_;
  TrainerLink& link_;
  Counters& counters_;
  const Clock& clock_;
  const Executed on_executed_;
  std::map<std::string, Lane, std::less<>> lanes_;
  std::unordered_map<std::string, Remembered> by_key_;
  std::list<std::string> key_order_;  // oldest first
  std::uint64_t last_id_ = 0;
  std::size_t pending_ = 0;  // errands not answered yet
  std::size_t blocked_ = 0;  // lanes that wait for a late answer
};

}  // namespace bridge
