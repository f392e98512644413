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
constexpr std::size_t kPointBytes = 24;

double stored_seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

void bind_number(Statement& statement, int index, double value) {
  if (std::isfinite(value)) {
    statement.bind(index, value);
  } else {
    statement.bind_null(index);
  }
}

}  // namespace

void Tally::add_trade(std::string_view data) {
  std::string_view profit_text, total, price, quantity, action;
  read_members(data, {{"profit", &profit_text},
                      {"total_value", &total},
                      {"price", &price},
                      {"quantity", &quantity},
                      {"action_type", &action}});
  ++trades;
  const double gain = number_of(profit_text).value_or(0);
  if (gain != 0) profit.add(gain);
  if (gain > 0) ++wins;
  const auto is = [&](std::size_t i, char c) {
    return i < action.size() && (action[i] | 0x20) == c;
  };
  if (gain != 0 || (is(1, 's') && is(2, 'e') && is(3, 'l') && is(4, 'l'))) ++closed;
  const auto told = number_of(total);
  const double moved =
      told ? *told : number_of(price).value_or(0) * number_of(quantity).value_or(0);
  if (moved != 0 && std::isfinite(moved)) volume.add(moved);
}

void Tally::add_portfolio(std::string_view data) {
  std::string_view total;
  read_members(data, {{"total_value", &total}});
  if (const auto told = number_of(total)) value = told;
}

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

RunStore::RunStore(Database& database, RunLimits limits, std::uint64_t past_seq)
    : db_(database), limits_(limits), past_seq_(past_seq) {
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
  db_.run("INSERT OR IGNORE INTO runs_state VALUES('seq',0),('samples_seq',0),('since_seq',0),('since_us',0),"
          "('version'," +
          std::to_string(kRunTablesVersion) + ")");
  db_.run("COMMIT");
  statements_ = std::make_unique<Statements>(db_);
  forget();
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
  statements_->set_state.bind(1, std::string_view("since_seq"));
  statements_->set_state.bind(2, seq);
  statements_->set_state.run();
  statements_->set_state.bind(1, std::string_view("since_us"));
  statements_->set_state.bind(2, static_cast<std::uint64_t>(time_us));
  statements_->set_state.run();
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
    Statement& find = statements_->newest_run;
    find.bind(1, std::string_view(source));
    find.bind(2, std::string_view(agent));
    const std::uint64_t run = find.step() ? find.number(0) : 0;
    find.reset();
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
  find.bind(1, std::string_view(group.source));
  find.bind(2, std::string_view(group.run));
  find.bind(3, agent);
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
    Statement& insert = statements_->insert_run;
    insert.bind(1, std::string_view(group.source));
    insert.bind(2, std::string_view(group.run));
    insert.bind(3, agent);
    insert.bind(4, stored_seconds(time_us));
    insert.run();
    run.id = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db_.handle()));
    ++run_rows_;
  }
  open_bytes_ += kRunBytes;
  return group.runs.emplace(std::string(agent), std::move(run)).first->second;
}

// Null where the run has too many, or a name too long.
RunStore::Curve* RunStore::curve_of(Run& run, std::string_view tag) {
  const auto known = run.curves.find(tag);
  if (known != run.curves.end()) return &known->second;
  if (tag.empty() || tag.size() > kAgentBytesMax) return nullptr;
  Curve curve;
  Statement& find = statements_->find_curve;
  find.bind(1, run.id);
  find.bind(2, tag);
  const bool stored = find.step();
  if (stored) {
    curve.id = find.number(0);
    curve.points = find.number(1);
    curve.bytes = find.number(2);
  }
  find.reset();
  if (!stored) {
    if (run.curve_count >= limits_.curves_per_run_max) return nullptr;
    ++run.curve_count;
    statements_->insert_curve.bind(1, run.id);
    statements_->insert_curve.bind(2, tag);
    statements_->insert_curve.run();
    curve.id = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db_.handle()));
  }
  curve.first_chunk = curve.points / kChunkPoints;
  if (curve.points % kChunkPoints != 0) {
    Statement& read = statements_->read_points;
    read.bind(1, curve.id << kChunkBits | curve.first_chunk);
    ChunkPoints points;
    const std::size_t n = curve.points % kChunkPoints;
    if (read.step() && read.number(0) == n && decode_steps(read.blob(1), n, &points.steps) &&
        decode_values(read.blob(2), n, &points.values) &&
        decode_times(read.blob(3), n, &points.times_us)) {
      curve.open_bytes = read.blob(1).size() + read.blob(2).size() + read.blob(3).size();
      curve.chunks.push_back(std::move(points));
    } else {
      curve.points += kChunkPoints - n;  // somebody has taken it out: the next row follows
      ++curve.first_chunk;
    }
    read.reset();
  }
  return &run.curves.emplace(std::string(tag), std::move(curve)).first->second;
}

void RunStore::add_point(Run& run, std::string_view tag, std::optional<double> step, double value,
                         std::int64_t time_us) {
  if (run.deleted) return;
  Curve* const curve = curve_of(run, tag);
  if (curve == nullptr || curve->points >> kChunkBits >= kChunkPoints) return;
  if (curve->chunks.empty() || curve->chunks.back().size() == kChunkPoints) {
    curve->chunks.emplace_back();
  }
  ++curve->points;
  curve->chunks.back().add(step.value_or(static_cast<double>(curve->points)), value, time_us);
  if (step && !(*step <= run.steps)) run.steps = *step;
  open_bytes_ += kPointBytes;  // of what is new since the last flush
  if (!curve->changed) {
    curve->changed = true;
    changed_curves_.push_back(curve);
  }
}

// Each number that is no position is a point, at `step`, `global_step` or (of an update) `steps`, else at the
// curve's own count.
void RunStore::fold_samples(Run& run, std::string_view type, std::string_view data,
                            std::int64_t time_us) {
  const bool update = type == "training_update";
  std::string_view step, global_step, steps;
  read_members(data, {{"step", &step}, {"global_step", &global_step}, {"steps", &steps}});
  std::optional<double> at = number_of(step);
  if (!at) at = number_of(global_step);
  if (!at && update) at = number_of(steps);
  for_each_member(data, [&](const JsonString& key, std::string_view value) {
    if (!is_measure(value) || key.raw == "step" || key.raw == "global_step" ||
        (update && key.raw == "steps") || key.raw == "agent_id") {
      return true;
    }
    tag_.assign(type).append(1, '/');
    if (key.escaped) {
      append_decoded(tag_, key.raw);
    } else {
      tag_.append(key.raw);
    }
    add_point(run, tag_, at, number_of(value).value_or(kNoNumber), time_us);
    return true;
  });
}

void RunStore::fold_scalar(Run& run, std::string_view data, std::int64_t time_us) {
  std::string_view tag, value, step;
  read_members(data, {{"tag", &tag}, {"value", &value}, {"step", &step}});
  if (!is_measure(value) || tag.size() < 2 || tag[0] != '"') return;
  std::string_view name = tag.substr(1, tag.size() - 2);
  if (name.find('\\') != std::string_view::npos) {
    tag_.clear();
    append_decoded(tag_, name);
    name = tag_;
  }
  add_point(run, name, number_of(step), number_of(value).value_or(kNoNumber), time_us);
}

void RunStore::mark(std::uint64_t seq, std::uint64_t run, std::string_view kind,
                    std::int64_t time_us, std::string_view data) {
  Statement& insert = statements_->mark;
  insert.bind(1, seq);
  insert.bind(2, run);
  insert.bind(3, kind);
  insert.bind(4, stored_seconds(time_us));
  if (data.size() <= kMarkBytesMax) {
    insert.bind(5, data);
    mark_bytes_ += data.size();
  } else {
    insert.bind_null(5);
  }
  insert.run();
  ++mark_rows_;
}

// Call after what fold() took in, before the commit.
void RunStore::write(std::int64_t now_us) {
  for (Run* run : changed_) {
    if (run->tally_changed) write_run(*run);
  }
  if (seq_ > whole_seq_) {
    statements_->set_state.bind(1, std::string_view("seq"));
    statements_->set_state.bind(2, seq_);
    statements_->set_state.run();
  }
  const std::int64_t since = now_us - flushed_us_;
  if ((since >= 0 && since < kFlushUs && open_bytes_ < limits_.memory_bytes_max / 4) || !dirty_) return;
  flushed_us_ = now_us;
  flush();
}

void RunStore::write_run(Run& run) {
  if (!run.tally_stored) {
    statements_->insert_tally.bind(1, run.id);
    statements_->insert_tally.run();
    run.tally_stored = true;
  }
  Statement& write = statements_->write_tally;
  const Tally& tally = run.tally;
  write.bind(1, run.id);
  write.bind(2, tally.trades);
  write.bind(3, tally.wins);
  write.bind(4, tally.closed);
  bind_number(write, 5, tally.profit.sum);
  bind_number(write, 6, tally.profit.rest);
  bind_number(write, 7, tally.volume.sum);
  bind_number(write, 8, tally.volume.rest);
  bind_number(write, 9, tally.value.value_or(kNoNumber));
  write.run();
  run.tally_changed = false;
}

void RunStore::flush() {
  for (Run* run : changed_) {
    if (run->tally_changed) write_run(*run);
    Statement& write = statements_->write_run;
    write.bind(1, stored_seconds(run->last_us));
    bind_number(write, 2, run->steps);
    write.bind(3, run->id);
    write.run();
    run->changed = false;
  }
  changed_.clear();
  for (Curve* curve : changed_curves_) write_curve(*curve);
  changed_curves_.clear();
  for (const char* name : {"samples_seq", "seq"}) {
    if (seq_ < whole_seq_ && std::string_view(name) == "seq") continue;
    statements_->set_state.bind(1, std::string_view(name));
    statements_->set_state.bind(2, seq_);
    statements_->set_state.run();
  }
  open_bytes_ = 0;
  dirty_ = false;
  forget_some();
}

void RunStore::write_curve(Curve& curve) {
  for (std::size_t i = 0; i < curve.chunks.size(); ++i) {
    const ChunkPoints& points = curve.chunks[i];
    const std::uint64_t id = curve.id << kChunkBits | (curve.first_chunk + i);
    const ChunkSummary of(points);
    Statement& chunk = statements_->write_chunk;
    chunk.bind(1, id);
    chunk.bind(2, of.points);
    chunk.bind(3, of.rises);
    chunk.bind(4, of.step_min);
    chunk.bind(5, of.step_max);
    chunk.bind(6, static_cast<std::uint64_t>(of.time_min_us));
    chunk.bind(7, static_cast<std::uint64_t>(of.time_max_us));
    bind_number(chunk, 8, of.min);
    bind_number(chunk, 9, of.max);
    bind_number(chunk, 10, of.first);
    bind_number(chunk, 11, of.last);
    chunk.run();
    const std::string steps = encode_steps(points.steps);
    const std::string values = encode_values(points.values);
    const std::string times = encode_times(points.times_us);
    Statement& write = statements_->write_points;
    write.bind(1, id);
    write.bind_blob(2, steps);
    write.bind_blob(3, values);
    write.bind_blob(4, times);
    write.run();
    const std::uint64_t bytes = steps.size() + values.size() + times.size();
    curve.bytes += bytes - curve.open_bytes;
    bytes_ += bytes - curve.open_bytes;
    curve.open_bytes = points.size() == kChunkPoints ? 0 : bytes;
  }
  const ChunkPoints& newest = curve.chunks.back();
  Statement& write = statements_->write_curve;
  write.bind(1, curve.points);
  write.bind(2, curve.bytes);
  bind_number(write, 3, newest.values.back());
  write.bind(4, newest.steps.back());
  write.bind(5, curve.id);
  write.run();
  const std::size_t full = curve.chunks.size() - (newest.size() == kChunkPoints ? 0 : 1);
  curve.chunks.erase(curve.chunks.begin(), curve.chunks.begin() + static_cast<std::ptrdiff_t>(full));
  curve.first_chunk += full;
  curve.changed = false;
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
