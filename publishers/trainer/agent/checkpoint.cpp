#include "trainer/agent/checkpoint.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include <rapidjson/document.h>
#include <rapidjson/encodedstream.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace trainer {
namespace {

using rapidjson::Value;

// Infinities and NaN are read so that they can be refused as what they are.
using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                 rapidjson::CrtAllocator, rapidjson::kWriteNanAndInfFlag>;
constexpr unsigned kParsing = rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseNanAndInfFlag | rapidjson::kParseIterativeFlag;

constexpr std::string_view kFormat = "ppo-trainer 2";
constexpr std::string_view kChecksum = R"(,"checksum":")";
constexpr std::size_t kAgentsMax = 256;
constexpr std::size_t kIdBytesMax = 64;

// Builds a document with numbers that the standard library reads: RapidJSON 1.1.0, where it is to be exact, reads beyond
// a table's end for one with hundreds of zeros behind the point.
struct ExactNumbers {
  rapidjson::Document& to;

  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::int64_t whole = 0;
    const auto read = std::from_chars(text, text + size, whole);
    if (read.ec == std::errc() && read.ptr == text + size) return to.Int64(whole);
    return to.Double(std::strtod(std::string(text, size).c_str(), nullptr));
  }
  bool Null() { return to.Null(); }
  bool Bool(bool b) { return to.Bool(b); }
  bool Int(int n) { return to.Int(n); }
  bool Uint(unsigned n) { return to.Uint(n); }
  bool Int64(std::int64_t n) { return to.Int64(n); }
  bool Uint64(std::uint64_t n) { return to.Uint64(n); }
  bool Double(double n) { return to.Double(n); }
  bool String(const char* s, rapidjson::SizeType n, bool copy) { return to.String(s, n, copy); }
  bool Key(const char* s, rapidjson::SizeType n, bool copy) { return to.Key(s, n, copy); }
  bool StartObject() { return to.StartObject(); }
  bool EndObject(rapidjson::SizeType n) { return to.EndObject(n); }
  bool StartArray() { return to.StartArray(); }
  bool EndArray(rapidjson::SizeType n) { return to.EndArray(n); }
};

// Null where that is no JSON.
rapidjson::Document read_exactly(std::string_view text) {
  rapidjson::Document document;
  const auto read = [text](rapidjson::Document& to) {
    rapidjson::MemoryStream bytes(text.data(), text.size());
    rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(bytes);
    ExactNumbers numbers{to};
    return !rapidjson::Reader().Parse<kParsing>(stream, numbers).IsError();
  };
  document.Populate(read);
  return document;
}

// The end of a checkpoint that begins with this text.
std::string checksum_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return std::string(kChecksum) + digits.data() + "\"}";
}

void put(Writer& out, const char* name, std::string_view text) {
  out.Key(name);
  out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put(Writer& out, const char* name, std::int64_t number) {
  out.Key(name);
  out.Int64(number);
}

void put(Writer& out, const char* name, const Eigen::VectorXd& reals) {
  out.Key(name);
  out.StartArray();
  for (const double real : reals) out.Double(real);
  out.EndArray();
}

CheckpointLoad refused(std::string why) {
  return {{}, std::move(why)};
}

// The members of one agent. Once one is missing or of another kind, none of it counts.
class Reader {
 public:
  explicit Reader(const Value& agent) : agent_(agent) {}

  bool ok() const { return ok_; }

  std::string text(const char* name) {
    const Value* value = member(name);
    if (value == nullptr || !value->IsString()) return no<std::string>();
    return {value->GetString(), value->GetStringLength()};
  }

  std::int64_t count(const char* name) {
    const Value* value = member(name);
    const bool good = value != nullptr && value->IsInt64() && value->GetInt64() >= 0;
    return good ? value->GetInt64() : no<std::int64_t>();
  }

  Eigen::VectorXd reals(const char* name) {
    const Value* value = member(name);
    if (value == nullptr || !value->IsArray()) return no<Eigen::VectorXd>();
    Eigen::VectorXd found(static_cast<Eigen::Index>(value->Size()));
    double* to = found.data();
    for (const Value& real : value->GetArray()) {
      if (!real.IsNumber()) return no<Eigen::VectorXd>();
      *to++ = real.GetDouble();
    }
    return found;
  }

 private:
  const Value* member(const char* name) const {
    if (!agent_.IsObject()) return nullptr;
    const auto found = agent_.FindMember(name);
    return found == agent_.MemberEnd() ? nullptr : &found->value;
  }

  template <typename T>
  T no() {
    ok_ = false;
    return T{};
  }

  const Value& agent_;
  bool ok_ = true;
};

// Empty, or why it is refused.
std::string read_agent(const Value& value, AgentCheckpoint& agent) {
  Reader reader(value);
  agent.agent_id = reader.text("agent_id");
  agent.features = reader.count("features");
  agent.hidden = reader.count("hidden");
  agent.updates = reader.count("updates");
  agent.steps = reader.count("steps");
  Learnt& learnt = agent.learnt;
  learnt.adam.steps = reader.count("adam_steps");
  const Eigen::VectorXd& parameters = learnt.parameters = reader.reals("parameters");
  const Eigen::VectorXd& first = learnt.adam.first_moment = reader.reals("first_moment");
  const Eigen::VectorXd& second = learnt.adam.second_moment = reader.reals("second_moment");
  if (!reader.ok()) return "a member of an agent is missing, or of another kind";
  if (agent.agent_id.size() > kIdBytesMax) return "an agent id is too long";
  if (first.size() != parameters.size() || second.size() != parameters.size()) {
    return "its lengths do not fit";
  }
  const bool finite = parameters.allFinite() && first.allFinite() && second.allFinite() &&
                      (second.array() >= 0.0).all();
  return finite ? "" : "a weight is not a finite number";
}

}  // namespace

std::string encode_checkpoint(const std::vector<AgentCheckpoint>& agents) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartObject();
  put(out, "format", kFormat);
  out.Key("agents");
  out.StartArray();
  for (const AgentCheckpoint& agent : agents) {
    out.StartObject();
    put(out, "agent_id", agent.agent_id);
    put(out, "features", agent.features);
    put(out, "hidden", agent.hidden);
    put(out, "updates", agent.updates);
    put(out, "steps", agent.steps);
    put(out, "adam_steps", agent.learnt.adam.steps);
    put(out, "parameters", agent.learnt.parameters);
    put(out, "first_moment", agent.learnt.adam.first_moment);
    put(out, "second_moment", agent.learnt.adam.second_moment);
    out.EndObject();
  }
  out.EndArray();
  const std::string text(buffer.GetString(), buffer.GetSize());
  return text + checksum_of(text);
}

CheckpointLoad decode_checkpoint(std::string_view bytes) {
  const std::string_view text = bytes.substr(0, bytes.rfind(kChecksum));
  rapidjson::Document document;
  if (bytes.substr(text.size()) == checksum_of(text)) {
    document = read_exactly(bytes);
  } else if (text.size() < bytes.size()) {
    return refused("it is damaged: its checksum does not fit");
  }
  if (!document.IsObject() || !document.HasMember("format") ||
      document["format"] != Value(kFormat.data(), kFormat.size())) {
    return refused("it is no checkpoint of version 2, or cut short");
  }
  if (!document.HasMember("agents") || !document["agents"].IsArray()) {
    return refused("it holds no agents");
  }
  const Value& agents = document["agents"];
  if (agents.Empty() || agents.Size() > kAgentsMax) {
    return refused("it holds " + std::to_string(agents.Size()) + " agents; must be 1.." +
                   std::to_string(kAgentsMax));
  }
  CheckpointLoad load;
  for (const Value& agent : agents.GetArray()) {
    load.agents.emplace_back();
    const std::string why = read_agent(agent, load.agents.back());
    if (!why.empty()) return refused(why);
  }
  return load;
}

}  // namespace trainer
