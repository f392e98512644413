// SIGHUP: reads the configuration and the files that it names anew, and has the parts of the bridge take up what can
// change while it runs. What is wrong changes nothing, and is said in the log, get_status, /readyz and /metrics.
#pragma once

#include <functional>
#include <string>

#include "access/authenticator.h"
#include "app/config.h"
#include "app/config_reload.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "commands/config_status.h"
#include "net/tls_context.h"

namespace bridge {

// Reads the configuration from where it was read at the start.
using ReadConfig = std::function<Result<LoadedConfig>()>;

// What is told of changes. Everything outlives the Reloader.
struct ReloadParts {
  const Clock& clock;
  Authenticator* authenticator = nullptr;  // null: nobody has a token or a key
  bool auth = false;                       // clients have to say who they are
  TlsContext* tls = nullptr;               // null: plain
  Audit* audit = nullptr;
  std::function<void(const Config&)> apply;  // to all other parts
  std::function<void()> on_credentials;      // these were read anew
};

// One thread: the log's.
class Reloader {
 public:
  // `read`: null where there is no file.
  Reloader(LoadedConfig running, std::string file, ReadConfig read, ReloadParts parts);

  // What the bridge runs with.
  const Config& config() const { return running_.config; }
  const ConfigStatus& status() const { return status_; }

  // At the start: credentials, roles and certificate.
  Result<bool> load_files();
  // On SIGHUP.
  void reload();
  // The credentials' files have changed: whoever is no longer good is closed within a second. What is wrong, or "".
  std::string reload_credentials();

 private:
  std::string take_config();
  Result<bool> try_files(const Config& wanted) const;
  std::string reload_certificate();
  void warn_of_certificate() const;
  void tell_without_role() const;

  LoadedConfig running_;
  const ReadConfig read_;
  const ReloadParts parts_;
  ConfigStatus status_;
};

}  // namespace bridge
