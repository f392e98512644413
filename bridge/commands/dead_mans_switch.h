// Commands that are issued unless somebody keeps saying not to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commands/command.h"

namespace bridge {

inline constexpr std::size_t kSwitchesMax = 1024;
inline constexpr std::int64_t kSwitchTimeoutMinUs = 100'000;
inline constexpr std::int64_t kSwitchTimeoutMaxUs = 86'400'000'000;

// Armed by name: a client that comes back re-arms its switch, whatever connection it has now. One
// thread. References must outlive it.
class DeadMansSwitches {
 public:
  // Called with the command of a switch that was not re-armed in time; the switch is gone by then.
  using Expired = std::function<void(const std::string& name, const Command& command)>;

  DeadMansSwitches(const Clock& clock, Expired on_expired)
      : clock_(clock), on_expired_(std::move(on_expired)) {}

  // Arms, or starts the time anew and takes the new command. False where kSwitchesMax are armed.
  // REQUIRES: timeout_us in kSwitchTimeoutMinUs..kSwitchTimeoutMaxUs.
  [[nodiscard]] bool arm(const std::string& name, std::int64_t timeout_us, Command on_expiry);

  // True where it was armed.
  bool disarm(const std::string& name) { return switches_.erase(name) != 0; }

  // Fires what is due. Call every few tens of milliseconds while !empty().
  void tick();
  bool empty() const { return switches_.empty(); }

 private:
  struct Switch {
    std::int64_t due_us;
    Command on_expiry;
  };
  const Clock& clock_;
  const Expired on_expired_;
  std::map<std::string, Switch> switches_;
};

}  // namespace bridge
