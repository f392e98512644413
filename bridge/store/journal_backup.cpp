#include "store/journal_backup.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "runs/packed_events.h"

namespace bridge {
namespace {

constexpr std::size_t kFileNameBytesMax = 200;
constexpr std::uint64_t kRoomKept = 64ull << 20;  // for the journal, while the copy grows

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> found(::realpath(path.c_str(), nullptr), &std::free);
  return found == nullptr ? std::string() : std::string(found.get());
}

// Both the file and its name survive a power cut.
bool sync_file(const std::string& path) {
  for (const auto& [what, flags] : {std::pair{path, O_RDONLY}, std::pair{folder_of(path), O_RDONLY | O_DIRECTORY}}) {
    const Descriptor opened(::open(what.c_str(), flags | O_CLOEXEC));
    if (!opened || ::fsync(opened.get()) != 0) return false;
  }
  return true;
}

}  // namespace

JournalBackup::JournalBackup(std::string journal, const std::string& folder, std::function<void(std::function<void()>)> post)
    : journal_(std::move(journal)), folder_(folder.empty() ? folder_of(journal_) : folder), post_(std::move(post)) {}

JournalBackup::~JournalBackup() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (copying_ != nullptr) sqlite3_interrupt(copying_->handle());
  }
  if (thread_.joinable()) thread_.join();
}

Result<std::string> JournalBackup::path_of(const std::string& file) const {
  const std::string told = "file is \"" + printable(file) + "\"; ";
  const std::string folder = resolved(folder_);
  if (folder.empty()) return Failure{"there is no folder " + folder_ + " (journal.backup_directory)"};
  const std::string name = name_of(file);
  if (name.empty() || name.size() > kFileNameBytesMax || name.front() == '.' || file.find('\0') != std::string::npos) {
    return Failure{told + "must be a file name of 1-" + std::to_string(kFileNameBytesMax) + " bytes that does not begin with a point"};
  }
  // What SQLite would take for a part of the journal.
  if (name.compare(0, name_of(journal_).size() + 1, name_of(journal_) + "-") == 0) {
    return Failure{told + "must not begin with \"" + printable(name_of(journal_)) + "-\""};
  }
  if (name.size() != file.size() && resolved(folder_of(file)) != folder) {
    return Failure{told + "must be a name, or a path in " + printable(folder, 200) + " (journal.backup_directory)"};
  }
  return folder + "/" + name;
}

void JournalBackup::begin(const std::string& path, std::function<void(const Result<BackupDone>&)> done) {
  if (thread_.joinable()) thread_.join();  // it has ended
  busy_ = true;
  thread_ = std::thread([this, path, done = std::move(done)] {
    ::pthread_setname_np(::pthread_self(), "backup");
    const Result<BackupDone> result = copy(path);
    post_([this, result, done] {
      busy_ = false;
      result ? log_info("backup_made", "{} has the journal up to seq {}: {} bytes in {} ms", printable(result.value().file, 200),
                        result.value().last_seq, result.value().bytes, result.value().took_us / 1000)
             : log_error("backup_failed", "{}", result.error().message);
      done(result);
    });
  });
}

Result<BackupDone> JournalBackup::copy(const std::string& path) {
  const auto began = std::chrono::steady_clock::now();
  const std::string shown = printable(path, 200);
  // Made here, so that nothing that is there is ever written over, and nobody else can read it.
  if (!Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600))) {
    return Failure{shown + ": " + (errno == EEXIST ? "it is there already" : std::strerror(errno))};
  }
  BackupDone done;
  done.file = path;
  std::string failure;
  try {
    Database journal(journal_, Database::Mode::read);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) throw DatabaseError(SQLITE_INTERRUPT, "the bridge stops");
      copying_ = &journal;
    }
    struct Forget {
      JournalBackup& backup;
      ~Forget() {
        const std::lock_guard<std::mutex> lock(backup.mutex_);
        backup.copying_ = nullptr;
      }
    } const forget{*this};
    const auto pages = static_cast<std::uint64_t>(journal.number("PRAGMA page_count").value_or(0) - journal.number("PRAGMA freelist_count").value_or(0));
    const std::uint64_t needed = pages * static_cast<std::uint64_t>(journal.number("PRAGMA page_size").value_or(4096)) + kRoomKept;
    struct statvfs disk {};
    const bool known = ::statvfs(path.c_str(), &disk) == 0;
    const std::uint64_t free_bytes = known ? std::uint64_t{disk.f_bavail} * disk.f_frsize : 0;
    if (known && free_bytes < needed) {
      throw DatabaseError(SQLITE_FULL, "it takes " + std::to_string(needed) + " bytes, and the disk has " + std::to_string(free_bytes));
    }
    Statement vacuum(journal, "VACUUM INTO ?");
    vacuum.run(path);
    Database copy(path, Database::Mode::frozen);
    done.last_seq = static_cast<std::uint64_t>(copy.number(std::string("SELECT max(seq) FROM ") + PackedEvents::rows_table(copy)).value_or(0));
  } catch (const DatabaseError& error) {
    failure = error.primary_code() == SQLITE_INTERRUPT ? "the bridge stops" : error.what();
  }
  if (failure.empty() && !sync_file(path)) failure = std::strerror(errno);
  if (!failure.empty()) {
    ::unlink(path.c_str());
    return Failure{shown + " is not written: " + failure};
  }
  struct stat file {};
  if (::stat(path.c_str(), &file) == 0) done.bytes = static_cast<std::uint64_t>(file.st_size);
  done.took_us = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count();
  return done;
}

}  // namespace bridge
