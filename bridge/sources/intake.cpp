#include "sources/intake.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/text.h"
#include "event/messages.h"
#include "sources/repair_answer.h"

namespace bridge {
namespace {

// What a body counts for beside its bytes: about what as many bytes of JSON take.
constexpr std::size_t kBodyCost = 64;
constexpr std::size_t kRefusedCost = 192;
constexpr std::size_t kAnnouncedCost = 12;    // of a byte of an announcement: all of it is read, and kept
constexpr std::size_t kFollowUpCost = 192;  // of an event that had waited, beside its bytes
constexpr std::size_t kLookCost = 4;        // of SourceTable::work()
constexpr std::size_t kKeysPerCost = 4;     // keys at the top level are held against each other

constexpr std::size_t kFollowUpCostATurn = 256 * 1024;

const std::string kOwnSourceDetail = "source must not be ppo-bridge, which is the bridge itself";
const std::string kForbiddenDetail = "source is not one that whoever sent it may speak for";
const std::string kForbiddenTypeDetail = "type is not one that whoever sent it may publish";
constexpr std::string_view kSourceType = "_source";

}  // namespace

Intake::Intake(std::size_t event_bytes_max, EventLog& log, SourceTable& sources,
               SourceTracker& tracker, TypeCounts& types, OwnEvents& own_events, Counters& counters,
               const Clock& clock, RejectListener on_reject)
    : parser_(event_bytes_max),
      log_(log),
      sources_(sources),
      tracker_(tracker),
      types_(types),
      own_events_(own_events),
      counters_(counters),
      clock_(clock),
      on_reject_(std::move(on_reject)) {
  static_assert(kRejectCount <= std::tuple_size_v<decltype(counters_.rejected)>);
}

void Intake::take(std::string_view message, IntakeOutcome* outcome, const PeerName* peer) {
  IntakeBatch batch(message, peer);
  begin_turn();
  while (!batch.ended) take_some(batch, std::numeric_limits<std::size_t>::max());
  if (outcome != nullptr) *outcome = std::move(batch.outcome);
}

std::size_t Intake::take_some(IntakeBatch& batch, std::size_t cost_max) {
  std::string_view& left = batch.left;
  if (!batch.begun) {
    batch.begun = true;
    ++counters_.messages_received;
    counters_.bytes_received += left.size();
    batch.one_body = left.find('\n') == std::string_view::npos || is_one_body_over_lines(left);
  }
  std::size_t cost = 0;
  peer_ = batch.peer;
  rule_ = batch.rule;
  taking_ = true;
  while (!batch.ended && cost < cost_max) {
    const std::size_t newline = batch.one_body ? std::string_view::npos : left.find('\n');
    std::string_view line = left.substr(0, newline);
    batch.ended = newline == std::string_view::npos;
    if (!batch.ended) left.remove_prefix(newline + 1);
    if (!batch.one_body && !line.empty() && line.back() == '\r') line.remove_suffix(1);
    cost += line.size() + kBodyCost;
    // A newline behind the last body, say; but a message is a body at least.
    const IntakeOutcome& outcome = batch.outcome;
    const bool none = outcome.accepted + outcome.rejected == 0;
    if (line.empty() && !(batch.ended && none)) continue;
    const std::size_t follow_up_left = follow_up_left_;
    const std::uint64_t announcements = counters_.announcements;
    const std::uint64_t looked = sources_.work();
    if (!take_body(line, batch.outcome)) cost += kRefusedCost;
    cost += parser_.keys() * parser_.keys() / kKeysPerCost;
    if (counters_.announcements != announcements) cost += line.size() * kAnnouncedCost;
    cost += (follow_up_left - follow_up_left_) + (sources_.work() - looked) * kLookCost;
  }
  taking_ = false;
  take_deferred();
  return cost;
}

// A batch's lines are objects, each closed on its line. Where the first is not, the newlines may be
// white space inside one object: then the whole parses, and only then.
bool Intake::is_one_body_over_lines(std::string_view message) {
  std::string_view first = message.substr(0, message.find('\n'));
  const std::size_t last_char = first.find_last_not_of(" \t\r");
  if (last_char != std::string_view::npos && first[last_char] == '}') return false;
  return message.size() <= parser_.event_bytes_max() && parser_.parse(message) == Reject::none;
}

void Intake::begin_turn() {
  wall_us_ = clock_.wall_us();
  steady_us_ = clock_.steady_us();
  follow_up_left_ = on_more_ ? kFollowUpCostATurn : std::numeric_limits<std::size_t>::max();
}

bool Intake::go_on() {
  more_ = false;
  return change([this] { take_repairs(); });
}

// Does something that may let events go on that wait. True where that added to the log.
template <class Change>
bool Intake::change(Change&& f) {
  const std::uint64_t before = log_.last_seq();
  begin_turn();
  taking_ = true;
  f();
  follow_up();
  taking_ = false;
  take_deferred();
  return log_.last_seq() != before;
}

// False where it is refused.
bool Intake::take_body(std::string_view body, IntakeOutcome& outcome) {
  ++counters_.bodies_received;
  Reject why = parser_.parse(body);
  if (why == Reject::none && parser_.envelope().source == kOwnSource) why = Reject::own_source;
  if (why == Reject::none) why = judge(rule_);
  if (why == Reject::none && against_schema()) why = Reject::schema_mismatch;
  if (why != Reject::none) {
    reject(why, body, outcome);
    return false;
  }
  counters_.not_finite_replaced += parser_.not_finite_count();
  ++outcome.accepted;
  accept(body);
  return true;
}

// Whether the sender may publish what the parser holds.
Reject Intake::judge(const SenderRule* rule) const {
  const Envelope& event = parser_.envelope();
  if (rule == nullptr || (*rule)(event.type, event.source)) return Reject::none;
  return (*rule)(kSourceType, event.source) ? Reject::forbidden_type : Reject::forbidden_source;
}

// Of the event that the parser holds; false also where nobody minds.
bool Intake::against_schema() {
  if (schemas_ == nullptr) return false;
  mismatch_ = schemas_->check(parser_.envelope().type, parser_.envelope().data);
  return schemas_reject_ && !mismatch_.empty();
}

void Intake::accept(std::string_view body) {
  const Envelope& event = parser_.envelope();
  if (event.type.front() == '_') {
    announce();
    return;
  }
  Run* const run = event.source.empty()
                       ? nullptr
                       : sources_.hear(event.source, event.run, wall_us_, steady_us_);
  if (run == nullptr || !event.tracked()) {
    const bool believed = run == nullptr || !run->id.empty() || SourceTracker::is_near(*run, event.source_seq);
    if (!believed) {
      ++counters_.events_unbelieved;
      tell_unbelieved(peer_);
    }
    append(run, believed && (run != nullptr || !event.tracked()));
  } else {
    switch (tracker_.observe(*run, event, body, steady_us_)) {
      case SourceTracker::Verdict::pass:
        append(run, true);
        break;
      case SourceTracker::Verdict::unbelieved:
        tell_unbelieved(peer_);
        append(run, false);
        break;
      case SourceTracker::Verdict::drop:
        break;
    }
  }
  if (tracker_.ready()) follow_up();
}

void Intake::announce() {
  ++counters_.announcements;
  const Envelope& event = parser_.envelope();
  if (event.source.empty()) return;
  Run* const run = sources_.meet(event.source, event.run, wall_us_, steady_us_);
  if (run == nullptr) return;
  const Announcement said = read_announcement(event.data);
  // An earlier start is settled first, which takes the parser.
  if (tracker_.ready()) follow_up();
  if (!sources_.announce(*run, said, steady_us_)) return;
  if (!run->id.empty()) tracker_.announce(*run, said, steady_us_);
  if (on_control_ && !said.control.empty()) on_control_(run->source->name, said.control);
  if (tracker_.ready()) follow_up();
}

bool Intake::take_hello(std::string_view connection, std::string_view body, std::string* reply,
                        const HelloFrom& from) {
  // Cheap to tell: what a trainer sends besides are answers, which hardly ever hold this.
  if (body.find("\"_source\"") == std::string_view::npos || taking_) return false;
  const Envelope& event = parser_.envelope();
  if (parser_.parse(body) != Reject::none || event.type != "_source" || event.source.empty()) {
    return false;
  }
  if (from.rule != nullptr && !(*from.rule)(kSourceType, event.source)) {
    ++counters_.hellos_refused;
    if (on_reject_) {
      on_reject_({Reject::forbidden_source, kForbiddenDetail, body, event.source,
                  from.peer == nullptr ? BodySender() : (*from.peer)()});
    }
    return true;
  }
  begin_turn();
  const Announcement said = read_announcement(event.data);
  taking_ = true;
  Run* const run =
      sources_.hello(connection, event.source, event.run, said, wall_us_, steady_us_, from.since);
  if (run == nullptr) {
    ++counters_.hellos_refused;
  } else {
    follow_up();
    if (!run->id.empty()) tracker_.announce(*run, said, steady_us_);
    if (!said.clock_json.empty()) {
      const std::int64_t now_us = clock_.wall_us();
      const std::int64_t steady_us = clock_.steady_us();
      run->clock.answered(said.heard_at_s, said.heard_clock_s, said.clock_s, now_us, steady_us);
      run->clock.asked(now_us, steady_us);
      *reply = R"({"command":"_clock","params":{"clock":)" + said.clock_json + R"(,"at":)";
      append_seconds(*reply, now_us);
      *reply += R"(,"ws":")" + clients_address_ + R"("}})";
    }
  }
  follow_up();
  taking_ = false;
  take_deferred();
  return true;
}

// The event that the parser holds goes into the log; `run` is null where the table has none for it.
void Intake::append(Run* run, bool numbered) {
  ++counters_.events_from_sources;
  types_.observe(parser_.envelope().type, wall_us_);
  if (numbered || parser_.envelope().source_seq == 0) {
    if (run != nullptr) sources_.count(*run, parser_.envelope(), wall_us_);
    log_.append(parser_.envelope(), wall_us_);
    return;
  }
  Envelope event = parser_.envelope();  // goes on as one without a number
  event.source_seq = 0;
  if (run != nullptr) sources_.count(*run, event, wall_us_);
  log_.append(event, wall_us_);
}

// Of the event that the parser holds, which goes on without its number. `peer` is null where nobody knows any more.
void Intake::tell_unbelieved(const PeerName* peer) {
  if (!unbelieved_lines_.allow(steady_us_)) return;
  const Envelope& event = parser_.envelope();
  const std::string from = peer == nullptr ? std::string() : (*peer)().address;
  log_warn("event_unbelieved", "an event of {}{}{}{} goes on without its number: source_seq {} is further ahead than is believed",
           event.source, event.run.empty() ? "" : "@", event.run, from.empty() ? "" : " from " + printable(from), event.source_seq);
}

// What waited and waits no longer. What the parser held is gone after it.
void Intake::follow_up() {
  while (follow_up_left_ != 0 && tracker_.next(&step_, steady_us_)) {
    follow_up_left_ -= std::min(follow_up_left_, kFollowUpCost + step_.body.size());
    if (step_.kind == SourceTracker::Step::Kind::lost) {
      report_lost(step_);
    } else if (parser_.parse(step_.body) == Reject::none) {
      if (step_.kind == SourceTracker::Step::Kind::unbelieved) tell_unbelieved(nullptr);
      append(step_.run, step_.kind == SourceTracker::Step::Kind::event);
    }
  }
  if (follow_up_left_ == 0 && tracker_.ready()) ask_for_more();
}

void Intake::ask_for_more() {
  if (!std::exchange(more_, true)) on_more_();
}

void Intake::report_lost(const SourceTracker::Step& step) {
  own_events_.publish("system_status", source_lost_data({step.run->source->name, step.run->id,
                                                         step.from, step.to}));
}

bool Intake::take_repair(const RepairAnswer& answer, const SenderRule* rule) {
  if (taking_) {
    assert(answer.events.empty());
    deferred_.push_back(answer);
    return false;
  }
  if (answer.events.empty()) return change([&] { take_answer(answer); });
  Repair& repair = repairs_.emplace_back();
  repair.answer = answer;
  repair.text = answer.events;
  repair.left = repair.text;
  waiting_bytes_ += repair.text.size();
  if (rule != nullptr) repair.rule = *rule;
  repair.place.next = answer.from;
  // To read it was a turn's work already.
  if (on_more_ && repair.text.size() > kFollowUpCostATurn / 4) {
    ask_for_more();
    return false;
  }
  return change([this] { take_repairs(); });
}

void Intake::take_deferred() {
  while (!deferred_.empty()) {
    const RepairAnswer answer = std::move(deferred_.front());
    deferred_.pop_front();
    taking_ = true;
    take_answer(answer);
    taking_ = false;
  }
}

// As many as a turn may have.
void Intake::take_repairs() {
  while (!repairs_.empty()) {
    Repair& repair = repairs_.front();
    Run* const run = sources_.find(repair.answer.source, repair.answer.run);
    if (run != nullptr && !take_some(repair, *run)) return ask_for_more();
    const RepairAnswer answer = std::move(repair.answer);
    waiting_bytes_ -= repair.text.size();
    repairs_.pop_front();
    if (run == nullptr) continue;
    tracker_.on_answer(*run, answer.from, answer.to, answer.outcome, steady_us_);
    follow_up();
  }
}

// False where there is more. REQUIRES: at its end, that on_answer() follows.
bool Intake::take_some(Repair& repair, Run& run) {
  tracker_.begin_answer(repair.place);
  while (follow_up_left_ != 0) {
    if (!next_repaired(&repair.left, &repaired_)) return true;
    follow_up_left_ -= std::min(follow_up_left_, kFollowUpCost + 2 * repaired_.size());
    take_repaired(repair, run);
  }
  repair.place = tracker_.interrupt_answer();
  return false;
}

void Intake::take_repaired(Repair& repair, Run& run) {
  Reject why = parser_.parse(repaired_);
  if (why == Reject::none) why = judge(repair.rule ? &repair.rule : nullptr);
  if (why == Reject::none && against_schema()) why = Reject::schema_mismatch;
  if (why != Reject::none) {
    tracker_.on_broken();
    if (on_reject_) on_reject_({why, detail_of(why), repaired_, repair.answer.source, {"its repair"}});
    return;
  }
  const Envelope& event = parser_.envelope();
  const bool asked_for = event.tracked() && event.type.front() != '_' && event.source == repair.answer.source &&
                         event.run == repair.answer.run;
  if (!asked_for) return;
  counters_.not_finite_replaced += parser_.not_finite_count();
  if (tracker_.observe(run, event, repaired_, steady_us_) == SourceTracker::Verdict::pass) append(&run, true);
  if (tracker_.ready()) follow_up();
}

// Of one without events.
void Intake::take_answer(const RepairAnswer& answer) {
  Run* const run = sources_.find(answer.source, answer.run);
  if (run == nullptr) return;
  tracker_.begin_answer({answer.from, 0});
  tracker_.on_answer(*run, answer.from, answer.to, answer.outcome, steady_us_);
  follow_up();
}

bool Intake::tick() {
  return change([this] { tracker_.tick(steady_us_); });
}

void Intake::stop() {
  on_more_ = nullptr;  // there is no later
  change([this] {
    take_repairs();
    tracker_.stop();
  });
}

const std::string& Intake::detail_of(Reject why) const {
  return why == Reject::own_source         ? kOwnSourceDetail
         : why == Reject::forbidden_source ? kForbiddenDetail
         : why == Reject::forbidden_type   ? kForbiddenTypeDetail
         : why == Reject::schema_mismatch  ? mismatch_
                                           : parser_.detail();
}

void Intake::reject(Reject why, std::string_view body, IntakeOutcome& outcome) {
  ++counters_.rejected[static_cast<std::size_t>(why)];
  const std::string& detail = detail_of(why);
  if (outcome.rejected == 0) {
    outcome.first_reject = why;
    outcome.first_detail = detail;
  }
  ++outcome.rejected;
  if (on_reject_) {
    on_reject_({why, detail, body, parser_.envelope().source,
                peer_ == nullptr ? BodySender() : (*peer_)()});
  }
}

}  // namespace bridge
