// What the answers to questions about runs share; for answer_query() and its parts alone.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/request_budget.h"
#include "base/text.h"
#include "event/json_writer.h"
#include "runs/run_queries.h"

namespace bridge {

using Answer = Result<RunAnswer, RequestError>;

// `scope`: what may be read; null: everything.
Answer answer_tags(Database& db, const TagsQuery& query, const std::function<bool()>& cancelled, const ReadScope* scope);
Answer answer_series(Database& db, const SeriesQuery& query, const std::function<bool()>& cancelled, const ReadScope* scope);
Answer answer_tallies(Database& db, const TalliesQuery& query, const ReadScope* scope);

// With all its digits; null where it is no number.
inline void append_digits(std::string& out, double value) {
  char text[32];
  if (std::isfinite(value)) {
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  } else {
    out.append("null");
  }
}

inline std::string digits(double value) {
  std::string out;
  append_digits(out, value);
  return out;
}

inline std::string digits(const Statement& row, int column) {
  return row.is_null(column) ? "null" : digits(row.real(column));
}

inline std::uint64_t folded_to(Database& db, const char* what) {
  return static_cast<std::uint64_t>(
      db.number(std::string("SELECT value FROM runs_state WHERE name='") + what + "'").value_or(0));
}

// {"members","of","the","list"} without the braces.
inline std::string members_of(JsonWriter& json) {
  std::string text = json.end_object().take();
  return text.substr(1, text.size() - 2);
}

// What RunStore keeps of other people's texts, if it is still as it was.
inline std::string_view raw_or_null(std::string_view json) {
  return json.empty() || !is_utf8(json) ? std::string_view("null") : json;
}

}  // namespace bridge
