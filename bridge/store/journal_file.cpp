#include "store/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "store/journal_contents.h"
#include "store/journal_statements.h"

namespace bridge {
namespace {

constexpr int kBusyTimeoutMs = 1000;                 // somebody's shell holds the file
constexpr int kReadersTimeoutMs = 200;
constexpr std::uint64_t kWalPagesMax = 4096;         // then they are moved into the file

// Two names of one file are one file.
std::string resolved_path(const std::string& path) {
  std::error_code ec;
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, ec);
  return ec ? path : canonical.string();
}

// What the path names, where that is no file: opening a FIFO would wait for whoever writes to it.
std::string what_else(const std::string& path) {
  using Type = std::filesystem::file_type;
  std::error_code ec;
  switch (std::filesystem::status(path, ec).type()) {
    case Type::directory: return "a directory";
    case Type::fifo: return "a FIFO, not a file";
    case Type::socket: return "a socket, not a file";
    case Type::block:
    case Type::character: return "a device, not a file";
    default: return {};
  }
}

std::string describe(const std::string& path, const DatabaseError& error) {
  switch (error.primary_code()) {
    case SQLITE_FULL:
      return path + ": the disk is full";
    case SQLITE_READONLY:
      return path + ": it or its directory is read-only";
    case SQLITE_NOTADB:
      return path + ": it is no SQLite file, or damaged";
    case SQLITE_CORRUPT:
      return path + ": it is damaged (" + error.what() + ")";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return path + ": another program has locked it";
    default:
      return path + ": " + error.what();
  }
}

// Held for as long as the file is open. A file of its own beside the journal: locks on the journal itself
// are SQLite's, and those of a process end when it closes any descriptor of the file.
JournalResult<Descriptor> take_lock(const std::string& path) {
  const std::string name = path + "-lock";
  Descriptor lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock) return JournalFailure{system_failure(path + ": cannot make its lock file " + name).message};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return JournalFailure{errno == EWOULDBLOCK ? path + ": it is in use by another bridge"
                                             : system_failure(path + ": cannot be locked").message};
}

// Whether somebody else holds it.
bool is_locked(const std::string& path) {
  const Descriptor lock(::open((path + "-lock").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return lock ? ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 : errno != ENOENT;
}

}  // namespace

JournalFailure failure_of(const std::string& path, const DatabaseError& error, int system_errno) {
  JournalFailure failure;
  failure.message = describe(path, error);
  const int code = error.primary_code();
  if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && system_errno != 0) {
    failure.message += std::string(" (") + std::strerror(system_errno) + ")";
  }
  failure.may_pass = code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_BUSY;
  return failure;
}

JournalFile::JournalFile(JournalFileOptions options, Descriptor lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}

JournalFile::~JournalFile() = default;

std::optional<JournalContents> JournalFile::look(const std::string& path,
                                                 std::size_t positions_max) {
  const std::string resolved = resolved_path(path);
  std::error_code ec;
  if (!std::filesystem::exists(resolved, ec)) {
    // Nothing is in a file that is yet to be made. A directory that is not there may come with one.
    if (ec || !std::filesystem::is_directory(std::filesystem::path(resolved).parent_path(), ec)) {
      return std::nullopt;
    }
    return JournalContents();
  }
  if (!what_else(resolved).empty() || is_locked(resolved)) return std::nullopt;
  // SQLite would write beside the file even to read it; where no log is left there it need not look.
  const auto wal_bytes = std::filesystem::file_size(resolved + "-wal", ec);
  try {
    Database db(resolved, ec || wal_bytes == 0 ? Database::Mode::frozen : Database::Mode::read);
    return has_schema(db) ? read_contents(db, positions_max) : JournalContents();
  } catch (const DatabaseError&) {
    return std::nullopt;
  }
}

JournalResult<std::unique_ptr<JournalFile>> JournalFile::open(const JournalFileOptions& options) {
  JournalFileOptions resolved = options;
  resolved.path = resolved_path(options.path);
  std::error_code ec;
  const std::filesystem::path directory = std::filesystem::path(resolved.path).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory, ec)) {
    if (!options.make_directory) {
      return JournalFailure{resolved.path + ": there is no directory " + directory.string()};
    }
    std::filesystem::create_directories(directory, ec);
    if (ec) {
      return JournalFailure{resolved.path + ": cannot make the directory " + directory.string() +
                            ": " + ec.message()};
    }
  }
  const std::string other = what_else(resolved.path);
  if (!other.empty()) return JournalFailure{resolved.path + ": it is " + other};
  auto lock = take_lock(resolved.path);
  if (!lock) return lock.error();
  std::unique_ptr<JournalFile> file(new JournalFile(resolved, std::move(lock.value())));
  try {
    file->prepare();
  } catch (const DatabaseError& error) {
    const int system_errno =
        file->database_ != nullptr ? sqlite3_system_errno(file->database_->handle()) : errno;
    return failure_of(resolved.path, error, system_errno);
  }
  return file;
}

void JournalFile::prepare() {
  database_ = std::make_unique<Database>(options_.path);
  Database& db = *database_;
  if (db.read_only()) throw DatabaseError(SQLITE_READONLY, "read-only");
  sqlite3_busy_timeout(db.handle(), kBusyTimeoutMs);
  const bool fresh = !has_schema(db);
  db.run("PRAGMA journal_mode=WAL");
  db.run(options_.sync_each_commit ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  db.run("PRAGMA cache_size=-16384");  // KiB
  // Debian's SQLite overwrites with zeros what is deleted; retention needs the space, not that.
  db.run("PRAGMA secure_delete=OFF");
  page_bytes_ = static_cast<std::uint64_t>(db.number("PRAGMA page_size").value_or(4096));
  const std::uint64_t wal_pages =
      std::clamp<std::uint64_t>(options_.bytes_max / 4 / page_bytes_, 16, kWalPagesMax);
  db.run("PRAGMA wal_autocheckpoint=" + std::to_string(wal_pages));
  db.run("PRAGMA journal_size_limit=" + std::to_string(wal_pages * page_bytes_ * 2));
  if (fresh) make_schema(db);
  if (options_.compress_after_us > 0) make_room_for_packed(db);
  // Older bridges' files have none; they keep it up where there is one.
  db.run("CREATE INDEX IF NOT EXISTS sources_by_seq ON sources(seq)");
  db.run("CREATE TABLE IF NOT EXISTS switches("
         "name TEXT PRIMARY KEY, params TEXT NOT NULL) WITHOUT ROWID");
  db.run("CREATE TABLE IF NOT EXISTS alerts("
         "name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  statements_ = std::make_unique<Statements>(db, PackedEvents::rows_table(db));
  packed_ = std::make_unique<PackedEvents>(db);
  pack_from_ = packed_->last_seq() + 1;
  load_contents();
  runs_ = std::make_unique<RunStore>(db, options_.runs, last_row_seq_);
  types_ = std::make_unique<TypeIndex>(db, *packed_, last_row_seq_);
  struct stat info {};
  if (::stat(options_.path.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

void JournalFile::load_contents() {
  contents_ = read_contents(*database_, options_.positions_max);
  last_row_seq_ = contents_.last_row_seq;
  first_seq_ = contents_.first_seq;
  rows_ = last_row_seq_ == 0 ? 0 : last_row_seq_ + 1 - first_seq_;
  for (const SeqRange& hole : contents_.holes) {
    if (hole.to >= first_seq_ && hole.from <= last_row_seq_) {
      rows_ -= std::min(rows_, std::min(hole.to, last_row_seq_) + 1 - std::max(hole.from, first_seq_));
    }
  }
  source_rows_ = static_cast<std::uint64_t>(
      database_->number("SELECT count(*) FROM sources").value_or(0));
  Statement switches(*database_, "SELECT name,params FROM switches ORDER BY name");
  while (switches.step()) contents_.switches.emplace_back(switches.text(0), switches.text(1));
  Statement alerts(*database_, "SELECT name,value FROM alerts ORDER BY name");
  while (alerts.step()) contents_.alerts.emplace_back(alerts.text(0), alerts.text(1));
}

JournalResult<bool> JournalFile::keep(const std::vector<KeptRow>& rows) {
  return guarded([&] {
    database_->run("BEGIN IMMEDIATE");
    for (const KeptRow& row : rows) {
      const std::string table = row.table;
      row.value.empty() ? Statement(*database_, "DELETE FROM " + table + " WHERE name=?").run(row.name)
                        : Statement(*database_, "INSERT OR REPLACE INTO " + table + " VALUES(?,?)").run(row.name, row.value);
    }
    database_->run("COMMIT");
    return true;
  });
}

JournalResult<bool> JournalFile::begin_epoch(const EpochStart& epoch, std::int64_t now_us) {
  return guarded([&] {
    Database& db = *database_;
    const auto known = std::find_if(contents_.epochs.begin(), contents_.epochs.end(),
                                    [&](const EpochStart& e) { return e.epoch == epoch.epoch; });
    if (known != contents_.epochs.end() && known + 1 != contents_.epochs.end()) return true;
    db.run("PRAGMA synchronous=FULL");
    db.run("BEGIN IMMEDIATE");
    const bool fresh = known == contents_.epochs.end();
    if (!fresh || epoch.goes_on) {
      db.run("UPDATE epochs SET clean=" + std::string(fresh ? "1" : "0") +
             " WHERE id=(SELECT max(id) FROM epochs)");
    }
    if (fresh) {
      Statement insert(db, "INSERT INTO epochs(epoch,first_seq,started,clean) VALUES(?,?,?,0)");
      insert.run(epoch.epoch, epoch.first_seq, seconds(now_us));
      db.run("DELETE FROM epochs WHERE id<=(SELECT max(id) FROM epochs)-" +
             std::to_string(kEpochsMax));
      contents_.epochs.push_back({epoch.epoch, epoch.first_seq, epoch.goes_on, now_us});
      if (last_row_seq_ == 0) first_seq_ = epoch.first_seq;
    }
    db.run("COMMIT");
    if (!options_.sync_each_commit) db.run("PRAGMA synchronous=NORMAL");
    return true;
  });
}

JournalResult<bool> JournalFile::end_epoch() {
  return guarded([&] {
    database_->run("PRAGMA synchronous=FULL");
    database_->run("UPDATE epochs SET clean=1 WHERE id=(SELECT max(id) FROM epochs)");
    // Everything into the one file, which can then be copied alone. Where a reader is in the way, the
    // last one to close does it.
    (void)empty_log();
    return true;
  });
}

// Readers that come and go are waited for, a moment: new ones need nothing of the log once it is in the file.
bool JournalFile::empty_log() {
  sqlite3* const db = database_->handle();
  sqlite3_busy_timeout(db, kReadersTimeoutMs);
  const int code =
      sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  return code == SQLITE_OK;
}

bool JournalFile::in_place() const {
  struct stat info {};
  return ::stat(options_.path.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

std::uint64_t JournalFile::bytes() {
  const std::uint64_t pages = statements_->pages.first_number();
  return (pages - std::min(pages, statements_->free_pages.first_number())) * page_bytes_;
}

std::uint64_t JournalFile::wal_bytes() const {
  std::error_code ec;
  const auto size = std::filesystem::file_size(options_.path + "-wal", ec);
  return ec ? 0 : size;
}

}  // namespace bridge
