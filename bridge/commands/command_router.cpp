#include "commands/command_router.h"

#include <algorithm>
#include <array>
#include <utility>

#include <rapidjson/document.h>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_scanner.h"
#include "sources/repair_answer.h"

namespace bridge {
namespace {

// The text of a member of a valid object; empty where it is not there.
std::string_view member_text(std::string_view object, std::string_view wanted) {
  std::string_view found;
  for_each_member(object, [&](const JsonString& key, std::string_view value) {
    if (key.raw == wanted) found = value;
    return true;
  });
  return found;
}

// The error that a trainer gave; its own words where it gave none that we know.
RequestError trainer_error(const rapidjson::Document& reply) {
  RequestError error{ErrorType::rejected, "the trainer gave no reason"};
  const auto found = reply.FindMember("error");
  if (found == reply.MemberEnd()) return error;
  if (found->value.IsString()) error.message = found->value.GetString();
  if (!found->value.IsObject()) return error;
  const auto message = found->value.FindMember("message");
  if (message != found->value.MemberEnd() && message->value.IsString()) {
    error.message.assign(message->value.GetString(), message->value.GetStringLength());
  }
  const auto type = found->value.FindMember("error_type");
  if (type == found->value.MemberEnd() || !type->value.IsString()) return error;
  for (const ErrorType known : {ErrorType::bad_request, ErrorType::unknown_command, ErrorType::busy,
                                ErrorType::timeout, ErrorType::forbidden}) {
    if (type->value == error_type_name(known)) error.type = known;
  }
  return error;
}

}  // namespace

CommandRouter::CommandRouter(const SourceRegistry& sources, TrainerLink& link, Counters& counters,
                             const Clock& clock, Executed on_executed)
    : sources_(sources),
      link_(link),
      counters_(counters),
      clock_(clock),
      on_executed_(std::move(on_executed)) {}

// Which trainers a target means.
std::optional<RequestError> CommandRouter::aim(const std::string& target,
                                               std::vector<Aim>* aims) const {
  const auto unknown = [](std::string message) {
    return RequestError{ErrorType::unknown_target, std::move(message)};
  };
  const auto is_there = [](const SourceInfo& info) {
    return info.announced && info.state != SourceState::gone;
  };
  if (target == "*") {
    for (const auto& [name, info] : sources_.sources()) {
      if (is_there(info)) aims->push_back({name, ""});
    }
    if (aims->empty()) return unknown("target is \"*\"; no trainer takes commands");
    return std::nullopt;
  }
  const std::size_t slash = target.find('/');
  if (slash != std::string::npos) {
    const std::string source = target.substr(0, slash);
    const std::string agent = target.substr(slash + 1);
    const auto found = sources_.sources().find(source);
    if (found == sources_.sources().end() || found->second.agents.count(agent) == 0) {
      return unknown("target is \"" + printable(target) + "\"; there is no such agent");
    }
    aims->push_back({source, agent});
    return std::nullopt;
  }
  if (sources_.sources().count(target) != 0) {
    aims->push_back({target, ""});
    return std::nullopt;
  }
  for (const auto& [name, info] : sources_.sources()) {
    if (is_there(info) && info.agents.count(target) != 0) aims->push_back({name, target});
  }
  if (aims->size() == 1) return std::nullopt;
  if (aims->empty()) {
    // It may be a trainer that has not said a word yet; its socket will tell.
    if (!is_name(target)) return unknown("target is \"" + printable(target) + "\", no name");
    aims->push_back({target, ""});
    return std::nullopt;
  }
  std::string names;
  for (const Aim& a : *aims) names += (names.empty() ? "" : ", ") + a.source + "/" + target;
  return unknown("target is \"" + target + "\", an agent of several trainers; name one: " + names);
}

bool CommandRouter::join_earlier(const Command& command, const Respond& respond) {
  // Keys leave in the order in which they came.
  while (!key_order_.empty()) {
    const auto oldest = by_key_.find(key_order_.front());
    const Request& request = *oldest->second.request;
    const bool old = clock_.steady_us() - request.submitted_us >= kIdempotencyUs;
    if (!request.done || (!old && by_key_.size() < kIdempotencyKeysMax)) break;
    key_order_.pop_front();
    by_key_.erase(oldest);
  }
  const auto found = by_key_.find(command.idempotency_key);
  if (command.idempotency_key.empty() || found == by_key_.end()) return false;
  const RequestPtr request = found->second.request;
  if (request->done) {
    respond(request->outcome);
  } else {
    request->responds.push_back(respond);
  }
  return true;
}

void CommandRouter::remember(const std::string& key, const RequestPtr& request) {
  if (key.empty()) return;
  key_order_.push_back(key);
  by_key_[key] = {request, std::prev(key_order_.end())};
}

void CommandRouter::submit(Command command, Respond respond) {
  ++counters_.commands;
  if (join_earlier(command, respond)) return;
  std::vector<Aim> aims;
  if (auto refusal = aim(command.target, &aims)) {
    CommandOutcome outcome;
    outcome.refusal = std::move(refusal);
    respond(outcome);
    return;
  }
  auto request = std::make_shared<Request>();
  request->command = std::move(command);
  request->responds.push_back(std::move(respond));
  request->outcome.to_all = request->command.target == "*";
  request->unanswered = aims.size();
  request->submitted_us = clock_.steady_us();
  remember(request->command.idempotency_key, request);
  for (const Aim& a : aims) assign(a, request);
}

void CommandRouter::assign(const Aim& a, const RequestPtr& request) {
  Lane& lane = lanes_[a.source];
  TrainerCommand part;
  part.request = request;
  part.agent = a.agent;
  part.deadline_us = request->submitted_us + request->command.deadline_us;
  const auto known = sources_.sources().find(a.source);
  if (known != sources_.sources().end()) part.run = known->second.run;
  part.id = "c-" + std::to_string(++last_id_);
  ++pending_;
  if (lane.waiting.size() >= kCommandsWaitingMax) {
    fail(a.source, part, ErrorType::busy,
         std::to_string(kCommandsWaitingMax) + " commands wait for " + a.source + " already");
    return;
  }
  lane.waiting.push_back(std::move(part));
  send_next(a.source, lane);
  tell_finished();
}

void CommandRouter::send_next(const std::string& source, Lane& lane) {
  while (!lane.repairs.empty() && !lane.repairs.front().sent && may_ask(source, lane)) {
    if (send(source, lane.repairs.front())) break;
    finish(source, lane.repairs.front(), RepairOutcome::failed);
    lane.repairs.pop_front();
  }
  const bool asked = !lane.repairs.empty() && lane.repairs.front().sent;
  if (!asked || answers_any_time(source)) send_commands(source, lane);
}

void CommandRouter::send_commands(const std::string& source, Lane& lane) {
  while (!lane.with_trainer && lane.unanswered_id.empty() && !lane.waiting.empty()) {
    TrainerCommand part = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    const std::int64_t left_ms =
        std::max<std::int64_t>(1, (part.deadline_us - clock_.steady_us()) / 1000);
    std::string json = R"({"id":")" + part.id + R"(","command":)";
    append_json_string(json, part.request->command.name);
    json += R"(,"params":)" + part.request->command.params_json;
    if (!part.agent.empty()) json += R"(,"agent_id":")" + part.agent + '"';
    json += R"(,"deadline_ms":)" + std::to_string(left_ms);
    if (!part.run.empty()) json += R"(,"run":")" + part.run + '"';
    json += '}';
    if (link_.send(source, json)) {
      lane.with_trainer = std::move(part);
    } else {
      fail(source, part, ErrorType::unknown_target,
           "target is \"" + part.request->command.target + "\"; no trainer " + source +
               " is connected");
    }
  }
}

void CommandRouter::on_answer(std::string_view source, std::string_view json) {
  const auto found = lanes_.find(source);
  if (found != lanes_.end()) {
    Lane& lane = found->second;
    const std::string id = repair_id(json);
    if (!id.empty() && take_repair_answer(found->first, lane, id, json)) {
      send_next(found->first, lane);
      tell_finished();
      return;
    }
  }
  json = without_byte_order_mark(json);
  auto document = read_document(json);
  if (found == lanes_.end() || !document || !document.value().IsObject()) {
    ++counters_.command_answers_unusable;
    return;
  }
  const rapidjson::Document& reply = document.value();
  Lane& lane = found->second;
  const auto id_member = reply.FindMember("id");
  const std::string id = id_member != reply.MemberEnd() && id_member->value.IsString()
                             ? id_member->value.GetString()
                             : "";
  if (!id.empty() && id == lane.unanswered_id) {
    ++counters_.command_answers_late;
    unblock(lane);
    send_next(found->first, lane);
    tell_finished();
    return;
  }
  if (!lane.with_trainer || lane.with_trainer->id != id) {
    ++counters_.command_answers_unusable;
    return;
  }
  const TrainerCommand part = std::move(*lane.with_trainer);
  lane.with_trainer.reset();
  TrainerAnswer reply_answer;
  const auto success = reply.FindMember("success");
  reply_answer.success = success != reply.MemberEnd() && success->value.IsTrue();
  if (reply_answer.success) {
    // As it stands in the text: digits of any length pass unharmed.
    const std::string_view result = member_text(json, "result");
    reply_answer.result_json = result.empty() ? "{}" : std::string(result);
  } else {
    reply_answer.error = trainer_error(reply);
  }
  const std::string name = found->first;
  answer(name, part, std::move(reply_answer));
  send_next(name, lanes_[name]);
  tell_finished();
}

void CommandRouter::on_source_lost(const std::string& source, const std::string& why) {
  const auto found = lanes_.find(source);
  if (found == lanes_.end()) return;
  Lane lane = std::move(found->second);
  lanes_.erase(found);
  unblock(lane);
  if (lane.with_trainer) fail(source, *lane.with_trainer, ErrorType::rejected, why);
  for (const TrainerCommand& part : lane.waiting) fail(source, part, ErrorType::rejected, why);
  for (const Repair& repair : lane.repairs) {
    finish(source, repair, repair.sent ? RepairOutcome::failed : RepairOutcome::unsent);
  }
  tell_finished();
}

void CommandRouter::tick() {
  const std::int64_t now = clock_.steady_us();
  std::vector<std::pair<std::string, TrainerCommand>> late;
  for (auto& [source, lane] : lanes_) {
    if (lane.with_trainer && lane.with_trainer->deadline_us <= now) {
      block(lane, lane.with_trainer->id);
      late.emplace_back(source, std::move(*lane.with_trainer));
      lane.with_trainer.reset();
    }
    const auto over =
        std::stable_partition(lane.waiting.begin(), lane.waiting.end(),
                              [now](const TrainerCommand& part) { return part.deadline_us > now; });
    for (auto it = over; it != lane.waiting.end(); ++it) late.emplace_back(source, std::move(*it));
    lane.waiting.erase(over, lane.waiting.end());
    while (!lane.repairs.empty() && lane.repairs.front().deadline_us <= now) {
      Repair& repair = lane.repairs.front();
      finish(source, repair, repair.sent ? RepairOutcome::failed : RepairOutcome::unsent);
      if (repair.sent) {
        // One that answers at any time goes on taking commands; any other owes an answer first.
        if (!answers_any_time(source)) block(lane, repair.id);
        lane.late_repair = std::move(repair);
      }
      lane.repairs.pop_front();
      send_next(source, lane);
    }
    if (!lane.unanswered_id.empty() && lane.unblock_us <= now) {
      unblock(lane);
      send_next(source, lane);
    }
  }
  // Whoever is answered may submit again, and so add lanes: not while walking them.
  for (const auto& [source, part] : late) {
    fail(source, part, ErrorType::timeout,
         source + " did not answer within " +
             std::to_string(part.request->command.deadline_us / 1000) + " ms");
  }
  tell_finished();
}

void CommandRouter::fail(const std::string& source, const TrainerCommand& part, ErrorType type,
                         std::string message) {
  TrainerAnswer failed;
  failed.error = {type, std::move(message)};
  answer(source, part, std::move(failed));
}

void CommandRouter::answer(const std::string& source, const TrainerCommand& part,
                           TrainerAnswer given) {
  --pending_;
  Request& request = *part.request;
  given.source = source;
  given.elapsed_us = clock_.steady_us() - request.submitted_us;
  request.outcome.answers.push_back(given);
  if (--request.unanswered == 0) complete(request);
  if (on_executed_) on_executed_(request.command, given);
}

void CommandRouter::complete(Request& request) {
  request.outcome.elapsed_us = clock_.steady_us() - request.submitted_us;
  request.done = true;
  const std::vector<Respond> responds = std::move(request.responds);
  request.responds.clear();
  for (const Respond& respond : responds) respond(request.outcome);
}

// ---- Questions for missing events.

bool CommandRouter::answers_any_time(const std::string& source) const {
  const auto known = sources_.sources().find(source);
  return known != sources_.sources().end() && known->second.repairs_any_time;
}

// Not while a command is with a trainer that does one thing at a time. An earlier question that it
// owes an answer to is no reason: it may have been lost, and to answer twice does no harm.
bool CommandRouter::may_ask(const std::string& source, const Lane& lane) const {
  const bool owes_command =
      lane.with_trainer || (!lane.unanswered_id.empty() &&
                            (!lane.late_repair || lane.late_repair->id != lane.unanswered_id));
  return !owes_command || answers_any_time(source);
}

bool CommandRouter::send(const std::string& source, Repair& repair) {
  std::string json = R"({"id":")" + repair.id + R"(","command":"_replay","params":{"from":)";
  append_number(json, repair.from);
  json += R"(,"to":)";
  append_number(json, repair.to);
  json += R"(},"deadline_ms":)" + std::to_string(kRepairDeadlineUs / 1000) + R"(,"run":")" +
          repair.run + "\"}";
  repair.sent = link_.send(source, json);
  return repair.sent;
}

bool CommandRouter::ask(const std::string& source, const std::string& run, std::uint64_t from,
                        std::uint64_t to) {
  Repair repair{
      run,  from, to, "r-" + std::to_string(++last_id_), clock_.steady_us() + kRepairDeadlineUs,
      false};
  const auto found = lanes_.find(source);
  const bool now =
      found == lanes_.end() || (found->second.repairs.empty() && may_ask(source, found->second));
  if (now && !send(source, repair)) return false;
  lanes_[source].repairs.push_back(std::move(repair));
  ++repairs_;
  return true;
}

// True where the answer is one to a question, whether in time or late.
bool CommandRouter::take_repair_answer(const std::string& source, Lane& lane, std::string_view id,
                                       std::string_view json) {
  const bool late = lane.late_repair && lane.late_repair->id == id;
  const bool expected =
      !lane.repairs.empty() && lane.repairs.front().sent && lane.repairs.front().id == id;
  if (!late && !expected) return false;
  std::string_view events;
  const RepairOutcome outcome = read_repair(json, &events);
  if (expected) {
    finish(source, lane.repairs.front(), outcome, events);
    lane.repairs.pop_front();
    return true;
  }
  ++counters_.command_answers_late;
  if (lane.unanswered_id == id) unblock(lane);
  if (outcome == RepairOutcome::events) {
    ++repairs_;  // finish() takes it off again
    finish(source, *lane.late_repair, RepairOutcome::late, events);
  }
  lane.late_repair.reset();
  return true;
}

void CommandRouter::finish(const std::string& source, const Repair& repair, RepairOutcome outcome,
                           std::string_view events) {
  --repairs_;
  finished_.push_back({source, repair.run, repair.from, repair.to, outcome, events});
}

// Last of all, because whoever is told may ask again.
void CommandRouter::tell_finished() {
  while (!finished_.empty()) {
    const RepairAnswer answer = std::move(finished_.front());
    finished_.pop_front();
    if (on_repaired_) on_repaired_(answer);
  }
}

void CommandRouter::block(Lane& lane, const std::string& id) {
  if (lane.unanswered_id.empty()) ++blocked_;
  lane.unanswered_id = id;
  lane.unblock_us = clock_.steady_us() + kLostReplyUs;
}

void CommandRouter::unblock(Lane& lane) {
  if (lane.unanswered_id.empty()) return;
  lane.unanswered_id.clear();
  --blocked_;
}

}  // namespace bridge
