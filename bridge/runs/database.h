// SQLite, as far as the journal and the runs need it: a connection and its prepared statements.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace bridge {

// What SQLite refused. Thrown here, caught in JournalFile and RunsThread.
class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  int code() const { return code_; }               // extended result code
  int primary_code() const { return code_ & 0xFF; }

 private:
  int code_;
};

// One thread at a time.
class Database {
 public:
  enum class Mode {
    write,   // or create
    read,    // SQLite may still have to write files beside it
    frozen,  // nothing is written, nobody else's changes are seen: REQUIRES that there are none
  };
  // Opens the file. Throws DatabaseError.
  explicit Database(const std::string& path, Mode mode = Mode::write);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs statements that give no rows. Throws DatabaseError.
  void run(const std::string& sql);
  // The first column of the first row, or nothing. Throws DatabaseError.
  std::optional<std::int64_t> number(const std::string& sql);

  bool read_only() const { return sqlite3_db_readonly(db_, "main") == 1; }
  // Whether BEGIN was run, and neither COMMIT nor ROLLBACK since.
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  sqlite3* handle() const { return db_; }

 private:
  [[noreturn]] void fail(int code);
  sqlite3* db_ = nullptr;
};

// How bytes that are no text are bound.
struct Blob {
  std::string_view bytes;
};

// Prepared once, run often. Text is bound without a copy: it must stay until the step. The database
// must outlive it.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int index, std::uint64_t n) {
    sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(n));
  }
  void bind(int index, double d) { sqlite3_bind_double(statement_, index, d); }
  void bind(int index, std::string_view text) {
    // Of a null pointer SQLite makes NULL, which an empty text is not.
    sqlite3_bind_text(statement_, index, text.empty() ? "" : text.data(),
                      static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void bind(int index, Blob blob) { sqlite3_bind_blob64(statement_, index, blob.bytes.data(), blob.bytes.size(), SQLITE_STATIC); }
  void bind(int index, std::nullopt_t) { sqlite3_bind_null(statement_, index); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    value ? bind(index, *value) : bind(index, std::nullopt);
  }
  // All of them, from the first on.
  template <class... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }

  // True where there is a row to read. Throws DatabaseError; the statement is then reset.
  bool step();
  // bind_all(), step() to the end and reset(), for what gives no rows.
  template <class... Values>
  void run(const Values&... values) {
    bind_all(values...);
    while (step()) {
    }
    reset();
  }
  // bind_all(), and the first column of the first row; 0 where there is none.
  template <class... Values>
  std::uint64_t first_number(const Values&... values) {
    bind_all(values...);
    const std::uint64_t n = step() ? number(0) : 0;
    reset();
    return n;
  }
  // Lets go of the row and the locks.
  void reset() { sqlite3_reset(statement_); }

  std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  bool is_null(int column) const { return type(column) == SQLITE_NULL; }
  // SQLITE_INTEGER, _FLOAT, _TEXT, _BLOB or _NULL; before the column is read as another.
  int type(int column) const { return sqlite3_column_type(statement_, column); }
  // Until the next step or reset.
  std::string_view blob(int column) const {
    const void* const data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string_view()
                           : std::string_view(static_cast<const char*>(data), size);
  }
  // Until the next step or reset.
  std::string_view text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string_view()
                           : std::string_view(data, static_cast<std::size_t>(
                                                        sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace bridge
