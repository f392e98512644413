// What the audit log says of commands.
#pragma once

#include <string>

#include <rapidjson/document.h>

#include "audit/audit.h"
#include "commands/command.h"
#include "commands/requester.h"

namespace bridge {

// Of one who asks, without an outcome. `request` as for CommandTaker::execute().
AuditEntry audit_entry(const Requester& requester, const rapidjson::Value& request);

// Of a command that nobody's connection asked for.
AuditEntry audit_entry(const Command& command, const std::string& requester);

// "success", or the type of the first error.
const char* outcome_name(const CommandOutcome& outcome);

}  // namespace bridge
