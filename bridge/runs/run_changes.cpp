// What becomes of runs as wholes: begun, ended, named by people, deleted.

#include <algorithm>

#include "base/text.h"
#include "event/event_fields.h"
#include "runs/packed_events.h"
#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::size_t kConfigBytesMax = 16 * 1024;
constexpr std::size_t kRunTextBytesMax = 1000;
constexpr std::uint64_t kMarksPartOfBytes = 16;
constexpr std::uint64_t kBeforeRowsMax = 1'000'000;  // of `tallies_before`, some 90 bytes each
constexpr std::uint64_t kBeforeRowPart = 1024;       // bytes of curves allowed, for each of them

// NULL where it is empty.
std::optional<std::string_view> some(std::string_view text) { return text.empty() ? std::nullopt : std::optional(text); }

std::string_view if_fits(std::string_view json, char first) {
  return json.size() <= kConfigBytesMax && !json.empty() && json[0] == first ? json
                                                                              : std::string_view();
}

}  // namespace

std::optional<RunName> RunName::parse(std::string_view id) {
  RunName name;
  const std::size_t at = id.find('@');
  if (at == 0 || at == std::string_view::npos) return std::nullopt;
  name.source = id.substr(0, at);
  const std::size_t slash = id.find('/', at);
  name.run = id.substr(at + 1, slash == std::string_view::npos ? slash : slash - at - 1);
  if (slash != std::string_view::npos) name.agent_id = id.substr(slash + 1);
  return name;
}

std::string RunName::id() const {
  return source + "@" + run + (agent_id.empty() ? "" : "/" + agent_id);
}

void RunStore::fold_started(Run& run, std::string_view type, std::string_view data,
                            std::uint64_t seq, std::int64_t time_us) {
  std::string_view name, config, tags;
  read_members(data, {{"name", &name}, {"config", &config}, {"tags", &tags}});
  if (type == "run_config") {
    const std::string_view changes = if_fits(config, '{');
    if (!changes.empty()) statements_->add_config.run(changes, run.id, kConfigBytesMax);
    return;
  }
  const std::string called = text_of(name).value_or("");
  statements_->start.run(stored_seconds(time_us), some(utf8_prefix(called, kRunTextBytesMax)), some(if_fits(config, '{')),
                         some(if_fits(tags, '[')), run.id);
  run.lost = false;
  mark(seq, run.id, "started", time_us, "{}");
}

// Of the run as a whole, with all its agents, or of one agent. Lost is only what has not ended.
void RunStore::end_runs(std::string_view source, std::string_view run, std::string_view agent,
                        std::string_view state, std::string_view error, std::int64_t time_us) {
  const bool lost = state == "lost";
  if (lost) {
    statements_->lose.run(stored_seconds(time_us), source, run);
  } else {
    Statement& end = agent.empty() ? statements_->end_all : statements_->end_agent;
    end.bind_all(state, stored_seconds(time_us), some(utf8_prefix(error.substr(0, error.find('\n')), kRunTextBytesMax)), source, run);
    if (!agent.empty()) end.bind(6, agent);
    end.run();
  }
  // What is in memory of them is read again: whether they are lost stands in the table.
  const auto group = groups_.find(std::string(source) + "\n" + std::string(run));
  if (group == groups_.end()) return;
  Statement& find = statements_->find_run;
  for (auto& [name, one] : group->second.runs) {
    if (!agent.empty() && name != agent) continue;
    find.bind_all(source, run, name);
    one.lost = find.step() && find.number(3) != 0;
    find.reset();
  }
}

void RunStore::revive(Run& run) {
  statements_->revive.run(run.id);
  run.lost = false;
}

// All that has not ended: it was of a process before this one.
void RunStore::lose_past() {
  in_past_ = false;
  for (Run* run : changed_) write_last(*run);
  db_.run(kLoseAll);
  for (auto& [key, group] : groups_) {
    for (auto& [agent, run] : group.runs) run.lost = true;
  }
}

bool RunStore::set_run(const RunChange& change) {
  const auto name = RunName::parse(change.run_id);
  if (!name) return false;
  std::string sql;
  const auto add = [&](const char* column, bool wanted) {
    if (wanted) sql += std::string(sql.empty() ? "" : ",") + column + "=?";
  };
  add("own_name", change.name.has_value());
  add("note", change.note.has_value());
  add("own_tags", change.tags_json.has_value());
  add("hidden", change.hidden.has_value());
  add("pinned", change.pinned.has_value());
  add("deleted", change.deleted.has_value());
  if (sql.empty()) sql = "id=id";
  sql = "UPDATE runs SET " + sql + " WHERE source=? AND run=? AND agent_id=?";
  Statement update(db_, sql);
  int at = 0;
  for (const auto* text : {&change.name, &change.note, &change.tags_json}) {
    if (*text) update.bind(++at, some(**text));
  }
  for (const auto* flag : {&change.hidden, &change.pinned, &change.deleted}) {
    if (*flag) update.bind(++at, std::uint64_t{**flag ? 1u : 0u});
  }
  for (const std::string* part : {&name->source, &name->run, &name->agent_id}) update.bind(++at, *part);
  update.run();
  const bool found = sqlite3_changes64(db_.handle()) != 0;
  const auto group = groups_.find(name->source + "\n" + name->run);
  if (found && change.deleted && group != groups_.end()) {
    const auto run = group->second.runs.find(name->agent_id);
    if (run != group->second.runs.end()) run->second.deleted = *change.deleted;
  }
  return found;
}

// The tallies behind event `at` will be known: of each run, from its first change on, as it was before. Those go that
// no event of the journal is behind, and the oldest of too many.
void RunStore::begin_window(std::uint64_t at) {
  window_at_ = at;
  if (!keeps_windows_) return;
  db_.run("DELETE FROM tallies_before WHERE at<(SELECT max(at) FROM tallies_before WHERE at<" +
          std::to_string(PackedEvents::first_event(db_)) + ")");
  db_.run("DELETE FROM tallies_before WHERE at<=(SELECT at FROM tallies_before ORDER BY at DESC LIMIT 1 OFFSET " +
          std::to_string(std::min(kBeforeRowsMax, limits_.bytes_max / kBeforeRowPart)) + ")");
}

void RunStore::keep_before(Run& run) {
  Statement& keep = statements_->write_tally_before;
  bind_tally(keep, run.id, run.tally);
  keep.bind(10, window_at_);
  keep.run();
  run.window_at = window_at_;
}

void RunStore::count_marks() {
  mark_rows_ = number("SELECT count(*) FROM marks");
  mark_bytes_ = number("SELECT sum(length(CAST(data AS BLOB))) FROM marks");
}

// The oldest: those beyond marks_max, and an eighth where all take too many bytes.
void RunStore::trim_marks() {
  std::uint64_t rows = mark_rows_ - std::min(mark_rows_, limits_.marks_max);
  if (mark_bytes_ > limits_.bytes_max / kMarksPartOfBytes) rows = std::max(rows, mark_rows_ / 8 + 1);
  if (rows == 0) return;
  db_.run("DELETE FROM marks WHERE seq<=(SELECT seq FROM marks ORDER BY seq LIMIT 1 OFFSET " +
          std::to_string(std::min(rows, mark_rows_) - 1) + ")");
  count_marks();
}

// A curve at a time, or a run without any.
bool RunStore::trim(std::int64_t now_us) {
  trim_marks();
  const double too_old = stored_seconds(now_us - limits_.age_max_us);
  std::string sql;
  bool row_too = false;
  if (const auto deleted = db_.number(
          "SELECT run FROM curves WHERE run IN (SELECT id FROM runs WHERE deleted=1) LIMIT 1")) {
    sql = std::to_string(*deleted);
  } else {
    Statement oldest(db_, "SELECT id,last FROM runs ORDER BY last LIMIT 1");
    if (!oldest.step()) return false;
    row_too = oldest.real(1) < too_old || run_rows_ > limits_.runs_max;
    if (row_too) sql = std::to_string(oldest.number(0));
  }
  if (sql.empty() && bytes_ > limits_.bytes_max) {
    const auto run = db_.number(
        "SELECT id FROM runs WHERE id IN (SELECT run FROM curves) ORDER BY pinned,last LIMIT 1");
    if (run) sql = std::to_string(*run);
  }
  if (sql.empty()) return false;
  flush();
  const auto curve = db_.number("SELECT id FROM curves WHERE run=" + sql + " ORDER BY bytes DESC LIMIT 1");
  if (curve) {
    const auto first = static_cast<std::uint64_t>(*curve) << kChunkBits;
    const std::string range = " WHERE id BETWEEN " + std::to_string(first) + " AND " +
                              std::to_string(first | ((1ull << kChunkBits) - 1));
    db_.run("DELETE FROM chunks" + range);
    db_.run("DELETE FROM samples" + range);
    db_.run("DELETE FROM curves WHERE id=" + std::to_string(*curve));
  } else if (row_too) {
    for (const char* table : {"tallies", "marks"}) {
      db_.run(std::string("DELETE FROM ") + table + " WHERE run=" + sql);
    }
    db_.run("DELETE FROM runs WHERE id=" + sql);
  }
  forget();
  return true;
}

}  // namespace bridge
