// What a role may read, of events and of everything that is made of them (PROTOCOL section 10).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// Allows events of which all three lists cover their part; an empty list covers all.
struct ReadRule {
  std::vector<std::string> types, sources, agents;
};

// Whether the bridge's own events may be of that type.
bool is_own_type(std::string_view type);

// Immutable, and shared between threads. Null stands for the right to read everything, so that who has it pays
// nothing. A source or agent that is empty stands for none.
class ReadScope {
 public:
  // Null where a rule covers everything; without rules it covers nothing.
  static std::shared_ptr<const ReadScope> of(std::vector<ReadRule> rules);

  bool may_read(std::string_view type, std::string_view source, std::string_view agent) const;
  // At least some event of that source, or of that agent of it.
  bool may_read_some(std::string_view source) const;
  bool may_read_some(std::string_view source, std::string_view agent) const;
  // Events of every type, of that agent or, without one, of all.
  bool may_read_all(std::string_view source, std::string_view agent = {}) const;
  // Every event of that type, whatever its source and agent.
  bool may_read_all_of_type(std::string_view type) const;
  // Every event whose type the pattern covers, or, where there are such, only those of these sources and agents.
  bool may_read_all_of(std::string_view type_pattern, const std::vector<std::string>& sources,
                       const std::vector<std::string>& agents) const;
  // All that a subscription of a bot to this topic, or beginning of one, can match (PROTOCOL section 3).
  bool may_read_topic(std::string_view prefix) const;

  bool nothing() const { return rules_.empty(); }
  // The same for scopes that allow the same by the same rules, in whatever order; always 64 characters.
  const std::string& key() const { return key_; }
  // Whether agents make a difference.
  bool by_agent() const { return by_agent_; }
  // Entries of all lists: what looking at an event costs.
  std::size_t size() const { return size_; }

 private:
  ReadScope() = default;

  std::vector<ReadRule> rules_;
  std::string key_;
  std::size_t size_ = 0;
  bool by_agent_ = false;
};

using ReadScopePtr = std::shared_ptr<const ReadScope>;

// Of two, where null stands for everything.
inline bool same_scope(const ReadScopePtr& a, const ReadScopePtr& b) {
  return a == b || (a != nullptr && b != nullptr && a->key() == b->key());
}

}  // namespace bridge
