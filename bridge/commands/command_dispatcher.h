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
#include "base/request_budget.h"
#include "commands/command_router.h"
#include "commands/dead_mans_switch.h"
#include "commands/own_commands.h"
#include "log/own_events.h"

namespace bridge {

class ClusterSwitches;

// Called with the reply, JSON text.
using Reply = std::function<void(std::string json)>;

// Who asks: a name for events and dead-man's switches; the account that pays, null: nobody's; and what he may do, null:
// everything.
struct Requester {
  Requester(std::string name_, std::shared_ptr<RequestBudget> account_ = nullptr,
            std::shared_ptr<const Access> access_ = nullptr, std::uint64_t connection_ = 0, std::string remote_ = {})
      : name(std::move(name_)),
        account(std::move(account_)),
        access(std::move(access_)),
        connection(connection_),
        remote(std::move(remote_)) {}

  // Whom his switches and idempotency keys belong to: nobody else, by whatever name.
  std::string owner() const { return access == nullptr ? name : access->name + "/" + name; }

  std::string name;
  std::shared_ptr<RequestBudget> account;
  std::shared_ptr<const Access> access;
  std::uint64_t connection;  // of a WebSocket client; 0: none
  std::string remote;        // address:port, for the audit log
};

// What the audit log says of him, without an outcome. `request` as for CommandTaker::execute().
AuditEntry audit_entry(const Requester& requester, const rapidjson::Value& request);

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
  void set_default_deadline(std::int64_t deadline_us) { default_deadline_us_ = deadline_us; }

  // Where each command is recorded, whoever it comes from.
  void set_audit(std::weak_ptr<Audit> audit) { audit_ = std::move(audit); }

  // Where armed switches are kept; see DeadMansSwitches.
  void set_switch_store(DeadMansSwitches::Keep keep) { switches_.set_store(std::move(keep)); }
  // Switches of a bridge that is one of several, named `node`: from now on these are armed. They outlive this.
  void set_cluster_switches(ClusterSwitches* switches, std::string node) {
    cluster_switches_ = switches;
    node_ = std::move(node);
  }
  // For these: `data` of the event that one has expired, and its command. See SwitchLinks.
  std::string switch_told(const std::string& name, const std::string& params_json) const;
  void issue_switch(const std::string& name, const std::string& params_json, const std::string& key, bool here_only,
                    std::function<void(bool reached)> done);
  // Arms a switch that the store has, with all of its time before it and at least ten seconds.
  void restore_switch(const std::string& name, const std::string& params_json);

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
  // Why somebody may not have an alert act as it is to.
  static std::optional<RequestError> check_action(const rapidjson::Value& params, const Access& access);
  // `requester` names the one who asks, `access` is what he may do; null: everything.
  Result<Command, RequestError> parse(const rapidjson::Value& request, const std::string& requester,
                                      const Access* access = nullptr) const;
  std::optional<RequestError> arm(
      const rapidjson::Value& params, const std::string& requester, const Access* access, CommandTargetsPtr owners_targets,
      const std::function<void(const std::string& result_json)>& answer, const std::function<void(const RequestError&)>& refuse);
  Result<Command, RequestError> switch_command(const std::string& name, const rapidjson::Value& params) const;
  std::string switch_name(const Requester& requester) const;
  void switch_expired(const std::string& name, const Command& command);
  void report(const Command& command, const TrainerAnswer& answer);
  // Carries it out, and notes what becomes of it.
  void submit(Command command, std::shared_ptr<AuditNote> note, Respond respond);
  std::string refusal(const RequestError& error, const std::string& id_json);

  OwnCommands& own_;
  OwnEvents& events_;
  Counters& counters_;
  const Clock& clock_;
  std::int64_t default_deadline_us_;
  CommandRouter router_;
  DeadMansSwitches switches_;
  ClusterSwitches* cluster_switches_ = nullptr;  // null: this bridge's own count
  std::string node_;
  std::weak_ptr<Audit> audit_;
};

}  // namespace bridge
