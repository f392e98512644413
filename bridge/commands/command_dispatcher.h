// Where a command goes, whoever it comes from: to the bridge itself, to a dead-man's switch, or to
// trainers. WebSocket clients and bots get the same replies because both ask here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rapidjson/document.h>

#include "access/access.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/counters.h"
#include "commands/command_reader.h"
#include "commands/command_router.h"
#include "commands/own_commands.h"
#include "commands/requester.h"
#include "commands/switch_commands.h"
#include "log/own_events.h"

namespace bridge {

// Called with the reply, JSON text.
using Reply = std::function<void(std::string json)>;

// Takes commands: the dispatcher itself, or what brings them to it from another thread.
class CommandTaker {
 public:
  // Carries out `request`, an object with `command` and, where wanted, `params`, `target`,
  // `deadline_ms` and `idempotency_key`. `id_json` is its id as JSON text, or empty. `reply` is
  // called exactly once, on the caller's thread, now or later, and must bear being called when its
  // client has gone; then it may as well not be called.
  virtual void execute(const rapidjson::Value& request, const std::string& id_json,
                       const Requester& requester, Reply reply) = 0;

 protected:
  ~CommandTaker() = default;
};

// One thread: the log's. References must outlive it.
class CommandDispatcher final : public CommandTaker {
 public:
  CommandDispatcher(OwnCommands& own, SourceTable& sources, TrainerLink& link,
                    OwnEvents& events, Counters& counters, const Clock& clock,
                    std::int64_t default_deadline_us);

  void execute(const rapidjson::Value& request, const std::string& id_json,
               const Requester& requester, Reply reply) override;

  CommandRouter& router() { return router_; }

  // How long a trainer may take to answer where nobody says.
  void set_default_deadline(std::int64_t deadline_us) { reader_.set_default_deadline(deadline_us); }

  // Where each command is recorded, whoever it comes from.
  void set_audit(const std::weak_ptr<Audit>& audit) {
    audit_ = audit;
    switches_.set_audit(audit);
  }

  SwitchCommands& switches() { return switches_; }

  // Why `command` is none for a trainer.
  std::optional<RequestError> check(const rapidjson::Value& command) const;
  // Carries out a command for a trainer in the name of `requester`; without a target it is for `target`. `done` is
  // called once with "success" or the error's type, and its message. REQUIRES: check() has nothing against it.
  void issue(const rapidjson::Value& command, const std::string& target, const std::string& requester,
             const std::function<void(const std::string& outcome, const std::string& message)>& done);

  // What another bridge of the cluster asks for. Who may is that one's to judge.
  void serve(RemoteCommand wanted, std::function<void(const RemoteAnswers&)> answer);

  // Deadlines and switches. Call every few milliseconds while busy().
  void tick();
  bool busy() const { return router_.busy() || !switches_.empty(); }

 private:
  void report(const Command& command, const TrainerAnswer& answer);
  // Carries it out, and notes what becomes of it.
  void submit(Command command, std::shared_ptr<AuditNote> note, Respond respond);
  std::string refusal(const RequestError& error, const std::string& id_json);

  OwnCommands& own_;
  OwnEvents& events_;
  Counters& counters_;
  const Clock& clock_;
  CommandReader reader_;
  CommandRouter router_;
  SwitchCommands switches_;
  std::weak_ptr<Audit> audit_;
};

}  // namespace bridge
