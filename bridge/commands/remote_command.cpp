#include "commands/remote_command.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::string_view kUnnamed = "connection-";
constexpr std::size_t kRequesterBytesMax = 512;
constexpr double kByMaxS = 1e11;

// JSON within JSON is told as a text: so it arrives byte for byte, and its depth is its own.
bool is_json(const std::string& text, bool object) {
  if (without_byte_order_mark(text).size() != text.size()) return false;  // it is passed over there, and not here
  const auto document = read_document(text);
  return document && (!object || document.value().IsObject());
}

ErrorType error_type_of(std::string_view name) {
  for (auto type = ErrorType::bad_json; type < ErrorType::too_large; type = static_cast<ErrorType>(static_cast<int>(type) + 1)) {
    if (name == error_type_name(type)) return type;
  }
  return name == error_type_name(ErrorType::too_large) ? ErrorType::too_large : ErrorType::rejected;
}

void put_error(JsonWriter& json, const RequestError& error) {
  json.object().field("error_type", error_type_name(error.type)).field("message", error.message).end_object();
}

Result<RequestError> read_error(const Value& object, const char* name) {
  const Value* const error = find(object, name);
  if (error == nullptr || !error->IsObject()) return Failure{std::string(name) + " is missing; must be an object"};
  FieldReader read(*error);
  const RequestError told{error_type_of(read.text("error_type", kNameBytesMax)), read.text("message", std::string::npos)};
  if (!read.problem().empty()) return Failure{read.problem()};
  return told;
}

}  // namespace

void name_across(const std::string& node, const std::string& identity, std::string* name) {
  const std::size_t at = identity.empty() ? 0 : std::min(identity.size() + 1, name->size());
  if (name->compare(at, kUnnamed.size(), kUnnamed) == 0) name->insert(at, node + "/");
}

bool is_unnamed(const std::string& requester) {
  const std::size_t at = requester.find(kUnnamed);
  return at != std::string::npos && (at == 0 || requester[at - 1] == '/');
}

bool is_away(const RequestError& error) {
  return error.type == ErrorType::rejected && error.message.compare(0, kBridgeIsAway.size(), kBridgeIsAway) == 0;
}

std::string write_remote_command(const RemoteCommand& wanted) {
  const Command& command = wanted.command;
  JsonWriter json;
  json.object().field("from", wanted.from).field("command", command.name).field("params", command.params_json);
  json.field("target", command.target);
  if (!wanted.source.empty()) json.field("source", wanted.source);
  if (!wanted.run.empty()) json.field("run", wanted.run);
  if (!wanted.agent.empty()) json.field("agent_id", wanted.agent);
  json.field("requester", command.requester);
  if (!command.identity.empty()) json.field("identity", command.identity).field("role", command.role);
  if (!command.idempotency_key.empty()) json.field("idempotency_key", command.idempotency_key);
  json.field("deadline_ms", std::max<std::int64_t>(1, command.deadline_us / 1000)).key("by").seconds(std::max<std::int64_t>(0, wanted.by_us));
  return json.end_object().take();
}

Result<RemoteCommand> read_remote_command(std::string_view text) {
  const auto document = read_document(text);
  if (!document) return Failure{"the request " + document.error().message};
  if (!document.value().IsObject()) return Failure{"the request is no object"};
  const Value& object = document.value();
  RemoteCommand wanted;
  Command& command = wanted.command;
  FieldReader read(object);
  wanted.from = read.text("from", kNameBytesMax);
  command.name = read.text("command", kTypeNameBytesMax);
  command.params_json = read.text("params", std::string::npos);
  command.target = read.text("target", 2 * kNameBytesMax + 1);
  wanted.source = read.text("source", kNameBytesMax);
  wanted.run = read.text("run", kNameBytesMax);
  wanted.agent = read.text("agent_id", kNameBytesMax);
  command.requester = read.text("requester", kRequesterBytesMax);
  command.identity = read.text("identity", kRequesterBytesMax);
  command.role = read.text("role", kRequesterBytesMax);
  command.idempotency_key = read.text("idempotency_key", kIdempotencyKeyBytesMax);
  if (!read.problem().empty()) return Failure{read.problem()};
  if (!is_type_name(command.name)) return Failure{"command is \"" + printable(command.name) + "\", which is no name"};
  if (!is_json(command.params_json, true)) return Failure{"params must be the text of a JSON object"};
  if (wanted.source.empty() != (command.target == "*")) return Failure{"source is missing, or there for everybody"};
  for (const std::string* const name : {&wanted.source, &wanted.run, &wanted.agent}) {
    if (!name->empty() && !is_name(*name)) return Failure{"\"" + printable(*name) + "\" is no name"};
  }
  const auto deadline_ms = read_integer(find(object, "deadline_ms"), "deadline_ms", 1, kCommandDeadlineMaxUs / 1000);
  if (!deadline_ms) return deadline_ms.error();
  command.deadline_us = static_cast<std::int64_t>(deadline_ms.value()) * 1000;
  const auto by = read_number(find(object, "by"), "by", 0, kByMaxS);
  if (!by) return by.error();
  wanted.by_us = static_cast<std::int64_t>(by.value() * 1e6);
  return wanted;
}

std::string write_remote_answers(const RemoteAnswers& answers) {
  JsonWriter json;
  json.object();
  if (!answers) {
    json.key("refusal");
    put_error(json, answers.error());
    return json.end_object().take();
  }
  json.key("answers").list();
  for (const TrainerAnswer& answer : answers.value()) {
    json.object().field("source", answer.source).field("run", answer.run).field("success", answer.success);
    if (answer.success) {
      json.field("result", answer.result_json);
    } else {
      json.key("error");
      put_error(json, answer.error);
    }
    json.end_object();
  }
  return json.end_list().end_object().take();
}

Result<RemoteAnswers> read_remote_answers(std::string_view text) {
  const auto document = read_document(text);
  if (!document) return Failure{"the answer " + document.error().message};
  if (!document.value().IsObject()) return Failure{"the answer is no object"};
  const Value& object = document.value();
  if (find(object, "refusal") != nullptr) {
    auto refusal = read_error(object, "refusal");
    if (!refusal) return refusal.error();
    return RemoteAnswers(std::move(refusal.value()));
  }
  const Value* const list = find(object, "answers");
  if (list == nullptr || !list->IsArray() || list->Size() > kRemoteAnswersMax) {
    return Failure{"answers must be a list of at most " + std::to_string(kRemoteAnswersMax)};
  }
  std::vector<TrainerAnswer> answers;
  for (const Value& one : list->GetArray()) {
    if (!one.IsObject()) return Failure{"answers must be a list of objects"};
    TrainerAnswer answer;
    FieldReader read(one);
    answer.source = read.text("source", kNameBytesMax);
    answer.run = read.text("run", kNameBytesMax);
    answer.result_json = read.text("result", std::string::npos);
    if (!read.problem().empty()) return Failure{read.problem()};
    const Value* const success = read.find("success");
    answer.success = success != nullptr && success->IsTrue();
    if (answer.success) {
      if (!is_json(answer.result_json, false)) return Failure{"result must be the text of JSON"};
    } else {
      auto error = read_error(one, "error");
      if (!error) return error.error();
      answer.error = std::move(error.value());
    }
    answers.push_back(std::move(answer));
  }
  return RemoteAnswers(std::move(answers));
}

}  // namespace bridge
