// Who may have one more question about runs wait, and behind whose: a question of each asker in rotation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace bridge {

// Bounded by kWaitingMax askers, twice as many questions. One thread.
class AskerRounds {
 public:
  static constexpr std::size_t kWaitingMax = 64;  // of all; who has none may have one all the same, up to twice as many
  static constexpr std::size_t kWaitingOfOneMax = 16;

  // The round of one more question: it is answered behind those of lower rounds, and of the same one that came before. `begun`:
  // the round of the one that was begun last. Nothing where too many wait.
  std::optional<std::uint64_t> add(const void* who, std::uint64_t begun) {
    const auto known = askers_.find(who);
    const std::size_t his = known == askers_.end() ? 0 : known->second.waiting;
    if (his >= kWaitingOfOneMax || count_ >= (his == 0 ? 2 * kWaitingMax : kWaitingMax)) return std::nullopt;
    Asker& asker = askers_[who];
    ++asker.waiting;
    ++count_;
    return asker.round = std::max(asker.round, begun) + 1;
  }
  // One of his waits no more. REQUIRES: it was added.
  void end(const void* who) {
    --count_;
    const auto his = askers_.find(who);
    if (--his->second.waiting == 0) askers_.erase(his);
  }

 private:
  struct Asker {
    std::size_t waiting = 0;
    std::uint64_t round = 0;  // of his last one
  };
  std::map<const void*, Asker> askers_;  // those who wait
  std::size_t count_ = 0;
};

}  // namespace bridge
