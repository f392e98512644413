#include "app/reload.h"

#include <utility>

#include "app/setup.h"
#include "base/log.h"

namespace bridge {
namespace {

constexpr std::size_t kWithoutRoleTold = 10;  // credentials by name
constexpr std::int64_t kCertificateWarningS = 14 * 86'400;

void add(std::string& all, const std::string& more) {
  if (!more.empty()) all += (all.empty() ? "" : "; ") + more;
}

}  // namespace

Reloader::Reloader(LoadedConfig running, std::string file, ReadConfig read, ReloadParts parts)
    : running_(std::move(running)), read_(std::move(read)), parts_(std::move(parts)) {
  status_.file = std::move(file);
  for (const std::string& warning : running_.warnings) log_warn("config_warning", "{}", warning);
}

Result<bool> Reloader::load_files() {
  if (parts_.authenticator != nullptr) {
    const auto loaded = parts_.authenticator->reload();
    if (!loaded) return loaded;
    tell_without_role();
    if (const std::string& why = parts_.authenticator->cookie_key()->why_not_kept(); parts_.auth && !why.empty()) {
      log_warn("login_key_lost", "browsers are to log in again when the bridge starts anew: its key cannot be kept: {}", why);
    }
  }
  if (parts_.tls == nullptr) return true;
  const auto loaded = parts_.tls->load();
  if (loaded) warn_of_certificate();
  return loaded;
}

void Reloader::reload() {
  std::string wrong;
  if (read_) wrong = take_config();
  if (parts_.authenticator != nullptr) add(wrong, reload_credentials());
  if (parts_.tls != nullptr) add(wrong, reload_certificate());
  if (!read_ && parts_.authenticator == nullptr && parts_.tls == nullptr) {
    log_info("config_unchanged", "nothing to read anew: there is no configuration file (-c), nobody has to say who he is (auth.mode), "
                 "and no TLS is spoken");
  }
  if (wrong.empty()) status_.reloaded_us = parts_.clock.wall_us();
  status_.error = wrong;
}

// What is wrong with it, or "".
std::string Reloader::take_config() {
  const auto refuse = [&](const std::string& why) {
    log_error("config_refused", "the configuration stays as it was: {}", why);
    return why;
  };
  const auto wanted = read_();
  if (!wanted) return refuse(wanted.error().message);
  const auto plan = plan_reload(running_, wanted.value(), parts_.auth);
  if (!plan) return refuse(plan.error().message);
  const ConfigReload& reload = plan.value();
  const Config& config = reload.now.config;
  if (reload.changes("tls") || reload.changes("auth")) {
    // Files that were named before may be broken for a while; what is named anew must be good.
    if (const auto good = try_files(config); !good) return refuse(good.error().message);
    if (parts_.tls != nullptr) parts_.tls->set_options(tls_options(config));
    if (parts_.authenticator != nullptr) {
      parts_.authenticator->set_files(config.auth.credentials, config.auth.roles, jwt_options(config));
    }
  }
  running_ = reload.now;
  status_.waiting = reload.waiting;
  if (!reload.changed.empty()) parts_.apply(config);
  for (const std::string& warning : wanted.value().warnings) log_warn("config_warning", "{}", warning);
  for (const std::string& line : reload.changed) log_info("config_changed", "configuration: {}", line);
  for (const std::string& line : reload.kept) log_warn("config_kept", "configuration: {}", line);
  log_info("config_read", "read {} anew: {} values changed, {} wait for the next start", status_.file, reload.changed.size(),
               reload.kept.size());
  return {};
}

// Whether what the configuration names anew can be used, without using it yet.
Result<bool> Reloader::try_files(const Config& wanted) const {
  const auto& auth = wanted.auth;
  const auto& before = running_.config.auth;
  if (parts_.auth && (auth.credentials != before.credentials || auth.roles != before.roles ||
                      auth.jwt_keys != before.jwt_keys || auth.jwt_revoked != before.jwt_revoked)) {
    Authenticator trial(auth.credentials, parts_.clock, auth.roles, jwt_options(wanted));
    if (const auto loaded = trial.reload(); !loaded) return loaded;
  }
  const auto& tls = wanted.tls;
  if (parts_.tls == nullptr ||
      (tls.certificate == running_.config.tls.certificate && tls.key == running_.config.tls.key)) {
    return true;
  }
  return TlsContext(tls_options(wanted)).load();
}

// Whoever comes from now on is shown the new certificate. What is wrong, or "".
std::string Reloader::reload_certificate() {
  const auto loaded = parts_.tls->load();
  if (loaded) {
    log_info("certificate_read", "read the certificate anew");
  } else {
    log_error("certificate_refused", "the certificate stays as it was: {}", loaded.error().message);
  }
  warn_of_certificate();
  return loaded ? "" : loaded.error().message;
}

void Reloader::warn_of_certificate() const {
  const std::int64_t now_s = parts_.clock.wall_us() / 1'000'000;
  const std::int64_t left_s = parts_.tls->not_after_s() - now_s;
  if (left_s <= 0) {
    log_error("certificate_bad", "tls: {}", parts_.tls->problem(now_s));
  } else if (left_s < kCertificateWarningS) {
    log_warn("certificate_ends", "the certificate {} is good for {} days", config().tls.certificate, left_s / 86'400);
  }
}

std::string Reloader::reload_credentials() {
  const auto loaded = parts_.authenticator->reload();
  AuditEntry entry;
  entry.what = "reload";
  entry.target = config().auth.credentials;
  entry.outcome = loaded ? "success" : "failed";
  parts_.audit->record(entry);
  if (loaded) {
    log_info("credentials_read", "read the credentials and roles anew");
    parts_.on_credentials();
  } else {
    log_error("credentials_refused", "the credentials stay as they were, or the roles do: {}", loaded.error().message);
  }
  tell_without_role();
  return loaded ? "" : loaded.error().message;
}

void Reloader::tell_without_role() const {
  const std::vector<Credential>& without = parts_.authenticator->without_role();
  for (std::size_t i = 0; i < without.size() && i < kWithoutRoleTold; ++i) {
    log_warn("credential_refused", "credential {} of {} is refused: there is no role {}", without[i].id, without[i].name, without[i].role);
  }
  if (without.size() > kWithoutRoleTold) log_warn("credentials_left_out", "{} credentials are refused for the like", without.size());
}

}  // namespace bridge
