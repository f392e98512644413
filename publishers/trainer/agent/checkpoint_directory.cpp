#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "trainer/agent/checkpoint.h"

namespace trainer {
namespace {

constexpr std::size_t kNameBytesMax = 100;
constexpr int kSameNamesMax = 10'000;
constexpr std::size_t kFileBytesMax = 256 * 1024 * 1024;

std::string system_error(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::generic_category().message(errno);
}

// An open file, closed at the end.
class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

bool CheckpointDirectory::is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

// Writes all of it to a file that is new; leaves none where that fails.
std::string CheckpointDirectory::write(const std::string& path, std::string_view bytes) const {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error("cannot make the directory", path_);
  }
  ::unlink(path.c_str());
  const File file(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file.is_open()) return system_error("cannot write", path);
  if (write_all(file.fd(), bytes) && ::fsync(file.fd()) == 0) return {};
  std::string error = system_error("cannot write", path);
  ::unlink(path.c_str());
  return error;
}

std::string CheckpointDirectory::save(const std::string& name, std::string_view bytes) const {
  const std::string part = path_of("." + name + ".part");  // no checkpoint has such a name
  std::string error = write(part, bytes);
  if (error.empty() && std::rename(part.c_str(), path_of(name).c_str()) != 0) {
    error = system_error("cannot write", path_of(name));
    ::unlink(part.c_str());
  }
  sync();
  return error;
}

std::string CheckpointDirectory::save_new(std::string& name, std::string_view bytes) const {
  const std::string part = path_of("." + name + ".part");
  std::string error = write(part, bytes);
  if (!error.empty()) return error;
  const std::size_t end = std::min(name.rfind('.'), name.size());
  const std::string wanted = name;
  for (int n = 2; ::link(part.c_str(), path_of(name).c_str()) != 0; ++n) {
    if (errno != EEXIST || n > kSameNamesMax) {
      error = system_error("cannot write", path_of(name));
      break;
    }
    name = wanted;
    name.insert(end, "_" + std::to_string(n));
  }
  ::unlink(part.c_str());
  sync();
  return error;
}

void CheckpointDirectory::sync() const {
  const File directory(path_, O_RDONLY | O_DIRECTORY);
  if (directory.is_open()) ::fsync(directory.fd());
}

std::string CheckpointDirectory::load(const std::string& name, std::string& bytes) const {
  const std::string path = path_of(name);
  const File file(path, O_RDONLY | O_NONBLOCK);  // do not wait for who feeds a pipe
  struct stat facts {};
  if (!file.is_open() || ::fstat(file.fd(), &facts) != 0) return system_error("cannot read", path);
  if (!S_ISREG(facts.st_mode)) return "cannot read " + path + ": it is not a file";
  bytes.clear();
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = ::read(file.fd(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read", path);
    if (got == 0) return {};
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (bytes.size() > kFileBytesMax) {
      return path + " is longer than " + std::to_string(kFileBytesMax) + " bytes";
    }
  }
}

}  // namespace trainer
