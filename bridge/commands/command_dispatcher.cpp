#include "commands/command_dispatcher.h"

#include <utility>

#include "base/loop_turns.h"
#include "commands/command_audit.h"
#include "commands/command_replies.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::size_t kParamsToldBytesMax = 4096;  // in command_executed

}  // namespace

CommandDispatcher::CommandDispatcher(OwnCommands& own, SourceTable& sources,
                                     TrainerLink& link, OwnEvents& events, Counters& counters,
                                     const Clock& clock, std::int64_t default_deadline_us)
    : own_(own),
      events_(events),
      counters_(counters),
      clock_(clock),
      reader_(default_deadline_us),
      router_(sources, link, counters, clock,
              [this](const Command& c, const TrainerAnswer& a) { report(c, a); }),
      switches_(reader_, router_, events, counters, clock) {}

void CommandDispatcher::execute(const Value& request, const std::string& id_json,
                                const Requester& requester, Reply reply) {
  const TurnPart part("a command");
  const std::int64_t began_us = clock_.steady_us();
  const auto note = std::make_shared<AuditNote>(audit_, audit_entry(requester, request));
  auto parsed = reader_.read(request, requester.owner(), requester.access.get());
  if (!parsed) {
    note->end(error_type_name(parsed.error().type));
    reply(refusal(parsed.error(), id_json));
    return;
  }
  Command& command = parsed.value();
  static const Value kNull;
  const Value* const found = find(request, "params");
  const Value& params = found == nullptr ? kNull : *found;

  const auto respond = [this, name = command.name, id_json, began_us, note, reply](Result<std::string, RequestError> result) {
    note->end(result ? "success" : error_type_name(result.error().type));
    reply(result ? own_reply(name, std::move(result.value()), id_json, began_us, clock_) : refusal(result.error(), id_json));
  };

  if (OwnCommands::knows(command.name)) {
    if (requester.access != nullptr && command.name == "create_alert") {
      if (auto error = check_action(params, *requester.access)) return respond(std::move(*error));
    }
    AskerRights rights;
    if (requester.access != nullptr) {
      rights.scope = requester.access->scope;
      if (!requester.access->role->sees_all_clients) rights.only_client = requester.connection;
    }
    return own_.run(command.name, params, requester.account, respond, rights, {requester.name, command.identity, rights.scope});
  }
  if (SwitchCommands::knows(command.name)) return switches_.run(command.name, params, requester, respond);
  if (command.target.empty()) {
    return respond(RequestError{ErrorType::unknown_command, "command is \"" + command.name +
                                                                "\", which the bridge does not know; for a trainer, name a target"});
  }
  Command kept = command;
  submit(std::move(command), note, [this, kept = std::move(kept), id_json,
                                    reply = std::move(reply)](const CommandOutcome& outcome) {
    if (failed(outcome)) ++counters_.requests_refused;
    reply(routed_reply(kept, outcome, id_json, clock_));
  });
}

std::optional<RequestError> CommandDispatcher::check(const Value& command) const {
  const auto parsed = reader_.read(command, {});
  return parsed ? std::nullopt : std::optional<RequestError>(parsed.error());
}

void CommandDispatcher::issue(const Value& wanted, const std::string& target, const std::string& requester,
                              const std::function<void(const std::string&, const std::string&)>& done) {
  auto parsed = reader_.read(wanted, requester);
  if (!parsed) return done(error_type_name(parsed.error().type), parsed.error().message);
  Command& command = parsed.value();
  command.idempotency_key.clear();  // each is a command of its own
  if (command.target.empty()) command.target = target;
  const auto note = std::make_shared<AuditNote>(audit_, audit_entry(command, requester));
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
    note->end(outcome_name(outcome));
    respond(outcome);
  });
}

void CommandDispatcher::serve(RemoteCommand wanted, std::function<void(const RemoteAnswers&)> answer) {
  AuditEntry entry = audit_entry(wanted.command, wanted.command.requester);
  entry.remote = "bridge " + wanted.from;
  const auto note = std::make_shared<AuditNote>(audit_, std::move(entry));
  router_.submit_here(std::move(wanted), [note, answer = std::move(answer)](const CommandOutcome& outcome) {
    note->end(outcome_name(outcome));
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
