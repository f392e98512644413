// Trades added up, as they are now or were at an earlier event.

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "runs/packed_events.h"
#include "runs/run_answers.h"

namespace bridge {
namespace {

constexpr std::uint64_t kLookBackMax = 1'000'000;  // events before the first place at which tallies are known

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
  const auto on_event = [&](const PackedEvent& stored) {
    const std::string_view type = stored.type;
    const bool trade = type == "trade_executed";
    if ((!trade && type != "portfolio_update") || stored.source.data() == nullptr) return true;
    const std::size_t begin = std::string_view(R"({"type":"","data":)").size() + type.size();
    if (begin > stored.body.size() || stored.data_bytes > stored.body.size() - begin) return true;
    TalliedEvent event{stored.seq,
                       {std::string(stored.source), std::string(stored.run), std::string(stored.agent_id)},
                       stored.body.substr(begin, stored.data_bytes)};
    if (std::get<2>(event.key).size() > 256) std::get<2>(event.key).clear();
    return static_cast<bool>(visit(event, trade));
  };
  Statement rows(db, std::string("SELECT seq,type,source,run,agent_id,data_bytes,body FROM ") + PackedEvents::rows_table(db) +
                      " WHERE seq BETWEEN ? AND ? ORDER BY seq" + (back ? " DESC" : ""));
  const auto on_rows = [&](std::uint64_t low, std::uint64_t high) {
    rows.bind_all(low, high);
    bool more = true;
    while (more && rows.step()) {
      PackedEvent event;
      event.seq = rows.number(0);
      event.type = rows.text(1);
      event.source = rows.text(2);
      event.run = rows.text(3);
      event.agent_id = rows.text(4);
      event.data_bytes = static_cast<std::uint32_t>(rows.number(5));
      event.body = rows.text(6);
      more = on_event(event);
    }
    rows.reset();
    return more;
  };
  PackedEvents(db).walk(from + 1, to, back, on_rows, on_event);
}

// What was added up by event `at`, as `tallies_before` and `tallies` have it. REQUIRES: `at` is one of the former, or
// nothing was added up behind it.
Tallies read_tallies(Database& db, std::uint64_t at) {
  Tallies tallies;
  Statement rows(db,
                 "WITH past AS (SELECT run,trades,wins,closed,profit,profit_rest,volume,volume_rest,value,min(at) FROM "
                 "tallies_before WHERE at>=? GROUP BY run) "
                 "SELECT source,runs.run,agent_id,trades,wins,closed,profit,profit_rest,volume,volume_rest,value FROM "
                 "(SELECT * FROM past UNION ALL SELECT *,0 FROM tallies WHERE run NOT IN (SELECT run FROM past)) t "
                 "JOIN runs ON runs.id=t.run WHERE deleted=0");
  rows.bind(1, at);
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
  return tallies;
}

// As it was at an earlier event: what was added up by the next place that is known, without what came in between.
std::optional<RequestError> go_back(Database& db, std::uint64_t at, std::uint64_t now, Tallies* tallies,
                                    std::uint64_t* work) {
  const auto refuse = [at](const std::string& why) {
    return RequestError{ErrorType::bad_request, "params.at_seq is " + std::to_string(at) + "; " + why};
  };
  const auto place = [&db](const std::string& what) {
    const auto found = db.number("SELECT " + what);
    return found ? std::optional<std::uint64_t>(*found) : std::nullopt;
  };
  if (at > now) return refuse("must be an integer 0.." + std::to_string(now));
  if (at == now) {
    *tallies = read_tallies(db, now);
    return std::nullopt;
  }
  if (!db.number("SELECT 1 FROM sqlite_master WHERE name='events'")) {
    return refuse("must be " + std::to_string(now) + ", for without a journal the past is not kept");
  }
  const std::uint64_t oldest_event = PackedEvents::first_event(db);
  const std::uint64_t first = oldest_event == 0 ? now + 1 : oldest_event;
  const std::uint64_t known = place("min(at) FROM tallies_before").value_or(now);
  const std::uint64_t oldest = std::max(first == 0 ? 0 : first - 1, known - std::min(known, kLookBackMax));
  if (at < oldest) {
    return refuse("must be " + std::to_string(oldest) + ".." + std::to_string(now) +
                  ": older events are gone, or an older bridge added them up");
  }
  const std::string here = std::to_string(at);
  const std::uint64_t next = place("min(at) FROM tallies_before WHERE at>=" + here).value_or(now);
  *tallies = read_tallies(db, next);
  const auto before = place("max(at) FROM tallies_before WHERE at<=" + here);
  *work += next - at;
  std::map<AgentKey, bool> moved;  // the value, since
  for_each_tallied(db, at, next, false, [&](const TalliedEvent& event, bool trade) {
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
  for_each_tallied(db, before.value_or(at - std::min(at, kLookBackMax)), at, true, [&](const TalliedEvent& event, bool trade) {
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
  if (moved.empty() || !before) return std::nullopt;
  for (const auto& [key, tally] : read_tallies(db, *before)) {
    if (moved.count(key) != 0) (*tallies)[key].value = tally.value;
  }
  return std::nullopt;
}

}  // namespace

Answer answer_tallies(Database& db, const TalliesQuery& query, const ReadScope* scope) {
  RunAnswer answer;
  answer.seq = folded_to(db, "seq");
  Tallies tallies;
  if (const auto refused = go_back(db, query.at_seq.value_or(*answer.seq), *answer.seq, &tallies, &answer.work)) return *refused;
  answer.seq = query.at_seq.value_or(*answer.seq);
  answer.work += tallies.size();
  JsonWriter json;
  json.object().key("tallies").list();
  bool complete = true;
  for (auto& [key, tally] : tallies) {
    const auto& [source, run, agent] = key;
    if (scope != nullptr && !scope->may_read("trade_executed", source, agent)) continue;
    if (scope != nullptr && !scope->may_read("portfolio_update", source, agent)) tally.value.reset();
    if (tally.trades == 0 && !tally.value) continue;
    complete = json.bytes() <= kReplyBytesMax;
    if (!complete) break;
    const RunName name{source, run, agent};
    json.object().field("run_id", name.id()).field("source", name.source);
    json.key("run").text_or_null(name.run);
    json.key("agent_id").text_or_null(name.agent_id);
    json.field("trades", tally.trades).field("wins", tally.wins).field("closed", tally.closed);
    json.key("profit").raw(digits(tally.profit.total())).key("volume").raw(digits(tally.volume.total()));
    json.key("value").raw(digits(tally.value.value_or(kNoNumber))).end_object();
  }
  json.end_list().field("complete", complete);
  answer.work += json.bytes() / kCopiedBytesPerWork;
  answer.members = members_of(json);
  return answer;
}

}  // namespace bridge
