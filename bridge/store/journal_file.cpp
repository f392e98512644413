#include "store/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/limits.h"

namespace bridge {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kApplicationId = 0x50504F4A;  // "PPOJ"
constexpr int kBusyTimeoutMs = 1000;                 // somebody's shell holds the file
constexpr std::uint64_t kWalPagesMax = 4096;         // then they are moved into the file
constexpr std::size_t kPositionsMax = 4096;
constexpr std::size_t kEpochsMax = 1000;
constexpr std::size_t kHolesStoredMax = 4096;

// Blocks end where seq is a multiple of this, or where they are full.
constexpr std::uint64_t kBlockSeqs = 1024;

constexpr const char* kSchema = R"(
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,      -- number of the event; goes on over all epochs
  timestamp REAL NOT NULL,      -- when the bridge accepted it, seconds since 1970
  type TEXT NOT NULL,
  source TEXT,
  run TEXT,
  source_seq INTEGER,
  agent_id TEXT,                -- data.agent_id and data.item, where they are text
  item TEXT,
  data_bytes INTEGER NOT NULL,  -- length of data's text in body
  body TEXT NOT NULL            -- the event as it went to clients, JSON
);
CREATE TABLE epochs(
  id INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL UNIQUE,
  first_seq INTEGER NOT NULL,
  started REAL NOT NULL,
  clean INTEGER NOT NULL        -- 1: the bridge ended it; 0: it runs, or was killed
);
CREATE TABLE holes(             -- events that were delivered but could not be written
  from_seq INTEGER PRIMARY KEY,
  to_seq INTEGER NOT NULL,
  reason TEXT NOT NULL,
  noted REAL NOT NULL
);
CREATE TABLE sources(           -- the last event of each run of each source
  source TEXT NOT NULL,
  run TEXT NOT NULL,
  last_source_seq INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY(source, run)
) WITHOUT ROWID;
)";

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }
std::int64_t microseconds(double s) { return std::llround(s * 1e6); }

std::string describe(const std::string& path, const DatabaseError& error) {
  switch (error.primary_code()) {
    case SQLITE_FULL:
      return path + ": the disk is full";
    case SQLITE_READONLY:
      return path + ": it is read-only";
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

}  // namespace

// Held for as long as the file is open. A file of its own beside the journal: locks on the journal itself
// are SQLite's, and those of a process end when it closes any descriptor of the file.
class JournalFile::Lock {
 public:
  static JournalResult<std::unique_ptr<Lock>> take(const std::string& path) {
    const std::string name = path + "-lock";
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
      return JournalFailure{path + ": cannot make its lock file " + name + ": " +
                            std::strerror(errno)};
    }
    std::unique_ptr<Lock> lock(new Lock(fd));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return JournalFailure{path + (errno == EWOULDBLOCK
                                        ? ": it is in use by another bridge"
                                        : std::string(": cannot be locked: ") +
                                              std::strerror(errno))};
    }
    return lock;
  }
  ~Lock() { ::close(fd_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  explicit Lock(int fd) : fd_(fd) {}
  const int fd_;
};

struct JournalFile::Statements {
  explicit Statements(Database& db)
      : begin(db, "BEGIN IMMEDIATE"),
        commit(db, "COMMIT"),
        insert(db,
               "INSERT INTO events(seq,timestamp,type,source,run,source_seq,agent_id,item,"
               "data_bytes,body) VALUES(?,?,?,?,?,?,?,?,?,?)"),
        insert_hole(db,
                    "INSERT OR REPLACE INTO holes(from_seq,to_seq,reason,noted) VALUES(?,?,?,?)"),
        upsert_source(db,
                      "INSERT INTO sources(source,run,last_source_seq,seq) VALUES(?,?,?,?) "
                      "ON CONFLICT(source,run) DO UPDATE SET "
                      "last_source_seq=excluded.last_source_seq,seq=excluded.seq"),
        select(db, "SELECT seq,timestamp,data_bytes,body FROM events WHERE seq>=? ORDER BY seq"),
        stamp(db, "SELECT seq,timestamp FROM events WHERE seq>=? ORDER BY seq LIMIT 1"),
        nth(db, "SELECT seq,timestamp FROM events ORDER BY seq LIMIT 1 OFFSET ?"),
        remove(db, "DELETE FROM events WHERE seq<?"),
        remove_holes(db, "DELETE FROM holes WHERE to_seq<?"),
        pages(db, "PRAGMA page_count"),
        free_pages(db, "PRAGMA freelist_count") {}
  Statement begin, commit, insert, insert_hole, upsert_source, select, stamp, nth, remove,
      remove_holes, pages, free_pages;
};

JournalFile::JournalFile(JournalFileOptions options, std::unique_ptr<Lock> lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}

JournalFile::~JournalFile() = default;

// Runs `f`; what SQLite refuses becomes a failure, with the transaction rolled back.
template <class F>
auto JournalFile::guarded(F&& f) -> JournalResult<decltype(f())> {
  try {
    return f();
  } catch (const DatabaseError& error) {
    JournalFailure failure =
        failure_of(options_.path, error, sqlite3_system_errno(database_->handle()));
    if (database_->in_transaction()) {
      try {
        database_->run("ROLLBACK");
      } catch (const DatabaseError&) {
        failure.may_pass = false;
      }
    }
    return failure;
  }
}

JournalResult<std::unique_ptr<JournalFile>> JournalFile::open(const JournalFileOptions& options) {
  JournalFileOptions resolved = options;
  std::error_code ec;
  // Two names of one file are one file.
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(options.path, ec);
  if (!ec) resolved.path = canonical.string();
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
  if (std::filesystem::is_directory(resolved.path, ec)) {
    return JournalFailure{resolved.path + ": it is a directory"};
  }
  auto lock = Lock::take(resolved.path);
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
  const std::int64_t version = db.number("PRAGMA user_version").value_or(0);
  const std::int64_t tables = db.number("SELECT count(*) FROM sqlite_master").value_or(0);
  if (version > kSchemaVersion) {
    throw DatabaseError(SQLITE_ERROR, "it is of version " + std::to_string(version) +
                                          ", written by a newer bridge; this one knows version " +
                                          std::to_string(kSchemaVersion));
  }
  if (tables != 0 && db.number("PRAGMA application_id") != kApplicationId) {
    throw DatabaseError(SQLITE_ERROR, "it is another program's database");
  }
  db.run("PRAGMA journal_mode=WAL");
  db.run(options_.sync_each_commit ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  db.run("PRAGMA cache_size=-16384");  // KiB
  page_bytes_ = static_cast<std::uint64_t>(db.number("PRAGMA page_size").value_or(4096));
  const std::uint64_t wal_pages =
      std::clamp<std::uint64_t>(options_.bytes_max / 4 / page_bytes_, 16, kWalPagesMax);
  db.run("PRAGMA wal_autocheckpoint=" + std::to_string(wal_pages));
  db.run("PRAGMA journal_size_limit=" + std::to_string(wal_pages * page_bytes_ * 2));
  if (tables == 0) make_schema();
  statements_ = std::make_unique<Statements>(db);
  load_contents();
  struct stat info {};
  if (::stat(options_.path.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

void JournalFile::make_schema() {
  database_->run("BEGIN IMMEDIATE");
  database_->run(kSchema);
  database_->run("PRAGMA application_id=" + std::to_string(kApplicationId));
  database_->run("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  database_->run("COMMIT");
}

void JournalFile::load_contents() {
  Database& db = *database_;
  {
    Statement epochs(db, "SELECT epoch,first_seq,clean FROM epochs ORDER BY id");
    while (epochs.step()) {
      contents_.epochs.push_back({std::string(epochs.text(0)), epochs.number(1)});
      contents_.clean = epochs.number(2) != 0;
    }
  }
  last_row_seq_ = static_cast<std::uint64_t>(db.number("SELECT max(seq) FROM events").value_or(0));
  first_seq_ = static_cast<std::uint64_t>(
      db.number("SELECT min(seq) FROM events").value_or(static_cast<std::int64_t>(0)));
  if (last_row_seq_ != 0) {
    statements_->stamp.bind(1, last_row_seq_);
    if (statements_->stamp.step()) contents_.last_stamp_us = microseconds(statements_->stamp.real(1));
    statements_->stamp.reset();
  }
  contents_.last_seq = last_row_seq_;
  {
    Statement holes(db, "SELECT from_seq,to_seq FROM holes ORDER BY from_seq");
    while (holes.step()) {
      contents_.holes.push_back({holes.number(0), holes.number(1)});
      contents_.last_seq = std::max(contents_.last_seq, holes.number(1));
    }
  }
  if (!contents_.epochs.empty()) {
    contents_.last_seq = std::max(contents_.last_seq, contents_.epochs.back().first_seq - 1);
  }
  if (last_row_seq_ == 0) first_seq_ = contents_.last_seq + 1;
  contents_.first_seq = first_seq_;
  Statement sources(db, "SELECT source,run,last_source_seq,seq FROM sources ORDER BY seq");
  while (sources.step()) {
    Position position;
    position.value = {std::string(sources.text(0)), std::string(sources.text(1)),
                      sources.number(2)};
    position.seq = sources.number(3);
    contents_.positions.push_back(position.value);
    positions_.emplace(position.value.source + '\n' + position.value.run, std::move(position));
  }
}

JournalResult<bool> JournalFile::begin_epoch(const EpochStart& epoch, std::int64_t now_us) {
  return guarded([&] {
    Database& db = *database_;
    db.run("PRAGMA synchronous=FULL");
    db.run("BEGIN IMMEDIATE");
    if (!contents_.epochs.empty() && contents_.epochs.back().epoch == epoch.epoch) {
      db.run("UPDATE epochs SET clean=0 WHERE id=(SELECT max(id) FROM epochs)");
    } else {
      Statement insert(db, "INSERT INTO epochs(epoch,first_seq,started,clean) VALUES(?,?,?,0)");
      insert.bind(1, std::string_view(epoch.epoch));
      insert.bind(2, epoch.first_seq);
      insert.bind(3, seconds(now_us));
      insert.run();
      db.run("DELETE FROM epochs WHERE id<=(SELECT max(id) FROM epochs)-" +
             std::to_string(kEpochsMax));
      contents_.epochs.push_back(epoch);
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
    try {
      database_->run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const DatabaseError&) {
    }
    return true;
  });
}

JournalResult<bool> JournalFile::append(const std::vector<JournalItem>& items,
                                        std::int64_t now_us) {
  const std::uint64_t last_before = last_row_seq_;
  auto done = guarded([&] {
    statements_->begin.run();
    for (const JournalItem& item : items) {
      if (item.block) {
        insert_block(*item.block, item.index);
      } else {
        insert_hole(item, now_us);
      }
    }
    write_positions();
    statements_->commit.run();
    return true;
  });
  if (!done) {
    last_row_seq_ = last_before;
    last_position_ = nullptr;
    return done;
  }
  for (Position* position : changed_) position->changed = false;
  changed_.clear();
  if (last_before == 0 && last_row_seq_ != 0) {
    for (const JournalItem& item : items) {
      if (!item.block) continue;
      first_seq_ = item.block->seq(item.index);
      break;
    }
  }
  return done;
}

void JournalFile::insert_block(const Block& block, std::size_t index) {
  Statement& insert = statements_->insert;
  const auto optional_text = [&insert](int column, std::string_view text) {
    if (text.empty()) {
      insert.bind_null(column);
    } else {
      insert.bind(column, text);
    }
  };
  const auto field = [&](int column, IndexedField::Kind kind, const EventEntry::Piece& piece) {
    if (kind == IndexedField::Kind::text) {
      insert.bind(column, block.text(piece));
    } else {
      insert.bind_null(column);
    }
  };
  for (std::size_t i = index; i < block.size(); ++i) {
    const EventEntry& entry = block.entry(i);
    const std::uint64_t seq = block.seq(i);
    insert.bind(1, seq);
    insert.bind(2, seconds(entry.timestamp_us));
    insert.bind(3, block.text(entry.type));
    optional_text(4, block.text(entry.source));
    optional_text(5, block.text(entry.run));
    if (entry.source_seq != 0) {
      insert.bind(6, entry.source_seq);
    } else {
      insert.bind_null(6);
    }
    field(7, entry.agent_kind, entry.agent_id);
    field(8, entry.item_kind, entry.item);
    insert.bind(9, std::uint64_t{entry.data.size});
    insert.bind(10, block.json(i));
    insert.run();
    if (entry.source_seq != 0) observe(block, entry, seq);
  }
  last_row_seq_ = block.last_seq();
}

void JournalFile::insert_hole(const JournalItem& item, std::int64_t now_us) {
  Statement& insert = statements_->insert_hole;
  insert.bind(1, item.hole.from);
  insert.bind(2, item.hole.to);
  insert.bind(3, std::string_view(item.reason));
  insert.bind(4, seconds(now_us));
  insert.run();
  database_->run("DELETE FROM holes WHERE from_seq NOT IN "
                 "(SELECT from_seq FROM holes ORDER BY from_seq DESC LIMIT " +
                 std::to_string(kHolesStoredMax) + ")");
}

void JournalFile::observe(const Block& block, const EventEntry& entry, std::uint64_t seq) {
  const std::string_view source = block.text(entry.source);
  const std::string_view run = block.text(entry.run);
  if (source.empty() || run.empty()) return;
  if (last_position_ == nullptr || last_position_->value.source != source ||
      last_position_->value.run != run) {
    key_.assign(source).append(1, '\n').append(run);
    Position& position = positions_[key_];
    if (position.value.source.empty()) {
      position.value.source = source;
      position.value.run = run;
    }
    last_position_ = &position;
  }
  Position& position = *last_position_;
  position.value.last_source_seq = std::max(position.value.last_source_seq, entry.source_seq);
  position.seq = seq;
  if (!position.changed) {
    position.changed = true;
    changed_.push_back(&position);
  }
}

void JournalFile::write_positions() {
  Statement& upsert = statements_->upsert_source;
  for (const Position* position : changed_) {
    upsert.bind(1, std::string_view(position->value.source));
    upsert.bind(2, std::string_view(position->value.run));
    upsert.bind(3, position->value.last_source_seq);
    upsert.bind(4, position->seq);
    upsert.run();
  }
  if (positions_.size() <= kPositionsMax) return;
  // The runs that were silent for longest make room, many at once so that it is seldom.
  std::vector<std::uint64_t> seqs;
  seqs.reserve(positions_.size());
  for (const auto& [key, position] : positions_) seqs.push_back(position.seq);
  const auto keep_from = seqs.begin() + static_cast<std::ptrdiff_t>(seqs.size() / 4);
  std::nth_element(seqs.begin(), keep_from, seqs.end());
  const std::uint64_t oldest = *keep_from;
  last_position_ = nullptr;
  changed_.clear();
  for (auto it = positions_.begin(); it != positions_.end();) {
    it->second.changed = false;
    it = it->second.seq < oldest ? positions_.erase(it) : std::next(it);
  }
  database_->run("DELETE FROM sources WHERE seq<" + std::to_string(oldest));
}

JournalResult<std::vector<BlockPtr>> JournalFile::read(std::uint64_t from,
                                                       std::size_t blocks_max) {
  auto blocks = guarded([&] {
    std::vector<BlockPtr> out;
    Statement& select = statements_->select;
    select.bind(1, from);
    bool more = select.step();
    while (more && out.size() < blocks_max) {
      if (!out.empty() && select.number(0) != out.back()->last_seq() + 1) break;
      BlockPtr block = read_block(&more);
      if (block) out.push_back(std::move(block));
    }
    select.reset();
    return out;
  });
  if (!blocks) builder_ = BlockBuilder();  // it may hold half a block
  return blocks;
}

// The events from the row that `select` is at; null where that one was changed by somebody and is none.
// `*more`: it is at another row.
BlockPtr JournalFile::read_block(bool* more) {
  Statement& row = statements_->select;
  while (*more) {
    StoredEvent event;
    event.seq = row.number(0);
    event.timestamp_us = microseconds(row.real(1));
    event.data_bytes = static_cast<std::uint32_t>(row.number(2));
    event.json = row.text(3);
    if (!builder_.add_stored(event)) {
      if (builder_.empty()) *more = row.step();
      break;
    }
    *more = row.step();
    if (event.seq % kBlockSeqs == 0 || builder_.bytes() >= kBlockBytesMax) break;
    if (*more && row.number(0) != event.seq + 1) break;
  }
  return builder_.empty() ? nullptr : builder_.seal();
}

JournalResult<std::uint64_t> JournalFile::first_seq_since(std::int64_t timestamp_us) {
  return guarded([&] {
    // Stamps never decrease with seq.
    std::uint64_t low = first_seq_;
    std::uint64_t high = last_row_seq_ + 1;
    Statement& stamp = statements_->stamp;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      stamp.bind(1, middle);
      if (!stamp.step()) {
        high = middle;
      } else if (microseconds(stamp.real(1)) < timestamp_us) {
        low = stamp.number(0) + 1;
      } else {
        high = middle;
      }
      stamp.reset();
    }
    return low;
  });
}

JournalResult<std::uint64_t> JournalFile::trim(std::uint64_t rows_max, std::int64_t now_us) {
  return guarded([&]() -> std::uint64_t {
    if (last_row_seq_ <= first_seq_) return 0;
    Statement& nth = statements_->nth;
    const auto at = [&nth](std::uint64_t offset, std::uint64_t* seq, std::int64_t* stamp_us) {
      nth.bind(1, offset);
      const bool there = nth.step();
      if (there) {
        *seq = nth.number(0);
        *stamp_us = microseconds(nth.real(1));
      }
      nth.reset();
      return there;
    };
    std::uint64_t seq = 0;
    std::int64_t stamp_us = 0;
    const std::int64_t too_old_us = now_us - options_.age_max_us;
    std::uint64_t keep_from = first_seq_;
    if (bytes() > options_.bytes_max) {
      keep_from = at(rows_max, &seq, &stamp_us) ? seq : last_row_seq_;
    } else if (at(0, &seq, &stamp_us) && stamp_us < too_old_us) {
      // Halve until the slice's last row is old enough: it is rarely more than one step.
      for (std::uint64_t rows = rows_max; rows > 0 && keep_from == first_seq_; rows /= 2) {
        if (at(rows - 1, &seq, &stamp_us) && stamp_us < too_old_us) keep_from = seq + 1;
      }
    }
    keep_from = std::min(keep_from, last_row_seq_);
    if (keep_from <= first_seq_) return 0;
    statements_->remove.bind(1, keep_from);
    statements_->remove.run();
    const auto removed = static_cast<std::uint64_t>(sqlite3_changes64(database_->handle()));
    statements_->remove_holes.bind(1, keep_from);
    statements_->remove_holes.run();
    statements_->stamp.bind(1, keep_from);
    if (statements_->stamp.step()) keep_from = statements_->stamp.number(0);
    statements_->stamp.reset();
    first_seq_ = keep_from;
    return removed;
  });
}

bool JournalFile::in_place() const {
  struct stat info {};
  return ::stat(options_.path.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

std::uint64_t JournalFile::bytes() {
  const auto read = [](Statement& statement) {
    const std::uint64_t n = statement.step() ? statement.number(0) : 0;
    statement.reset();
    return n;
  };
  const std::uint64_t pages = read(statements_->pages);
  return (pages - std::min(pages, read(statements_->free_pages))) * page_bytes_;
}

std::uint64_t JournalFile::wal_bytes() const {
  std::error_code ec;
  const auto size = std::filesystem::file_size(options_.path + "-wal", ec);
  return ec ? 0 : size;
}

}  // namespace bridge
