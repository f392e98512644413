#include "engine/jetstream_stream.h"

#include <openssl/evp.h>

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr std::size_t kServerNameBytesMax = 128;
constexpr std::size_t kBase64BytesMax = 128 << 20;

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

// RFC 4648 section 4, with padding.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > kBase64BytesMax) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  const std::size_t padding = text.size() - (text.find_last_not_of('=') + 1);
  if (size != static_cast<int>(bytes.size()) || padding > 2) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  return bytes;
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
  StreamState read;
  read.first_seq = number(*state, "first_seq");
  read.last_seq = number(*state, "last_seq");
  const auto* cluster = find(document.value(), "cluster");
  const auto* leader = cluster != nullptr && cluster->IsObject() ? find(*cluster, "leader") : nullptr;
  if (leader != nullptr && leader->IsString()) read.leader = printable(view(*leader), kServerNameBytesMax);
  read.led = cluster == nullptr || !read.leader.empty();
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

Result<StoredMessage> read_message(std::string_view answer) {
  const auto document = read_answer(answer);
  if (!document) return document.error();
  const auto* message = find(document.value(), "message");
  if (message == nullptr || !message->IsObject()) return Failure{"an answer of JetStream has no message"};
  const auto* data = find(*message, "data");
  // One without any bytes has no such field.
  auto bytes = data != nullptr && data->IsString() ? from_base64(view(*data)) : std::optional<std::string>(std::string());
  StoredMessage read{number(*message, "seq"), {}};
  if (read.seq == 0 || !bytes) return Failure{"a message of JetStream cannot be read"};
  read.bytes = std::move(*bytes);
  return read;
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
