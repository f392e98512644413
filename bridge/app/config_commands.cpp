#include "app/config_commands.h"

#include <algorithm>
#include <iostream>

#include "app/config_keys.h"
#include "app/setup.h"
#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

int fail(const std::string& message) {
  std::cerr << "ppo-bridge: " << message << "\n";
  return 2;
}

int written() {
  std::cout.flush();
  return std::cout ? 0 : 1;
}

std::string section_of(const std::string& key) { return key.substr(0, key.find('.')); }
std::string name_of(const std::string& key) { return key.substr(key.find('.') + 1); }

// As a file that says the same again.
std::string file_text(const std::vector<ConfigEntry>& entries, bool changed_only) {
  std::string out;
  std::string section;
  for (const ConfigEntry& entry : entries) {
    if (changed_only && entry.from == kFromDefault) continue;
    if (section_of(entry.key) != section) {
      out += (out.empty() ? "[" : "\n[") + section_of(entry.key) + "]\n";
      section = section_of(entry.key);
    }
    out += name_of(entry.key) + " = " + entry.value + "  # " + entry.from + "\n";
  }
  return out;
}

std::string type_schema(const ConfigKey& key) {
  if (std::holds_alternative<bool>(key.fallback)) return R"("type": "boolean")";
  if (std::holds_alternative<std::int64_t>(key.fallback)) {
    return R"("type": "integer", "minimum": )" + std::to_string(key.min) + R"(, "maximum": )" + std::to_string(key.max);
  }
  const std::string most = std::to_string(key.max);
  if (key.is_table) {
    return R"("type": "object", "additionalProperties": {"type": "string"}, "maxProperties": )" + most;
  }
  if (!std::holds_alternative<std::string>(key.fallback)) {
    return R"("type": ["string", "array"], "items": {"type": "string"}, "maxItems": )" + most;
  }
  std::string words;
  for (const std::string& word : key.words) words += (words.empty() ? "" : ", ") + json_string(word);
  return R"("type": "string")" + (words.empty() ? "" : R"(, "enum": [)" + words + "]");
}

// JSON Schema of the file, for editors.
std::string schema_text() {
  std::string out = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Configuration of ppo-bridge",
  "type": "object",
  "additionalProperties": false,
  "properties": {)";
  std::string section;
  for (const ConfigKey& key : config_keys()) {
    const bool first = section_of(key.name) != section;
    if (first) {
      out += section.empty() ? "\n" : "\n    }},\n";
      section = section_of(key.name);
      out += "    " + json_string(section) + R"(: {"type": "object", "additionalProperties": false, "properties": {)";
    }
    std::string meaning = key.meaning;
    std::replace(meaning.begin(), meaning.end(), '\n', ' ');
    out += (first ? "\n      " : ",\n      ") + json_string(name_of(key.name)) + ": {" + type_schema(key);
    // TOML's values of these kinds are JSON's, but for tables, which are empty here.
    out += R"(, "default": )" + value_text(key, key.fallback) + R"(, "description": )" +
           json_string(meaning + " " + allowed_text(key) + " Changes " + reload_text(key) + ".") + "}";
  }
  return out + "\n    }}\n  }\n}\n";
}

}  // namespace

ConfigCommands::ConfigCommands(CLI::App& cli, const ConfigSources& sources) : sources_(sources) {
  config_ = cli.add_subcommand("config", "Check, show and explain the configuration");
  config_->require_subcommand(1)->fallthrough();
  check_ = config_->add_subcommand("check", "Say whether it is good");
  check_->add_flag("--files", files_, "And whether the files that it names can be used: credentials, roles, certificate, keys");
  show_ = config_->add_subcommand("show", "Print every key with its value and where that is from, as a file");
  show_->add_flag("--changed", changed_, "Only what is not from the defaults");
  explain_ = config_->add_subcommand("explain", "Tell what a key means, which values it takes, and the one it has");
  explain_->add_option("KEY", key_, "section.key")->required();
  config_->add_subcommand("schema", "Print a JSON Schema of the file, for editors");
}

int ConfigCommands::run() {
  if (explain_->parsed()) return explain();
  if (!check_->parsed() && !show_->parsed()) {
    std::cout << schema_text();
    return written();
  }
  const auto loaded = read_config(sources_);
  if (!loaded) return fail(loaded.error().message);
  for (const std::string& warning : loaded.value().warnings) std::cerr << "ppo-bridge: warning: " << warning << "\n";
  if (const auto wrong = wrong_roles(loaded.value().config); wrong && check_->parsed()) return fail(wrong->message);
  if (files_) {
    if (const auto wrong = wrong_files(loaded.value().config)) return fail(wrong->message);
  }
  std::cout << (check_->parsed() ? "configuration ok\n" : file_text(effective_config(sources_).value(), changed_));
  return written();
}

int ConfigCommands::explain() {
  const auto& keys = config_keys();
  for (const DeprecatedKey& old : deprecated_keys()) {
    if (key_ != old.name) continue;
    std::cout << old.name << " is called " << old.successor << " now\n\n";
    key_ = old.successor;
  }
  const auto key = std::find_if(keys.begin(), keys.end(), [this](const ConfigKey& k) { return key_ == k.name; });
  if (key == keys.end()) {
    std::string others;
    for (const ConfigKey& k : keys) {
      if (section_of(k.name) == section_of(key_)) others += (others.empty() ? "; there are " : ", ") + std::string(k.name);
    }
    return fail("no key is called " + printable(key_) + (others.empty() ? "; `config show` has all of them" : others));
  }
  const auto effective = effective_config(sources_);
  if (!effective) return fail(effective.error().message);
  const ConfigEntry& entry = effective.value()[static_cast<std::size_t>(key - keys.begin())];
  std::cout << key->name << "\n\n" << key->meaning << "\n\n"
            << "allowed      " << allowed_text(*key) << "\n"
            << "default      " << value_text(*key, key->fallback) << "\n"
            << "changes      " << reload_text(*key) << "\n"
            << "environment  " << environment_name(key->name) << "\n"
            << "value        " << entry.value << "\n"
            << "from         " << entry.from << "\n";
  return written();
}

}  // namespace bridge
