#include "commands/dead_mans_switch.h"

#include <utility>

namespace bridge {

bool DeadMansSwitches::arm(const std::string& name, std::int64_t timeout_us, Command on_expiry) {
  if (switches_.size() >= kSwitchesMax && switches_.count(name) == 0) return false;
  switches_[name] = {clock_.steady_us() + timeout_us, std::move(on_expiry)};
  return true;
}

void DeadMansSwitches::tick() {
  const std::int64_t now = clock_.steady_us();
  std::vector<std::pair<std::string, Command>> due;
  for (auto it = switches_.begin(); it != switches_.end();) {
    if (it->second.due_us > now) {
      ++it;
      continue;
    }
    due.emplace_back(it->first, std::move(it->second.on_expiry));
    it = switches_.erase(it);
  }
  for (const auto& [name, command] : due) on_expired_(name, command);
}

}  // namespace bridge
