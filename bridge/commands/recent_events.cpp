#include "commands/recent_events.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/limits.h"
#include "base/request_budget.h"
#include "base/text.h"
#include "event/json_value.h"
#include "event/number_field.h"
#include "event/readable.h"
#include "event/request_fields.h"
#include "event/subscription.h"
#include "event/event_fields.h"

namespace bridge {
namespace {

constexpr double kTimeMax = 1e11;  // seconds; as a replay's
constexpr std::uint64_t kWrittenWork = 4;  // of an event, beside its text

// Of events from the journal these stand in the data only.
bool is_text(const Block& block, const EventEntry& event, const EventEntry::Piece& piece,
             IndexedField::Kind kind, std::string_view name, const std::string& wanted) {
  if (kind != IndexedField::Kind::other) return wanted == block.text(piece);
  std::string_view told;
  read_members(block.text(event.data), {{name, &told}});
  return text_of(told) == wanted;
}

// Below any number where it has none.
double profit_of(std::string_view data) {
  std::string_view profit;
  read_members(data, {{"profit", &profit}});
  return number_of(profit).value_or(-HUGE_VAL);
}

}  // namespace

bool RecentEvents::Query::matches(const Block& block, std::size_t i) const {
  const EventEntry& e = block.entry(i);
  const auto passes = [&](const std::string& type) { return pattern_matches(type, block.text(e.type)); };
  return (!types || std::any_of(types->begin(), types->end(), passes)) &&
         (!source || *source == block.text(e.source)) && (!from_us || e.timestamp_us >= *from_us) &&
         (!to_us || e.timestamp_us <= *to_us) &&
         (!agent_id || is_text(block, e, e.agent_id, e.agent_kind, "agent_id", *agent_id)) &&
         (!item || is_text(block, e, e.item, e.item_kind, "item", *item)) && (!run || *run == block.text(e.run)) &&
         (!min_profit || profit_of(block.text(e.data)) >= *min_profit) && may_read(scope, block, i);
}

std::size_t RecentEvents::Query::bytes() const {
  std::size_t sum = sizeof(RecentEvents);
  if (types) {
    for (const std::string& type : *types) sum += sizeof type + type.capacity();
  }
  for (const auto* text : {&epoch, &source, &agent_id, &item, &run}) sum += *text ? (*text)->capacity() : 0;
  return sum;
}

Result<RecentEvents::Query, RequestError> RecentEvents::parse(const rapidjson::Value& params) {
  Query query;
  FieldReader read(params, "params.");
  query.count = read.integer("count", 0, kRecentEventsMax).value_or(query.count);
  query.since_seq = read.integer("since_seq", 0, kIntegerMax);
  query.before_seq = read.integer("before_seq", 1, kIntegerMax);
  if (const auto seconds = read.number("from_time", 0, kTimeMax)) query.from_us = std::llround(*seconds * 1e6);
  if (const auto seconds = read.number("to_time", 0, kTimeMax)) query.to_us = std::llround(*seconds * 1e6);
  query.min_profit = read.number("min_profit");
  for (const auto& [name, to] : {std::pair{"agent_id", &query.agent_id}, {"item", &query.item}, {"source", &query.source},
                                 {"run", &query.run}, {"epoch", &query.epoch}}) {
    const rapidjson::Value* const value = read.find(name);
    if (value == nullptr) continue;
    if (!value->IsString()) read.fail(name, "must be a string");
    if (value->IsString()) to->emplace(view(*value));
  }
  const rapidjson::Value* const type = read.find("type");
  if (type != nullptr && type->IsArray() && type->Size() <= kRecentEventsTypesMax) {
    query.types.emplace();
    for (const auto& one : type->GetArray()) {
      if (!one.IsString()) read.fail("type", "must be a list of strings");
      if (one.IsString()) query.types->emplace_back(view(one));
    }
  } else if (type != nullptr && type->IsString()) {
    query.types.emplace(1, std::string(view(*type)));
  } else if (type != nullptr) {
    read.fail("type", type->IsArray() ? "must be a string or a list of at most " + std::to_string(kRecentEventsTypesMax) : "must be a string");
  }
  if (query.from_us && query.to_us && *query.from_us > *query.to_us) read.fail("from_time", "must not be beyond to_time");
  if (!read.problem().empty()) return RequestError{ErrorType::bad_request, read.problem()};
  return query;
}

Result<std::shared_ptr<RecentEvents>, RequestError> RecentEvents::of(
    EventLog& log, PastCache& past, const rapidjson::Value& params,
    std::function<void()> on_ready, const char* only_type, ReadScopePtr scope) {
  auto query = parse(params);
  if (!query) return query.error();
  Query& wanted = query.value();
  wanted.scope = std::move(scope);
  if (only_type != nullptr) wanted.types = {only_type};
  if (wanted.epoch && wanted.since_seq && *wanted.epoch != log.epoch()) {
    log.seal();
    const auto shared = log.shared_until(*wanted.epoch, *wanted.since_seq);
    wanted.known = shared.has_value();
    wanted.missed = wanted.known ? 0 : log.history().first_seq() - 1;
    wanted.since_seq = shared.value_or(wanted.missed);
  }
  return std::shared_ptr<RecentEvents>(new RecentEvents(log, past, std::move(wanted), std::move(on_ready)));
}

SeqRange RecentEvents::range_of(const Query& query, std::uint64_t head) {
  const std::uint64_t to = query.before_seq ? std::min(head, *query.before_seq - 1) : head;
  if (query.since_seq) return {*query.since_seq + 1, to};
  return query.count != 0 ? SeqRange{1, to} : SeqRange{};
}

RecentEvents::RecentEvents(EventLog& log, PastCache& past, Query query, std::function<void()> on_ready)
    : log_(log),
      past_(past),
      query_(std::move(query)),
      head_(log.head()),
      on_ready_(std::move(on_ready)),
      query_bytes_(query_.bytes()),
      range_(range_of(query_, head_)) {}

LogWalk::State RecentEvents::step(std::uint64_t work_max, std::uint64_t* work) {
  if (!walk_) {
    if (!looked_up_) look_up_times();
    if (looking_up_ != 0) return LogWalk::State::waiting;
    walk_.emplace(log_, past_, range_, query_.since_seq ? LogWalk::Way::forward : LogWalk::Way::backward,
                  [this](const Block& block, std::size_t i, std::uint64_t& more) { return look_at(block, i, more); },
                  [this] { on_ready_(); }, query_.types.value_or(std::vector<std::string>()));
  }
  return walk_->step(work_max, work);
}

void RecentEvents::look_up_times() {
  looked_up_ = true;
  if (!query_.from_us && !query_.to_us) return;
  log_.seal_for_readers();
  if (query_.from_us) {
    look_up(*query_.from_us, [this](std::uint64_t seq, std::uint64_t oldest) {
      // What is gone from before the oldest may have been of that time.
      if (seq > oldest) range_.from = std::max(range_.from, seq);
    });
  }
  if (query_.to_us) {
    look_up(*query_.to_us + 1,
            [this](std::uint64_t seq, std::uint64_t) { range_.to = std::min(range_.to, seq - 1); });
  }
}

// The first event of that time or later, in memory or behind it in the journal, and the oldest that is held there.
void RecentEvents::look_up(std::int64_t time_us, std::function<void(std::uint64_t, std::uint64_t)> found) {
  const std::uint64_t oldest = log_.history().first_seq();
  const std::uint64_t in_memory = log_.first_seq_since(time_us);
  PastReader* const journal = past_.reader();
  if (in_memory > oldest || journal == nullptr || !journal->readable() || journal->first_seq() >= oldest) {
    return found(in_memory, oldest);
  }
  ++looking_up_;
  journal->find_time(time_us, [this, journal, in_memory, found = std::move(found),
                               alive = std::weak_ptr<char>(alive_)](std::uint64_t seq) {
    if (alive.expired()) return;
    if (seq != 0) found(std::min(seq, in_memory), journal->first_seq());  // 0: it could not be read
    if (--looking_up_ == 0) on_ready_();
  });
}

// False where no more is wanted.
bool RecentEvents::look_at(const Block& block, std::size_t i, std::uint64_t& work) {
  if (!query_.matches(block, i)) return true;
  const std::string_view json = block.json(i);
  cut_off_ = found_.size() == query_.count || bytes_ + json.size() > kReplyBytesMax;
  if (cut_off_) return false;
  work += json.size() / kCopiedBytesPerWork;
  bytes_ += json.size();
  if (query_.since_seq) {
    found_.emplace_back(json);
    return true;  // whether there are more
  }
  found_.emplace_front(json);
  return found_.size() < query_.count;
}

bool RecentEvents::write(JsonWriter& json, std::uint64_t enough, std::uint64_t* work) {
  if (!count_) {
    count_ = found_.size();
    json.reserve(bytes_ + found_.size() + kAroundReplyBytes);
    json.object().key("events").list();
  }
  for (; !found_.empty(); found_.pop_front()) {
    if (*work >= enough) return false;
    const std::string& event = found_.front();
    json.raw(event);
    *work += kWrittenWork + event.size() / kCopiedBytesPerWork;
    bytes_ -= event.size();
  }
  const std::uint64_t missed = query_.missed + walk_->missed();
  // Backward it stops at the last that is wanted: what is before that was not looked at.
  const bool unseen = *count_ == query_.count && walk_->left().from <= walk_->left().to;
  const bool recovered = missed == 0 && query_.known && query_.since_seq.value_or(0) <= head_;
  json.end_list().field("count", *count_).field("complete", recovered && !cut_off_);
  json.field("more", cut_off_ || unseen).field("recovered", recovered).field("missed", missed);
  json.field("epoch", log_.epoch()).field("seq", head_).end_object();
  return true;
}

}  // namespace bridge
