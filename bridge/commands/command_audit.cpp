#include "commands/command_audit.h"

#include "event/json_value.h"

namespace bridge {
namespace {

using rapidjson::Value;

std::string member_text(const Value& object, const char* name) {
  const Value* const found = object.IsObject() ? find(object, name) : nullptr;
  return found != nullptr && found->IsString() ? std::string(view(*found)) : std::string();
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

AuditEntry audit_entry(const Command& command, const std::string& requester) {
  AuditEntry entry;
  entry.what = "command";
  entry.name = command.identity;
  entry.client = requester;
  entry.command = command.name;
  entry.target = command.target;
  return entry;
}

const char* outcome_name(const CommandOutcome& outcome) {
  if (outcome.refusal) return error_type_name(outcome.refusal->type);
  for (const TrainerAnswer& answer : outcome.answers) {
    if (!answer.success) return error_type_name(answer.error.type);
  }
  return "success";
}

}  // namespace bridge
