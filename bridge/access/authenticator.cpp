#include "access/authenticator.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>

namespace bridge {

std::string Authenticator::stamp() const {
  struct stat about {};
  if (::stat(path_.c_str(), &about) != 0) return {};
  return std::to_string(about.st_ino) + " " + std::to_string(about.st_size) + " " +
         std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec);
}

Result<bool> Authenticator::reload() {
  stamp_ = stamp();
  auto loaded = Credentials::load(path_);
  if (!loaded) return loaded.error();
  std::atomic_store(&credentials_, std::make_shared<const Credentials>(std::move(loaded.value())));
  ++version_;
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
  return now != nullptr && now->name == access.name ? now : nullptr;
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
