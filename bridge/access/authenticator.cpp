#include "access/authenticator.h"

#include <algorithm>
#include <cctype>

#include "access/private_file.h"

namespace bridge {
namespace {

// The same until then at the latest; 0: as it is.
std::shared_ptr<const Access> until(const std::shared_ptr<const Access>& access, std::int64_t end_s) {
  if (access == nullptr || end_s == 0 || (access->expires_s != 0 && access->expires_s <= end_s)) return access;
  return std::make_shared<const Access>(access->name, access->role, access->credential, end_s);
}

}  // namespace

std::string Authenticator::stamp() const {
  return file_stamp(path_) + "/" + (roles_path_.empty() ? "" : file_stamp(roles_path_));
}

Result<bool> Authenticator::reload() {
  stamp_ = stamp();
  std::string wrong;
  bool changes = false;
  if (!roles_path_.empty()) {
    auto roles = Roles::load(roles_path_);
    if (roles) {
      roles_ = std::move(roles.value());
      changes = true;
    } else {
      wrong = "auth.roles: " + roles.error().message;
    }
  }
  auto loaded = Credentials::load(path_);
  auto key = CookieKey::load(path_ + ".key", cookie_key());
  if (key) {
    std::atomic_store(&cookie_key_, key.value());
  } else {
    wrong += (wrong.empty() ? "auth.credentials: " : "; auth.credentials: ") + key.error().message;
  }
  changes = changes || loaded.ok();
  if (!loaded) {
    wrong += (wrong.empty() ? "auth.credentials: " : "; auth.credentials: ") + loaded.error().message;
    loaded = *std::atomic_load(&credentials_);
  }
  without_role_ = loaded.value().bind(roles_);
  std::atomic_store(&credentials_, std::make_shared<const Credentials>(std::move(loaded.value())));
  if (changes) ++version_;
  if (!wrong.empty()) return Failure{wrong};
  return true;
}

bool Authenticator::changed() const { return stamp() != stamp_; }

std::shared_ptr<const Access> Authenticator::find(std::string_view token) const {
  return std::atomic_load(&credentials_)->find(token, now_s());
}

std::shared_ptr<const Access> Authenticator::find_key(std::string_view public_key) const {
  return std::atomic_load(&credentials_)->find_key(public_key, now_s());
}

std::shared_ptr<const Access> Authenticator::by_id(std::string_view id) const {
  return std::atomic_load(&credentials_)->by_id(id, now_s());
}

std::shared_ptr<const Access> Authenticator::again(const Access& access) const {
  auto now = std::atomic_load(&credentials_)->by_id(access.credential, now_s());
  return now != nullptr && now->name == access.name ? until(now, access.expires_s) : nullptr;
}

std::string Authenticator::make_cookie(const Access& access, std::int64_t expires_s) const {
  const auto key = cookie_key();
  return key == nullptr ? std::string() : key->sign({access.name, access.credential, expires_s});
}

std::shared_ptr<const Access> Authenticator::find_cookie(std::string_view cookie) const {
  const auto key = cookie_key();
  const auto claims = key == nullptr ? std::nullopt : key->read(cookie);
  if (!claims || claims->expires_s <= now_s()) return nullptr;
  const auto access = by_id(claims->credential);
  return access != nullptr && access->name == claims->name ? until(access, claims->expires_s) : nullptr;
}

std::shared_ptr<const void> Authenticator::admit(const std::string& name) const {
  const std::lock_guard<std::mutex> lock(connections_->mutex);
  if (connections_->of[name] >= connections_max_) return nullptr;
  ++connections_->of[name];
  return std::shared_ptr<const std::string>(new std::string(name), [all = connections_](const std::string* whose) {
    const std::lock_guard<std::mutex> guard(all->mutex);
    if (--all->of[*whose] == 0) all->of.erase(*whose);
    delete whose;
  });
}

std::string_view bearer_token(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  if (header.size() <= kScheme.size()) return {};
  const bool is_bearer = std::equal(kScheme.begin(), kScheme.end(), header.begin(), [](char a, char b) {
    return a == std::tolower(static_cast<unsigned char>(b));
  });
  if (!is_bearer) return {};
  header.remove_prefix(kScheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

}  // namespace bridge
