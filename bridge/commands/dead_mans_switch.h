// Commands that are issued unless somebody keeps saying not to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commands/command.h"

namespace bridge {

inline constexpr std::size_t kSwitchesMax = 1024;
inline constexpr std::size_t kSwitchBytesMax = 16 * 1024;  // of one's params
inline constexpr std::int64_t kSwitchTimeoutMinUs = 100'000;
inline constexpr std::int64_t kSwitchTimeoutMaxUs = 86'400'000'000;

// Armed by name: a client that comes back re-arms its switch, whatever connection it has now. What is
// armed is kept by a store, where there is one, so that it is still armed when the bridge starts anew.
// One thread. References must outlive it.
class DeadMansSwitches {
 public:
  // Called with the command of a switch that was not re-armed in time; the switch is gone by then.
  using Expired = std::function<void(const std::string& name, const Command& command)>;
  // Keeps a switch's params, or with none forgets it; calls back, now or later, whether that is done.
  using Keep = std::function<void(const std::string& name, const std::string& params_json,
                                  std::function<void(bool kept)> done)>;

  DeadMansSwitches(const Clock& clock, Expired on_expired)
      : clock_(clock), on_expired_(std::move(on_expired)) {}

  void set_store(Keep keep) { keep_ = std::move(keep); }

  // Arms, or starts the time anew and takes the new command. `params_json`: what arms it again; `done`
  // is told, now or later, whether it is kept. False where kSwitchesMax are armed: nothing is done.
  // REQUIRES: timeout_us in kSwitchTimeoutMinUs..kSwitchTimeoutMaxUs.
  [[nodiscard]] bool arm(const std::string& name, std::int64_t timeout_us, Command on_expiry,
                         std::string params_json, const std::function<void(bool)>& done);

  // The store has this one; it is forgotten there unless it is armed with the same params next.
  void restore(const std::string& name, const std::string& params_json) {
    kept_[name] = params_json;
  }

  // Gives an armed one at least so long.
  void spare(const std::string& name, std::int64_t us) {
    const auto armed = switches_.find(name);
    if (armed == switches_.end()) return;
    armed->second.due_us = std::max(armed->second.due_us, clock_.steady_us() + us);
  }

  // True where it was armed.
  bool disarm(const std::string& name);

  // Fires what is due, and tells the store again what it could not keep. Call every few tens of
  // milliseconds while !empty().
  void tick();
  bool empty() const { return switches_.empty() && kept_.empty(); }

 private:
  struct Switch {
    std::int64_t due_us;
    Command on_expiry;
    std::string params_json;
  };
  std::string wanted(const std::string& name) const;
  void store(const std::string& name, const std::function<void(bool)>& done);

  const Clock& clock_;
  const Expired on_expired_;
  Keep keep_;  // empty: there is no store
  std::map<std::string, Switch> switches_;
  std::map<std::string, std::string> kept_;  // what the store has
  std::int64_t retry_us_ = 0;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
