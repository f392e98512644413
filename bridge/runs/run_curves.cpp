// The curves of runs: points out of events, gathered in memory, and written a row of many at a time.

#include <utility>

#include "base/text.h"
#include "event/event_fields.h"
#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::size_t kTagBytesMax = 256;
constexpr std::size_t kPointBytes = 24;
constexpr std::uint64_t kChunksMax = 1ull << kChunkBits;  // of a curve

}  // namespace

// Null where the run has too many, or a name too long.
RunStore::Curve* RunStore::curve_of(Run& run, std::string_view tag) {
  const auto known = run.curves.find(tag);
  if (known != run.curves.end()) return &known->second;
  if (tag.empty() || tag.size() > kTagBytesMax) return nullptr;
  Curve curve;
  Statement& find = statements_->find_curve;
  find.bind_all(run.id, tag);
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
    statements_->insert_curve.run(run.id, tag);
    curve.id = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db_.handle()));
  }
  Statement& newest = statements_->read_points;
  newest.bind_all(curve.id << kChunkBits, curve.id << kChunkBits | (kChunksMax - 1));
  if (newest.step()) {
    ChunkPoints points;
    const std::size_t n = newest.number(1);
    curve.first_chunk = newest.number(0) & (kChunksMax - 1);
    if (n < kChunkPoints && decode_steps(newest.blob(2), n, &points.steps) && decode_values(newest.blob(3), n, &points.values) &&
        decode_times(newest.blob(4), n, &points.times_us)) {
      curve.open_bytes = newest.blob(2).size() + newest.blob(3).size() + newest.blob(4).size();
      curve.chunks.push_back(std::move(points));
    } else {
      ++curve.first_chunk;  // it is full, or somebody has changed it
    }
  }
  newest.reset();
  return &run.curves.emplace(std::string(tag), std::move(curve)).first->second;
}

void RunStore::add_point(Run& run, std::string_view tag, std::optional<double> step, double value,
                         std::int64_t time_us) {
  if (run.deleted) return;
  Curve* const curve = curve_of(run, tag);
  if (curve == nullptr || curve->first_chunk + curve->chunks.size() >= kChunksMax) return;
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

void RunStore::write_curve(Curve& curve) {
  for (std::size_t i = 0; i < curve.chunks.size(); ++i) {
    const ChunkPoints& points = curve.chunks[i];
    const std::uint64_t id = curve.id << kChunkBits | (curve.first_chunk + i);
    const ChunkSummary of(points);
    statements_->write_chunk.run(id, of.points, of.rises | of.none << 2, of.step_min, of.step_max,
                                 static_cast<std::uint64_t>(of.time_min_us), static_cast<std::uint64_t>(of.time_max_us),
                                 finite(of.min), finite(of.max), finite(of.first), finite(of.last));
    const std::string steps = encode_steps(points.steps);
    const std::string values = encode_values(points.values);
    const std::string times = encode_times(points.times_us);
    statements_->write_points.run(id, Blob{steps}, Blob{values}, Blob{times});
    const std::uint64_t bytes = steps.size() + values.size() + times.size();
    curve.bytes += bytes - curve.open_bytes;
    bytes_ += bytes - curve.open_bytes;
    curve.open_bytes = points.size() == kChunkPoints ? 0 : bytes;
  }
  const ChunkPoints& newest = curve.chunks.back();
  statements_->write_curve.run(curve.points, curve.bytes, finite(newest.values.back()), newest.steps.back(), curve.id);
  const std::size_t full = curve.chunks.size() - (newest.size() == kChunkPoints ? 0 : 1);
  curve.chunks.erase(curve.chunks.begin(), curve.chunks.begin() + static_cast<std::ptrdiff_t>(full));
  curve.first_chunk += full;
  curve.changed = false;
}

}  // namespace bridge
