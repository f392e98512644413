// What there is to be allowed, and the roles that allow it: the built-in ones and those of a file (PROTOCOL section 10).
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/read_scope.h"
#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kRolesMax = 64;             // in a file
inline constexpr std::size_t kRoleRulesMax = 16;         // of a role, of all kinds
inline constexpr std::size_t kRoleEntriesMax = 256;      // in all lists of a role
inline constexpr std::size_t kRoleListEntriesMax = 32;

// Allows commands to what is among its targets; an empty list is everybody. A target is SOURCE, which means its agents
// too, or SOURCE/AGENT.
struct CommandRule {
  std::vector<std::string> commands, targets;
};

// Allows events of these types as these sources; an empty list is all, and of sources also events that name none. What a
// source says of itself (_source) is of no type.
struct PublishRule {
  std::vector<std::string> types, sources;
};

// Immutable. All of it is allowed, nothing is denied. In sources, agents and targets {name} stands for who has the role.
struct Role {
  std::string name;
  std::vector<ReadRule> read;
  std::vector<PublishRule> publish;
  std::vector<CommandRule> command;
  std::vector<std::string> paths;  // of HTTP
  bool sees_all_clients = false;   // in get_clients; else its own connection
};

// All roles there are. Immutable: threads share it.
class Roles {
 public:
  // The built-in ones alone.
  Roles();
  // With those of a TOML file's text; `from` names it. Fails with the line, the place and what may stand there.
  static Result<Roles> parse(std::string_view text, const std::string& from);
  // The same of a file that must be there; see read_private_file().
  static Result<Roles> load(const std::string& path);

  // Null where there is none of that name.
  std::shared_ptr<const Role> find(std::string_view name) const;
  // For messages: "viewer, operator, ...".
  std::string names() const;

 private:
  std::map<std::string, std::shared_ptr<const Role>, std::less<>> roles_;
  std::vector<std::string> names_;  // the built-in ones first
};

}  // namespace bridge
