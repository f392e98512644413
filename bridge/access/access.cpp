#include "access/access.h"

#include <algorithm>

namespace bridge {
namespace {

const std::vector<Role>& roles() {
  static const std::vector<Role> all = [] {
    const std::vector<std::string_view> reading = {"get_*", "list_*", "replay", "replay_stop"};
    std::vector<std::string_view> trading = reading;
    trading.insert(trading.end(), {"place_order", "cancel_order", "arm_dead_mans_switch", "disarm_dead_mans_switch"});
    std::vector<Role> made(6);
    made[0] = {"viewer", true, false, false, false, reading, {"/readyz"}};
    made[1] = {"operator", true, false, false, true, {"*"}, {"/readyz", "/metrics"}};
    made[2] = {"bot", true, false, false, false, trading, {}};
    made[3] = {"trainer", false, true, false, false, {}, {"/submit_event"}};
    made[4] = {"metrics", false, false, false, false, {}, {"/readyz", "/metrics"}};
    made[5] = {"admin", true, false, true, true, {"*"}, {"*"}};
    return made;
  }();
  return all;
}

bool covers(const std::vector<std::string_view>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    if (pattern.empty() || pattern.back() != '*') return pattern == text;
    pattern.remove_suffix(1);
    return text.substr(0, pattern.size()) == pattern;
  });
}

}  // namespace

const Role* find_role(std::string_view name) {
  const auto found =
      std::find_if(roles().begin(), roles().end(), [&](const Role& role) { return role.name == name; });
  return found == roles().end() ? nullptr : &*found;
}

std::string role_names() {
  std::string names;
  for (const Role& role : roles()) names += (names.empty() ? "" : ", ") + std::string(role.name);
  return names;
}

bool Access::may_command(std::string_view command) const { return covers(role->commands, command); }

bool Access::may_get(std::string_view path) const { return covers(role->paths, path); }

bool Access::may_read_topic(std::string_view) const { return reads(); }

bool Access::may_attach(std::string_view domain) const {
  constexpr std::string_view kControlOf = "control/";
  if (domain == "out") return reads();
  if (domain == "commands") return !role->commands.empty();
  if (domain.substr(0, kControlOf.size()) == kControlOf) return may_publish_as(domain.substr(kControlOf.size()));
  return (domain == "events" || domain == "control") && (role->publishes_own || role->publishes_all);
}

bool Access::may_publish_as(std::string_view source) const {
  if (role->publishes_all) return true;
  if (!role->publishes_own || source.substr(0, name.size()) != name) return false;
  return source.size() == name.size() || source[name.size()] == '-';
}

}  // namespace bridge
