#include "commands/command_router.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/text.h"
#include "commands/part_bytes.h"
#include "commands/remote_command.h"
#include "commands/trainer_answer.h"
#include "commands/trainer_lane.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

// Those that are not asked for again. What another bridge gave is so as a whole.
std::vector<TrainerAnswer> kept_of(const std::vector<TrainerAnswer>& answers) {
  std::vector<TrainerAnswer> kept;
  std::copy_if(answers.begin(), answers.end(), std::back_inserter(kept), [&answers](const TrainerAnswer& one) {
    return std::none_of(answers.begin(), answers.end(), [&one](const TrainerAnswer& other) {
      return other.node == one.node && (!one.node.empty() || &other == &one) && tries_again(other);
    });
  });
  return kept;
}

bool has_answered(const std::vector<TrainerAnswer>& answers, const CommandAim& aim) {
  return std::any_of(answers.begin(), answers.end(), [&aim](const TrainerAnswer& answer) {
    if (answer.node != aim.node) return false;
    return !aim.node.empty() || (answer.source == aim.source && answer.run == (aim.run == nullptr ? "" : aim.run->id));
  });
}

}  // namespace

std::string permission_details(const std::string& command, const std::string& target) {
  JsonWriter details;
  details.object().field("permission", "command").field("command", command);
  if (!target.empty()) details.field("target", utf8_prefix(target, 2 * kNameBytesMax + 1));
  return details.end_object().take();
}

CommandRouter::CommandRouter(SourceTable& sources, TrainerLink& link, Counters& counters,
                             const Clock& clock, Executed on_executed)
    : sources_(sources),
      link_(link),
      counters_(counters),
      clock_(clock),
      on_executed_(std::move(on_executed)) {}

// The same key gets the same answer. Of "*" only who has not given one is asked again, if there is anybody.
bool CommandRouter::join_earlier(const Command& command, const Respond& respond, bool here_only,
                                 const std::function<std::vector<CommandAim>()>& all) {
  const CommandRequestPtr earlier = remembered_.find(command, clock_.steady_us());
  if (!earlier) return false;
  const Command& first = earlier->command;
  CommandOutcome refused;
  if (first.name != command.name || first.target != command.target ||
      first.params_json != command.params_json) {
    refused.refusal = {ErrorType::bad_request,
                       "idempotency_key is of another command: " + first.name + " to " + first.target};
  } else if (!earlier->done && earlier->responds.size() >= kRespondsMax) {
    refused.refusal = {ErrorType::busy,
                       std::to_string(kRespondsMax) + " requests wait for this command already"};
  } else if (!earlier->done) {
    earlier->responds.push_back(respond);
    return true;
  } else if (earlier->outcome.to_all) {
    std::vector<TrainerAnswer> kept = kept_of(earlier->outcome.answers);
    std::vector<CommandAim> aims;
    if (kept.size() < earlier->outcome.answers.size() || (earlier->here_only && !here_only)) aims = all();
    aims.erase(std::remove_if(aims.begin(), aims.end(), [&kept](const CommandAim& aim) { return has_answered(kept, aim); }), aims.end());
    if (!aims.empty()) {
      start(command, aims, respond, here_only && earlier->here_only, std::move(kept));
      return true;
    }
  }
  respond(refused.refusal ? refused : earlier->outcome);
  return true;
}

void CommandRouter::submit(Command command, Respond respond, bool own_only) {
  ++counters_.commands;
  const auto all = [&] {
    auto aims = look_up(command, own_only);
    return aims ? std::move(aims.value()) : std::vector<CommandAim>();
  };
  if (join_earlier(command, respond, own_only, all)) return;
  auto aims = look_up(command, own_only);
  if (!aims) {
    CommandOutcome outcome;
    outcome.refusal = std::move(aims.error());
    respond(outcome);
    return;
  }
  start(std::move(command), aims.value(), std::move(respond), own_only);
}

void CommandRouter::start(Command command, const std::vector<CommandAim>& aims, Respond respond, bool here_only, std::vector<TrainerAnswer> kept) {
  auto request = std::make_shared<CommandRequest>();
  request->command = std::move(command);
  request->responds.push_back(std::move(respond));
  request->outcome.to_all = request->command.target == "*";
  request->outcome.answers = std::move(kept);
  for (const TrainerAnswer& one : request->outcome.answers) request->answered_bytes += one.result_json.size();
  request->here_only = here_only;
  request->unanswered = aims.size();
  request->submitted_us = clock_.steady_us();
  remembered_.add(request);
  for (const CommandAim& aim : aims) aim.node.empty() ? assign(aim, request) : ask_node(aim, request);
}

Result<std::vector<CommandAim>, RequestError> CommandRouter::look_up(const Command& command, bool own_only) const {
  auto aims = find_targets(sources_, command.target, command.targets.get(), own_only ? nullptr : peers_);
  if (!aims && aims.error().type == ErrorType::forbidden) {
    RequestError error = aims.error();
    error.details_json = permission_details(command.name, command.target);
    return error;
  }
  return aims;
}

void CommandRouter::assign(const CommandAim& aim, const CommandRequestPtr& request) {
  TrainerCommand part;
  part.request = request;
  part.source = aim.source;
  part.run = aim.run == nullptr ? "" : aim.run->id;
  part.agent = aim.agent;
  part.deadline_us = request->submitted_us + request->command.deadline_us;
  part.id = "c-" + std::to_string(++last_id_);
  ++pending_;
  bytes_ += part_bytes(request->command);
  ControlLine* line = nullptr;
  if (aim.run != nullptr) {
    line = &SourceTable::line_of(*aim.run);
  } else if (Source* const source = sources_.find_or_add(aim.source)) {
    line = &source->by_name;
  }
  const auto* const lane = line == nullptr ? nullptr : static_cast<TrainerLane*>(line->lane.get());
  if (lane != nullptr && lane->waiting.size() >= kCommandsWaitingMax) {
    fail(part, ErrorType::busy,
         std::to_string(kCommandsWaitingMax) + " commands wait for " + aim.source + " already");
  } else if (bytes_ > bytes_max_) {
    fail(part, ErrorType::busy,
         std::to_string(bytes_max_) + " bytes of commands wait for trainers already");
  } else if (lane != nullptr) {
    lane_of(*line).waiting.push_back(std::move(part));
    send_next(lane_of(*line));
  } else if (line != nullptr && send(*line, part)) {
    lane_of(*line).with_trainer = std::move(part);
  } else {
    // Names that nobody has leave nothing behind.
    if (line != nullptr) sources_.release(*line->source);
    TrainerAnswer nobody;
    nobody.error = {ErrorType::unknown_target,
                    "target is \"" + request->command.target + "\"; no trainer " + aim.source + " is connected"};
    answer(part, std::move(nobody), !request->here_only);
  }
  tell_finished();
}

CommandRouter::TrainerLane& CommandRouter::lane_of(ControlLine& line) {
  if (!line.lane) line.lane = std::make_unique<TrainerLane>(line, lanes_);
  return static_cast<TrainerLane&>(*line.lane);
}

void CommandRouter::send_next(TrainerLane& lane) {
  while (!lane.repairs.empty() && !lane.repairs.front().sent && may_ask(lane)) {
    if (send(lane.line, lane.repairs.front())) break;
    finish(lane.repairs.front(), RepairOutcome::failed);
    lane.repairs.pop_front();
  }
  const bool asked = !lane.repairs.empty() && lane.repairs.front().sent;
  if (!asked || lane.answers_any_time()) send_commands(lane);
}

void CommandRouter::send_commands(TrainerLane& lane) {
  while (!lane.with_trainer && lane.unanswered_id.empty() && !lane.waiting.empty()) {
    TrainerCommand part = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    if (send(lane.line, part)) {
      lane.with_trainer = std::move(part);
    } else {
      fail(part, ErrorType::unknown_target,
           "target is \"" + part.request->command.target + "\"; no trainer " + part.source +
               " is connected");
    }
  }
}

bool CommandRouter::send(const ControlLine& line, const TrainerCommand& part) {
  const std::int64_t left_us = std::max<std::int64_t>(1000, part.deadline_us - clock_.steady_us());
  JsonWriter json;
  json.object().field("id", part.id).field("command", part.request->command.name);
  json.key("params").raw(part.request->command.params_json);
  if (!part.agent.empty()) json.field("agent_id", part.agent);
  json.field("deadline_ms", left_us / 1000).key("by").seconds(clock_.wall_us() + left_us);
  if (!part.run.empty()) json.field("run", part.run);
  const Command& command = part.request->command;
  if (!command.idempotency_key.empty() && !is_unnamed(command.requester)) {
    json.field("idempotency_key", command.requester + '/' + command.idempotency_key);
  }
  return link_.send(line.connection, json.end_object().take());
}

void CommandRouter::on_answer(std::string_view connection, std::string_view json) {
  ControlLine* const line = sources_.line_of(connection);
  auto* const lane = line == nullptr ? nullptr : static_cast<TrainerLane*>(line->lane.get());
  if (lane == nullptr) {
    ++counters_.command_answers_unusable;
    return;
  }
  json = without_byte_order_mark(json);
  if (!take_repair_answer(*lane, json)) take_command_answer(*lane, json);
  tell_finished();
}

void CommandRouter::take_command_answer(TrainerLane& lane, std::string_view json) {
  std::string_view result;
  const auto document = read_members(json, {"id", "success", "error"}, kTrainerErrorBytesMax, "result", &result);
  const bool readable = document && document.value().IsObject();
  const rapidjson::Value* const id_member = readable ? find(document.value(), "id") : nullptr;
  const std::string with_trainer = lane.with_trainer ? lane.with_trainer->id : "";
  std::string id;
  if (id_member != nullptr && id_member->IsString()) {
    id = view(*id_member);
  } else if (id_member == nullptr && lane.line.connection.front() == kReplyingConnection) {
    id = !lane.unanswered_id.empty() ? lane.unanswered_id : with_trainer;
  } else if (!readable) {
    // As JSON that holds NaN cannot be read, say: it still shows whose it is, and nothing else answers that.
    for (const std::string& awaited : {lane.unanswered_id, with_trainer}) {
      if (!awaited.empty() && json.find('"' + awaited + '"') != std::string_view::npos) id = awaited;
    }
  }
  if (!id.empty() && id == lane.unanswered_id) {
    ++counters_.command_answers_late;
    unblock(lane);
    send_next(lane);
    return;
  }
  if (!lane.with_trainer || lane.with_trainer->id != id) {
    ++counters_.command_answers_unusable;
    return;
  }
  const TrainerCommand part = std::move(*lane.with_trainer);
  lane.with_trainer.reset();
  TrainerAnswer given;
  if (readable) {
    given = read_trainer_answer(document.value(), result);
  } else {
    ++counters_.command_answers_unusable;
    given.error = {ErrorType::unknown_outcome,
                   part.source + " answered what " + (document ? "is no object" : document.error().message) +
                       "; it may have been done"};
  }
  // The next one first: whoever is answered may do away with the lane.
  send_next(lane);
  answer(part, std::move(given));
}

void CommandRouter::on_line_lost(ControlLine&, Lane& lost, const std::string& why) {
  auto& lane = static_cast<TrainerLane&>(lost);
  unblock(lane);
  // It is no refusal: anybody may publish a run that looks like a restart.
  for (const Repair& repair : lane.repairs) finish(repair, RepairOutcome::unsent);
  if (lane.with_trainer) {
    fail(*lane.with_trainer, ErrorType::unknown_outcome, why + "; it may have been done");
  }
  for (const TrainerCommand& part : lane.waiting) {
    fail(part, ErrorType::unknown_target, why + "; it was not sent");
  }
  tell_finished();
}

void CommandRouter::tick() {
  const std::int64_t now = clock_.steady_us();
  std::vector<TrainerCommand> late;
  for (TrainerLane* const lane : *lanes_) {
    if (lane->with_trainer && lane->with_trainer->deadline_us <= now) {
      block(*lane, lane->with_trainer->id);
      late.push_back(std::move(*lane->with_trainer));
      lane->with_trainer.reset();
    }
    const auto over = std::stable_partition(
        lane->waiting.begin(), lane->waiting.end(),
        [now](const TrainerCommand& part) { return part.deadline_us > now; });
    std::move(over, lane->waiting.end(), std::back_inserter(late));
    lane->waiting.erase(over, lane->waiting.end());
    while (!lane->repairs.empty() && lane->repairs.front().deadline_us <= now) {
      Repair& repair = lane->repairs.front();
      finish(repair, repair.sent ? RepairOutcome::failed : RepairOutcome::unsent);
      if (repair.sent) {
        // One that answers at any time goes on taking commands; any other owes an answer first.
        if (!lane->answers_any_time()) block(*lane, repair.id);
        lane->late_repair = std::move(repair);
      }
      lane->repairs.pop_front();
    }
    if (!lane->unanswered_id.empty() && lane->unblock_us <= now) unblock(*lane);
  }
  // Whoever is answered may submit again, and so add lanes: not while walking them.
  for (const TrainerCommand& part : late) {
    fail(part, ErrorType::timeout,
         part.source + " did not answer within " +
             std::to_string(part.request->command.deadline_us / 1000) + " ms");
  }
  const std::vector<TrainerLane*> lanes(lanes_->begin(), lanes_->end());
  for (TrainerLane* const lane : lanes) {
    if (lanes_->count(lane) != 0) send_next(*lane);
  }
  tell_finished();
}

void CommandRouter::fail(const TrainerCommand& part, ErrorType type, std::string message) {
  TrainerAnswer failed;
  failed.error = {type, std::move(message)};
  answer(part, std::move(failed));
}

void CommandRouter::answer(const TrainerCommand& part, TrainerAnswer given, bool told) {
  --pending_;
  bytes_ -= part_bytes(part.request->command);
  CommandRequest& request = *part.request;
  given.source = part.source;
  given.run = part.run;
  given.elapsed_us = clock_.steady_us() - request.submitted_us;
  const std::size_t bytes = given.result_json.size();
  if (given.success && request.answered_bytes + bytes > kReplyBytesMax) {
    given.success = false;
    given.result_json.clear();
    given.error = {ErrorType::too_large, "it was done; the result takes " + std::to_string(bytes) + " bytes, and with those of others at most " +
                                             std::to_string(kReplyBytesMax) + " are told"};
  } else {
    request.answered_bytes += bytes;
  }
  const std::size_t place = request.outcome.answers.size();
  request.outcome.answers.push_back(std::move(given));
  if (--request.unanswered == 0) complete(request);
  if (on_executed_ && told) on_executed_(request.command, request.outcome.answers[place]);
}

void CommandRouter::complete(CommandRequest& request) {
  request.outcome.elapsed_us = clock_.steady_us() - request.submitted_us;
  request.done = true;
  if (request.outcome.answers.empty()) {
    // Of "*" alone: whom other bridges had has gone meanwhile.
    request.outcome.refusal = {ErrorType::unknown_target, "target is \"*\"; no trainer takes commands"};
  }
  remembered_.finish(request);
  const std::vector<Respond> responds = std::move(request.responds);
  request.responds.clear();
  for (const Respond& respond : responds) respond(request.outcome);
}

void CommandRouter::block(TrainerLane& lane, const std::string& id) {
  if (lane.unanswered_id.empty()) ++blocked_;
  lane.unanswered_id = id;
  lane.unblock_us = clock_.steady_us() + kLostReplyUs;
}

void CommandRouter::unblock(TrainerLane& lane) {
  if (lane.unanswered_id.empty()) return;
  lane.unanswered_id.clear();
  --blocked_;
}

}  // namespace bridge
