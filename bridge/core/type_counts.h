// How many events of each type have come.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace bridge {

// Bounded by kEventTypesMax; what comes after is counted together under other(). One thread.
class TypeCounts {
 public:
  struct Count {
    std::uint64_t events = 0;
    std::int64_t last_event_us = 0;  // wall clock
  };

  void observe(std::string_view type, std::int64_t wall_us) {
    if (last_ == nullptr || type != last_name_) find(type);
    ++last_->events;
    last_->last_event_us = wall_us;
  }

  const std::map<std::string, Count, std::less<>>& counts() const { return counts_; }
  const Count& other() const { return other_; }

 private:
  void find(std::string_view type) {
    auto it = counts_.find(type);
    if (it == counts_.end() && counts_.size() < kEventTypesMax) {
      it = counts_.emplace(std::string(type), Count{}).first;
    }
    last_ = it == counts_.end() ? &other_ : &it->second;
    last_name_ = it == counts_.end() ? std::string_view() : std::string_view(it->first);
  }

  std::map<std::string, Count, std::less<>> counts_;
  Count other_;
  std::string_view last_name_;
  Count* last_ = nullptr;
};

}  // namespace bridge
