// The table of keys: one entry makes a key settable, checked and documented.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"

namespace bridge {

// When a change of a key in the file is taken up.
enum class Reload {
  at_start,   // by the next start alone
  at_once,    // by SIGHUP
  with_tls,   // by SIGHUP, where TLS is spoken before and after it
  with_packing,  // by SIGHUP, where old events are compressed already
  with_auth,  // by SIGHUP, where clients have to say who they are already
};

struct ConfigKey {
  const char* name;     // section.key
  const char* meaning;  // for conf/bridge.toml; lines end in \n but the last
  const char* unit;     // "" = none
  ConfigValue fallback;
  std::int64_t min = 0;  // of an integer
  std::int64_t max = 0;
  // For text: what is wrong with it, or "" (may be empty: anything goes).
  std::function<std::string(const std::string&)> check;
  // The member of Config that it sets.
  std::function<void(Config&, const ConfigValue&)> set;
  const char* allowed = "";  // of text, for people
  std::vector<std::string> words = {};  // of text that must be one of them, in place of that
  bool is_table = false;     // a list of NAME=TEXT stands for a table
  Reload reload = Reload::at_start;
};

inline constexpr const char* kJournalPathDefault = "~/.local/state/ppo-bridge/journal.sqlite";
// The path with the home directory in place of a leading ~/. Without one it stays, and opening it fails
// with a message that names it.
std::string in_home(const std::string& path);

// Those of [engine] and [cluster], which are part of the table.
std::vector<ConfigKey> cluster_keys();

// In the order of conf/bridge.toml: sections together.
const std::vector<ConfigKey>& config_keys();

// websocket.listen -> PPO_BRIDGE_WEBSOCKET_LISTEN
std::string environment_name(std::string_view key_name);
// "an integer 1..100000, clients."
std::string allowed_text(const ConfigKey& key);
// "by SIGHUP", "at the next start", ...
const char* reload_text(const ConfigKey& key);
// As TOML.
std::string value_text(const ConfigKey& key, const ConfigValue& value);

}  // namespace bridge
