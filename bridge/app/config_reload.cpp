#include "app/config_reload.h"

#include <algorithm>

#include "app/config_keys.h"

namespace bridge {
namespace {

bool changes_now(Reload reload, const Config& running, const Config& wanted, bool auth) {
  switch (reload) {
    case Reload::at_start: return false;
    case Reload::at_once: return true;
    case Reload::with_tls: return !running.tls.certificate.empty() && !wanted.tls.certificate.empty();
    case Reload::with_packing: return running.journal.compress_after_s > 0;
    case Reload::with_auth: return auth;
  }
  return false;
}

}  // namespace

bool ConfigReload::changes(const std::string& section) const {
  return std::any_of(changed.begin(), changed.end(),
                     [&](const std::string& line) { return line.compare(0, section.size() + 1, section + ".") == 0; });
}

Result<ConfigReload> plan_reload(const LoadedConfig& running, const LoadedConfig& wanted, bool auth) {
  ConfigReload plan{running, {}, {}, {}};
  for (std::size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    if (running.values[i] == wanted.values[i]) continue;
    const std::string name = key.name;
    const std::string before = value_text(key, running.values[i]);
    const std::string after = value_text(key, wanted.values[i]);
    if (changes_now(key.reload, running.config, wanted.config, auth)) {
      plan.now.values[i] = wanted.values[i];
      plan.changed.push_back(name + " is " + after + " (was " + before + ")");
    } else {
      plan.kept.push_back(name + " stays " + before + " (" + after + " at the next start)");
      plan.waiting.push_back(name);
    }
  }
  plan.now.config = make_config(plan.now.values);
  if (auto wrong = wrong_together(plan.now.config)) {
    return Failure{wrong->message + "; what cannot change before the next start stays as it is until then"};
  }
  return plan;
}

}  // namespace bridge
