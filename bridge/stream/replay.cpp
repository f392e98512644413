#include "stream/replay.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/text.h"
#include "base/work_queue.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::size_t kReplayTurnBytesMax = 1024 * 1024;
constexpr double kSpeedMin = 0.001;  // a slower one would keep its place for ever
constexpr double kSpeedMax = 1e6;
constexpr double kTimeFrom = 1e9;  // a bare number from here on is a time, not a seq
constexpr double kTimeMax = 1e11;

std::optional<RequestError> parse_end(const Value& params, const char* name, const Clock& clock,
                                      ReplayEnd* end) {
  const Value* const v = params.IsObject() ? find(params, name) : nullptr;
  if (v == nullptr) return std::nullopt;
  std::string where = std::string("params.") + name;
  const Value* seq = nullptr;
  const Value* timestamp = nullptr;
  const Value* seconds = nullptr;
  if (v->IsNumber()) {
    const bool is_time = v->GetDouble() >= kTimeFrom && v->GetDouble() <= kTimeMax;
    (is_time ? timestamp : seq) = v;
  } else if (v->IsObject()) {
    seq = find(*v, "seq");
    timestamp = find(*v, "timestamp");
    seconds = find(*v, "seconds");
    where += seq != nullptr ? ".seq" : timestamp != nullptr ? ".timestamp" : ".seconds";
  }
  if (seq != nullptr) {
    const auto n = read_integer(seq, where, 0, kIntegerMax);
    if (!n) return RequestError{ErrorType::bad_request, n.error().message};
    end->seq = n.value();
    return std::nullopt;
  }
  if (timestamp == nullptr && seconds == nullptr) {
    return bad_params(std::string(name) +
                      " must be a seq, a time from 1000000000 on, {\"seq\":n}, {\"timestamp\":t} "
                      "or {\"seconds\":s}");
  }
  const auto s = read_number(timestamp != nullptr ? timestamp : seconds, where, 0, kTimeMax);
  if (!s) return RequestError{ErrorType::bad_request, s.error().message};
  const std::int64_t us = std::llround(s.value() * 1e6);
  end->time_us = timestamp != nullptr ? us : std::max<std::int64_t>(0, clock.wall_us() - us);
  return std::nullopt;
}

// The event as it is in the log, with the mark of a replay.
void append_marked(std::string& out, std::string_view json) {
  constexpr std::string_view kMark = R"(,"replay":true})";
  append_text_frame_header(out, json.size() - 1 + kMark.size());
  out.append(json.substr(0, json.size() - 1)).append(kMark);
}

}  // namespace

Result<ReplayRequest, RequestError> ReplayRequest::parse(const Value& params, const Clock& clock) {
  ReplayRequest request;
  if (auto error = parse_end(params, "from", clock, &request.from)) return *error;
  if (auto error = parse_end(params, "to", clock, &request.to)) return *error;
  const Value* const speed = params.IsObject() ? find(params, "speed") : nullptr;
  if (speed != nullptr) {
    const auto times = read_number(speed, "speed", 0, kSpeedMax);
    if (!times || (times.value() > 0 && times.value() < kSpeedMin)) {
      return bad_params(
          wrong_number(speed, "speed", "0 (as fast as possible) or a number 0.001..1000000").message);
    }
    request.speed = times.value();
  }
  static const Value kEmpty(rapidjson::kObjectType);
  auto subscription = Subscription::parse(params.IsObject() ? params : kEmpty);
  if (!subscription) return bad_params(subscription.error().message);
  request.subscription = std::move(subscription.value());
  return request;
}

Replay::Replay(std::uint64_t number, ReplayRequest request, EventLog& log, Cohorts& cohorts,
               const Clock& clock)
    : number_(number), request_(std::move(request)), log_(log), cohorts_(cohorts), clock_(clock) {
  to_seq_ = std::min(request_.to.seq.value_or(log.head()), log.head());
}

Replay::~Replay() {
  cohorts_.past().forget(this);
}

void Replay::find_start() {
  const PastReader* const journal = cohorts_.past().reader();
  std::uint64_t oldest = log_.history().first_seq();
  if (journal != nullptr && journal->first_seq() <= journal->last_seq()) {
    oldest = std::min(oldest, journal->first_seq());
  }
  if (request_.from.seq) {
    next_ = std::max<std::uint64_t>(1, *request_.from.seq);
  } else if (!request_.from.time_us) {
    next_ = oldest;
  } else {
    next_ = log_.first_seq_since(*request_.from.time_us);
    if (next_ <= log_.history().first_seq() && oldest < next_) look_up_start();
  }
}

void Replay::look_up_start() {
  looking_up_ = true;
  cohorts_.past().reader()->find_time(
      *request_.from.time_us, [this, alive = std::weak_ptr<char>(alive_)](std::uint64_t seq) {
        if (alive.expired()) return;
        looking_up_ = false;
        if (seq != 0) next_ = std::min(next_, seq);
      });
}

bool Replay::look_on(std::size_t bytes_max, std::uint64_t work_max, std::uint64_t* work) {
  const std::uint64_t enough = *work + work_max;
  if (next_ == 0) {
    log_.seal_for_readers();
    find_start();
  }
  while (!looking_up_ && !ended_ && gathered_.size() < bytes_max) {
    if (*work >= enough) return true;
    if (next_ > to_seq_) {
      ended_ = true;
      break;
    }
    const std::uint64_t in_memory = log_.history().first_seq();
    BlockPtr block;
    if (next_ >= in_memory) {
      block = log_.history().find(next_);
    } else {
      const PastCache::Place place = cohorts_.past().look(next_, to_seq_, this);
      if (place.pending) break;
      block = place.block;
      if (!block) {
        ++*work;
        miss(std::min({place.next_held, in_memory, to_seq_ + 1}) - 1,
             place.unreadable ? "unreadable" : "evicted");
        continue;
      }
    }
    if (!take_block(block, bytes_max, enough, work)) break;
  }
  return false;
}

std::shared_ptr<const std::string> Replay::take() {
  if (gathered_.empty()) return nullptr;
  return std::make_shared<const std::string>(std::exchange(gathered_, {}));
}

// What is due of the block. False where the next event is not due yet.
bool Replay::take_block(const BlockPtr& block, std::size_t bytes_max, std::uint64_t enough,
                        std::uint64_t* work) {
  const std::int64_t now_us = clock_.steady_us();
  for (; next_ <= to_seq_ && next_ <= block->last_seq() && gathered_.size() < bytes_max &&
         *work < enough;
       ++next_) {
    const auto i = static_cast<std::size_t>(next_ - block->first_seq());
    const std::int64_t stamp_us = block->entry(i).timestamp_us;
    if (stamp_us < last_stamp_us_) first_stamp_us_ -= last_stamp_us_ - stamp_us;  // the clock went back
    last_stamp_us_ = stamp_us;
    *work += request_.subscription.work(*block, i);
    if (request_.to.time_us && stamp_us > *request_.to.time_us) {
      next_ = next_epoch(next_);
      return true;
    }
    if (!request_.subscription.matches(*block, i)) continue;
    if (events_ == 0) {
      began_us_ = now_us;
      first_stamp_us_ = stamp_us;
    }
    if (request_.speed > 0 && static_cast<double>(stamp_us - first_stamp_us_) >
                                  static_cast<double>(now_us - began_us_) * request_.speed) {
      return false;
    }
    append_marked(gathered_, block->json(i));
    *work += block->json(i).size() / kCopiedBytesPerWork;
    ++events_;
  }
  return true;
}

// Where the clock went back, events of an earlier time may follow.
std::uint64_t Replay::next_epoch(std::uint64_t seq) const {
  for (const EpochStart& epoch : log_.epochs()) {
    if (epoch.first_seq > seq) return epoch.first_seq;
  }
  return to_seq_ + 1;
}

void Replay::miss(std::uint64_t to_seq, const char* reason) {
  missing_ += to_seq - next_ + 1;
  append_marked(gathered_, gap_message(next_, to_seq, reason, clock_.wall_us()));
  next_ = to_seq + 1;
}

std::string Replay::end_message(const char* reason) const {
  JsonWriter json;
  json.object().field("type", "replay_end").key("data").object();
  json.field("replay", number_).field("reason", reason);
  json.field("events", events_).field("missing", missing_).end_object();
  json.field("replay", true).key("timestamp").seconds(clock_.wall_us());
  return json.end_object().take();
}

Replays::~Replays() = default;

Result<std::string, RequestError> Replays::start(Feed* feed, const Value& params, ReadScopePtr scope,
                                                 std::function<void()> nudge) {
  auto request = ReplayRequest::parse(params, clock_);
  if (!request) return request.error();
  request.value().subscription.set_scope(std::move(scope));
  if (replays_.count(feed) != 0) {
    return RequestError{ErrorType::busy, "this client has a replay already; replay_stop ends it"};
  }
  if (replays_.size() >= kReplaysMax) {
    return RequestError{ErrorType::busy,
                        std::to_string(kReplaysMax) + " replays are under way; try later"};
  }
  char speed[32];
  std::snprintf(speed, sizeof speed, "%.6g", request.value().speed);
  JsonWriter json;
  json.object().field("replay", ++last_number_).key("speed").raw(speed).end_object();
  replays_[feed] = {
      std::make_unique<Replay>(last_number_, std::move(request.value()), log_, cohorts_, clock_),
      std::move(nudge)};
  return json.take();
}

std::string Replays::stop(Feed* feed) {
  const auto found = replays_.find(feed);
  if (found == replays_.end()) return R"({"stopped":false})";
  std::string result =
      R"({"stopped":true,"replay":)" + std::to_string(found->second.replay->number()) + "}";
  (void)feed->say(found->second.replay->end_message("stopped"));
  replays_.erase(found);
  return result;
}

void Replays::tick() {
  std::vector<Feed*> all;
  for (const auto& [feed, entry] : replays_) {
    if (!entry.under_way && feed->has_room()) all.push_back(feed);
  }
  for (Feed* const feed : all) {
    const auto found = replays_.find(feed);  // another's nudge may have ended it
    if (found == replays_.end()) continue;
    if (cohorts_.work() == nullptr || feed->account() == nullptr) {
      for (bool done = false; !done;) step(feed, &done);
      continue;
    }
    found->second.under_way = true;
    cohorts_.work()->add_later(feed->account(), [this, feed](bool* done) { return step(feed, done); });
  }
}

// One more part of a feed's replay: its client is given something once there is enough, or no more for now.
std::uint64_t Replays::step(Feed* feed, bool* done) {
  std::uint64_t work = 0;
  *done = true;
  const auto found = replays_.find(feed);
  if (found == replays_.end()) return work;
  Replay& replay = *found->second.replay;
  if (feed->account() && !feed->account()->has_work_left()) {
    found->second.under_way = false;  // on with the next tick, or the one behind it
    return work;
  }
  *done = !replay.look_on(kReplayTurnBytesMax, kStepWork, &work);
  if (!*done) return work;
  found->second.under_way = false;
  auto frames = replay.take();
  const bool any = frames != nullptr;
  if (any) (void)feed->say_frames(std::move(frames));
  const auto nudge = found->second.nudge;
  const bool over = replay.ended() && feed->say(replay.end_message("done"));
  if (over) replays_.erase(found);
  if (any || over) nudge();  // last: it may end the client, and with it its replay
  return work;
}

}  // namespace bridge
