// The function that each sqlite3 shell has built in and the library has not: by it the view `events` reads packed events.
#pragma once

#include <string>

#include <sqlite3.h>
#include <zlib.h>

namespace testing_support {

inline void sqlar_uncompress(sqlite3_context* context, int, sqlite3_value** values) {
  const auto size = static_cast<uLongf>(sqlite3_value_int64(values[1]));
  const auto packed = static_cast<uLong>(sqlite3_value_bytes(values[0]));
  if (size == packed) return sqlite3_result_value(context, values[0]);
  std::string out(size, '\0');
  uLongf got = size;
  const int result = uncompress(reinterpret_cast<Bytef*>(out.data()), &got, static_cast<const Bytef*>(sqlite3_value_blob(values[0])), packed);
  if (result != Z_OK || got != size) return sqlite3_result_error(context, "error in uncompress()", -1);
  sqlite3_result_blob64(context, out.data(), out.size(), SQLITE_TRANSIENT);
}

inline void add_sqlar(sqlite3* database) {
  sqlite3_create_function(database, "sqlar_uncompress", 2, SQLITE_UTF8, nullptr, sqlar_uncompress, nullptr, nullptr);
}

}  // namespace testing_support
