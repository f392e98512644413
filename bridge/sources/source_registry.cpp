#include "sources/source_registry.h"

#include <algorithm>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"

namespace bridge {
namespace {

constexpr double kRateHorizonS = 5.0;

// A source announces itself once a second.
constexpr std::int64_t kStalledAfterUs = 3'500'000;
constexpr std::int64_t kGoneAfterUs = 10'000'000;

}  // namespace

const char* source_state_name(SourceState state) {
  switch (state) {
    case SourceState::live:
      return "live";
    case SourceState::stalled:
      return "stalled";
    case SourceState::gone:
      break;
  }
  return "gone";
}

SourceInfo& SourceRegistry::find_or_add(std::string_view source, std::int64_t wall_us) {
  if (last_ != nullptr && same_name(source, last_name_)) return *last_;
  auto it = sources_.find(source);
  if (it == sources_.end()) {
    if (sources_.size() >= kSourcesMax) {
      sources_.erase(
          std::min_element(sources_.begin(), sources_.end(), [](const auto& a, const auto& b) {
            return a.second.last_heard_us < b.second.last_heard_us;
          }));
    }
    it = sources_.emplace(std::string(source), SourceInfo{}).first;
    it->second.first_seen_us = wall_us;
  }
  last_name_ = it->first;
  last_ = &it->second;
  return *last_;
}

void SourceRegistry::tell(const SourceInfo& info, SourceChange change) {
  // Whoever listens may ask for other sources: the name is copied, the cache is not relied on.
  if (listener_) listener_(std::string(last_name_), info, change);
}

// Of two starts of a source the later one counts, whatever is still on its way of the other.
bool SourceRegistry::is_new_run(SourceInfo& info, std::string_view run) {
  if (run.empty() || same_name(run, info.run)) return false;
  auto& earlier = info.earlier_runs;
  if (std::find(earlier.begin(), earlier.end(), run) != earlier.end()) return false;
  if (!info.run.empty()) earlier.push_back(info.run);
  if (earlier.size() > kRunsPerSourceMax) earlier.erase(earlier.begin());
  return true;
}

// Notes that a source is there, and which start of it.
SourceInfo& SourceRegistry::heard(const Envelope& body, std::int64_t wall_us,
                                  std::int64_t steady_us) {
  SourceInfo& info = find_or_add(body.source, wall_us);
  info.last_heard_us = steady_us;
  const bool restarted = !info.run.empty();
  const bool new_run = is_new_run(info, body.run);
  if (new_run) {
    // A new start counts from 1 again.
    info.run = body.run;
    info.last_source_seq = 0;
  }
  const SourceState before = info.state;
  info.state = SourceState::live;
  if (new_run && restarted) {
    info.agents.clear();
    info.activity.clear();
    info.repairs_any_time = false;
  }
  // Of a source that does not announce itself nobody would ever hear that it is gone, so nobody is
  // told that it is there either.
  if (!info.announced) return info;
  if (new_run && restarted) {
    tell(info, SourceChange::restarted);
  } else if (before != SourceState::live) {
    tell(info, before == SourceState::gone ? SourceChange::connected : SourceChange::recovered);
  }
  return info;
}

void SourceRegistry::add_agent(SourceInfo& info, std::string_view agent) {
  // Nearly always it is there already, and so was looked at before.
  if (info.agents.find(agent) != info.agents.end()) return;
  if (is_name(agent) && info.agents.size() < kAgentsPerSourceMax) info.agents.emplace(agent);
}

void SourceRegistry::observe(const Envelope& event, std::int64_t wall_us, std::int64_t steady_us) {
  if (event.source.empty()) return;
  SourceInfo& info = heard(event, wall_us, steady_us);
  ++info.events;
  info.last_event_us = wall_us;
  if (event.agent_id.kind == IndexedField::Kind::text) add_agent(info, event.agent_id.text);
  if (event.source_seq == 0) return;
  if (event.run.empty()) {
    if (info.last_source_seq != 0 && event.source_seq > info.last_source_seq + 1) {
      info.holes += event.source_seq - info.last_source_seq - 1;
    }
  } else if (event.run != info.run) {
    return;
  }
  info.last_source_seq = std::max(info.last_source_seq, event.source_seq);
}

SourceNumbers SourceRegistry::announce(const Envelope& body, std::int64_t wall_us,
                                       std::int64_t steady_us) {
  if (body.source.empty()) return {};
  SourceInfo& info = heard(body, wall_us, steady_us);
  if (!body.run.empty() && body.run != info.run) {
    SourceInfo earlier;
    return read_announcement(body.data, earlier);
  }
  const SourceNumbers numbers = read_announcement(body.data, info);
  if (!info.announced) {
    info.announced = true;
    if (info.activity != "stopped") tell(info, SourceChange::connected);
  }
  if (info.activity == "stopped") {
    info.state = SourceState::gone;
    tell(info, SourceChange::gone);
  }
  return numbers;
}

SourceNumbers SourceRegistry::read_announcement(std::string_view text, SourceInfo& info) {
  SourceNumbers numbers;
  const auto data = read_document(text);
  if (!data || !data.value().IsObject()) return numbers;
  for (const auto& member : data.value().GetObject()) {
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
      info.host = utf8_prefix(view(value), 255);
    } else if (name == "state" && value.IsString()) {
      info.activity = utf8_prefix(view(value), kNameBytesMax);
    } else if (name == "pid" && value.IsInt64()) {
      info.pid = value.GetInt64();
    } else if (name == "replay" && value.IsString()) {
      info.repairs_any_time = value == "any_time";
    } else if (name == "head" || name == "oldest") {
      // Of a number beyond what a source_seq may be, nothing is believed.
      const auto n = read_integer(&value, name, 0, kIntegerMax);
      if (n) (name == "head" ? numbers.head : numbers.oldest) = n.value();
    }
  }
  numbers.stopped = info.activity == "stopped";
  return numbers;
}

void SourceRegistry::tick(double elapsed_s, std::int64_t steady_us) {
  const double keep = std::max(0.0, 1.0 - elapsed_s / kRateHorizonS);
  for (auto& [name, info] : sources_) {
    const double rate = static_cast<double>(info.events - info.events_at_tick) / elapsed_s;
    // The first seconds of a source show its rate at once instead of creeping up to it.
    info.events_per_s =
        info.events_at_tick == 0 ? rate : keep * info.events_per_s + (1 - keep) * rate;
    info.events_at_tick = info.events;
  }
  // Who listens may not add sources, but may look any of them up.
  for (auto& [name, info] : sources_) {
    if (!info.announced || info.state == SourceState::gone) continue;
    const std::int64_t silent_us = steady_us - info.last_heard_us;
    if (silent_us < kStalledAfterUs) continue;
    const SourceState now = silent_us < kGoneAfterUs ? SourceState::stalled : SourceState::gone;
    if (now == info.state) continue;
    info.state = now;
    last_name_ = name;
    last_ = &info;
    tell(info, now == SourceState::gone ? SourceChange::gone : SourceChange::stalled);
  }
}

}  // namespace bridge
