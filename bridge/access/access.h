// What somebody may do: a name, a role, and how long (PROTOCOL section 10).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/read_scope.h"
#include "access/roles.h"

namespace bridge {

// Whom a command may be for. Immutable.
class CommandTargets {
 public:
  explicit CommandTargets(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  // Whether that agent of the source may be commanded, or, without one, the source itself.
  bool covers(std::string_view source, std::string_view agent) const;
  const std::vector<std::string>& patterns() const { return patterns_; }

 private:
  std::vector<std::string> patterns_;
};
// Null stands for everybody.
using CommandTargetsPtr = std::shared_ptr<const CommandTargets>;

// An identity as one credential shows it. Immutable, and shared between threads.
struct Access {
  // REQUIRES: there is a role.
  Access(std::string name, std::shared_ptr<const Role> role, std::string credential = {}, std::int64_t expires_s = 0);

  const std::string name;
  const std::shared_ptr<const Role> role;
  const std::string credential;      // its id
  const std::int64_t expires_s = 0;  // since 1970; 0: never
  const ReadScopePtr scope;          // null: it reads everything

  // Whether there is anything for it over a WebSocket.
  bool may_converse() const { return reads() || !role->command.empty(); }
  bool reads() const { return scope == nullptr || !scope->nothing(); }
  bool may_command(std::string_view command) const;
  // Whom, of trainers. REQUIRES: may_command().
  CommandTargetsPtr targets_of(std::string_view command) const;
  bool may_get(std::string_view path) const;
  // Whether it may read every event whose topic for bots (TYPE/SOURCE/) begins so.
  bool may_read_topic(std::string_view prefix) const;
  // Whether it has business at a ZeroMQ socket: `events` (in), `out`, `commands`, or `control`, behind which
  // `control/SOURCE` names the one source that is wanted there.
  bool may_attach(std::string_view domain) const;
  // Whether it may speak for this source; "" stands for events that name none.
  bool may_publish_as(std::string_view source) const;
  // Whether it may publish events of this type as this source. Of types that begin with _ there are no events.
  bool may_publish(std::string_view type, std::string_view source) const;
  bool expired(std::int64_t now_s) const { return expires_s != 0 && now_s >= expires_s; }

 private:
  const std::vector<PublishRule> publish_;
};

}  // namespace bridge
