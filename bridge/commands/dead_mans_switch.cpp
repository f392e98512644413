#include "commands/dead_mans_switch.h"

#include <utility>

namespace bridge {
namespace {

constexpr std::int64_t kRetryUs = 1'000'000;

}  // namespace

bool DeadMansSwitches::arm(const std::string& name, std::int64_t timeout_us, Command on_expiry,
                           std::string params_json, const std::function<void(bool)>& done) {
  if (switches_.size() >= kSwitchesMax && switches_.count(name) == 0) return false;
  switches_[name] = {clock_.steady_us() + timeout_us, std::move(on_expiry), std::move(params_json)};
  store(name, done);
  return true;
}

bool DeadMansSwitches::disarm(const std::string& name) {
  const bool armed = switches_.erase(name) != 0;
  if (armed) store(name, [](bool) {});
  return armed;
}

// Empty where it is not armed.
std::string DeadMansSwitches::wanted(const std::string& name) const {
  const auto found = switches_.find(name);
  return found == switches_.end() ? std::string() : found->second.params_json;
}

void DeadMansSwitches::store(const std::string& name, const std::function<void(bool)>& done) {
  if (!keep_) return done(false);
  const std::string params = wanted(name);
  const auto kept = kept_.find(name);
  if ((kept == kept_.end() ? std::string() : kept->second) == params) return done(true);
  keep_(name, params, [this, name, params, done, alive = std::weak_ptr<char>(alive_)](bool ok) {
    if (alive.expired()) return;
    if (ok && params.empty()) kept_.erase(name);
    if (ok && !params.empty()) kept_[name] = params;
    if (ok && wanted(name) != params) store(name, [](bool) {});  // it was changed meanwhile
    done(ok);
  });
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
  for (const auto& [name, command] : due) {
    store(name, [](bool) {});
    on_expired_(name, command);
  }
  if (now < retry_us_) return;
  retry_us_ = now + kRetryUs;
  std::vector<std::string> names;
  for (const auto& [name, armed] : switches_) names.push_back(name);
  for (const auto& [name, params] : kept_) names.push_back(name);
  for (const std::string& name : names) store(name, [](bool) {});
}

}  // namespace bridge
