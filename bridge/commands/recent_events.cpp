#include "commands/recent_events.h"

#include <deque>
#include <optional>

#include "base/limits.h"
#include "base/text.h"
#include "event/number_field.h"
#include "event/subscription.h"

namespace bridge {
namespace {

struct Query {
  std::uint64_t count = 100;
  std::optional<std::uint64_t> since_seq;
  std::optional<std::string> type, agent_id, item, source;

  bool matches(const Block& block, std::size_t i) const {
    const EventEntry& e = block.entry(i);
    return (!type || pattern_matches(*type, block.text(e.type))) &&
           (!source || *source == block.text(e.source)) &&
           (!agent_id || *agent_id == block.text(e.agent_id)) &&
           (!item || *item == block.text(e.item));
  }
};

RequestError bad_params(std::string message) {
  return {ErrorType::bad_request, "params." + std::move(message)};
}

Result<Query, RequestError> parse(const rapidjson::Value& params) {
  Query query;
  if (params.IsNull()) return query;
  for (const auto& member : params.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    const rapidjson::Value& value = member.value;
    if (value.IsNull()) continue;
    if (name == "count") {
      const auto count = read_integer(&value, "count", 0, kRecentEventsMax);
      if (!count) return bad_params(count.error().message);
      query.count = count.value();
    } else if (name == "since_seq") {
      const auto seq = read_integer(&value, "since_seq", 0, kIntegerMax);
      if (!seq) return bad_params(seq.error().message);
      query.since_seq = seq.value();
    } else if (name == "type" || name == "agent_id" || name == "item" || name == "source") {
      if (!value.IsString()) return bad_params(std::string(name) + " must be a string");
      (name == "type"       ? query.type
       : name == "agent_id" ? query.agent_id
       : name == "item"     ? query.item
                            : query.source)
          .emplace(value.GetString(), value.GetStringLength());
    }
  }
  return query;
}

struct Found {
  std::deque<std::string_view> events;
  std::size_t bytes = 0;
  bool complete = true;

  bool has_room(const Query& query, std::string_view json) const {
    return events.size() < query.count && bytes + json.size() <= kReplyBytesMax;
  }
};

// From `since_seq` forward.
void look_forward(const EventLog& log, const Query& query, Found& found) {
  const History& history = log.history();
  std::uint64_t next = *query.since_seq + 1;
  if (next > log.head() + 1) found.complete = false;
  if (next < history.first_seq()) {
    found.complete = false;
    next = history.first_seq();
  }
  while (next <= log.head()) {
    const BlockPtr block = history.find(next);
    for (auto i = static_cast<std::size_t>(next - block->first_seq()); i < block->size(); ++i) {
      if (block->seq(i) > log.head()) return;
      if (!query.matches(*block, i)) continue;
      const std::string_view json = block->json(i);
      if (!found.has_room(query, json)) {
        found.complete = false;
        return;
      }
      found.events.push_back(json);
      found.bytes += json.size();
    }
    next = block->last_seq() + 1;
  }
}

// From the newest back.
void look_back(const EventLog& log, const Query& query, Found& found) {
  const History& history = log.history();
  const auto& blocks = history.blocks();
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    for (std::size_t i = (*block)->size(); i > 0; --i) {
      if ((*block)->seq(i - 1) > log.head() || !query.matches(**block, i - 1)) continue;
      const std::string_view json = (*block)->json(i - 1);
      if (!found.has_room(query, json)) {
        found.complete = found.events.size() == query.count;
        return;
      }
      found.events.push_front(json);
      found.bytes += json.size();
    }
  }
  found.complete = found.events.size() == query.count || history.first_seq() == 1;
}

}  // namespace

Result<std::string, RequestError> recent_events(EventLog& log, const rapidjson::Value& params) {
  const auto query = parse(params);
  if (!query) return query.error();
  if (log.head() > log.history().last_seq()) log.seal();
  Found found;
  if (query.value().since_seq) {
    look_forward(log, query.value(), found);
  } else {
    look_back(log, query.value(), found);
  }
  std::string out = R"({"events":[)";
  out.reserve(found.bytes + found.events.size() + 128);
  bool first = true;
  for (const std::string_view json : found.events) {
    if (!first) out += ',';
    first = false;
    out += json;
  }
  out += R"(],"count":)";
  append_number(out, found.events.size());
  out += R"(,"complete":)";
  out += found.complete ? "true" : "false";
  out += R"(,"epoch":)";
  append_json_string(out, log.epoch());
  out += R"(,"seq":)";
  append_number(out, log.head());
  out += '}';
  return out;
}

}  // namespace bridge
