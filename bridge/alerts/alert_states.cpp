// What an AlertEvaluator remembers, and what it takes from the log of what was told before.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "alerts/alert_evaluator.h"
#include "event/event_fields.h"

namespace bridge {
namespace {

constexpr std::size_t kSubjectBytes = 256;
constexpr std::size_t kStateBytes = 640;
constexpr std::int64_t kSilentUs = 10'000'000;
constexpr std::int64_t kFullUs = 1'000'000;
constexpr std::size_t kUntoldMax = 1'000;  // that another bridge may tell yet

std::uint64_t whole_number(std::string_view json) {
  std::uint64_t n = 0;
  std::from_chars(json.data(), json.data() + json.size(), n);
  return n;
}

}  // namespace

// ---- What the log tells already.

std::vector<AlertChange> AlertEvaluator::take_changes() {
  if (follows_) return take_told();
  if (seq_ < told_until_) return {};
  return std::exchange(changes_, {});
}

// What is over again before anybody told of it is nothing to tell.
std::vector<AlertChange> AlertEvaluator::take_told() {
  const auto untold = std::stable_partition(changes_.begin(), changes_.end(), [](const AlertChange& change) { return change.told; });
  std::vector<AlertChange> told(std::make_move_iterator(changes_.begin()), std::make_move_iterator(untold));
  changes_.erase(changes_.begin(), untold);
  for (std::size_t i = 0; i < changes_.size() && changes_.size() > kUntoldMax; ++i) {
    const auto over = std::find_if(changes_.begin() + static_cast<std::ptrdiff_t>(i) + 1, changes_.end(), [&](const AlertChange& other) {
      return other.alert_id == changes_[i].alert_id && other.subject == changes_[i].subject;
    });
    if (!changes_[i].raised || over == changes_.end() || over->raised) continue;
    changes_.erase(over);
    changes_.erase(changes_.begin() + static_cast<std::ptrdiff_t>(i--));
  }
  if (changes_.size() > kUntoldMax) changes_.erase(changes_.begin(), changes_.end() - static_cast<std::ptrdiff_t>(kUntoldMax));
  return told;
}

// What was made of the same events before is what counts, whatever has been made of them now.
void AlertEvaluator::adopt(const AlertEvent& event) {
  std::string_view id, began, since, type, value;
  read_members(event.data, {{"alert_id", &id}, {"seq", &began}, {"since", &since}, {"type", &type}, {"value", &value}});
  const auto entry = entries_.find(whole_number(id));
  if (entry == entries_.end() || event.seq <= entry->second.after_seq) return;
  AlertChange told;
  told.alert_id = entry->first;
  told.subject = subject_of(event);
  told.raised = event.type == "alert_raised";
  told.told = true;
  told.seq = whole_number(began);
  told.since_us = std::llround(std::clamp(number_of(since).value_or(0), 0.0, 1e12) * 1e6);
  told.type = text_of(type).value_or("");
  told.value_json = value;
  const auto same = [&told](const AlertChange& other) {
    return other.alert_id == told.alert_id && other.subject == told.subject && !other.told;
  };
  changes_.erase(std::remove_if(changes_.begin(), changes_.end(),
                                [&](const AlertChange& other) { return same(other) && other.seq <= told.seq; }),
                 changes_.end());
  if (std::any_of(changes_.begin(), changes_.end(), same)) return;
  State* state = find(entry->second, told.subject);
  if (told.raised) {
    if (state == nullptr) state = make(entry->second, told.subject);
    if (state != nullptr) set_raised(*state, told);
  } else if (state != nullptr && state->raised && state->seq <= told.seq) {
    const std::size_t before = changes_.size();
    clear(told.subject, *state, false);
    changes_.resize(before);
    const auto at = find_subject(told.subject);
    drop(at, at->second.states.find(told.alert_id));
  }
  changes_.push_back(std::move(told));
}

// ---- Memory.

// Rule after rule asks for the same one.
AlertEvaluator::Subjects::iterator AlertEvaluator::find_subject(const AlertSubject& subject) {
  if (last_ == subjects_.end() || !(last_->first == subject)) last_ = subjects_.find(subject);
  return last_;
}

AlertEvaluator::State* AlertEvaluator::find(Entry& entry, const AlertSubject& subject) {
  const auto at = find_subject(subject);
  if (at == subjects_.end()) return nullptr;
  at->second.last_us = now_us_;
  const auto state = at->second.states.find(entry.id);
  return state == at->second.states.end() ? nullptr : &state->second;
}

AlertEvaluator::State* AlertEvaluator::make(Entry& entry, const AlertSubject& subject) {
  if (State* const known = find(entry, subject)) return known;
  const std::size_t windows = entry.windows.size() + (entry.rule.what == Rule::What::count ? 1 : 0);
  const std::size_t bytes = kStateBytes + windows * Window::kBytes;
  if (bytes_ + kSubjectBytes + bytes > limits_.bytes_max && now_us_ >= full_until_us_) forget_some();
  if (bytes_ + kSubjectBytes + bytes > limits_.bytes_max) {
    ++forgotten_;
    return nullptr;
  }
  const auto [at, fresh] = subjects_.try_emplace(subject);
  if (fresh) bytes_ += kSubjectBytes + subject.agent_id.size();
  at->second.last_us = now_us_;
  State& state = at->second.states[entry.id];
  bytes_ += bytes;
  state.entry = &entry;
  state.known_us = now_us_;
  state.windows.resize(windows);
  return &state;
}

void AlertEvaluator::drop(Subjects::iterator subject, std::map<std::uint64_t, State>::iterator state) {
  if (state->second.told) {
    --state->second.entry->raised;
    --raised_;
  }
  bytes_ -= kStateBytes + state->second.windows.size() * Window::kBytes;
  subject->second.states.erase(state);
  if (!subject->second.states.empty()) return;
  bytes_ -= kSubjectBytes + subject->first.agent_id.size();
  if (last_ == subject) last_ = subjects_.end();
  subjects_.erase(subject);
}

// Those that have been silent longest, and have nothing raised.
void AlertEvaluator::forget_some() {
  std::vector<Subjects::iterator> silent;
  for (auto at = subjects_.begin(); at != subjects_.end(); ++at) {
    const auto& states = at->second.states;
    const bool raised = std::any_of(states.begin(), states.end(), [](const auto& one) { return one.second.raised; });
    if (!raised && at->second.last_us <= now_us_ - kSilentUs) silent.push_back(at);
  }
  std::sort(silent.begin(), silent.end(), [](auto a, auto b) { return a->second.last_us < b->second.last_us; });
  for (const auto& subject : silent) {
    if (bytes_ <= limits_.bytes_max / 8 * 7) return;
    ++forgotten_;
    std::size_t left = subject->second.states.size();
    while (left-- > 0) drop(subject, subject->second.states.begin());
  }
  full_until_us_ = now_us_ + kFullUs;
}

}  // namespace bridge
