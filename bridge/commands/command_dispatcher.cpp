#include "commands/command_dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/loop_turns.h"
#include "base/text.h"
#include "commands/cluster_switches.h"
#include "commands/command_replies.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

using rapidjson::Value;

// Of a bridge that has come back: trainers and the owners of switches find it again meanwhile.
constexpr std::int64_t kRestoredUs = 10'000'000;
constexpr std::size_t kParamsToldBytesMax = 4096;  // in command_executed
constexpr const char* kTargets = "_targets";  // of a switch that is kept: whom its owner could command
constexpr std::string_view kArm = "arm_dead_mans_switch";
constexpr std::string_view kDisarm = "disarm_dead_mans_switch";

RequestError bad(std::string message) {
  return {ErrorType::bad_request, std::move(message)};
}

std::string member_text(const Value& object, const char* name) {
  const Value* const found = object.IsObject() ? find(object, name) : nullptr;
  return found != nullptr && found->IsString() ? std::string(view(*found)) : std::string();
}

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

const char* name_of(const CommandOutcome& outcome) {
  if (outcome.refusal) return error_type_name(outcome.refusal->type);
  for (const TrainerAnswer& answer : outcome.answers) {
    if (!answer.success) return error_type_name(answer.error.type);
  }
  return "success";
}

AuditEntry entry_of(const Command& command, const std::string& requester) {
  AuditEntry entry;
  entry.what = "command";
  entry.name = command.identity;
  entry.client = requester;
  entry.command = command.name;
  entry.target = command.target;
  return entry;
}

}  // namespace

AuditEntry audit_entry(const Requester& requester, const Value& request) {
  AuditEntry entry;
  entry.what = "command";
  entry.by(requester.access.get());
  entry.remote = requester.remote;
  entry.client = requester.name;
  entry.command = member_text(request, "command");
  entry.target = member_text(request, "target");
  return entry;
}

CommandDispatcher::CommandDispatcher(OwnCommands& own, SourceTable& sources,
                                     TrainerLink& link, OwnEvents& events, Counters& counters,
                                     const Clock& clock, std::int64_t default_deadline_us)
    : own_(own),
      events_(events),
      counters_(counters),
      clock_(clock),
      default_deadline_us_(default_deadline_us),
      router_(sources, link, counters, clock,
              [this](const Command& c, const TrainerAnswer& a) { report(c, a); }),
      switches_(clock, [this](const std::string& name, const Command& command) {
        switch_expired(name, command);
      }) {}

Result<Command, RequestError> CommandDispatcher::parse(const Value& request,
                                                       const std::string& requester,
                                                       const Access* access) const {
  Command command;
  command.requester = requester;
  if (access != nullptr) command.identity = access->name;
  if (access != nullptr) command.role = access->role->name;
  const Value* const name = find(request, "command");
  if (name == nullptr || !name->IsString() || !is_type_name(view(*name))) {
    return bad("command must be a string of 1-64 characters of A-Z a-z 0-9 _ . -");
  }
  command.name = view(*name);
  if (access != nullptr && !access->may_command(command.name)) {
    const Value* const target = find(request, "target");
    return RequestError{
        ErrorType::forbidden, "a " + access->role->name + " may not command " + command.name,
        permission_details(command.name, target != nullptr && target->IsString() ? std::string(view(*target)) : "")};
  }
  if (access != nullptr) command.targets = access->targets_of(command.name);
  if (const Value* const params = find(request, "params")) {
    if (!params->IsObject()) return bad("params must be an object");
    command.params_json = json_text(*params);
  }
  auto target = optional_text(request, "target", 2 * kNameBytesMax + 1);
  if (!target) return bad(target.error().message);
  command.target = std::move(target.value());
  auto key = optional_text(request, "idempotency_key", kIdempotencyKeyBytesMax);
  if (!key) return bad(key.error().message);
  command.idempotency_key = std::move(key.value());
  command.deadline_us = default_deadline_us_;
  if (const Value* const deadline = find(request, "deadline_ms")) {
    const auto ms = read_number(deadline, "deadline_ms", 1, kCommandDeadlineMaxUs / 1000);
    if (!ms) return bad(ms.error().message);
    command.deadline_us = static_cast<std::int64_t>(ms.value() * 1000);
  }
  return command;
}

void CommandDispatcher::execute(const Value& request, const std::string& id_json,
                                const Requester& requester, Reply reply) {
  const TurnPart part("a command");
  const std::int64_t began_us = clock_.steady_us();
  const auto note = std::make_shared<AuditNote>(audit_, audit_entry(requester, request));
  auto parsed = parse(request, requester.owner(), requester.access.get());
  if (!parsed) {
    note->end(error_type_name(parsed.error().type));
    reply(refusal(parsed.error(), id_json));
    return;
  }
  Command& command = parsed.value();
  static const Value kNull;
  const Value* const found = find(request, "params");
  const Value& params = found == nullptr ? kNull : *found;

  if (OwnCommands::knows(command.name)) {
    if (requester.access != nullptr && command.name == "create_alert") {
      if (const auto error = check_action(params, *requester.access)) {
        note->end(error_type_name(error->type));
        return reply(refusal(*error, id_json));
      }
    }
    AskerRights rights;
    if (requester.access != nullptr) {
      rights.scope = requester.access->scope;
      if (!requester.access->role->sees_all_clients) rights.only_client = requester.connection;
    }
    own_.run(command.name, params, requester.account,
             [this, name = command.name, id_json, began_us, note,
              reply = std::move(reply)](Result<std::string, RequestError> result) {
               note->end(result ? "success" : error_type_name(result.error().type));
               reply(result ? own_reply(name, std::move(result.value()), id_json, began_us, clock_)
                            : refusal(result.error(), id_json));
             },
             rights, {requester.name, command.identity, rights.scope});
    return;
  }
  if (command.name == kArm || command.name == kDisarm) {
    const auto answer = [this, name = command.name, id_json, began_us, note,
                         reply](const std::string& result) {
      note->end("success");
      reply(own_reply(name, result, id_json, began_us, clock_));
    };
    const auto refuse = [this, id_json, note, reply](const RequestError& error) {
      note->end(error_type_name(error.type));
      reply(refusal(error, id_json));
    };
    if (command.name == kDisarm && cluster_switches_ != nullptr) {
      cluster_switches_->disarm(switch_name(requester), [answer, refuse](const auto& was) {
        was ? answer(was.value() ? R"({"disarmed":true})" : R"({"disarmed":false})") : refuse(was.error());
      });
    } else if (command.name == kDisarm) {
      answer(switches_.disarm(requester.owner()) ? R"({"disarmed":true})" : R"({"disarmed":false})");
    } else if (const auto error = arm(params, switch_name(requester), requester.access.get(), nullptr, answer, refuse)) {
      refuse(*error);
    }
    return;
  }
  if (command.target.empty()) {
    note->end(error_type_name(ErrorType::unknown_command));
    reply(refusal({ErrorType::unknown_command,
                   "command is \"" + command.name +
                       "\", which the bridge does not know; for a trainer, name a target"},
                  id_json));
    return;
  }
  Command kept = command;
  submit(std::move(command), note, [this, kept = std::move(kept), id_json,
                                    reply = std::move(reply)](const CommandOutcome& outcome) {
    if (failed(outcome)) ++counters_.requests_refused;
    reply(routed_reply(kept, outcome, id_json, clock_));
  });
}

// `answer` is called with the result once it is known whether the switch outlives the bridge.
std::optional<RequestError> CommandDispatcher::arm(
    const Value& params, const std::string& requester, const Access* access, CommandTargetsPtr owners_targets,
    const std::function<void(const std::string& result_json)>& answer, const std::function<void(const RequestError&)>& refuse) {
  const Value* const timeout = params.IsObject() ? find(params, "timeout_ms") : nullptr;
  const auto ms = read_number(timeout, "params.timeout_ms", kSwitchTimeoutMinUs / 1000,
                              kSwitchTimeoutMaxUs / 1000);
  if (!ms) return bad(ms.error().message);
  const auto timeout_us = static_cast<std::int64_t>(ms.value() * 1000);
  const Value* const on_expiry = find(params, "on_expiry");
  if (on_expiry == nullptr || !on_expiry->IsObject()) {
    return bad("params.on_expiry must be an object with command and target");
  }
  auto command = parse(*on_expiry, switch_owner(requester), access);
  if (!command) {
    RequestError error = command.error();
    error.message = "params.on_expiry: " + error.message;
    return error;
  }
  if (command.value().target.empty()) {
    return bad("params.on_expiry.target must name a trainer, an agent or \"*\"");
  }
  command.value().idempotency_key.clear();  // each expiry is a command of its own
  if (owners_targets != nullptr) command.value().targets = std::move(owners_targets);
  std::string params_json = json_text(params);
  if (const CommandTargetsPtr& targets = command.value().targets) {
    const auto aims = router_.look_up(command.value());
    if (!aims && aims.error().type == ErrorType::forbidden) return aims.error();
    // They outlive the bridge with the switch.
    JsonWriter kept_json;
    kept_json.object().key("timeout_ms").raw(json_text(*timeout)).key("on_expiry").raw(json_text(*on_expiry));
    params_json = kept_json.key(kTargets).raw(json_list(targets->patterns())).end_object().take();
  }
  if (params_json.size() > kSwitchBytesMax) {
    return bad("params must be at most " + std::to_string(kSwitchBytesMax) + " bytes");
  }
  const auto told = [answer, requester, timeout_us](bool kept) {
    JsonWriter json;
    json.object().field("armed", true).field("name", requester);
    json.key("timeout_ms").milliseconds(timeout_us);
    answer(json.field("survives_restart", kept).end_object().take());
  };
  if (cluster_switches_ != nullptr) {
    cluster_switches_->arm(requester, timeout_us, params_json, [told, refuse](const auto& armed) { armed ? told(true) : refuse(armed.error()); });
    return std::nullopt;
  }
  if (!switches_.arm(requester, timeout_us, std::move(command.value()), std::move(params_json),
                     told)) {
    return RequestError{ErrorType::busy,
                        std::to_string(kSwitchesMax) + " dead-man's switches are armed already"};
  }
  return std::nullopt;
}

void CommandDispatcher::restore_switch(const std::string& name, const std::string& params_json) {
  switches_.restore(name, params_json);
  const auto params = read_document(params_json);
  if (params) (void)arm(params.value(), name, nullptr, kept_targets(params.value()), [](const std::string&) {}, [](const RequestError&) {});
  switches_.spare(name, kRestoredUs);
}

// Who has no name of his own is somebody else at each bridge.
std::string CommandDispatcher::switch_name(const Requester& requester) const {
  std::string name = requester.owner();
  if (cluster_switches_ != nullptr) name_across(node_, requester.access == nullptr ? "" : requester.access->name, &name);
  return name;
}

Result<Command, RequestError> CommandDispatcher::switch_command(const std::string& name, const Value& params) const {
  const Value* const on_expiry = params.IsObject() ? find(params, "on_expiry") : nullptr;
  if (on_expiry == nullptr || !on_expiry->IsObject()) return bad("on_expiry is missing");
  auto command = parse(*on_expiry, switch_owner(name));
  if (command) command.value().targets = kept_targets(params);
  return command;
}

std::string CommandDispatcher::switch_told(const std::string& name, const std::string& params_json) const {
  const auto params = read_document(params_json);
  const auto command = params ? switch_command(name, params.value()) : bad(params.error().message);
  return expired_data(name, command ? command.value() : Command());
}

void CommandDispatcher::issue_switch(const std::string& name, const std::string& params_json, const std::string& key, bool here_only,
                                     std::function<void(bool reached)> done) {
  const auto params = read_document(params_json);
  auto command = params ? switch_command(name, params.value()) : bad(params.error().message);
  if (!command) {
    log_error("switch_unreadable", "cluster: the dead-man's switch of {} cannot be read: {}", printable(name), printable(command.error().message, 200));
    return done(true);
  }
  command.value().idempotency_key = key;
  const Command issued = command.value();
  const auto note = std::make_shared<AuditNote>(audit_, entry_of(issued, issued.requester));
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
      note->end(name_of(outcome));
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

void CommandDispatcher::switch_expired(const std::string& name, const Command& command) {
  ++counters_.switches_expired;
  events_.publish("system_status", expired_data(name, command));
  const auto note = std::make_shared<AuditNote>(audit_, entry_of(command, command.requester));
  submit(command, note, [](const CommandOutcome&) {});  // command_executed tells how it went
}

std::optional<RequestError> CommandDispatcher::check_action(const Value& params, const Access& access) {
  const Value* const action = params.IsObject() ? find(params, "action") : nullptr;
  const Value* const command = action != nullptr && action->IsObject() ? find(*action, "command") : nullptr;
  if (command == nullptr || !command->IsString()) return std::nullopt;
  const std::string name(view(*command));
  if (access.may_command(name) && access.targets_of(name) == nullptr) return std::nullopt;
  // Whom it will be for is not known yet.
  return RequestError{ErrorType::forbidden, "params.action: a " + access.role->name + " may not command " + name + " to everybody",
                      permission_details(name, "*")};
}

std::optional<RequestError> CommandDispatcher::check(const Value& command) const {
  const auto parsed = parse(command, {});
  return parsed ? std::nullopt : std::optional<RequestError>(parsed.error());
}

void CommandDispatcher::issue(const Value& wanted, const std::string& target, const std::string& requester,
                              const std::function<void(const std::string&, const std::string&)>& done) {
  auto parsed = parse(wanted, requester);
  if (!parsed) return done(error_type_name(parsed.error().type), parsed.error().message);
  Command& command = parsed.value();
  command.idempotency_key.clear();  // each is a command of its own
  if (command.target.empty()) command.target = target;
  const auto note = std::make_shared<AuditNote>(audit_, entry_of(command, requester));
  submit(std::move(command), note, [done](const CommandOutcome& outcome) {
    if (outcome.refusal) return done(error_type_name(outcome.refusal->type), outcome.refusal->message);
    for (const TrainerAnswer& answer : outcome.answers) {
      if (!answer.success) return done(error_type_name(answer.error.type), answer.source + ": " + answer.error.message);
    }
    done("success", "");
  });
}

void CommandDispatcher::submit(Command command, std::shared_ptr<AuditNote> note, Respond respond) {
  router_.submit(std::move(command), [note = std::move(note), respond = std::move(respond)](const CommandOutcome& outcome) {
    note->end(name_of(outcome));
    respond(outcome);
  });
}

void CommandDispatcher::serve(RemoteCommand wanted, std::function<void(const RemoteAnswers&)> answer) {
  AuditEntry entry = entry_of(wanted.command, wanted.command.requester);
  entry.remote = "bridge " + wanted.from;
  const auto note = std::make_shared<AuditNote>(audit_, std::move(entry));
  router_.submit_here(std::move(wanted), [note, answer = std::move(answer)](const CommandOutcome& outcome) {
    note->end(name_of(outcome));
    answer(outcome.refusal ? RemoteAnswers(*outcome.refusal) : RemoteAnswers(outcome.answers));
  });
}

void CommandDispatcher::report(const Command& command, const TrainerAnswer& given) {
  JsonWriter data;
  data.object().field("command", command.name).field("target", command.target);
  const std::string owner = command.identity + "/";
  const bool owned = !command.identity.empty() && command.requester.compare(0, owner.size(), owner) == 0;
  data.field("trainer", given.source);
  data.field("client_id", owned ? command.requester.substr(owner.size()) : command.requester);
  if (!command.identity.empty()) data.field("identity", command.identity);
  data.field("outcome", given.success ? "success" : error_type_name(given.error.type));
  if (!given.success) data.field("message", given.error.message);
  data.key("elapsed_ms").milliseconds(given.elapsed_us);
  if (command.params_json.size() <= kParamsToldBytesMax) {
    data.key("params").raw(command.params_json);
  } else {
    data.field("params_bytes", std::uint64_t{command.params_json.size()});
  }
  events_.publish("command_executed", data.end_object().take());
}

void CommandDispatcher::tick() {
  router_.tick();
  switches_.tick();
}

std::string CommandDispatcher::refusal(const RequestError& error, const std::string& id_json) {
  ++counters_.requests_refused;
  return error_message(error, "command", id_json, clock_.wall_us());
}

}  // namespace bridge
