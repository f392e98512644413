#include "access/read_scope.h"

#include <algorithm>
#include <array>

#include <openssl/sha.h>

#include "access/pattern.h"
#include "base/hex.h"

namespace bridge {
namespace {

constexpr std::string_view kAlertTypes = "alert_";
constexpr std::string_view kOwnEvents = "ppo-bridge";  // their source
constexpr std::array<std::string_view, 2> kOwnTypes = {"system_status", "command_executed"};  // and those of alerts

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

void normalize(std::vector<std::string>& patterns) {
  if (is_all(patterns)) return patterns.clear();
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
}

// Sizes keep the parts apart, whatever they hold.
void append_to_key(std::string& key, const std::vector<std::string>& patterns) {
  key += std::to_string(patterns.size()) + ';';
  for (const std::string& pattern : patterns) key += std::to_string(pattern.size()) + ':' + pattern;
}

}  // namespace

bool is_own_type(std::string_view type) {
  return begins(type, kAlertTypes) || std::find(kOwnTypes.begin(), kOwnTypes.end(), type) != kOwnTypes.end();
}

std::shared_ptr<const ReadScope> ReadScope::of(std::vector<ReadRule> rules) {
  std::vector<std::pair<std::string, ReadRule>> ordered;
  for (ReadRule& rule : rules) {
    std::string key;
    for (auto* const list : {&rule.types, &rule.sources, &rule.agents}) {
      normalize(*list);
      append_to_key(key, *list);
    }
    if (rule.types.empty() && rule.sources.empty() && rule.agents.empty()) return nullptr;
    ordered.emplace_back(std::move(key), std::move(rule));
  }
  const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(ordered.begin(), ordered.end(), by_key);
  const std::shared_ptr<ReadScope> scope(new ReadScope());
  std::string all;
  for (auto& [key, rule] : ordered) {
    all += key + '\n';
    scope->size_ += 1 + rule.types.size() + rule.sources.size() + rule.agents.size();
    scope->by_agent_ = scope->by_agent_ || !rule.agents.empty();
    scope->rules_.push_back(std::move(rule));
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  for (const unsigned char byte : digest) append_hex(byte, &scope->key_);
  return scope;
}

bool ReadScope::may_read(std::string_view type, std::string_view source, std::string_view agent) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    return any_covers(rule.types, type) && any_covers(rule.sources, source) && any_covers(rule.agents, agent);
  });
}

bool ReadScope::may_read_some(std::string_view source) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) { return any_covers(rule.sources, source); });
}

bool ReadScope::may_read_some(std::string_view source, std::string_view agent) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    return any_covers(rule.sources, source) && any_covers(rule.agents, agent);
  });
}

bool ReadScope::may_read_all(std::string_view source, std::string_view agent) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    return rule.types.empty() && any_covers(rule.sources, source) && any_covers(rule.agents, agent);
  });
}

bool ReadScope::may_read_all_of_type(std::string_view type) const {
  if (type.substr(0, kAlertTypes.size()) == kAlertTypes) return false;  // these tell of others
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    return any_covers(rule.types, type) && rule.sources.empty() && rule.agents.empty();
  });
}

bool ReadScope::may_read_all_of(std::string_view type_pattern, const std::vector<std::string>& sources,
                                const std::vector<std::string>& agents) const {
  const auto all_of = [](const std::vector<std::string>& patterns, const std::vector<std::string>& names) {
    if (names.empty()) return patterns.empty();
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return any_covers(patterns, name); });
  };
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    const bool types = any_covers(rule.types, type_pattern);  // a longer beginning is covered by a shorter one
    return types && all_of(rule.sources, sources) && all_of(rule.agents, agents);
  });
}

bool ReadScope::may_read_topic(std::string_view prefix) const {
  const std::size_t slash = prefix.find('/');
  const std::string_view type = prefix.substr(0, slash);
  const bool whole_type = slash != std::string_view::npos;
  std::string_view source = whole_type ? prefix.substr(slash + 1) : std::string_view();
  const bool whole_source = !source.empty() && source.back() == '/';
  if (whole_source) source.remove_suffix(1);
  const bool from_bridge = whole_source ? source == kOwnEvents : begins(kOwnEvents, source);
  const auto may_be = [&](std::string_view own) { return from_bridge && (whole_type ? type == own : begins(own, type)); };
  if (may_be(kAlertTypes) || (from_bridge && begins(type, kAlertTypes))) return false;  // they tell of others, of any type
  const bool own = std::any_of(kOwnTypes.begin(), kOwnTypes.end(), may_be);
  return std::any_of(rules_.begin(), rules_.end(), [&](const ReadRule& rule) {
    const auto part = [](const std::vector<std::string>& patterns, std::string_view text, bool whole) {
      if (whole) return any_covers(patterns, text);
      return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
               return covers_all_behind(pattern, text);
             });
    };
    if (!rule.agents.empty() || !part(rule.types, type, whole_type)) return false;
    return own ? rule.sources.empty() : part(rule.sources, source, whole_source);  // the topic does not tell what it is about
  });
}

}  // namespace bridge
