#include "runs/run_queries.h"

#include <array>
#include <utility>

#include "runs/run_answers.h"

namespace bridge {
namespace {

constexpr std::size_t kMetricsMax = 64;  // of a run in get_runs
constexpr std::uint64_t kRowsPerWork = 1;

// "AND column IN (...)", with the names to be bound later.
void add_choice(std::string* sql, std::vector<std::string>* bound, const char* column,
                const std::vector<std::string>& names) {
  if (names.empty()) return;
  *sql += std::string(" AND ") + column + " IN (";
  for (std::size_t i = 0; i < names.size(); ++i) *sql += i == 0 ? "?" : ",?";
  *sql += ")";
  bound->insert(bound->end(), names.begin(), names.end());
}

// What an agent lacks of these its run as a whole has.
constexpr const char* kRunsJoin = " FROM runs r LEFT JOIN runs w ON w.source=r.source AND w.run=r.run AND w.agent_id=''";

struct SortKey {
  const char* name;
  const char* sql;
};
constexpr std::array<SortKey, 7> kSortKeys = {{{"started", "r.started"},
                                               {"ended", "r.ended"},
                                               {"last", "r.last"},
                                               {"steps", "r.steps"},
                                               {"state", "r.state"},
                                               {"source", "r.source"},
                                               {"name", "coalesce(r.own_name,r.name,w.own_name,w.name,r.source)"}}};

std::string order_of(const std::string& sort) {
  const bool down = !sort.empty() && sort[0] == '-';
  for (const SortKey& key : kSortKeys) {
    if (sort.compare(down ? 1 : 0, std::string::npos, key.name) != 0) continue;
    return std::string(" ORDER BY ") + key.sql + (down ? " DESC" : "") + ",r.id";
  }
  return {};
}

void add_metrics(JsonWriter& json, Statement& metrics, std::uint64_t run) {
  json.key("metrics").object();
  metrics.bind(1, run);
  while (metrics.step()) json.key(metrics.text(0)).raw(digits(metrics, 1));
  metrics.reset();
  json.end_object();
}

// Whether every type of a run may be read, as a function of SQL: may_read_all(source, agent_id). For as long as it lives.
class MayReadAll {
 public:
  // `scope` null: there is no such function.
  MayReadAll(Database& db, const ReadScope* scope) : db_(scope == nullptr ? nullptr : db.handle()) {
    if (db_ == nullptr) return;
    const auto call = [](sqlite3_context* context, int, sqlite3_value** values) {
      const auto text = [](sqlite3_value* value) {
        const auto* const bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
        return bytes == nullptr ? std::string_view()
                                : std::string_view(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
      };
      const auto* const may = static_cast<const ReadScope*>(sqlite3_user_data(context));
      sqlite3_result_int(context, may->may_read_all(text(values[0]), text(values[1])) ? 1 : 0);
    };
    const int code = sqlite3_create_function(db_, kName, 2, SQLITE_UTF8, const_cast<ReadScope*>(scope), call, nullptr, nullptr);
    if (code != SQLITE_OK) throw DatabaseError(code, sqlite3_errmsg(db_));
  }
  ~MayReadAll() {
    if (db_ != nullptr) sqlite3_create_function(db_, kName, 2, SQLITE_UTF8, nullptr, nullptr, nullptr, nullptr);
  }
  MayReadAll(const MayReadAll&) = delete;
  MayReadAll& operator=(const MayReadAll&) = delete;

 private:
  static constexpr const char* kName = "may_read_all";
  sqlite3* const db_;
};

Answer answer_runs(Database& db, const RunsQuery& query, const std::function<bool()>& cancelled, const ReadScope* scope) {
  const MayReadAll may_read_all(db, scope);
  const std::string order = order_of(query.sort);
  if (order.empty()) {
    return RequestError{ErrorType::bad_request,
                        "params.sort must be started, ended, last, steps, state, source or name, or one of "
                        "these behind a -"};
  }
  std::string where = kRunsJoin;
  if (scope != nullptr) where += " AND may_read_all(w.source,'')";
  where += " WHERE r.deleted=0";
  if (scope != nullptr) where += " AND may_read_all(r.source,r.agent_id)";
  std::vector<std::string> bound;
  add_choice(&where, &bound,
             "r.source||'@'||r.run||CASE r.agent_id WHEN '' THEN '' ELSE '/'||r.agent_id END", query.ids);
  add_choice(&where, &bound, "r.source", query.sources);
  add_choice(&where, &bound, "r.run", query.runs);
  add_choice(&where, &bound, "r.agent_id", query.agents);
  add_choice(&where, &bound, "r.state", query.states);
  where += " AND r.hidden=" + std::string(query.hidden.value_or(false) ? "1" : "0");
  if (!query.search.empty()) {
    where += " AND instr(lower(r.source||'@'||r.run||'/'||r.agent_id||' '||coalesce(r.own_name,'')||' '||"
             "coalesce(r.name,w.name,'')||' '||coalesce(r.note,'')||' '||coalesce(r.own_tags,r.tags,"
             "w.own_tags,w.tags,'')),lower(?))>0";
    bound.push_back(query.search);
  }
  const auto bind_all = [&bound](Statement& statement) {
    int at = 0;
    for (const std::string& text : bound) statement.bind(++at, text);
    return at;
  };
  RunAnswer answer;
  Statement all(db, "SELECT count(*)" + where);
  bind_all(all);
  const std::uint64_t count = all.first_number();
  Statement rows(db, "SELECT r.id,r.source,r.run,r.agent_id,coalesce(r.own_name,r.name,w.own_name,w.name),"
                      "r.state,r.started,r.ended,r.last,r.steps,coalesce(r.config,w.config),coalesce(r.error,"
                      "CASE r.state WHEN 'crashed' THEN w.error END),coalesce(r.own_tags,r.tags,w.own_tags,"
                      "w.tags),r.note,r.pinned,r.hidden" +
                      where + order + " LIMIT ? OFFSET ?");
  const int at = bind_all(rows);
  rows.bind(at + 1, query.count);
  rows.bind(at + 2, query.offset);
  Statement metrics(db, ("SELECT tag,last FROM curves WHERE run=? ORDER BY tag LIMIT " +
                         std::to_string(kMetricsMax))
                            .c_str());
  JsonWriter json;
  json.object().key("runs").list();
  bool complete = true;
  while (complete && rows.step()) {
    if (cancelled()) break;
    const RunName name{std::string(rows.text(1)), std::string(rows.text(2)), std::string(rows.text(3))};
    json.object().field("run_id", name.id()).field("source", name.source);
    json.key("run").text_or_null(name.run);
    json.key("agent_id").text_or_null(name.agent_id);
    json.key("name").text_or_null(rows.text(4));
    json.field("state", rows.text(5));
    json.key("started").seconds(static_cast<std::int64_t>(rows.real(6) * 1e6));
    json.key("ended").raw(digits(rows, 7)).key("last_event").raw(digits(rows, 8));
    json.key("steps").raw(digits(rows, 9));
    json.key("config").raw(raw_or_null(rows.text(10)));
    add_metrics(json, metrics, rows.number(0));
    json.key("error").text_or_null(rows.text(11));
    json.key("tags").raw(rows.is_null(12) ? "[]" : raw_or_null(rows.text(12)));
    json.key("note").text_or_null(rows.text(13));
    json.field("pinned", rows.number(14) != 0).field("hidden", rows.number(15) != 0).end_object();
    answer.work += 4;
    complete = json.bytes() <= kReplyBytesMax;
  }
  json.end_list().field("count", count).field("complete", complete);
  answer.work += count * kRowsPerWork + json.bytes() / kCopiedBytesPerWork;
  answer.members = members_of(json);
  answer.seq = folded_to(db, "seq");
  return answer;
}

}  // namespace

Result<RunAnswer, RequestError> answer_query(Database& database, const RunQuery& query,
                                             const std::function<bool()>& cancelled, const ReadScope* scope) {
  database.run("BEGIN");
  struct End {
    Database& db;
    ~End() {
      try {
        if (db.in_transaction()) db.run("COMMIT");
      } catch (const DatabaseError&) {
      }
    }
  } const end{database};
  Answer answer = std::get_if<RunsQuery>(&query) != nullptr
                      ? answer_runs(database, std::get<RunsQuery>(query), cancelled, scope)
                  : std::get_if<TagsQuery>(&query) != nullptr
                      ? answer_tags(database, std::get<TagsQuery>(query), cancelled, scope)
                  : std::get_if<SeriesQuery>(&query) != nullptr
                      ? answer_series(database, std::get<SeriesQuery>(query), cancelled, scope)
                      : answer_tallies(database, std::get<TalliesQuery>(query), scope);
  if (!answer) return answer;
  JsonWriter since;
  since.object().field("seq", folded_to(database, "since_seq")).key("timestamp");
  since.time(static_cast<std::int64_t>(folded_to(database, "since_us"))).end_object();
  answer.value().members += ",\"since\":" + since.take();
  return answer;
}

}  // namespace bridge
