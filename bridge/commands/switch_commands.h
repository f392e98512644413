// Dead-man's switches as clients ask for them (PROTOCOL section 5), and what becomes of one whose owner is silent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <rapidjson/document.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/counters.h"
#include "commands/command_reader.h"
#include "commands/command_router.h"
#include "commands/dead_mans_switch.h"
#include "commands/requester.h"
#include "log/own_events.h"

namespace bridge {

class ClusterSwitches;

// Counted here, or by a cluster's bridges together (ClusterSwitches). One thread: the log's. References must outlive it.
class SwitchCommands {
 public:
  // The result as JSON text, or what is against it.
  using Done = std::function<void(Result<std::string, RequestError>)>;

  SwitchCommands(const CommandReader& reader, CommandRouter& router, OwnEvents& events, Counters& counters, const Clock& clock);

  // Whether a command is one of these.
  static bool knows(std::string_view name);
  // Carries it out. `done` is called once, now or when it is known whether the switch outlives the bridge.
  // REQUIRES: knows(name).
  void run(std::string_view name, const rapidjson::Value& params, const Requester& requester, const Done& done);

  // Where what they did is recorded.
  void set_audit(std::weak_ptr<Audit> audit) { audit_ = std::move(audit); }

  // Where armed switches are kept; see DeadMansSwitches.
  void set_store(DeadMansSwitches::Keep keep) { switches_.set_store(std::move(keep)); }
  // Arms a switch that the store has, with all of its time before it and at least ten seconds.
  void restore(const std::string& name, const std::string& params_json);

  // Switches of a bridge that is one of several, named `node`: from now on these are armed. They outlive this.
  void set_cluster(ClusterSwitches* switches, std::string node) {
    cluster_switches_ = switches;
    node_ = std::move(node);
  }
  // For these: `data` of the event that one has expired, and its command. See SwitchLinks.
  std::string told(const std::string& name, const std::string& params_json) const;
  void issue(const std::string& name, const std::string& params_json, const std::string& key, bool here_only,
             std::function<void(bool reached)> done);

  // Fires what is due. Call every few milliseconds while !empty().
  void tick() { switches_.tick(); }
  bool empty() const { return switches_.empty(); }

 private:
  std::string name_of(const Requester& requester) const;
  // `owners_targets`: whom the owner could command, where `access` does not say.
  void arm(const rapidjson::Value& params, const std::string& name, const Access* access, CommandTargetsPtr owners_targets,
           const Done& done);
  Result<Command, RequestError> read(const std::string& name, const rapidjson::Value& params) const;
  void on_expired(const std::string& name, const Command& command);

  const CommandReader& reader_;
  CommandRouter& router_;
  OwnEvents& events_;
  Counters& counters_;
  DeadMansSwitches switches_;
  ClusterSwitches* cluster_switches_ = nullptr;  // null: this bridge's own count
  std::string node_;
  std::weak_ptr<Audit> audit_;
};

}  // namespace bridge
