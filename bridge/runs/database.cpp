#include "runs/database.h"

#include <string>

namespace bridge {
namespace {

// The path as SQLite's URI has it.
std::string frozen_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    switch (c) {
      case '%': uri += "%25"; break;
      case '?': uri += "%3f"; break;
      case '#': uri += "%23"; break;
      default: uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Database::Database(const std::string& path, Mode mode) {
  // Nobody asks SQLite how much it allocates; counting it takes a lock each time.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)uncounted;
  // No mutex: one thread at a time. No shared cache: other programs read through the file.
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  flags |= mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  if (mode == Mode::frozen) flags |= SQLITE_OPEN_URI;
  const std::string name = mode == Mode::frozen ? frozen_uri(path) : path;
  const int code = sqlite3_open_v2(name.c_str(), &db_, flags, nullptr);
  if (code == SQLITE_OK) return;
  const DatabaseError error(code, db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
  sqlite3_close(db_);
  throw error;
}

Database::~Database() { sqlite3_close(db_); }

void Database::fail(int code) { throw DatabaseError(code, sqlite3_errmsg(db_)); }

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::optional<std::int64_t> Database::number(const std::string& sql) {
  Statement statement(*this, sql);
  if (!statement.step() || statement.is_null(0)) return std::nullopt;
  return static_cast<std::int64_t>(statement.number(0));
}

Statement::Statement(Database& database, const std::string& sql) : db_(database.handle()) {
  const int code =
      sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) throw DatabaseError(code, sqlite3_errmsg(db_));
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const DatabaseError error(code, sqlite3_errmsg(db_));
  sqlite3_reset(statement_);
  throw error;
}

}  // namespace bridge
