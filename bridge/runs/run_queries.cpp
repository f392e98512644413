#include "runs/run_queries.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "base/request_budget.h"
#include "event/json_writer.h"
#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::size_t kMetricsMax = 64;       // of a run in get_runs
constexpr std::size_t kSeriesMax = 1024;      // in one reply
constexpr std::size_t kMarksMax = 1000;       // of a run in one reply
constexpr std::uint64_t kLookBackMax = 1'000'000;  // events, for get_tallies
constexpr std::uint64_t kRowsPerWork = 1;

using Answer = Result<RunAnswer, RequestError>;

// With all its digits; null where it is no number.
std::string digits(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string digits(const Statement& row, int column) {
  return row.is_null(column) ? "null" : digits(row.real(column));
}

void add_text_or_null(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  if (text.empty()) {
    json.raw("null");
  } else {
    json.add(text);
  }
}

std::uint64_t folded_to(Database& db, const char* what) {
  return static_cast<std::uint64_t>(
      db.number(std::string("SELECT value FROM runs_state WHERE name='") + what + "'").value_or(0));
}

// "AND column IN (...)", with the names to be bound later.
void add_choice(std::string* sql, std::vector<std::string>* bound, const char* column,
                const std::vector<std::string>& names) {
  if (names.empty()) return;
  *sql += std::string(" AND ") + column + " IN (";
  for (std::size_t i = 0; i < names.size(); ++i) *sql += i == 0 ? "?" : ",?";
  *sql += ")";
  bound->insert(bound->end(), names.begin(), names.end());
}

// {"members","of","the","list"} without the braces.
std::string members_of(JsonWriter& json) {
  std::string text = json.end_object().take();
  return text.substr(1, text.size() - 2);
}

// What an agent lacks of these its run as a whole has.
constexpr const char* kRunsWhere =
    " FROM runs r LEFT JOIN runs w ON w.source=r.source AND w.run=r.run AND w.agent_id='' "
    "WHERE r.deleted=0";

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

// What RunStore keeps of other people's texts, if it is still as it was.
std::string_view raw_or_null(std::string_view json) {
  return json.empty() || !is_utf8(json) ? std::string_view("null") : json;
}

Answer answer_runs(Database& db, const RunsQuery& query, const std::function<bool()>& cancelled) {
  const std::string order = order_of(query.sort);
  if (order.empty()) {
    return RequestError{ErrorType::bad_request,
                        "params.sort must be started, ended, last, steps, state, source or name, or one of "
                        "these behind a -"};
  }
  std::string where = kRunsWhere;
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
    for (const std::string& text : bound) statement.bind(++at, std::string_view(text));
    return at;
  };
  RunAnswer answer;
  Statement all(db, ("SELECT count(*)" + where).c_str());
  bind_all(all);
  const std::uint64_t count = all.step() ? all.number(0) : 0;
  Statement rows(db, ("SELECT r.id,r.source,r.run,r.agent_id,coalesce(r.own_name,r.name,w.own_name,w.name),"
                      "r.state,r.started,r.ended,r.last,r.steps,coalesce(r.config,w.config),coalesce(r.error,"
                      "CASE r.state WHEN 'crashed' THEN w.error END),coalesce(r.own_tags,r.tags,w.own_tags,"
                      "w.tags),r.note,r.pinned,r.hidden" +
                      where + order + " LIMIT ? OFFSET ?")
                         .c_str());
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
    add_text_or_null(json, "run", name.run);
    add_text_or_null(json, "agent_id", name.agent_id);
    add_text_or_null(json, "name", rows.text(4));
    json.field("state", rows.text(5));
    json.key("started").seconds(static_cast<std::int64_t>(rows.real(6) * 1e6));
    json.key("ended").raw(digits(rows, 7)).key("last_event").raw(digits(rows, 8));
    json.key("steps").raw(digits(rows, 9));
    json.key("config").raw(raw_or_null(rows.text(10)));
    add_metrics(json, metrics, rows.number(0));
    add_text_or_null(json, "error", rows.text(11));
    json.key("tags").raw(rows.is_null(12) ? "[]" : raw_or_null(rows.text(12)));
    add_text_or_null(json, "note", rows.text(13));
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

// Whether `tag` is wanted: one of the list, or begins with one that ends in *.
bool is_wanted(const std::vector<std::string>& tags, std::string_view tag) {
  return tags.empty() || std::any_of(tags.begin(), tags.end(), [tag](const std::string& wanted) {
           if (wanted.empty() || wanted.back() != '*') return wanted == tag;
           return tag.substr(0, wanted.size() - 1) == std::string_view(wanted).substr(0, wanted.size() - 1);
         });
}

void add_series(JsonWriter& json, const std::string& run_id, std::string_view tag,
                const std::vector<Bucket>& buckets) {
  json.object().field("run_id", run_id).field("tag", tag).key("points").list();
  std::string point;
  for (const Bucket& b : buckets) {
    point.assign(1, '[');
    for (const double value : {b.x_first, b.first, b.last, b.min, b.max}) {
      point.append(digits(value)).append(1, ',');
    }
    json.raw(point.append(std::to_string(b.points)).append(1, ']'));
  }
  json.end_list().end_object();
}

void add_marks(Database& db, JsonWriter& json, const std::string& run_id, std::uint64_t run) {
  // Of the run as a whole too.
  Statement rows(db,
                 "SELECT seq,kind,timestamp,data FROM marks WHERE run=?1 OR run=(SELECT w.id FROM runs w, runs r "
                 "WHERE r.id=?1 AND w.source=r.source AND w.run=r.run AND w.agent_id='') "
                 "ORDER BY seq DESC LIMIT ?2");
  rows.bind(1, run);
  rows.bind(2, std::uint64_t{kMarksMax});
  while (rows.step() && json.bytes() <= kReplyBytesMax) {
    json.object().field("run_id", run_id).field("seq", rows.number(0)).field("kind", rows.text(1));
    json.key("timestamp").seconds(static_cast<std::int64_t>(rows.real(2) * 1e6));
    json.key("data").raw(raw_or_null(rows.text(3))).end_object();
  }
}

Answer answer_series(Database& db, const SeriesQuery& query, const std::function<bool()>& cancelled) {
  RunAnswer answer;
  struct Found {
    std::string id;
    std::uint64_t row;
    double started;
  };
  std::vector<Found> runs;
  std::vector<std::string> unknown;
  Statement find(db, "SELECT id,started FROM runs WHERE source=? AND run=? AND agent_id=? AND deleted=0");
  for (const std::string& id : query.run_ids) {
    const auto name = RunName::parse(id);
    if (name) {
      find.bind(1, std::string_view(name->source));
      find.bind(2, std::string_view(name->run));
      find.bind(3, std::string_view(name->agent_id));
      if (find.step()) {
        runs.push_back({id, find.number(0), find.real(1)});
        find.reset();
        continue;
      }
      find.reset();
    }
    unknown.push_back(id);
  }
  JsonWriter json;
  json.object().key("series").list();
  Statement curves(db, "SELECT id,tag FROM curves WHERE run=? ORDER BY tag");
  bool complete = true;
  std::size_t count = 0;
  for (const Found& run : runs) {
    curves.bind(1, run.row);
    while (complete && curves.step()) {
      if (!is_wanted(query.tags, curves.text(1)) || cancelled()) continue;
      complete = json.bytes() <= kReplyBytesMax && count++ < kSeriesMax;
      if (!complete) break;
      SeriesRange range = query.range;
      range.origin_s = run.started;
      add_series(json, run.id, curves.text(1), read_series(db, curves.number(0), range, &answer.work));
    }
    curves.reset();
  }
  json.end_list();
  if (query.marks) {
    json.key("marks").list();
    for (const Found& run : runs) add_marks(db, json, run.id, run.row);
    json.end_list();
  }
  json.key("unknown").list();
  for (const std::string& id : unknown) json.add(id);
  json.end_list().field("complete", complete);
  answer.work += json.bytes() / kCopiedBytesPerWork;
  answer.members = members_of(json);
  answer.seq = folded_to(db, "samples_seq");
  return answer;
}

using AgentKey = std::tuple<std::string, std::string, std::string>;  // source, run, agent
using Tallies = std::map<AgentKey, Tally>;

// Events of `events`, as get_tallies wants them.
struct TalliedEvent {
  std::uint64_t seq;
  AgentKey key;
  std::string_view data;
};

// Visits trades and portfolios in (from, to], in order or backwards, until `visit` says false.
template <class Visit>
void for_each_tallied(Database& db, std::uint64_t from, std::uint64_t to, bool back, Visit&& visit) {
  Statement rows(db, back ? "SELECT seq,type,source,run,agent_id,data_bytes,body FROM events WHERE seq>? AND "
                            "seq<=? ORDER BY seq DESC"
                          : "SELECT seq,type,source,run,agent_id,data_bytes,body FROM events WHERE seq>? AND "
                            "seq<=? ORDER BY seq");
  rows.bind(1, from);
  rows.bind(2, to);
  while (rows.step()) {
    const std::string_view type = rows.text(1);
    const bool trade = type == "trade_executed";
    if ((!trade && type != "portfolio_update") || rows.is_null(2)) continue;
    const std::string_view body = rows.text(6);
    const std::size_t begin = std::string_view(R"({"type":"","data":)").size() + type.size();
    const std::size_t size = rows.number(5);
    if (begin > body.size() || size > body.size() - begin) continue;
    TalliedEvent event{rows.number(0),
                       {std::string(rows.text(2)), std::string(rows.text(3)), std::string(rows.text(4))},
                       body.substr(begin, size)};
    if (std::get<2>(event.key).size() > 256) std::get<2>(event.key).clear();
    if (!visit(event, trade)) return;
  }
}

// Takes back what came behind `at`. False where events between are gone.
std::optional<RequestError> go_back(Database& db, std::uint64_t at, std::uint64_t now, Tallies* tallies,
                                    std::uint64_t* work) {
  const auto refuse = [at](const std::string& why) {
    return RequestError{ErrorType::bad_request, "params.at_seq is " + std::to_string(at) + "; " + why};
  };
  if (at > now) return refuse("must be an integer 0.." + std::to_string(now));
  if (at == now) return std::nullopt;
  if (!db.number("SELECT 1 FROM sqlite_master WHERE name='events'")) {
    return refuse("must be " + std::to_string(now) + ", for without a journal the past is not kept");
  }
  const auto first = static_cast<std::uint64_t>(db.number("SELECT min(seq) FROM events").value_or(0));
  const std::uint64_t oldest = std::max(first == 0 ? now : first - 1, now - std::min(now, kLookBackMax));
  if (at < oldest) {
    return refuse("must be " + std::to_string(oldest) + ".." + std::to_string(now) +
                  ": older events are gone, or more than " + std::to_string(kLookBackMax) + " ago");
  }
  *work += now - at;
  std::map<AgentKey, bool> moved;  // the value, since
  for_each_tallied(db, at, now, false, [&](const TalliedEvent& event, bool trade) {
    Tally one;
    if (trade) {
      one.add_trade(event.data);
      Tally& tally = (*tallies)[event.key];
      tally.trades -= std::min(tally.trades, one.trades);
      tally.wins -= std::min(tally.wins, one.wins);
      tally.closed -= std::min(tally.closed, one.closed);
      tally.profit.add(-one.profit.total());
      tally.volume.add(-one.volume.total());
    } else {
      one.add_portfolio(event.data);
      if (one.value) moved[event.key] = true;
    }
    return true;
  });
  for (const auto& [key, yes] : moved) (*tallies)[key].value.reset();
  if (moved.empty()) return std::nullopt;
  for_each_tallied(db, at - std::min(at, kLookBackMax), at, true, [&](const TalliedEvent& event, bool trade) {
    ++*work;
    const auto wanted = trade ? moved.end() : moved.find(event.key);
    if (wanted == moved.end()) return true;
    Tally one;
    one.add_portfolio(event.data);
    if (!one.value) return true;
    (*tallies)[event.key].value = one.value;
    moved.erase(wanted);
    return !moved.empty();
  });
  return std::nullopt;
}

Answer answer_tallies(Database& db, const TalliesQuery& query) {
  RunAnswer answer;
  answer.seq = folded_to(db, "seq");
  Tallies tallies;
  Statement rows(db,
                 "SELECT source,runs.run,agent_id,trades,wins,closed,profit,profit_rest,volume,volume_rest,value "
                 "FROM tallies JOIN runs ON runs.id=tallies.run WHERE deleted=0");
  while (rows.step()) {
    Tally& tally = tallies[{std::string(rows.text(0)), std::string(rows.text(1)), std::string(rows.text(2))}];
    tally.trades = rows.number(3);
    tally.wins = rows.number(4);
    tally.closed = rows.number(5);
    // What became too large for a double is told as null.
    tally.profit = {rows.is_null(6) ? kNoNumber : rows.real(6), rows.real(7)};
    tally.volume = {rows.is_null(8) ? kNoNumber : rows.real(8), rows.real(9)};
    if (!rows.is_null(10)) tally.value = rows.real(10);
  }
  answer.work = tallies.size();
  if (query.at_seq) {
    if (const auto refused = go_back(db, *query.at_seq, *answer.seq, &tallies, &answer.work)) return *refused;
    answer.seq = *query.at_seq;
  }
  JsonWriter json;
  json.object().key("tallies").list();
  bool complete = true;
  for (const auto& [key, tally] : tallies) {
    if (tally.trades == 0 && !tally.value) continue;
    complete = json.bytes() <= kReplyBytesMax;
    if (!complete) break;
    const RunName name{std::get<0>(key), std::get<1>(key), std::get<2>(key)};
    json.object().field("run_id", name.id()).field("source", name.source);
    add_text_or_null(json, "run", name.run);
    add_text_or_null(json, "agent_id", name.agent_id);
    json.field("trades", tally.trades).field("wins", tally.wins).field("closed", tally.closed);
    json.key("profit").raw(digits(tally.profit.total())).key("volume").raw(digits(tally.volume.total()));
    json.key("value").raw(digits(tally.value.value_or(kNoNumber))).end_object();
  }
  json.end_list().field("complete", complete);
  answer.work += json.bytes() / kCopiedBytesPerWork;
  answer.members = members_of(json);
  return answer;
}

}  // namespace

Result<RunAnswer, RequestError> answer_query(Database& database, const RunQuery& query,
                                             const std::function<bool()>& cancelled) {
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
                      ? answer_runs(database, std::get<RunsQuery>(query), cancelled)
                  : std::get_if<SeriesQuery>(&query) != nullptr
                      ? answer_series(database, std::get<SeriesQuery>(query), cancelled)
                      : answer_tallies(database, std::get<TalliesQuery>(query));
  if (!answer) return answer;
  JsonWriter since;
  since.object().field("seq", folded_to(database, "since_seq")).key("timestamp");
  since.time(static_cast<std::int64_t>(folded_to(database, "since_us"))).end_object();
  answer.value().members += ",\"since\":" + since.take();
  return answer;
}

}  // namespace bridge
