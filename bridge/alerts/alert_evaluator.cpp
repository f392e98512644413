#include "alerts/alert_evaluator.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "event/event_fields.h"

namespace bridge {
namespace {

constexpr std::size_t kAgentBytesMax = 256;
constexpr std::size_t kValueBytesMax = 256;
constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr std::size_t kEndedMax = 4096;
constexpr std::size_t kTypesCachedMax = 1024;

std::optional<double> aggregate_of(RuleTest::Of what, const Window::Totals& totals) {
  if (totals.n == 0) return std::nullopt;
  switch (what) {
    case RuleTest::Of::avg: return totals.sum / static_cast<double>(totals.n);
    case RuleTest::Of::min: return totals.min;
    case RuleTest::Of::max: return totals.max;
    case RuleTest::Of::sum: return totals.sum;
    case RuleTest::Of::last: return totals.last;
    case RuleTest::Of::field: break;
  }
  return std::nullopt;
}

std::string json_number(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  return std::isfinite(number) ? std::string(text, end) : "null";
}

bool is_alert_event(std::string_view type) {
  return type == "alert_raised" || type == "alert_cleared" || type == "alert_action";
}

}  // namespace

void AlertEvaluator::add(std::uint64_t alert_id, Rule rule, std::uint64_t after_seq) {
  Entry& entry = entries_[alert_id];
  entry.id = alert_id;
  entry.rule = std::move(rule);
  entry.after_seq = after_seq;
  for (std::size_t i = 0; i < entry.rule.tests.size(); ++i) {
    if (entry.rule.tests[i].of != RuleTest::Of::field) entry.windows.push_back(i);
  }
  entry.timed = entry.rule.for_us != 0 || entry.rule.what == Rule::What::count || !entry.windows.empty();
  if (entry.timed) ++timed_;
  index_fields();
}

void AlertEvaluator::remove(std::uint64_t alert_id) {
  const auto entry = entries_.find(alert_id);
  if (entry == entries_.end()) return;
  for (auto subject = subjects_.begin(); subject != subjects_.end();) {
    const auto state = subject->second.states.find(alert_id);
    const auto here = subject++;
    if (state != here->second.states.end()) drop(here, state);
  }
  if (entry->second.timed) --timed_;
  entries_.erase(entry);
  index_fields();
}

void AlertEvaluator::acknowledge(std::uint64_t alert_id) {
  const auto entry = entries_.find(alert_id);
  if (entry == entries_.end() || entry->second.rule.can_end()) return;
  for (auto subject = subjects_.begin(); subject != subjects_.end();) {
    const auto state = subject->second.states.find(alert_id);
    const auto here = subject++;
    if (state != here->second.states.end()) drop(here, state);
  }
}

void AlertEvaluator::restore(const AlertChange& raised) {
  const auto entry = entries_.find(raised.alert_id);
  State* const state = entry == entries_.end() ? nullptr : make(entry->second, raised.subject);
  if (state != nullptr) set_raised(*state, raised);
}

void AlertEvaluator::set_raised(State& state, const AlertChange& raised) {
  if (!state.told) {
    ++state.entry->raised;
    ++raised_;
  }
  state.holds = state.raised = state.told = state.restored = true;
  state.keep_until_us = INT64_MIN;
  state.seq = raised.seq;
  state.stamp_us = raised.since_us;
  state.type = raised.type;
}

void AlertEvaluator::index_fields() {
  interested_.clear();
  fields_.clear();
  for (auto& [id, entry] : entries_) {
    entry.fields.clear();
    for (const RuleTest& test : entry.rule.tests) entry.fields.push_back(fields_.add(test.field));
  }
}

// ---- Events.

const std::vector<AlertEvaluator::Entry*>& AlertEvaluator::interested(std::string_view type) {
  key_ = type;
  const auto known = interested_.find(key_);
  if (known != interested_.end()) return known->second;
  if (interested_.size() >= kTypesCachedMax) interested_.clear();
  std::vector<Entry*>& made = interested_[key_];
  for (auto& [id, entry] : entries_) {
    const Rule& rule = entry.rule;
    if ((rule.what == Rule::What::events || rule.what == Rule::What::count) && rule.wants(type)) made.push_back(&entry);
  }
  return made;
}

AlertSubject AlertEvaluator::subject_of(const AlertEvent& event) const {
  AlertSubject subject;
  subject.source = event.block.text(event.entry.source);
  subject.run = event.block.text(event.entry.run);
  std::string_view source, run, agent;
  if (subject.source == kOwnSource) {
    read_members(event.data, {{"source", &source}, {"run", &run}, {"agent_id", &agent}});
    if (auto about = text_of(source)) subject.source = std::move(*about);
    subject.run = text_of(run).value_or("");
  } else if (event.entry.agent_kind == IndexedField::Kind::text) {
    subject.agent_id = event.block.text(event.entry.agent_id);
  } else if (event.entry.agent_kind == IndexedField::Kind::other) {
    agent = member_of(event.data, "agent_id");
  }
  if (!agent.empty()) subject.agent_id = text_of(agent).value_or("");
  if (subject.agent_id.size() > kAgentBytesMax) subject.agent_id.clear();
  return subject;
}

void AlertEvaluator::look_at(const Block& block, std::size_t index, std::int64_t now_us) {
  now_us_ = std::max(now_us_, now_us);
  const AlertEvent event(block, index);
  seq_ = std::max(seq_, event.seq);
  fields_.next();
  const bool own = block.text(event.entry.source) == kOwnSource;
  if (own && is_alert_event(event.type)) {
    if ((follows_ || event.seq <= told_until_) && event.type != "alert_action") adopt(event);
    return;
  }
  const bool of_sources = own && event.type == "system_status";
  const bool of_runs = !own && (event.type == "run_ended" || event.type == "run_started");
  const std::vector<Entry*>& wanted = interested(event.type);
  if (wanted.empty() && !of_sources && !of_runs) return;
  const AlertSubject subject = subject_of(event);
  if (of_sources) look_at_status(event, subject);
  if (of_runs) look_at_run(event, subject);
  for (Entry* const one : wanted) {
    if (event.seq > one->after_seq) judge(*one, subject, event);
  }
}

void AlertEvaluator::look_at_status(const AlertEvent& event, const AlertSubject& subject) {
  const std::string status = text_of(member_of(event.data, "status")).value_or("");
  if (status == "source_lost") return happened(Rule::What::gap, "", subject, event);
  if (status.rfind("source_", 0) != 0) return;
  const std::string state = status.substr(7);
  if (state == "gone") {
    if (!subject.run.empty() && ended_.count({subject.source, subject.run}) == 0) {
      happened(Rule::What::run, "lost", subject, event);
    }
    end_runs(subject);
  }
  happened(Rule::What::source, state, subject, event);
  for (auto& [id, entry] : entries_) {
    const std::string& watched = entry.rule.types;
    if (entry.rule.what != Rule::What::source || event.seq <= entry.after_seq) continue;
    const bool over = watched == "connected" ? state == "stalled" || state == "gone" : state == "connected";
    if (!over || watched == "conflict") continue;
    // Whichever of its runs.
    auto other = subjects_.lower_bound({subject.source, "", ""});
    while (other != subjects_.end() && other->first.source == subject.source) {
      const AlertSubject whose = (other++)->first;
      settle(entry, whose, find(entry, whose), false, nullptr);
    }
  }
}

void AlertEvaluator::look_at_run(const AlertEvent& event, const AlertSubject& subject) {
  std::pair<std::string, std::string> run(subject.source, subject.run);
  if (event.type == "run_started") {
    ended_.erase(run);
    return;
  }
  end_runs(subject);
  if (ended_.insert(run).second) ended_order_.push_back(std::move(run));
  if (ended_order_.size() > kEndedMax) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
  happened(Rule::What::run, text_of(member_of(event.data, "state")).value_or(""), subject, event);
}

void AlertEvaluator::happened(Rule::What what, std::string_view state, const AlertSubject& subject, const AlertEvent& event) {
  for (auto& [id, entry] : entries_) {
    if (entry.rule.what != what || entry.rule.types != state || event.seq <= entry.after_seq) continue;
    settle(entry, subject, find(entry, subject), true, &event);
  }
}

// What holds of a run that is no more nothing would clear.
void AlertEvaluator::end_runs(const AlertSubject& ended) {
  auto at = subjects_.lower_bound({ended.source, ended.run, ""});
  while (at != subjects_.end() && at->first.source == ended.source && at->first.run == ended.run) {
    const auto subject = at++;
    if (!ended.agent_id.empty() && subject->first.agent_id != ended.agent_id) continue;
    std::size_t left = subject->second.states.size();
    for (auto next = subject->second.states.begin(); left != 0; --left) {
      const auto state = next++;
      const Rule& rule = state->second.entry->rule;
      if (!rule.can_end() || rule.what == Rule::What::source || seq_ <= state->second.entry->after_seq) continue;
      if (state->second.raised) clear(subject->first, state->second, true);
      drop(subject, state);
    }
  }
}

// ---- Rules.

void AlertEvaluator::judge(Entry& entry, const AlertSubject& subject, const AlertEvent& event) {
  const Rule& rule = entry.rule;
  const bool counts = rule.what == Rule::What::count;
  State* state = find(entry, subject);
  if (state == nullptr && (counts || !entry.windows.empty())) {
    state = make(entry, subject);
    if (state == nullptr) return;
  }
  std::uint64_t results = 0;
  std::size_t window = 0;
  for (std::size_t i = 0; i < rule.tests.size(); ++i) {
    const RuleTest& test = rule.tests[i];
    const FieldValue& value = fields_.value_of(event, entry.fields[i]);
    if (test.of == RuleTest::Of::field) {
      results |= std::uint64_t{test.holds(value)} << i;
    } else {
      if (value.kind == FieldValue::Kind::number && std::isfinite(value.number)) {
        state->windows[window].add(value.number, now_us_, test.window_us);
      }
      ++window;
    }
  }
  bool holds = false;
  if (state == nullptr) {
    holds = rule.holds(results);
  } else {
    state->results = results;
    if (!state->holds) note(*state, event);
    if (counts) {
      fold_windows(*state);
      if (rule.holds(state->results)) state->windows.back().add(1, now_us_, rule.window_us);
    }
    holds = holds_now(*state);
  }
  settle(entry, subject, state, holds, &event);
}

void AlertEvaluator::note(State& state, const AlertEvent& event) {
  state.seq = event.seq;
  state.stamp_us = event.entry.timestamp_us;
  state.type = event.type;
}

// The results of tests that time alone may change.
void AlertEvaluator::fold_windows(State& state) {
  const Entry& entry = *state.entry;
  for (std::size_t w = 0; w < entry.windows.size(); ++w) {
    const std::size_t i = entry.windows[w];
    const RuleTest& test = entry.rule.tests[i];
    state.windows[w].pass(now_us_, test.window_us);
    const auto aggregate = aggregate_of(test.of, state.windows[w].totals());
    state.results &= ~(std::uint64_t{1} << i);
    if (aggregate && compare(*aggregate, test.how, test.number)) state.results |= std::uint64_t{1} << i;
  }
}

bool AlertEvaluator::holds_now(State& state) {
  const Rule& rule = state.entry->rule;
  if (rule.what != Rule::What::count) {
    fold_windows(state);
    return rule.holds(state.results);
  }
  state.windows.back().pass(now_us_, rule.window_us);
  return (rises(rule.how) || now_us_ - state.known_us >= rule.window_us) &&
         compare(static_cast<double>(state.windows.back().totals().n), rule.how, rule.number);
}

// `event`: with which it is so; null: time has passed.
void AlertEvaluator::settle(Entry& entry, const AlertSubject& subject, State* state, bool holds, const AlertEvent* event) {
  if (!holds) {
    if (state == nullptr) return;
    // What a restart has emptied is no sign that it is over.
    if (state->restored && entry.timed && !state->windows.empty()) {
      std::int64_t longest = entry.rule.window_us;
      for (const std::size_t i : entry.windows) longest = std::max(longest, entry.rule.tests[i].window_us);
      if (state->keep_until_us == INT64_MIN) state->keep_until_us = now_us_ + longest;
      if (now_us_ < state->keep_until_us) return;
    }
    state->restored = state->holds = false;
    if (state->raised) clear(subject, *state, false);
    if (state->windows.empty()) {
      const auto at = find_subject(subject);
      drop(at, at->second.states.find(entry.id));
    }
    return;
  }
  if (state == nullptr) state = make(entry, subject);
  if (state == nullptr) return;
  state->restored = false;
  if (!state->holds) {
    state->holds = true;
    state->holds_us = now_us_;
    if (event != nullptr) note(*state, *event);
  }
  if (state->raised) return;
  note_value(*state, event);
  if (now_us_ - state->holds_us >= entry.rule.for_us) raise(subject, *state);
}

void AlertEvaluator::note_value(State& state, const AlertEvent* event) {
  const Entry& entry = *state.entry;
  if (entry.rule.what == Rule::What::count) {
    state.value_json = std::to_string(state.windows.back().totals().n);
  } else if (!entry.windows.empty() && entry.windows[0] == 0) {
    const auto aggregate = aggregate_of(entry.rule.tests[0].of, state.windows[0].totals());
    state.value_json = aggregate ? json_number(*aggregate) : "null";
  } else if (event != nullptr && !entry.fields.empty()) {
    const FieldValue& value = fields_.value_of(*event, entry.fields[0]);
    state.value_json.clear();
    switch (value.kind) {
      case FieldValue::Kind::absent:
      case FieldValue::Kind::null: state.value_json = "null"; break;
      case FieldValue::Kind::boolean: state.value_json = value.boolean ? "true" : "false"; break;
      case FieldValue::Kind::number: state.value_json = json_number(value.number); break;
      case FieldValue::Kind::text:
        if (value.text.size() <= kValueBytesMax) append_json_string(state.value_json, value.text);
        break;
      case FieldValue::Kind::other: break;
    }
  }
}

void AlertEvaluator::raise(const AlertSubject& subject, State& state) {
  Entry& entry = *state.entry;
  state.raised = true;
  const std::int64_t minute = now_us_ / kMinuteUs;
  if (minute != entry.minute) entry.raised_in_minute = 0;
  entry.minute = minute;
  if (entry.raised_in_minute >= limits_.raised_per_minute_max || entry.raised >= limits_.raised_of_one_max ||
      raised_ >= limits_.raised_max) {
    ++suppressed_[entry.id];
    return;
  }
  ++entry.raised_in_minute;
  ++entry.raised;
  ++raised_;
  state.told = true;
  changes_.push_back(change_of(subject, state, true));
}

void AlertEvaluator::clear(const AlertSubject& subject, State& state, bool ended) {
  state.raised = false;
  if (!std::exchange(state.told, false)) return;
  --state.entry->raised;
  --raised_;
  changes_.push_back(change_of(subject, state, false));
  changes_.back().ended = ended;
}

AlertChange AlertEvaluator::change_of(const AlertSubject& subject, const State& state, bool raised) {
  AlertChange change;
  change.alert_id = state.entry->id;
  change.subject = subject;
  change.raised = raised;
  change.seq = state.seq;
  change.since_us = state.stamp_us;
  change.type = state.type;
  change.value_json = state.value_json;
  return change;
}

void AlertEvaluator::pass_time(std::int64_t now_us) {
  now_us_ = std::max(now_us_, now_us);
  if (timed_ == 0) return;
  for (auto at = subjects_.begin(); at != subjects_.end();) {
    const auto subject = at++;
    std::size_t left = subject->second.states.size();
    for (auto next = subject->second.states.begin(); left != 0; --left) {
      const auto here = next++;
      State& state = here->second;
      const Entry& entry = *state.entry;
      if (!entry.timed) continue;
      if (state.windows.empty()) {
        if (state.holds && !state.raised && now_us_ - state.holds_us >= entry.rule.for_us) raise(subject->first, state);
        continue;
      }
      settle(*state.entry, subject->first, &state, holds_now(state), nullptr);
      // One that has nothing left to forget is made anew with its next event.
      const bool idle = std::all_of(state.windows.begin(), state.windows.end(), [](const Window& window) {
        return window.totals().n == 0;
      });
      if (idle && !state.holds && rises(entry.rule.how)) drop(subject, here);
    }
  }
}

}  // namespace bridge
