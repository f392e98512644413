// A copy of the journal, made while it is written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "runs/database.h"

namespace bridge {

struct BackupDone {
  std::string file;
  std::uint64_t bytes = 0;
  std::uint64_t last_seq = 0;  // of the newest event in it
  std::int64_t took_us = 0;
};

// VACUUM INTO on a connection and a thread of its own: one read transaction, so it is the journal as of one moment, and the
// bridge writes on meanwhile. (SQLite's backup API begins anew whenever somebody writes, so beside a busy bridge it never ends.)
// Copies go into one folder only. One thread calls it, the log's.
class JournalBackup {
 public:
  // `folder` "": the journal's own. `post` runs a function on the log's thread, later; from any thread.
  JournalBackup(std::string journal, const std::string& folder, std::function<void(std::function<void()>)> post);
  // Gives up what is under way, within moments.
  ~JournalBackup();

  // What `file` means: a name in the folder, or a path of one there. Fails where it is another place.
  Result<std::string> path_of(const std::string& file) const;

  bool busy() const { return busy_; }

  // Writes `path`, which must not be there yet, whole or not at all. `done` is called later, on the log's thread.
  // REQUIRES: path_of() gave it, not busy().
  void begin(const std::string& path, std::function<void(const Result<BackupDone>&)> done);

 private:
  Result<BackupDone> copy(const std::string& path);

  const std::string journal_;
  const std::string folder_;
  const std::function<void(std::function<void()>)> post_;
  std::mutex mutex_;
  Database* copying_ = nullptr;  // guarded: what is to be interrupted
  bool stopping_ = false;        // guarded
  bool busy_ = false;            // the log's thread's
  std::thread thread_;
};

}  // namespace bridge
