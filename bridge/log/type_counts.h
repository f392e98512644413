// How many events of each type have come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/text.h"

namespace bridge {

// Bounded by kEventTypesMax; what comes after is counted together under other(). One thread.
class TypeCounts {
 public:
  struct Count {
    std::uint64_t events = 0;
    std::int64_t last_event_us = 0;  // wall clock
  };

  void observe(std::string_view type, std::int64_t wall_us) {
    Slot& slot = recent_[slot_of(type)];
    if (slot.count == nullptr || !same_name(slot.name, type)) slot = find(type);
    ++slot.count->events;
    slot.count->last_event_us = wall_us;
  }

  // As counted elsewhere. REQUIRES: nothing was counted yet.
  void go_on_from(std::map<std::string, Count, std::less<>> counts, Count other) {
    counts_ = std::move(counts);
    other_ = other;
  }

  const std::map<std::string, Count, std::less<>>& counts() const { return counts_; }
  const Count& other() const { return other_; }

 private:
  // Where a type was found last: sources mix a few types, and their names differ in size or at an
  // end.
  struct Slot {
    std::string_view name;
    Count* count = nullptr;
  };
  static constexpr std::size_t kSlots = 64;
  static std::size_t slot_of(std::string_view type) {
    if (type.empty()) return 0;
    const auto at = [type](std::size_t i) { return static_cast<unsigned char>(type[i]); };
    return (type.size() + 5u * at(0) + 3u * at(type.size() - 1)) % kSlots;
  }

  Slot find(std::string_view type) {
    auto it = counts_.find(type);
    if (it == counts_.end() && counts_.size() < kEventTypesMax) {
      it = counts_.emplace(std::string(type), Count{}).first;
    }
    if (it == counts_.end()) return {{}, &other_};
    return {it->first, &it->second};
  }

  std::map<std::string, Count, std::less<>> counts_;
  Count other_;
  std::array<Slot, kSlots> recent_{};
};

}  // namespace bridge
