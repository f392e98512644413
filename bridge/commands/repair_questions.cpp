// The router's part in questions for missing events: asked in a trainer's lane, answered in time, late or not at all.
#include <utility>

#include "commands/command_router.h"
#include "commands/trainer_answer.h"
#include "commands/trainer_lane.h"
#include "event/json_document.h"
#include "event/json_writer.h"

namespace bridge {

// Not while a command is with a trainer that does one thing at a time. An earlier question that it owes an
// answer to is no reason: it may have been lost, and to answer twice does no harm.
bool CommandRouter::may_ask(const TrainerLane& lane) const {
  const bool owes_command =
      lane.with_trainer || (!lane.unanswered_id.empty() &&
                            (!lane.late_repair || lane.late_repair->id != lane.unanswered_id));
  return !owes_command || lane.answers_any_time();
}

bool CommandRouter::send(const ControlLine& line, Repair& repair) {
  JsonWriter json;
  json.object().field("id", repair.id).field("command", "_replay").key("params").object();
  json.field("from", repair.from).field("to", repair.to).end_object();
  json.field("deadline_ms", kRepairDeadlineUs / 1000).field("run", repair.run);
  repair.sent = link_.send(line.connection, json.end_object().take());
  return repair.sent;
}

bool CommandRouter::ask(Run& run, std::uint64_t from, std::uint64_t to) {
  ControlLine& line = SourceTable::line_of(run);
  Repair repair{run.source->name,
                run.id,
                from,
                to,
                "r-" + std::to_string(++last_id_),
                clock_.steady_us() + kRepairDeadlineUs,
                false};
  const auto* const lane = static_cast<TrainerLane*>(line.lane.get());
  const bool now = lane == nullptr || (lane->repairs.empty() && may_ask(*lane));
  if (now && !send(line, repair)) return false;
  lane_of(line).repairs.push_back(std::move(repair));
  ++repairs_;
  return true;
}

// True where it is an answer to a question, whether in time or late.
bool CommandRouter::take_repair_answer(TrainerLane& lane, std::string_view json) {
  const RepairText text = read_repair(json);
  std::string id = text.id;
  const bool asked = !lane.repairs.empty() && lane.repairs.front().sent;
  bool broken = false;
  if (id.empty() && asked) {
    // What cannot be read, as JSON that holds NaN in some other spelling cannot, still shows whose it is.
    id = lane.repairs.front().id;
    broken = json.find('"' + id + '"') != std::string_view::npos && !read_document(json);
    if (!broken) return false;
  }
  const bool late = lane.late_repair && lane.late_repair->id == id;
  const bool expected = asked && lane.repairs.front().id == id;
  if (!late && !expected) return false;
  const RepairOutcome outcome = broken ? RepairOutcome::broken : text.outcome;
  const std::string_view events = broken ? std::string_view() : text.events;
  if (expected) {
    finish(lane.repairs.front(), outcome, events);
    lane.repairs.pop_front();
  } else {
    ++counters_.command_answers_late;
    if (lane.unanswered_id == id) unblock(lane);
    if (outcome == RepairOutcome::events) {
      ++repairs_;  // finish() takes it off again
      finish(*lane.late_repair, RepairOutcome::late, events);
    }
    lane.late_repair.reset();
  }
  send_next(lane);
  return true;
}

void CommandRouter::finish(const Repair& repair, RepairOutcome outcome, std::string_view events) {
  --repairs_;
  finished_.push_back({repair.source, repair.run, repair.from, repair.to, outcome, events});
}

// Last of all, because whoever is told may ask again.
void CommandRouter::tell_finished() {
  while (!finished_.empty()) {
    const RepairAnswer answer = std::move(finished_.front());
    finished_.pop_front();
    if (on_repaired_) on_repaired_(answer);
  }
}

}  // namespace bridge
