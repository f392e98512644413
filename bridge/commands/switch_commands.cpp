#include "commands/switch_commands.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "commands/cluster_switches.h"
#include "commands/command_audit.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"

namespace bridge {
namespace {

using rapidjson::Value;

// Of a bridge that has come back: trainers and the owners of switches find it again meanwhile.
constexpr std::int64_t kRestoredUs = 10'000'000;
constexpr const char* kTargets = "_targets";  // of a switch that is kept: whom its owner could command
constexpr std::string_view kArm = "arm_dead_mans_switch";
constexpr std::string_view kDisarm = "disarm_dead_mans_switch";

std::string switch_owner(const std::string& name) { return "dead-man's switch of " + name; }

// Whom the owner of a switch that is kept could command; null: everybody.
CommandTargetsPtr kept_targets(const Value& params) {
  const Value* const targets = params.IsObject() ? find(params, kTargets) : nullptr;
  if (targets == nullptr || !targets->IsArray()) return nullptr;
  std::vector<std::string> patterns;
  for (const Value& target : targets->GetArray()) {
    if (target.IsString()) patterns.emplace_back(view(target));
  }
  return std::make_shared<const CommandTargets>(std::move(patterns));
}

// `node`: to its trainers alone; empty: to all.
std::string expired_data(const std::string& name, const Command& command, const std::string& node = {}) {
  JsonWriter data;
  data.object().field("status", "dead_mans_switch_expired");
  data.field("message", name + " has not been heard of; issuing " + command.name + " to " + command.target +
                            (node.empty() ? "" : ", of bridge " + node + " alone: the cluster's log stood still"));
  data.field("client_id", name);
  if (!node.empty()) data.field("node", node);
  return data.end_object().take();
}

}  // namespace

SwitchCommands::SwitchCommands(const CommandReader& reader, CommandRouter& router, OwnEvents& events, Counters& counters,
                               const Clock& clock)
    : reader_(reader),
      router_(router),
      events_(events),
      counters_(counters),
      switches_(clock, [this](const std::string& name, const Command& command) { on_expired(name, command); }) {}

bool SwitchCommands::knows(std::string_view name) { return name == kArm || name == kDisarm; }

void SwitchCommands::run(std::string_view name, const Value& params, const Requester& requester, const Done& done) {
  if (name == kArm) return arm(params, name_of(requester), requester.access.get(), nullptr, done);
  const auto disarmed = [done](bool was) { done(std::string(was ? R"({"disarmed":true})" : R"({"disarmed":false})")); };
  if (cluster_switches_ == nullptr) return disarmed(switches_.disarm(requester.owner()));
  cluster_switches_->disarm(name_of(requester), [done, disarmed](const auto& was) {
    was ? disarmed(was.value()) : done(was.error());
  });
}

void SwitchCommands::arm(const Value& params, const std::string& name, const Access* access, CommandTargetsPtr owners_targets,
                         const Done& done) {
  const Value* const timeout = params.IsObject() ? find(params, "timeout_ms") : nullptr;
  const auto ms = read_number(timeout, "params.timeout_ms", kSwitchTimeoutMinUs / 1000,
                              kSwitchTimeoutMaxUs / 1000);
  if (!ms) return done(bad_request(ms.error().message));
  const auto timeout_us = static_cast<std::int64_t>(ms.value() * 1000);
  const Value* const on_expiry = find(params, "on_expiry");
  if (on_expiry == nullptr || !on_expiry->IsObject()) {
    return done(bad_request("params.on_expiry must be an object with command and target"));
  }
  auto command = reader_.read(*on_expiry, switch_owner(name), access);
  if (!command) {
    RequestError error = command.error();
    error.message = "params.on_expiry: " + error.message;
    return done(std::move(error));
  }
  if (command.value().target.empty()) {
    return done(bad_request("params.on_expiry.target must name a trainer, an agent or \"*\""));
  }
  command.value().idempotency_key.clear();  // each expiry is a command of its own
  if (owners_targets != nullptr) command.value().targets = std::move(owners_targets);
  std::string params_json = json_text(params);
  if (const CommandTargetsPtr& targets = command.value().targets) {
    const auto aims = router_.look_up(command.value());
    if (!aims && aims.error().type == ErrorType::forbidden) return done(aims.error());
    // They outlive the bridge with the switch.
    JsonWriter kept_json;
    kept_json.object().key("timeout_ms").raw(json_text(*timeout)).key("on_expiry").raw(json_text(*on_expiry));
    params_json = kept_json.key(kTargets).raw(json_list(targets->patterns())).end_object().take();
  }
  if (params_json.size() > kSwitchBytesMax) {
    return done(bad_request("params must be at most " + std::to_string(kSwitchBytesMax) + " bytes"));
  }
  const auto told = [done, name, timeout_us](bool kept) {
    JsonWriter json;
    json.object().field("armed", true).field("name", name);
    json.key("timeout_ms").milliseconds(timeout_us);
    done(json.field("survives_restart", kept).end_object().take());
  };
  if (cluster_switches_ != nullptr) {
    return cluster_switches_->arm(name, timeout_us, params_json,
                                  [told, done](const auto& armed) { armed ? told(true) : done(armed.error()); });
  }
  if (!switches_.arm(name, timeout_us, std::move(command.value()), std::move(params_json), told)) {
    done(RequestError{ErrorType::busy, std::to_string(kSwitchesMax) + " dead-man's switches are armed already"});
  }
}

void SwitchCommands::restore(const std::string& name, const std::string& params_json) {
  switches_.restore(name, params_json);
  const auto params = read_document(params_json);
  if (params) arm(params.value(), name, nullptr, kept_targets(params.value()), [](const auto&) {});
  switches_.spare(name, kRestoredUs);
}

// Who has no name of his own is somebody else at each bridge.
std::string SwitchCommands::name_of(const Requester& requester) const {
  std::string name = requester.owner();
  if (cluster_switches_ != nullptr) name_across(node_, requester.access == nullptr ? "" : requester.access->name, &name);
  return name;
}

Result<Command, RequestError> SwitchCommands::read(const std::string& name, const Value& params) const {
  const Value* const on_expiry = params.IsObject() ? find(params, "on_expiry") : nullptr;
  if (on_expiry == nullptr || !on_expiry->IsObject()) return bad_request("on_expiry is missing");
  auto command = reader_.read(*on_expiry, switch_owner(name));
  if (command) command.value().targets = kept_targets(params);
  return command;
}

std::string SwitchCommands::told(const std::string& name, const std::string& params_json) const {
  const auto params = read_document(params_json);
  const auto command = params ? read(name, params.value()) : bad_request(params.error().message);
  return expired_data(name, command ? command.value() : Command());
}

void SwitchCommands::issue(const std::string& name, const std::string& params_json, const std::string& key, bool here_only,
                                     std::function<void(bool reached)> done) {
  const auto params = read_document(params_json);
  auto command = params ? read(name, params.value()) : bad_request(params.error().message);
  if (!command) {
    log_error("switch_unreadable", "cluster: the dead-man's switch of {} cannot be read: {}", printable(name), printable(command.error().message, 200));
    return done(true);
  }
  command.value().idempotency_key = key;
  const Command issued = command.value();
  const auto note = std::make_shared<AuditNote>(audit_, audit_entry(issued, issued.requester));
  // What is for one trainer goes to each bridge for its own: who turns out not to have it has nothing to tell.
  enum class Went { not_yet, nowhere, out };
  const auto went = std::make_shared<Went>(Went::not_yet);
  const auto respond = [here_only, note, went, done = std::move(done)](const CommandOutcome& outcome) {
    const bool nowhere = here_only && *went == Went::not_yet &&
                         std::all_of(outcome.answers.begin(), outcome.answers.end(), [](const TrainerAnswer& answer) {
                           return !answer.success && answer.error.type == ErrorType::unknown_target;
                         });
    if (nowhere) {
      *went = Went::nowhere;
      note->leave_out();
    } else {
      note->end(outcome_name(outcome));
    }
    done(!outcome.refusal && std::none_of(outcome.answers.begin(), outcome.answers.end(), [](const TrainerAnswer& answer) {
      // A trainer that did not answer in time may be doing it; of a bridge that did not nobody is known to have heard of it.
      return tries_again(answer) && (answer.error.type != ErrorType::timeout || (!answer.node.empty() && answer.source == answer.node));
    }));
  };
  router_.submit(std::move(command.value()), respond, here_only);
  if (*went == Went::nowhere) return;
  *went = Went::out;
  ++counters_.switches_expired;
  if (!here_only) return;
  log_warn("switch_interlock", "the dead-man's switch of {} is due, and the cluster's log stands still; to trainers of {} alone: {} to {}",
           printable(name), node_, issued.name, printable(issued.target));
  events_.publish("system_status", expired_data(name, issued, node_));
}

void SwitchCommands::on_expired(const std::string& name, const Command& command) {
  ++counters_.switches_expired;
  events_.publish("system_status", expired_data(name, command));
  const auto note = std::make_shared<AuditNote>(audit_, audit_entry(command, command.requester));
  router_.submit(command, [note](const CommandOutcome& outcome) { note->end(outcome_name(outcome)); });
}

}  // namespace bridge
