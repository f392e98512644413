#include "runs/run_store.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "event/event_fields.h"
#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::int64_t kFlushUs = 2'000'000;
constexpr std::size_t kRunBytes = 512;    // in memory, without its points
constexpr std::size_t kCurveBytes = 256;
constexpr std::size_t kAgentBytesMax = 256;
constexpr std::size_t kMarkBytesMax = 8192;  // holds any command_executed

}  // namespace

RunStore::RunStore(Database& database, RunLimits limits, std::uint64_t past_seq)
    : db_(database),
      limits_(limits),
      past_seq_(past_seq),
      keeps_windows_(number("SELECT count(*) FROM sqlite_master WHERE name='events'") != 0) {
  db_.run("BEGIN IMMEDIATE");
  db_.run(kRunTables);
  const std::uint64_t version = number("SELECT value FROM runs_state WHERE name='version'");
  if (version > kRunTablesVersion) {
    throw DatabaseError(SQLITE_ERROR, "its tables of runs are of version " + std::to_string(version) +
                                          ", written by a newer bridge; this one knows version " +
                                          std::to_string(kRunTablesVersion));
  }
  // A run that goes on says so with its next event.
  db_.run(kLoseAll);
  db_.run("INSERT OR IGNORE INTO runs_state VALUES('seq',0),('samples_seq',0),('since_seq',0),('since_us',0)");
  db_.run("DELETE FROM tallies_before WHERE (SELECT value FROM runs_state WHERE name='seq')=0");  // all is added up anew
  db_.run("INSERT OR REPLACE INTO runs_state VALUES('version'," + std::to_string(kRunTablesVersion) + ")");
  db_.run("COMMIT");
  statements_ = std::make_unique<Statements>(db_);
  forget();
  window_at_ = whole_seq_;
}

RunStore::~RunStore() = default;

std::uint64_t RunStore::number(const char* sql) {
  return static_cast<std::uint64_t>(db_.number(sql).value_or(0));
}

void RunStore::forget() {
  changed_.clear();
  changed_curves_.clear();
  groups_.clear();
  last_group_ = nullptr;
  memory_bytes_ = 0;
  open_bytes_ = 0;
  dirty_ = false;
  seq_ = number("SELECT value FROM runs_state WHERE name='samples_seq'");
  whole_seq_ = number("SELECT value FROM runs_state WHERE name='seq'");
  in_past_ = whole_seq_ < past_seq_;
  window_at_ = std::min(window_at_, whole_seq_);
  fresh_ = number("SELECT value FROM runs_state WHERE name='since_seq'") == 0;
  bytes_ = number("SELECT sum(bytes) FROM curves");
  run_rows_ = number("SELECT count(*) FROM runs");
  count_marks();
}

void RunStore::skip_to(std::uint64_t seq) {
  if (seq <= seq_) return;
  seq_ = seq;
  dirty_ = true;
  if (in_past_ && seq >= past_seq_) lose_past();
}

void RunStore::fold(const Block& block, std::size_t index) {
  for (std::size_t i = index; i < block.size(); ++i) {
    const std::uint64_t seq = block.seq(i);
    if (seq <= seq_) continue;
    if (in_past_ && seq > past_seq_) lose_past();
    if (seq > window_at_ + limits_.window_events) begin_window(seq - 1);
    try {
      fold_event(block, i, seq > whole_seq_);
    } catch (const DatabaseError& error) {
      // What SQLite will not take of one event (a text that its JSON functions refuse) it refuses for good.
      if (error.primary_code() != SQLITE_ERROR || !db_.in_transaction()) throw;
    }
  }
  skip_to(block.last_seq());
}

// `whole`: not the curves alone, whose points were lost by a kill while all else was written.
void RunStore::fold_event(const Block& block, std::size_t i, bool whole) {
  const EventEntry& event = block.entry(i);
  const std::string_view source = block.text(event.source);
  if (source.empty()) return;
  const std::string_view type = block.text(event.type);
  const std::string_view data = block.text(event.data);
  const std::uint64_t seq = block.seq(i);
  const std::int64_t time_us = event.timestamp_us;
  if (fresh_) note_since(seq, time_us);
  if (source == kOwnSource) {
    if (whole) fold_own(type, data, seq, time_us);
    return;
  }
  std::string_view agent;
  if (event.agent_kind == IndexedField::Kind::text) agent = block.text(event.agent_id);
  if (event.agent_kind == IndexedField::Kind::other) {
    // No text, or of a stored event where nobody has looked.
    std::string_view told;
    read_members(data, {{"agent_id", &told}});
    if (!told.empty() && told[0] == '"') {
      text_.clear();
      append_decoded(text_, told.substr(1, told.size() - 2));
      agent = text_;
    }
  }
  if (agent.size() > kAgentBytesMax) agent = {};
  Group& group = group_of(source, block.text(event.run));
  group.seq = seq;
  Run& run = run_of(group, agent, time_us);
  if (run.lost && whole) revive(run);
  run.last_us = std::max(run.last_us, time_us);
  if (!run.changed) {
    run.changed = true;
    changed_.push_back(&run);
  }
  const bool is_trade = type == "trade_executed";
  if (is_trade || type == "portfolio_update") {
    if (!whole) return;
    if (keeps_windows_ && run.window_at != window_at_) keep_before(run);
    is_trade ? run.tally.add_trade(data) : run.tally.add_portfolio(data);
    run.tally_changed = true;
  } else if (type == "scalar") {
    fold_scalar(run, data, time_us);
  } else if (type == "training_update" || type == "episode_end") {
    fold_samples(run, type, data, time_us);
  } else if (type == "run_started" || type == "run_config") {
    if (whole) fold_started(run, type, data, seq, time_us);
  } else if (type == "run_ended") {
    if (!whole) return;
    std::string_view state, error;
    read_members(data, {{"state", &state}, {"error", &error}});
    std::string how = text_of(state).value_or("finished");
    if (how != "crashed" && how != "interrupted") how = "finished";
    end_runs(source, group.run, agent, how, text_of(error).value_or(""), time_us);
    mark(seq, run.id, "ended", time_us, data);
  } else if (type == "error") {
    if (!whole) return;
    mark(seq, run.id, "error", time_us, data);
  }
}

// From where on everything is counted.
void RunStore::note_since(std::uint64_t seq, std::int64_t time_us) {
  write_state("since_seq", seq);
  write_state("since_us", static_cast<std::uint64_t>(time_us));
  fresh_ = false;
}

// What the bridge itself tells of a source.
void RunStore::fold_own(std::string_view type, std::string_view data, std::uint64_t seq,
                        std::int64_t time_us) {
  if (type == "system_status") {
    std::string_view status, source, run;
    read_members(data, {{"status", &status}, {"source", &source}, {"run", &run}});
    if (status != R"("source_gone")") return;
    end_runs(text_of(source).value_or(""), text_of(run).value_or(""), {}, "lost", {}, time_us);
  } else if (type == "command_executed") {
    std::string_view command, trainer, target, outcome;
    read_members(data, {{"command", &command},
                        {"trainer", &trainer},
                        {"target", &target},
                        {"outcome", &outcome}});
    if (outcome != R"("success")") return;
    const std::string source = text_of(trainer).value_or("");
    std::string agent = text_of(target).value_or("");
    agent.erase(0, agent.rfind('/') + 1);
    const std::uint64_t run = statements_->newest_run.first_number(source, agent);
    if (run != 0) mark(seq, run, text_of(command).value_or(""), time_us, data);
  }
}

RunStore::Group& RunStore::group_of(std::string_view source, std::string_view run) {
  if (last_group_ != nullptr && same_name(last_group_->source, source) &&
      same_name(last_group_->run, run)) {
    return *last_group_;
  }
  key_.assign(source).append(1, '\n').append(run);
  Group& group = groups_[key_];
  if (group.source.empty()) {
    group.source = source;
    group.run = run;
  }
  last_group_ = &group;
  return group;
}

RunStore::Run& RunStore::run_of(Group& group, std::string_view agent, std::int64_t time_us) {
  const auto known = group.runs.find(agent);
  if (known != group.runs.end()) return known->second;
  Run run;
  Statement& find = statements_->find_run;
  find.bind_all(group.source, group.run, agent);
  if (find.step()) {
    run.id = find.number(0);
    run.last_us = static_cast<std::int64_t>(find.number(1));
    if (!find.is_null(2)) run.steps = find.real(2);
    run.lost = find.number(3) != 0;
    run.deleted = find.number(4) != 0;
    run.curve_count = find.number(5);
    find.reset();
    Statement& tally = statements_->find_tally;
    tally.bind(1, run.id);
    if (tally.step()) {
      run.tally_stored = true;
      run.tally.trades = tally.number(0);
      run.tally.wins = tally.number(1);
      run.tally.closed = tally.number(2);
      // What had become too large for a double stays so.
      run.tally.profit = {tally.is_null(3) ? HUGE_VAL : tally.real(3), tally.real(4)};
      run.tally.volume = {tally.is_null(5) ? HUGE_VAL : tally.real(5), tally.real(6)};
      if (!tally.is_null(7)) run.tally.value = tally.real(7);
    }
    tally.reset();
  } else {
    find.reset();
    statements_->insert_run.run(group.source, group.run, agent, stored_seconds(time_us));
    run.id = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db_.handle()));
    ++run_rows_;
  }
  open_bytes_ += kRunBytes;
  return group.runs.emplace(std::string(agent), std::move(run)).first->second;
}

void RunStore::mark(std::uint64_t seq, std::uint64_t run, std::string_view kind,
                    std::int64_t time_us, std::string_view data) {
  const bool fits = data.size() <= kMarkBytesMax;
  statements_->mark.run(seq, run, kind, stored_seconds(time_us), fits ? std::optional(data) : std::nullopt);
  if (fits) mark_bytes_ += data.size();
  ++mark_rows_;
}

void RunStore::write_state(std::string_view name, std::uint64_t value) {
  statements_->set_state.run(name, value);
}

// Call after what fold() took in, before the commit.
void RunStore::write(std::int64_t now_us) {
  for (Run* run : changed_) {
    if (run->tally_changed) write_run(*run);
  }
  if (seq_ > whole_seq_) write_state("seq", seq_);
  const std::int64_t since = now_us - flushed_us_;
  if ((since >= 0 && since < kFlushUs && open_bytes_ < limits_.memory_bytes_max / 4) || !dirty_) return;
  flushed_us_ = now_us;
  flush();
}

void RunStore::write_run(Run& run) {
  if (!run.tally_stored) {
    statements_->insert_tally.run(run.id);
    run.tally_stored = true;
  }
  bind_tally(statements_->write_tally, run.id, run.tally);
  statements_->write_tally.run();
  run.tally_changed = false;
}

void RunStore::write_last(const Run& run) {
  statements_->write_run.run(stored_seconds(run.last_us), finite(run.steps), run.id);
}

void RunStore::flush() {
  for (Run* run : changed_) {
    if (run->tally_changed) write_run(*run);
    write_last(*run);
    run->changed = false;
  }
  changed_.clear();
  for (Curve* curve : changed_curves_) write_curve(*curve);
  changed_curves_.clear();
  write_state("samples_seq", seq_);
  if (seq_ >= whole_seq_) write_state("seq", seq_);
  open_bytes_ = 0;
  dirty_ = false;
  forget_some();
}

// Out of memory go the runs that were silent for longest, half of them at once. REQUIRES: all is written.
void RunStore::forget_some() {
  const auto bytes_of = [](const Group& group) {
    std::size_t bytes = kRunBytes;
    for (const auto& [agent, run] : group.runs) {
      bytes += kRunBytes;
      for (const auto& [tag, curve] : run.curves) {
        bytes += kCurveBytes;
        for (const ChunkPoints& points : curve.chunks) bytes += points.bytes();
      }
    }
    return bytes;
  };
  memory_bytes_ = 0;
  for (const auto& [key, group] : groups_) memory_bytes_ += bytes_of(group);
  while (memory_bytes_ > limits_.memory_bytes_max) {
    std::vector<std::uint64_t> seqs;
    for (const auto& [key, group] : groups_) seqs.push_back(group.seq);
    const auto middle = seqs.begin() + static_cast<std::ptrdiff_t>(seqs.size() / 2);
    std::nth_element(seqs.begin(), middle, seqs.end());
    last_group_ = nullptr;
    for (auto it = groups_.begin(); it != groups_.end();) {
      const bool goes = it->second.seq <= *middle;
      if (goes) memory_bytes_ -= bytes_of(it->second);
      it = goes ? groups_.erase(it) : std::next(it);
    }
  }
}

}  // namespace bridge
