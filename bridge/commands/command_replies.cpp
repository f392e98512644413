#include "commands/command_replies.h"

#include <algorithm>
#include <utility>

#include "event/envelope.h"
#include "event/json_writer.h"
#include "event/messages.h"

namespace bridge {
namespace {

// How a trainer's answer is told, in the fields of an object that is begun.
void add_error(JsonWriter& json, const RequestError& error) {
  json.field("error_type", error_type_name(error.type)).field("message", error.message);
}

}  // namespace

// The result may be megabytes: it is written around.
std::string own_reply(std::string_view name, std::string result_json, const std::string& id_json, std::int64_t began_us,
                      const Clock& clock) {
  ReplyWriter before("command_result", "command", id_json);
  before.field("command", name).field("source", kOwnSource).field("success", true).key("result");
  JsonWriter behind;
  behind.object().key("elapsed_ms").milliseconds(clock.steady_us() - began_us);
  behind.key("timestamp").seconds(clock.wall_us()).end_object();
  result_json.insert(0, before.take());
  result_json.append(",").append(behind.take(), 1);
  return result_json;
}

bool failed(const CommandOutcome& outcome) {
  return outcome.refusal || (!outcome.to_all && !outcome.answers.front().success);
}

std::string routed_reply(const Command& command, const CommandOutcome& outcome, const std::string& id_json, const Clock& clock) {
  if (outcome.refusal) return error_message(*outcome.refusal, "command", id_json, clock.wall_us());
  const TrainerAnswer& only = outcome.answers.front();
  const bool error = failed(outcome);
  ReplyWriter json(error ? "error" : "command_result", "command", id_json);
  if (error) json.field("type", "error");
  json.field("command", command.name).field("target", command.target);
  if (error) {
    json.field("source", only.source).field("success", false).key("data").object();
    add_error(json, only.error);
    json.key("details").raw("{}").end_object();
  } else if (!outcome.to_all) {
    json.field("source", only.source).field("success", true);
    json.key("result").raw(only.result_json);
  } else {
    const auto& answers = outcome.answers;
    json.field("success", std::all_of(answers.begin(), answers.end(),
                                      [](const TrainerAnswer& one) { return one.success; }));
    json.key("results").list();
    for (const TrainerAnswer& one : answers) {
      json.object().field("source", one.source);
      if (!one.run.empty()) json.field("run", one.run);
      json.field("success", one.success);
      if (one.success) {
        json.key("result").raw(one.result_json);
      } else {
        json.key("error").object();
        add_error(json, one.error);
        json.end_object();
      }
      json.key("elapsed_ms").milliseconds(one.elapsed_us).end_object();
    }
    json.end_list();
  }
  json.key("elapsed_ms").milliseconds(outcome.to_all ? outcome.elapsed_us : only.elapsed_us);
  return json.finish(clock.wall_us());
}

}  // namespace bridge
