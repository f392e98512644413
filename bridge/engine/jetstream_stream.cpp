#include "engine/jetstream_stream.h"

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr std::size_t kServerNameBytesMax = 128;

// The answer, which is an object; or what it says is wrong.
Result<rapidjson::Document> read_answer(std::string_view answer) {
  auto document = read_document(answer);
  if (!document) return Failure{"an answer of JetStream " + document.error().message};
  if (!document.value().IsObject()) return Failure{"an answer of JetStream is no object"};
  if (const auto* error = find(document.value(), "error"); error != nullptr) {
    const auto* text = error->IsObject() ? find(*error, "description") : nullptr;
    return Failure{"JetStream says: " + (text != nullptr && text->IsString() ? printable(view(*text), 200) : "error")};
  }
  return document;
}

std::uint64_t number(const rapidjson::Value& object, const char* name) {
  const auto* value = find(object, name);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : 0;
}

bool is_true(const rapidjson::Value& object, const char* name) {
  const auto* value = find(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

}  // namespace

std::string stream_request(const JetStreamOptions& options) {
  JsonWriter json;
  json.object().field("name", options.name);
  json.key("subjects").list().add(options.name + ".log.*").end_list();
  json.field("retention", "limits").field("storage", "file").field("discard", "old");
  json.field("num_replicas", options.replicas).field("max_bytes", options.bytes_max);
  json.field("max_age", options.age_max_s * kNs);
  json.field("max_msgs", std::int64_t{-1}).field("max_consumers", std::int64_t{-1});
  json.field("duplicate_window", std::int64_t{100'000'000});
  json.field("allow_direct", true).field("deny_delete", true).field("deny_purge", true);
  json.key("republish").object().field("src", options.name + ".log.>").field("dest", options.name + ".out.>").end_object();
  return json.end_object().take();
}

Result<StreamState> read_stream_state(std::string_view answer) {
  const auto document = read_answer(answer);
  if (!document) return document.error();
  const auto* state = find(document.value(), "state");
  if (state == nullptr || !state->IsObject()) return Failure{"an answer of JetStream has no state"};
  StreamState read{number(*state, "first_seq"), number(*state, "last_seq"), {}};
  const auto* cluster = find(document.value(), "cluster");
  const auto* leader = cluster != nullptr && cluster->IsObject() ? find(*cluster, "leader") : nullptr;
  if (leader != nullptr && leader->IsString()) read.leader = printable(view(*leader), kServerNameBytesMax);
  if (read.first_seq == 0) read.first_seq = read.last_seq + 1;
  return read;
}

Result<std::uint64_t> read_ack(std::string_view answer) {
  const auto document = read_answer(answer);
  if (!document) return document.error();
  const std::uint64_t seq = number(document.value(), "seq");
  if (seq == 0) return Failure{"an acknowledgement of JetStream names no message"};
  return seq;
}

int api_error_code(std::string_view answer) {
  const auto document = read_document(answer);
  if (!document || !document.value().IsObject()) return 0;
  const auto* error = find(document.value(), "error");
  const auto* code = error != nullptr && error->IsObject() ? find(*error, "code") : nullptr;
  return code != nullptr && code->IsInt() ? code->GetInt() : 0;
}

Result<std::vector<std::string>> check_stream(const JetStreamOptions& options, std::string_view answer) {
  const auto document = read_answer(answer);
  if (!document) return document.error();
  const auto* config = find(document.value(), "config");
  const std::string stream = "the stream " + options.name + " ";
  if (config == nullptr || !config->IsObject()) return Failure{stream + "is not described by JetStream"};
  if (!is_true(*config, "allow_direct")) {
    return Failure{stream + "does not allow Direct Get, by which it is read; set allow_direct"};
  }
  std::vector<std::string> wrong;
  const auto* republish = find(*config, "republish");
  const auto* dest = republish != nullptr && republish->IsObject() ? find(*republish, "dest") : nullptr;
  if (dest == nullptr || !dest->IsString() || view(*dest) != options.name + ".out.>") {
    wrong.push_back(stream + "is not published again to " + options.name + ".out.>: events come half a second late");
  }
  const std::uint64_t replicas = number(*config, "num_replicas");
  if (replicas != static_cast<std::uint64_t>(options.replicas)) {
    wrong.push_back(stream + "is kept by " + std::to_string(replicas) + " servers; cluster.replicas is " +
                    std::to_string(options.replicas));
  }
  const std::uint64_t age_ns = number(*config, "max_age");
  if (age_ns != 0 && age_ns < static_cast<std::uint64_t>(3600 * kNs)) {
    wrong.push_back(stream + "keeps messages for less than an hour: a bridge that was away cannot come back");
  }
  return wrong;
}

}  // namespace bridge
