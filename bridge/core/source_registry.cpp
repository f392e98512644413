#include "core/source_registry.h"

#include <algorithm>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/limits.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr double kRateHorizonS = 5.0;

std::string_view view(const rapidjson::Value& v) { return {v.GetString(), v.GetStringLength()}; }

}  // namespace

SourceInfo& SourceRegistry::find_or_add(std::string_view source, std::int64_t wall_us) {
  if (last_ != nullptr && source == last_name_) return *last_;
  auto it = sources_.find(source);
  if (it == sources_.end()) {
    if (sources_.size() >= kSourcesMax) {
      const auto heard = [](const SourceInfo& s) {
        return std::max(s.first_seen_us, s.last_event_us);
      };
      sources_.erase(std::min_element(sources_.begin(), sources_.end(),
                                      [&](const auto& a, const auto& b) {
                                        return heard(a.second) < heard(b.second);
                                      }));
    }
    it = sources_.emplace(std::string(source), SourceInfo{}).first;
    it->second.first_seen_us = wall_us;
  }
  last_name_ = it->first;
  last_ = &it->second;
  return *last_;
}

void SourceRegistry::add_agent(SourceInfo& info, std::string_view agent) {
  if (!is_name(agent) || info.agents.size() >= kAgentsPerSourceMax) return;
  if (info.agents.find(agent) == info.agents.end()) info.agents.emplace(agent);
}

void SourceRegistry::observe(const Envelope& event, std::int64_t wall_us) {
  if (event.source.empty()) return;
  SourceInfo& info = find_or_add(event.source, wall_us);
  ++info.events;
  info.last_event_us = wall_us;
  if (event.agent_id.kind == IndexedField::Kind::text) add_agent(info, event.agent_id.text);
  if (!event.run.empty() && info.run != event.run) {
    // A new start counts from 1 again.
    info.run = event.run;
    info.last_source_seq = 0;
  }
  if (event.source_seq == 0) return;
  if (info.last_source_seq != 0 && event.source_seq > info.last_source_seq + 1) {
    info.lost += event.source_seq - info.last_source_seq - 1;
  }
  info.last_source_seq = std::max(info.last_source_seq, event.source_seq);
}

void SourceRegistry::announce(const Envelope& body, std::int64_t wall_us) {
  if (body.source.empty()) return;
  rapidjson::Document data;
  data.Parse<rapidjson::kParseIterativeFlag>(body.data.data(), body.data.size());
  if (!data.IsObject()) return;
  SourceInfo& info = find_or_add(body.source, wall_us);
  if (!body.run.empty() && info.run != body.run) {
    info.run = body.run;
    info.last_source_seq = 0;
  }
  for (const auto& member : data.GetObject()) {
    const std::string_view name = view(member.name);
    const rapidjson::Value& value = member.value;
    if (name == "agents" && value.IsArray()) {
      for (const auto& agent : value.GetArray()) {
        if (agent.IsString()) add_agent(info, view(agent));
      }
    } else if (name == "commands" && value.IsArray() && value.Size() <= kAgentsPerSourceMax) {
      rapidjson::StringBuffer buffer;
      rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
      value.Accept(writer);
      info.announced_commands.assign(buffer.GetString(), buffer.GetSize());
    } else if (name == "host" && value.IsString()) {
      info.host = view(value).substr(0, 255);
    } else if (name == "state" && value.IsString()) {
      info.state = view(value).substr(0, kNameBytesMax);
    } else if (name == "pid" && value.IsInt64()) {
      info.pid = value.GetInt64();
    }
  }
}

void SourceRegistry::tick(double elapsed_s) {
  const double keep = std::max(0.0, 1.0 - elapsed_s / kRateHorizonS);
  for (auto& [name, info] : sources_) {
    const double rate = static_cast<double>(info.events - info.events_at_tick) / elapsed_s;
    // The first seconds of a source show its rate at once instead of creeping up to it.
    info.events_per_s =
        info.events_at_tick == 0 ? rate : keep * info.events_per_s + (1 - keep) * rate;
    info.events_at_tick = info.events;
  }
}

}  // namespace bridge
