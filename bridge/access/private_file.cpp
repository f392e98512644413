#include "access/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"

namespace bridge {
namespace {

constexpr std::size_t kPrivateFileBytesMax = 4 * 1024 * 1024;

}  // namespace

Result<std::optional<std::string>> read_private_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::optional<std::string>();
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return system_failure(path);
  if (!S_ISREG(about.st_mode)) return Failure{path + " is no regular file"};
  if (about.st_uid != 0 && about.st_uid != ::geteuid()) {
    return Failure{path + " belongs to another user (" + std::to_string(about.st_uid) + ")"};
  }
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Failure{path + " can be written by others; run: chmod go-w " + path};
  }
  std::string text;
  std::array<char, 65'536> part;
  for (;;) {
    const ssize_t n = ::read(file.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path);
    if (n == 0) return std::optional<std::string>(std::move(text));
    text.append(part.data(), static_cast<std::size_t>(n));
    if (text.size() > kPrivateFileBytesMax) {
      return Failure{path + " is longer than " + std::to_string(kPrivateFileBytesMax) + " bytes"};
    }
  }
}

bool is_open_to_others(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Result<bool> write_private_file(const std::string& path, std::string_view text, int flags) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));
  if (!file) return system_failure(path);
  if (write_all(file.get(), text) && ::fsync(file.get()) == 0) return true;
  const Failure failure = system_failure(path);
  ::unlink(path.c_str());
  return failure;
}

void make_folder_of(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    ::mkdir(path.substr(0, at).c_str(), 0700);
  }
}

std::string file_stamp(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return {};
  return std::to_string(about.st_ino) + " " + std::to_string(about.st_size) + " " +
         std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec);
}

}  // namespace bridge
