#include "ppo-client/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace client {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw std::runtime_error(
      path + (error == EEXIST ? " is there already; --force replaces it"
                              : std::string(" cannot be written: ") + std::strerror(error)));
}

}  // namespace

OutputFile::OutputFile(std::string path, bool replace) : path_(std::move(path)), replace_(replace) {
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0) {
    if (!replace_) fail(path_, EEXIST);
    // A rename would put a file in the place of a device or a pipe.
    if (!S_ISREG(there.st_mode)) throw std::runtime_error(path_ + " is no regular file");
  }
  written_ = path_ + ".XXXXXX";
  descriptor_ = ::mkostemp(written_.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail(path_, errno);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  (void)::fchmod(descriptor_, 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!written_.empty()) ::unlink(written_.c_str());
}

void OutputFile::keep() {
  if (::fsync(descriptor_) != 0) fail(path_, errno);
  // It may have come since the constructor looked. Not every file system can promise otherwise.
  int failed = ::renameat2(AT_FDCWD, written_.c_str(), AT_FDCWD, path_.c_str(),
                           replace_ ? 0 : RENAME_NOREPLACE);
  if (failed != 0 && errno == EINVAL) failed = std::rename(written_.c_str(), path_.c_str());
  if (failed != 0) fail(path_, errno);
  written_.clear();
}

}  // namespace client
