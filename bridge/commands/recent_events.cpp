#include "commands/recent_events.h"

#include <utility>

#include "base/limits.h"
#include "base/request_budget.h"
#include "base/text.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/subscription.h"

namespace bridge {
namespace {

RequestError bad_params(std::string message) {
  return {ErrorType::bad_request, "params." + std::move(message)};
}

}  // namespace

bool RecentEvents::Query::matches(const Block& block, std::size_t i) const {
  const EventEntry& e = block.entry(i);
  return (!type || pattern_matches(*type, block.text(e.type))) &&
         (!source || *source == block.text(e.source)) &&
         (!agent_id || *agent_id == block.text(e.agent_id)) &&
         (!item || *item == block.text(e.item));
}

Result<RecentEvents::Query, RequestError> RecentEvents::parse(const rapidjson::Value& params) {
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

Result<RecentEvents, RequestError> RecentEvents::of(EventLog& log,
                                                    const rapidjson::Value& params) {
  auto query = parse(params);
  if (!query) return query.error();
  if (log.head() > log.history().last_seq()) log.seal();
  return RecentEvents(log, std::move(query.value()));
}

RecentEvents::RecentEvents(const EventLog& log, Query query)
    : log_(&log), query_(std::move(query)), head_(log.head()), next_(head_ + 1) {
  if (!query_.since_seq) return;
  if (*query_.since_seq > head_) {
    end(false);
  } else {
    next_ = *query_.since_seq + 1;
  }
}

void RecentEvents::end(bool complete) {
  ended_ = true;
  complete_ = complete_ && complete;
}

std::uint64_t RecentEvents::step(std::uint64_t work_max) {
  const History& history = log_->history();
  std::uint64_t work = 0;
  while (!ended_ && work < work_max) {
    const bool forward = query_.since_seq.has_value();
    if (forward && next_ < history.first_seq()) {
      complete_ = false;
      next_ = history.first_seq();
    }
    if (forward && next_ > head_) {
      end(true);
    } else if (!forward && next_ <= history.first_seq()) {
      end(found_.size() == query_.count || next_ == 1);
    } else if (const BlockPtr block = history.find(forward ? next_ : next_ - 1)) {
      while (!ended_ && work < work_max && next_ <= head_ + (forward ? 0 : 1) &&
             (forward ? next_ <= block->last_seq() : next_ > block->first_seq())) {
        if (!forward) --next_;
        look_at(*block, static_cast<std::size_t>(next_ - block->first_seq()), &work);
        if (forward) ++next_;
      }
    }
  }
  return work;
}

void RecentEvents::look_at(const Block& block, std::size_t i, std::uint64_t* work) {
  ++*work;
  if (!query_.matches(block, i)) return;
  const std::string_view json = block.json(i);
  if (found_.size() == query_.count || bytes_ + json.size() > kReplyBytesMax) {
    return end(!query_.since_seq && found_.size() == query_.count);
  }
  *work += json.size() / kCopiedBytesPerWork;
  bytes_ += json.size();
  if (query_.since_seq) {
    found_.emplace_back(json);
  } else {
    found_.emplace_front(json);
  }
}

std::string RecentEvents::result() const {
  JsonWriter json;
  json.object().key("events").list();
  for (const std::string& event : found_) json.raw(event);
  json.end_list().field("count", std::uint64_t{found_.size()}).field("complete", complete_);
  return json.field("epoch", log_->epoch()).field("seq", head_).end_object().take();
}

}  // namespace bridge
