#include "app/config.h"

#include <pwd.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

#include "access/roles.h"
#include "app/cluster_options.h"
#include "app/config_keys.h"
#include "app/memory_shares.h"
#include "app/reach.h"
#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kCoresAThread = 4;
constexpr std::size_t kThreadsChosenMax = 4;

constexpr std::string_view kEnvironmentPrefix = "PPO_BRIDGE_";

const ConfigKey* find_key(std::string_view name) {
  for (const ConfigKey& key : config_keys()) {
    if (name == key.name) return &key;
  }
  return nullptr;
}

std::string range_of(const ConfigKey& key) {
  if (std::holds_alternative<std::int64_t>(key.fallback)) {
    return "an integer " + std::to_string(key.min) + ".." + std::to_string(key.max);
  }
  if (std::holds_alternative<bool>(key.fallback)) return "true or false";
  if (!key.words.empty()) {
    std::string all = key.words.front();
    for (std::size_t i = 1; i < key.words.size(); ++i) all += (i + 1 < key.words.size() ? ", " : " or ") + key.words[i];
    return all;
  }
  if (std::holds_alternative<std::string>(key.fallback)) return *key.allowed != '\0' ? key.allowed : "text";
  return std::string(key.is_table ? "a table" : "a list") + " of at most " +
         std::to_string(key.max) + ", each " + key.allowed;
}

Failure not_allowed(const ConfigKey& key, const std::string& value, const std::string& from) {
  return Failure{std::string(key.name) + " is " + printable(value, 200) + "; must be " +
                 range_of(key) + " (" + from + ")"};
}

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& n) { out << n; });
  return out.str();
}

// A TOML value as the key wants it; nothing where it is of another kind.
std::optional<ConfigValue> convert(const ConfigKey& key, const toml::node& node) {
  if (std::holds_alternative<std::int64_t>(key.fallback)) {
    if (const auto v = node.value_exact<std::int64_t>()) return ConfigValue(*v);
  } else if (std::holds_alternative<bool>(key.fallback)) {
    if (const auto v = node.value_exact<bool>()) return ConfigValue(*v);
  } else if (std::holds_alternative<std::string>(key.fallback)) {
    if (const auto v = node.value_exact<std::string>()) return ConfigValue(*v);
  } else if (key.is_table) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) return std::nullopt;
    std::vector<std::string> list;
    for (const auto& [name, value] : *table) {
      const auto v = value.value_exact<std::string>();
      if (!v) return std::nullopt;
      list.push_back(std::string(name.str()) + "=" + *v);
    }
    return ConfigValue(std::move(list));
  } else {
    if (const auto v = node.value_exact<std::string>()) {
      return ConfigValue(std::vector<std::string>{*v});
    }
    if (const toml::array* const array = node.as_array()) {
      std::vector<std::string> list;
      for (const toml::node& element : *array) {
        const auto v = element.value_exact<std::string>();
        if (!v) return std::nullopt;
        list.push_back(*v);
      }
      return ConfigValue(std::move(list));
    }
  }
  return std::nullopt;
}

std::optional<Failure> check(const ConfigKey& key, const ConfigValue& value,
                             const std::string& from) {
  const auto wrong = [&](const std::string& why) {
    return Failure{std::string(key.name) + ": " + why + " (" + from + ")"};
  };
  if (const auto* n = std::get_if<std::int64_t>(&value)) {
    if (*n < key.min || *n > key.max) return not_allowed(key, std::to_string(*n), from);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    const std::string why = key.check ? key.check(*text) : std::string();
    if (!why.empty()) return wrong(why + "; must be " + range_of(key));
  } else if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    if (static_cast<std::int64_t>(list->size()) > key.max) {
      return wrong("has " + std::to_string(list->size()) + " entries; must be " + range_of(key));
    }
    for (const std::string& entry : *list) {
      const std::string why = key.check ? key.check(entry) : std::string();
      if (!why.empty()) return wrong(why + "; must be " + range_of(key));
    }
  }
  return std::nullopt;
}

// Where a value is from: later ones win.
enum class Level { file, environment, setting };

// Collects values by key.
class Values {
 public:
  explicit Values(const std::vector<DeprecatedKey>& deprecated) : deprecated_(deprecated) {}

  // The key that `name` sets; null where there is none. One that is called otherwise now is a warning, and a failure
  // where the new name is used beside it.
  Result<const ConfigKey*> key_named(const std::string& name, Level level, const std::string& from) {
    const auto old = std::find_if(deprecated_.begin(), deprecated_.end(), [&](const auto& d) { return d.name == name; });
    const ConfigKey* const key = find_key(old == deprecated_.end() ? name : old->successor);
    if (key == nullptr) return key;
    const auto before = names_.emplace(std::make_pair(level, key), name).first;
    if (before->second != name) {
      return Failure{before->second + " and " + name + " are the same key (" + from + "); must be " + key->name + " alone"};
    }
    if (old != deprecated_.end()) warnings_.push_back(name + " is called " + old->successor + " now (" + from + ")");
    return key;
  }

  std::optional<Failure> put(const ConfigKey& key, const toml::node& node,
                             const std::string& from) {
    auto value = convert(key, node);
    if (!value) return not_allowed(key, shown(node), from);
    return keep(key, std::move(*value), from);
  }

  // Of the key that an environment variable stands for, now or of old; "" where there is none.
  std::string name_of_variable(const std::string& variable) const {
    for (const ConfigKey& key : config_keys()) {
      if (environment_name(key.name) == variable) return key.name;
    }
    for (const DeprecatedKey& old : deprecated_) {
      if (environment_name(old.name) == variable) return old.name;
    }
    return {};
  }

  // `text` is a TOML value, or a bare word that stands for a string.
  std::optional<Failure> put_text(const ConfigKey& key, const std::string& text,
                                  const std::string& from) {
    try {
      const toml::table parsed = toml::parse("v = " + text);
      if (parsed.size() == 1) {
        if (auto value = convert(key, *parsed.get("v"))) return keep(key, std::move(*value), from);
        if (!std::holds_alternative<std::string>(key.fallback)) {
          return not_allowed(key, text, from);
        }
      }
    } catch (const toml::parse_error&) {
      // Not a TOML value: a bare word.
    }
    const toml::value<std::string> word{text};
    auto value = convert(key, word);
    if (!value) return not_allowed(key, text, from);
    return keep(key, std::move(*value), from);
  }

  // All, in the order of the table.
  std::vector<ConfigValue> values() const {
    std::vector<ConfigValue> all;
    for (const ConfigKey& key : config_keys()) {
      const auto it = values_.find(key.name);
      all.push_back(it == values_.end() ? key.fallback : it->second.first);
    }
    return all;
  }

  const std::vector<std::string>& warnings() const { return warnings_; }

  std::vector<ConfigEntry> entries() const {
    std::vector<ConfigEntry> entries;
    for (const ConfigKey& key : config_keys()) {
      const auto it = values_.find(key.name);
      const bool given = it != values_.end();
      entries.push_back({key.name, value_text(key, given ? it->second.first : key.fallback),
                         given ? it->second.second : kFromDefault});
    }
    return entries;
  }

 private:
  std::optional<Failure> keep(const ConfigKey& key, ConfigValue value, const std::string& from) {
    if (auto failure = check(key, value, from)) return failure;
    values_[key.name] = {std::move(value), from};
    return std::nullopt;
  }

  const std::vector<DeprecatedKey>& deprecated_;
  std::map<std::string, std::pair<ConfigValue, std::string>> values_;
  std::map<std::pair<Level, const ConfigKey*>, std::string> names_;  // by which each was set
  std::vector<std::string> warnings_;
};

std::optional<Failure> read_file(const std::string& path, Values& values) {
  toml::table parsed;
  try {
    parsed = toml::parse_file(path);
  } catch (const toml::parse_error& e) {
    const auto line = e.source().begin.line;
    return Failure{"cannot read " + path + (line != 0 ? ":" + std::to_string(line) : "") + ": " +
                   std::string(e.description())};
  }
  for (const auto& [section, node] : parsed) {
    const std::string section_name(section.str());
    const toml::table* const table = node.as_table();
    if (table == nullptr) {
      return Failure{"unknown key " + printable(section_name) + " (" + path +
                     "); keys stand in sections"};
    }
    for (const auto& [name, value] : *table) {
      const std::string full = section_name + "." + std::string(name.str());
      const std::string from = path + ":" + std::to_string(value.source().begin.line);
      const auto key = values.key_named(full, Level::file, from);
      if (!key) return key.error();
      if (key.value() == nullptr) {
        return Failure{"unknown key " + printable(full) + " with value " +
                       printable(shown(value)) + " (" + from + "); conf/bridge.toml holds them all"};
      }
      if (auto failure = values.put(*key.value(), value, from)) return failure;
    }
  }
  return std::nullopt;
}

std::optional<Failure> read_environment(
    const std::vector<std::pair<std::string, std::string>>& environment, Values& values) {
  for (const auto& [name, value] : environment) {
    if (name.compare(0, kEnvironmentPrefix.size(), kEnvironmentPrefix) != 0) continue;
    const std::string key_name = values.name_of_variable(name);
    if (key_name.empty()) {
      // Other programs of this project have variables with the same beginning.
      if (name == "PPO_BRIDGE_URL" || name == "PPO_BRIDGE_TOKEN" || name == "PPO_BRIDGE_BIN") continue;
      return Failure{"unknown variable " + printable(name) + " with value " + printable(value) +
                     " (environment); a key SECTION.KEY is PPO_BRIDGE_SECTION_KEY"};
    }
    const std::string from = "environment " + name;
    const auto key = values.key_named(key_name, Level::environment, from);
    if (!key) return key.error();
    if (auto failure = values.put_text(*key.value(), value, from)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> read_setting(const std::string& setting, Values& values) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos) {
    return Failure{"--set " + printable(setting) + ": must be section.key=value"};
  }
  const std::string name = setting.substr(0, equals);
  const auto key = values.key_named(name, Level::setting, "--set");
  if (!key) return key.error();
  if (key.value() == nullptr) {
    return Failure{"unknown key " + printable(name) + " with value " +
                   printable(setting.substr(equals + 1)) +
                   " (--set); conf/bridge.toml holds them all"};
  }
  return values.put_text(*key.value(), setting.substr(equals + 1), "--set");
}

Result<Values> read_all(const ConfigSources& sources, const std::vector<DeprecatedKey>& deprecated) {
  Values values(deprecated);
  if (!sources.file.empty()) {
    if (auto failure = read_file(sources.file, values)) return *failure;
  }
  if (auto failure = read_environment(sources.environment, values)) return *failure;
  for (const std::string& setting : sources.settings) {
    if (auto failure = read_setting(setting, values)) return *failure;
  }
  return values;
}

}  // namespace

std::string in_home(const std::string& path) {
  if (path.rfind("~/", 0) != 0) return path;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* const user = getpwuid(getuid());
    home = user != nullptr ? user->pw_dir : nullptr;
  }
  return home == nullptr ? path : home + path.substr(1);
}

std::string environment_name(std::string_view key_name) {
  std::string name(kEnvironmentPrefix);
  for (const char c : key_name) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string allowed_text(const ConfigKey& key) {
  return range_of(key) + (*key.unit != '\0' ? std::string(", ") + key.unit : "") + ".";
}

const char* reload_text(const ConfigKey& key) {
  switch (key.reload) {
    case Reload::at_start: break;
    case Reload::at_once: return "by SIGHUP";
    case Reload::with_tls: return "by SIGHUP, where TLS is spoken before and after it";
    case Reload::with_packing: return "by SIGHUP, where it is not 0 already";
    case Reload::with_auth: return "by SIGHUP, where clients have to say who they are already";
  }
  return "at the next start";
}

std::string value_text(const ConfigKey& key, const ConfigValue& value) {
  if (const auto* n = std::get_if<std::int64_t>(&value)) return std::to_string(*n);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return json_string(*text);  // TOML's basic strings have the same escapes
  std::string out;
  for (const std::string& entry : std::get<std::vector<std::string>>(value)) {
    const std::size_t equals = entry.find('=');
    out += (out.empty() ? "" : ", ") +
           (key.is_table ? json_string(entry.substr(0, equals)) + " = " + json_string(entry.substr(equals + 1)) : json_string(entry));
  }
  return key.is_table ? "{" + out + "}" : "[" + out + "]";
}

Result<std::vector<ConfigEntry>> effective_config(const ConfigSources& sources) {
  const auto values = read_all(sources, deprecated_keys());
  if (!values) return values.error();
  return values.value().entries();
}

std::size_t client_threads(const Config& config) {
  if (config.websocket.threads != 0) return static_cast<std::size_t>(config.websocket.threads);
  if (config.engine.kind == "jetstream") return 1;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  const auto count = static_cast<std::size_t>(CPU_COUNT(&cores));
  return std::clamp<std::size_t>(count / kCoresAThread, 1, kThreadsChosenMax);
}

std::optional<Failure> wrong_together(const Config& config) {
  if (config.events.message_bytes_max < config.events.event_bytes_max) {
    return Failure{"events.message_bytes_max is " +
                   std::to_string(config.events.message_bytes_max) +
                   "; must be at least events.event_bytes_max, " +
                   std::to_string(config.events.event_bytes_max)};
  }
  if (config.journal.before_delivery && config.journal.path.empty()) {
    return Failure{"journal.before_delivery is true, but journal.path is \"\"; it needs a journal"};
  }
  if (config.events.bind.empty() && config.events.connect.empty()) {
    return Failure{"events.bind and events.connect are both empty; no event could come"};
  }
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    const bool key = config.tls.key.empty();
    return Failure{std::string("tls.") + (key ? "key" : "certificate") + " is \"\", but tls." +
                   (key ? "certificate" : "key") + " is not; TLS needs both"};
  }
  if (!config.auth.jwt_keys.empty() && (config.auth.jwt_issuer.empty() || config.auth.jwt_audience.empty())) {
    return Failure{std::string("auth.jwt_") + (config.auth.jwt_issuer.empty() ? "issuer" : "audience") +
                   " is \"\", but auth.jwt_keys is not; JSON Web Tokens need it"};
  }
  if (config.auth.jwt_keys.empty() && !config.auth.jwt_revoked.empty()) {
    return Failure{"auth.jwt_revoked is set, but auth.jwt_keys is \"\"; there is nothing to revoke"};
  }
  if (config.zmq.curve_on_loopback && config.zmq.curve_key.empty()) {
    return Failure{"zmq.curve_on_loopback is true, but zmq.curve_key is \"\"; it needs a key"};
  }
  if (auto wrong = check_reach(config)) return std::move(*wrong);
  if (auto wrong = wrong_cluster(config)) return std::move(*wrong);
  MemoryLedger ledger;
  if (const auto fits = share_memory(config, ledger); !fits) return fits.error();
  return std::nullopt;
}

const std::vector<DeprecatedKey>& deprecated_keys() {
  static const std::vector<DeprecatedKey> keys;
  return keys;
}

Config make_config(const std::vector<ConfigValue>& values) {
  Config config;
  for (std::size_t i = 0; i < config_keys().size(); ++i) config_keys()[i].set(config, values[i]);
  return config;
}

Result<LoadedConfig> read_config(const ConfigSources& sources, const std::vector<DeprecatedKey>& deprecated) {
  const auto values = read_all(sources, deprecated);
  if (!values) return values.error();
  LoadedConfig loaded{{}, values.value().values(), values.value().warnings()};
  loaded.config = make_config(loaded.values);
  if (auto wrong = wrong_together(loaded.config)) return std::move(*wrong);
  return loaded;
}

Result<Config> load_config(const ConfigSources& sources) {
  auto loaded = read_config(sources);
  if (!loaded) return loaded.error();
  return std::move(loaded.value().config);
}

std::optional<Failure> wrong_roles(const Config& config) {
  if (config.auth.roles.empty()) return std::nullopt;
  const auto roles = Roles::load(config.auth.roles);
  return roles ? std::nullopt : std::optional<Failure>(Failure{"auth.roles: " + roles.error().message});
}

std::string default_config_text() {
  std::string out =
      "# Every key of ppo-bridge, at its default. Use it with: ppo-bridge -c bridge.toml\n"
      "#\n"
      "# The command line (--set section.key=value) overrides the environment\n"
      "# (PPO_BRIDGE_SECTION_KEY=value), which overrides this file. A wrong or unknown key stops\n"
      "# the start and is named; ppo-bridge --check-config -c FILE tells without starting.\n"
      "#\n"
      "# SIGHUP (systemctl reload ppo-bridge) reads this file anew. What changes by it says so; what else is different\n"
      "# is named in the log and stays until the next start. Where anything is wrong nothing changes.\n";
  std::string section;
  for (const ConfigKey& key : config_keys()) {
    const std::string name = key.name;
    const std::size_t dot = name.find('.');
    if (name.substr(0, dot) != section) {
      section = name.substr(0, dot);
      out += "\n[" + section + "]\n";
    } else {
      out += "\n";
    }
    std::istringstream lines(key.meaning);
    for (std::string line; std::getline(lines, line);) out += "# " + line + "\n";
    const std::string reload = key.reload == Reload::at_start ? "" : std::string(" Changes ") + reload_text(key) + ".";
    out += "# " + allowed_text(key) + reload + "\n" + name.substr(dot + 1) + " = " + value_text(key, key.fallback) + "\n";
  }
  return out;
}

}  // namespace bridge
