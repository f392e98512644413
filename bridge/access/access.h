// What somebody may do: a name, one of the built-in roles, and how long (PROTOCOL section 10).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// One of the fixed set below; never made anew. All of it is allowed, nothing is denied.
struct Role {
  std::string_view name;
  bool reads = false;                       // events, and every answer made from them
  bool publishes_own = false;               // events of its own source: NAME and NAME-*
  bool publishes_all = false;
  bool sees_all_clients = false;            // in get_clients; else its own connection
  std::vector<std::string_view> commands;   // a name, or a beginning with `*`
  std::vector<std::string_view> paths;      // of HTTP
};

// Null where there is none of that name.
const Role* find_role(std::string_view name);
// For messages: "viewer, operator, ...".
std::string role_names();

// An identity as one credential shows it. Immutable, and shared between threads.
struct Access {
  std::string name;
  const Role* role = nullptr;
  std::string credential;      // its id
  std::int64_t expires_s = 0;  // since 1970; 0: never

  bool reads() const { return role->reads; }
  bool may_command(std::string_view command) const;
  bool may_get(std::string_view path) const;
  // Whether it may read every event whose topic for bots (TYPE/SOURCE/) begins so.
  bool may_read_topic(std::string_view prefix) const;
  // Whether it has business at a ZeroMQ socket: `events` (in), `out`, `commands`, or `control`, behind which
  // `control/SOURCE` names the one source that is wanted there.
  bool may_attach(std::string_view domain) const;
  // Whether it may publish as this source; "" is an event that names none.
  bool may_publish_as(std::string_view source) const;
  bool expired(std::int64_t now_s) const { return expires_s != 0 && now_s >= expires_s; }
};

}  // namespace bridge
