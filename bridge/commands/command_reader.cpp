#include "commands/command_reader.h"

#include <utility>

#include "base/limits.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

using rapidjson::Value;

}  // namespace

Result<Command, RequestError> CommandReader::read(const Value& request, const std::string& requester, const Access* access) const {
  Command command;
  command.requester = requester;
  if (access != nullptr) command.identity = access->name;
  if (access != nullptr) command.role = access->role->name;
  const Value* const name = find(request, "command");
  if (name == nullptr || !name->IsString() || !is_type_name(view(*name))) {
    return bad_request("command must be a string of 1-64 characters of A-Z a-z 0-9 _ . -");
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
    if (!params->IsObject()) return bad_request("params must be an object");
    command.params_json = json_text(*params);
  }
  auto target = optional_text(request, "target", 2 * kNameBytesMax + 1);
  if (!target) return bad_request(target.error().message);
  command.target = std::move(target.value());
  auto key = optional_text(request, "idempotency_key", kIdempotencyKeyBytesMax);
  if (!key) return bad_request(key.error().message);
  command.idempotency_key = std::move(key.value());
  command.deadline_us = default_deadline_us_;
  if (const Value* const deadline = find(request, "deadline_ms")) {
    const auto ms = read_number(deadline, "deadline_ms", 1, kCommandDeadlineMaxUs / 1000);
    if (!ms) return bad_request(ms.error().message);
    command.deadline_us = static_cast<std::int64_t>(ms.value() * 1000);
  }
  return command;
}

std::optional<RequestError> check_action(const Value& params, const Access& access) {
  const Value* const action = params.IsObject() ? find(params, "action") : nullptr;
  const Value* const command = action != nullptr && action->IsObject() ? find(*action, "command") : nullptr;
  if (command == nullptr || !command->IsString()) return std::nullopt;
  const std::string name(view(*command));
  if (access.may_command(name) && access.targets_of(name) == nullptr) return std::nullopt;
  // Whom it will be for is not known yet.
  return RequestError{ErrorType::forbidden, "params.action: a " + access.role->name + " may not command " + name + " to everybody",
                      permission_details(name, "*")};
}

}  // namespace bridge
