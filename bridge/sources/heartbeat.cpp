#include "sources/heartbeat.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <utility>
#include <vector>

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

constexpr std::int64_t kHeardMsMax = 1'000'000'000;
constexpr std::int64_t kWallSecondsMax = 100'000'000'000;
constexpr double kRateMax = 1e12;

std::string head_json(const HeartbeatHead& head) {
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(head.hash));
  JsonWriter json;
  json.object().field("node", head.node).key("wall").seconds(head.wall_us);
  json.field("state", head.stopping ? "stopping" : "running").field("able", head.able);
  json.field("stream_seq", head.stream_seq).field("hash", hash).field("seq", head.seq).key("sources").list();
  return json.take();
}

// What all of a source must have room for; the object is not closed.
std::string run_json(const Run& run, std::int64_t steady_us) {
  JsonWriter json;
  json.object().field("source", run.source->name).field("run", run.id);
  json.field("state", source_state_name(run.state)).field("connected", run.connected()).field("announces", run.announces);
  const std::int64_t silent_ms = (steady_us - run.heard_us) / 1000;
  json.field("heard_ms", std::clamp<std::int64_t>(silent_ms, 0, kHeardMsMax));
  return json.take();
}

// The rest, behind a comma.
std::string details_json(const Run& run) {
  JsonWriter json;
  const Source& source = *run.source;
  const SourceTally& tally = source.tally;
  json.object().key("agents").list();
  for (const std::string& agent : run.agents) json.add(agent);
  json.end_list();
  // As texts: how deep they are is then nobody else's concern.
  if (!run.commands_json.empty()) json.field("commands", run.commands_json);
  if (!run.parameters_json.empty()) json.field("parameters", run.parameters_json);
  if (!run.host.empty()) json.field("host", run.host);
  if (!run.activity.empty()) json.field("activity", run.activity);
  // What a source says of itself must not make all of it unreadable.
  const auto number = [&json](const char* name, std::uint64_t n) { json.field(name, std::min(n, kIntegerMax)); };
  number("pid", static_cast<std::uint64_t>(std::max<std::int64_t>(run.pid, 0)));
  number("events", tally.events);
  json.field("events_per_s", std::clamp(source.events_per_s, 0.0, kRateMax));
  number("last_source_seq", run.last_source_seq);
  number("lost", tally.lost);
  number("repaired", tally.repaired);
  number("duplicates", tally.duplicates);
  number("held", tally.held);
  json.key("first_seen").seconds(std::max<std::int64_t>(source.first_seen_us, 0));
  json.key("last_event").seconds(std::max<std::int64_t>(source.last_event_us, 0));
  std::string text = json.end_object().take();
  text.front() = ',';
  return text;
}

std::vector<const Run*> runs_of(const SourceTable& sources) {
  std::vector<const Run*> runs;
  for (const auto& [name, source] : sources.sources()) {
    if (!is_name(name) || (source->first_seen_us == 0 && !source->bound)) continue;  // known from an earlier process alone
    for (const auto& run : source->runs) {
      if (!run->ended()) runs.push_back(run.get());
    }
  }
  std::sort(runs.begin(), runs.end(), [](const Run* a, const Run* b) {
    return std::make_pair(!a->connected(), -a->heard_us) < std::make_pair(!b->connected(), -b->heard_us);
  });
  return runs;
}

using SeenLists = std::unordered_map<std::string, std::string>;

// A JSON list, as a text. `seen`: those that were read already; trainers of one program have the same.
std::string read_list(FieldReader& read, const char* name, std::size_t bytes_max, SeenLists& seen) {
  std::string given = read.text(name, bytes_max);
  if (given.empty()) return given;
  if (const auto known = seen.find(given); known != seen.end()) return known->second;
  const auto document = read_document(given);
  if (document && document.value().IsArray()) return seen[std::move(given)] = json_text(document.value());
  read.fail(name, "must be the text of a JSON list");
  return {};
}

std::uint64_t read_count(FieldReader& read, const char* name) { return read.integer(name, 0, kIntegerMax).value_or(0); }

std::int64_t read_time_us(FieldReader& read, const char* name) {
  return static_cast<std::int64_t>(read.number(name, 0, kWallSecondsMax).value_or(0) * 1e6);
}

std::string read_run(const Value& object, std::size_t i, std::int64_t steady_us, Heartbeat& heartbeat, SeenLists& seen) {
  FieldReader read(object, "sources[" + std::to_string(i) + "].");
  const std::string name = read.text("source", kNameBytesMax);
  const std::string id = read.text("run", kNameBytesMax);
  if (!is_name(name)) read.fail("source", "is no name");
  if (!id.empty() && !is_name(id)) read.fail("run", "is no name");
  const std::string state = read.text("state", 16);
  if (state != "live" && state != "stalled" && state != "gone") read.fail("state", "must be live, stalled or gone");
  auto run = std::make_unique<Run>();
  run->id = id;
  run->state = state == "live" ? SourceState::live : state == "stalled" ? SourceState::stalled : SourceState::gone;
  run->announces = read.flag("announces").value_or(false);
  if (read.flag("connected").value_or(false)) run->control.connection = heartbeat.head.node;
  run->heard_us = steady_us - static_cast<std::int64_t>(read.integer("heard_ms", 0, kHeardMsMax).value_or(0)) * 1000;
  if (const Value* const agents = read.find("agents")) {
    if (!agents->IsArray() || agents->Size() > kAgentsPerSourceMax) {
      read.fail("agents", "must be a list of at most " + std::to_string(kAgentsPerSourceMax));
    } else {
      for (const Value& agent : agents->GetArray()) {
        if (!agent.IsString() || !is_name(view(agent))) {
          read.fail("agents", "must be a list of names");
        } else {
          run->agents.emplace(view(agent));
        }
      }
    }
  }
  run->commands_json = read_list(read, "commands", kCommandsJsonBytesMax, seen);
  run->parameters_json = read_list(read, "parameters", kParametersJsonBytesMax, seen);
  run->host = read.text("host", kHostBytesMax);
  run->activity = read.text("activity", kNameBytesMax);
  run->pid = static_cast<std::int64_t>(read_count(read, "pid"));
  run->last_source_seq = read_count(read, "last_source_seq");
  std::unique_ptr<Source>& source = heartbeat.sources[name];
  if (!source) {
    source = std::make_unique<Source>();
    source->name = name;
  }
  for (const auto& other : source->runs) {
    if (other->id == id) read.fail("run", "is there twice");
  }
  source->tally = {read_count(read, "events"), read_count(read, "lost"), read_count(read, "repaired"), read_count(read, "duplicates"), read_count(read, "held")};
  source->events_per_s = read.number("events_per_s", 0, kRateMax).value_or(0);
  source->first_seen_us = read_time_us(read, "first_seen");
  source->last_event_us = read_time_us(read, "last_event");
  run->source = source.get();
  source->runs.push_back(std::move(run));
  ++heartbeat.runs;
  return read.problem();
}

}  // namespace

std::string write_heartbeat(const HeartbeatHead& head, const SourceTable& sources, std::int64_t steady_us, std::size_t* left_out) {
  const std::vector<const Run*> runs = runs_of(sources);
  std::string text = head_json(head);
  std::size_t bytes = text.size() + 2;
  std::vector<std::string> parts;
  for (const Run* const run : runs) {
    std::string part = run_json(*run, steady_us);
    if (parts.size() == kHeartbeatSourcesMax || bytes + part.size() + 2 > kHeartbeatBytesMax) break;
    bytes += part.size() + 2;
    parts.push_back(std::move(part));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string details = details_json(*runs[i]);  // with the brace that closes the object
    if (bytes + details.size() - 1 > kHeartbeatBytesMax) details = "}";
    bytes += details.size() - 1;
    text.append(i == 0 ? "" : ",").append(parts[i]).append(details);
  }
  *left_out = runs.size() - parts.size();
  return text + "]}";
}

Result<Heartbeat> read_heartbeat(std::string_view text, std::string_view node, std::int64_t steady_us) {
  if (text.size() > kHeartbeatBytesMax) {
    return Failure{"has " + std::to_string(text.size()) + " bytes; must be at most " + std::to_string(kHeartbeatBytesMax)};
  }
  const auto document = read_document(text);
  if (!document) return Failure{document.error().message};
  if (!document.value().IsObject()) return Failure{"is no object"};
  const Value& object = document.value();
  Heartbeat heartbeat;
  HeartbeatHead& head = heartbeat.head;
  FieldReader read(object);
  head.node = read.text("node", kNameBytesMax);
  if (head.node != node) read.fail("node", "is another one than its subject names");
  head.wall_us = read_time_us(read, "wall");
  const std::string state = read.text("state", 16);
  if (state != "running" && state != "stopping") read.fail("state", "must be running or stopping");
  head.stopping = state == "stopping";
  head.able = read.flag("able").value_or(false);
  head.stream_seq = read_count(read, "stream_seq");
  head.seq = read_count(read, "seq");
  const std::string hash = read.text("hash", 16);
  if (hash.size() != 16 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
    read.fail("hash", "must be 16 digits of 0-9 a-f");
  } else {
    head.hash = std::strtoull(hash.c_str(), nullptr, 16);
  }
  const Value* const sources = read.find("sources");
  if (sources == nullptr || !sources->IsArray() || sources->Size() > kHeartbeatSourcesMax) {
    read.fail("sources", "must be a list of at most " + std::to_string(kHeartbeatSourcesMax));
  }
  if (!read.problem().empty()) return Failure{read.problem()};
  SeenLists seen;
  for (rapidjson::SizeType i = 0; i < sources->Size(); ++i) {
    if (!(*sources)[i].IsObject()) return Failure{"sources[" + std::to_string(i) + "] is no object"};
    const std::string problem = read_run((*sources)[i], i, steady_us, heartbeat, seen);
    if (!problem.empty()) return Failure{problem};
  }
  return heartbeat;
}

}  // namespace bridge
