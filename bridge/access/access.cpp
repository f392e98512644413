#include "access/access.h"

#include <algorithm>
#include <utility>

#include "access/pattern.h"

namespace bridge {
namespace {

ReadScopePtr scope_of(const Role& role, const std::string& name) {
  std::vector<ReadRule> rules;
  for (const ReadRule& rule : role.read) {
    rules.push_back({rule.types, for_holder(rule.sources, name), for_holder(rule.agents, name)});
  }
  return ReadScope::of(std::move(rules));
}

std::vector<PublishRule> publish_of(const Role& role, const std::string& name) {
  std::vector<PublishRule> rules;
  for (const PublishRule& rule : role.publish) rules.push_back({rule.types, for_holder(rule.sources, name)});
  return rules;
}

}  // namespace

bool CommandTargets::covers(std::string_view source, std::string_view agent) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](std::string_view pattern) {
    const std::size_t slash = pattern.find('/');
    if (!bridge::covers(pattern.substr(0, slash), source)) return false;
    return slash == std::string_view::npos || (!agent.empty() && bridge::covers(pattern.substr(slash + 1), agent));
  });
}

Access::Access(std::string name_, std::shared_ptr<const Role> role_, std::string credential_, std::int64_t expires_s_)
    : name(std::move(name_)),
      role(std::move(role_)),
      credential(std::move(credential_)),
      expires_s(expires_s_),
      scope(scope_of(*role, name)),
      publish_(publish_of(*role, name)) {}

bool Access::may_command(std::string_view command) const {
  // What everybody did, and the bridge's end, is for those who may do everything, whatever pattern covers the name.
  if ((command == "get_audit" || command == "drain" || command == "backup") && role->name != "admin") return false;
  return std::any_of(role->command.begin(), role->command.end(),
                     [command](const CommandRule& rule) { return any_covers(rule.commands, command); });
}

CommandTargetsPtr Access::targets_of(std::string_view command) const {
  std::vector<std::string> all;
  for (const CommandRule& rule : role->command) {
    if (!any_covers(rule.commands, command)) continue;
    if (is_all(rule.targets)) return nullptr;
    for (const std::string& target : rule.targets) all.push_back(for_holder(target, name));
  }
  return std::make_shared<const CommandTargets>(std::move(all));
}

bool Access::may_get(std::string_view path) const { return !role->paths.empty() && any_covers(role->paths, path); }

bool Access::may_read_topic(std::string_view prefix) const { return scope == nullptr || scope->may_read_topic(prefix); }

bool Access::may_attach(std::string_view domain) const {
  constexpr std::string_view kControlOf = "control/";
  if (domain == "out") return reads();
  if (domain == "commands") return !role->command.empty();
  if (domain.substr(0, kControlOf.size()) == kControlOf) return may_publish_as(domain.substr(kControlOf.size()));
  return (domain == "events" || domain == "control") && !publish_.empty();
}

bool Access::may_publish_as(std::string_view source) const {
  return std::any_of(publish_.begin(), publish_.end(),
                     [source](const PublishRule& rule) { return any_covers(rule.sources, source); });
}

bool Access::may_publish(std::string_view type, std::string_view source) const {
  const bool of_no_type = type.substr(0, 1) == "_";
  return std::any_of(publish_.begin(), publish_.end(), [=](const PublishRule& rule) {
    return any_covers(rule.sources, source) && (of_no_type || any_covers(rule.types, type));
  });
}

}  // namespace bridge
