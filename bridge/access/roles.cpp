#include "access/roles.h"

#include <algorithm>
#include <utility>

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

#include "access/pattern.h"
#include "access/private_file.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kAgentBytesMax = 256;

std::vector<Role> built_in_roles() {
  const std::vector<std::string> reading = {"get_*", "list_*", "replay", "replay_stop"};
  std::vector<std::string> trading = reading;
  trading.insert(trading.end(), {"place_order", "cancel_order", "arm_dead_mans_switch", "disarm_dead_mans_switch"});
  const std::vector<ReadRule> all = {{}};
  const std::vector<PublishRule> anything = {{}};
  return {{"viewer", all, {}, {{reading, {}}}, {"/readyz"}, false},
          {"operator", all, {}, {{{"*"}, {}}}, {"/readyz", "/metrics"}, true},
          {"bot", all, {}, {{trading, {}}}, {}, false},
          {"trainer", {}, {{{}, {"{name}", "{name}-*"}}}, {}, {"/submit_event"}, false},
          {"metrics", {}, {}, {}, {"/readyz", "/metrics"}, false},
          {"admin", all, anything, {{{"*"}, {}}}, {"*"}, true}};
}

// A mistake in the file; never leaves this one.
struct Mistake {
  std::string message;
};

// What an entry of a list may be: the check is of it without its `*` and with a name in place of {name}.
struct EntryKind {
  bool (*check)(std::string_view text);
  const char* allowed;
  bool placeholder;
};

bool is_agent_text(std::string_view text) {
  return !text.empty() && text.size() <= kAgentBytesMax &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '*'; });
}

bool is_target_text(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return is_name(text.substr(0, slash)) && (slash + 1 == text.size() || is_agent_text(text.substr(slash + 1)));
}

bool is_path(std::string_view text) { return text == "/readyz" || text == "/metrics" || text == "/submit_event"; }

constexpr EntryKind kType = {is_type_name, "\"*\", 1-64 characters of A-Z a-z 0-9 _ . -, or the beginning of such with * behind it", false};
constexpr EntryKind kSource = {is_name, "\"*\", 1-64 characters of A-Z a-z 0-9 _ . : - or {name}, or the beginning of such with * behind it", true};
constexpr EntryKind kAgent = {is_agent_text, "\"*\", 1-256 bytes of text, {name} among them or not, or the beginning of such with * behind it", true};
constexpr EntryKind kTarget = {is_target_text, "\"*\", SOURCE or SOURCE/AGENT, either with {name} in it or with * at its end", true};
constexpr EntryKind kPath = {is_path, "\"*\", \"/readyz\", \"/metrics\" or \"/submit_event\"", false};

bool is_entry(const EntryKind& kind, std::string_view entry) {
  if (entry == "*") return true;
  if (!entry.empty() && entry.back() == '*' && &kind != &kPath) entry.remove_suffix(1);
  return kind.check(kind.placeholder ? for_holder(std::string(entry), "x") : std::string(entry));
}

// Reads one role; throws Mistake.
class RoleReader {
 public:
  RoleReader(const std::string& from, std::string name) : from_(from), where_("role." + name) { role_.name = std::move(name); }

  Role read(const toml::table& table) {
    only(table, where_, {"read", "publish", "command", "http", "clients"});
    each(table, "read", {"types", "sources", "agents"}, [this](const toml::table& rule, const std::string& where) {
      role_.read.push_back({list(rule, where, "types", kType), list(rule, where, "sources", kSource),
                            list(rule, where, "agents", kAgent)});
    });
    each(table, "publish", {"types", "sources"}, [this](const toml::table& rule, const std::string& where) {
      role_.publish.push_back({list(rule, where, "types", kType), list(rule, where, "sources", kSource)});
    });
    each(table, "command", {"commands", "targets"}, [this](const toml::table& rule, const std::string& where) {
      if (!rule.contains("commands")) {
        fail(rule, where + " has no commands; must be a list of what is allowed, such as [\"pause\"] or [\"*\"]");
      }
      role_.command.push_back({list(rule, where, "commands", kType), list(rule, where, "targets", kTarget)});
    });
    if (table.contains("http")) role_.paths = list(table, where_, "http", kPath);
    if (const toml::node* const clients = table.get("clients")) {
      const auto word = clients->value_exact<std::string>().value_or("");
      if (word != "own" && word != "all") fail(*clients, where_ + ".clients must be \"own\" or \"all\"");
      role_.sees_all_clients = word == "all";
    }
    return std::move(role_);
  }

  [[noreturn]] void fail(const toml::node& node, const std::string& message) const {
    throw Mistake{from_ + ":" + std::to_string(node.source().begin.line) + ": " + message};
  }

 private:
  void only(const toml::table& table, const std::string& where, const std::vector<std::string>& known) const {
    for (const auto& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string names;
      for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
      fail(value, where + "." + printable(key.str()) + " is not known; may be " + names);
    }
  }

  template <class Read>
  void each(const toml::table& table, const char* kind, const std::vector<std::string>& known, Read read) {
    const toml::node* const node = table.get(kind);
    if (node == nullptr) return;
    const std::string where = where_ + "." + kind;
    const toml::array* const rules = node->as_array();
    if (rules == nullptr) fail(*node, where + " must be a list of tables: [[" + where + "]]");
    for (std::size_t i = 0; i < rules->size(); ++i) {
      const std::string here = where + "[" + std::to_string(i) + "]";
      const toml::table* const rule = rules->get(i)->as_table();
      if (rule == nullptr) fail(*rules->get(i), here + " must be a table: [[" + where + "]]");
      if (++rules_ > kRoleRulesMax) fail(*rule, here + " is one rule too many; " + where_ + " may have " + std::to_string(kRoleRulesMax));
      only(*rule, here, known);
      read(*rule, here);
    }
  }

  // Empty where it is left out.
  std::vector<std::string> list(const toml::table& table, const std::string& rule, const char* name, const EntryKind& kind) {
    std::vector<std::string> entries;
    const toml::node* const node = table.get(name);
    if (node == nullptr) return entries;
    const std::string where = rule + "." + name;
    const toml::array* const array = node->as_array();
    if (array == nullptr || array->empty() || array->size() > kRoleListEntriesMax) {
      fail(*node, where + " must be a list of 1.." + std::to_string(kRoleListEntriesMax) + " texts");
    }
    for (const toml::node& element : *array) {
      const std::string here = where + "[" + std::to_string(entries.size()) + "]";
      const auto text = element.value_exact<std::string>();
      if (!text) fail(element, here + " must be a text");
      if (!is_entry(kind, *text)) fail(element, here + " is \"" + printable(*text) + "\"; must be " + kind.allowed);
      if (++entries_ > kRoleEntriesMax) fail(element, here + " is one entry too many; " + where_ + " may have " + std::to_string(kRoleEntriesMax));
      entries.push_back(*text);
    }
    return entries;
  }

  const std::string& from_;
  const std::string where_;
  Role role_;
  std::size_t rules_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace

Roles::Roles() {
  for (Role& role : built_in_roles()) {
    names_.push_back(role.name);
    roles_.emplace(names_.back(), std::make_shared<const Role>(std::move(role)));
  }
}

Result<Roles> Roles::parse(std::string_view text, const std::string& from) {
  Roles roles;
  try {
    const toml::table file = toml::parse(text, from);
    for (const auto& [section, node] : file) {
      const std::string name(section.str());
      const toml::table* const all = node.as_table();
      if (name != "role" || all == nullptr) {
        throw Mistake{from + ":" + std::to_string(node.source().begin.line) + ": " + printable(name) +
                      " is not known; roles are [role.NAME] with [[role.NAME.read]], [[role.NAME.publish]] and [[role.NAME.command]]"};
      }
      for (const auto& [key, value] : *all) {
        RoleReader reader(from, printable(key.str()));
        const std::string role_name(key.str());
        const toml::table* const table = value.as_table();
        if (!is_name(role_name)) reader.fail(value, "a role is called \"" + printable(role_name) + "\"; must be 1-64 characters of A-Z a-z 0-9 _ . : -");
        if (roles.find(role_name) != nullptr) reader.fail(value, "role." + role_name + " is built in; must be another name than " + roles.names());
        if (table == nullptr) reader.fail(value, "role." + role_name + " must be a table");
        if (all->size() > kRolesMax) reader.fail(value, std::to_string(all->size()) + " roles; must be at most " + std::to_string(kRolesMax));
        roles.roles_.emplace(role_name, std::make_shared<const Role>(reader.read(*table)));
      }
      for (const auto& [key, value] : *all) roles.names_.emplace_back(key.str());
    }
  } catch (const toml::parse_error& error) {
    return Failure{from + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description())};
  } catch (const Mistake& mistake) {
    return Failure{mistake.message};
  }
  return roles;
}

Result<Roles> Roles::load(const std::string& path) {
  const auto text = read_private_file(path);
  if (!text) return text.error();
  if (!text.value()) return Failure{path + " is not there"};
  return parse(*text.value(), path);
}

std::shared_ptr<const Role> Roles::find(std::string_view name) const {
  const auto found = roles_.find(name);
  return found == roles_.end() ? nullptr : found->second;
}

std::string Roles::names() const {
  std::string all;
  for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace bridge
