// What is asked of runs, and the answers, out of the tables that RunStore writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "access/read_scope.h"
#include "base/result.h"
#include "event/messages.h"
#include "runs/database.h"
#include "runs/run_store.h"
#include "runs/series.h"

namespace bridge {

struct RunsQuery {
  // Any of the names passes; none: all.
  std::vector<std::string> ids, sources, runs, agents, states;
  std::string search;  // in the id, the name, the note or the tags, without regard to case
  std::optional<bool> hidden;  // left out: only those that are not
  std::string sort = "-started";
  std::uint64_t count = 100;
  std::uint64_t offset = 0;
};

struct TagsQuery {
  std::vector<std::string> run_ids;
  std::string search;  // in the tag, without regard to case
};

struct SeriesQuery {
  std::vector<std::string> run_ids;
  std::vector<std::string> tags;  // also a beginning with *; none: all
  SeriesRange range;
  bool marks = false;
};

struct TalliesQuery {
  std::optional<std::uint64_t> at_seq;
};

using RunQuery = std::variant<RunsQuery, TagsQuery, SeriesQuery, TalliesQuery, RunChange>;

struct RunAnswer {
  std::string members;     // of the result, JSON without the braces
  std::optional<std::uint64_t> seq;  // that it is true at; nothing: now
  std::uint64_t work = 0;  // see RequestBudget
};

// Of what is written. Nothing is written meanwhile, or it goes unseen: the answer is of one moment. `cancelled` is
// asked in between; then any answer will do. It tells what may be read: `scope`, null: everything (PROTOCOL section 10).
// Throws DatabaseError. REQUIRES: no RunChange.
Result<RunAnswer, RequestError> answer_query(Database& database, const RunQuery& query,
                                             const std::function<bool()>& cancelled, const ReadScope* scope);

}  // namespace bridge
