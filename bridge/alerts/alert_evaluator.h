// What rules make of events: what is raised and what is over, for each source, run and agent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alerts/alert_fields.h"
#include "alerts/rule.h"
#include "alerts/window.h"
#include "event/block.h"

namespace bridge {

// Whom an alert is about; "" where there is none.
struct AlertSubject {
  std::string source, run, agent_id;

  friend bool operator==(const AlertSubject& a, const AlertSubject& b) {
    return a.agent_id == b.agent_id && a.run == b.run && a.source == b.source;
  }
  friend bool operator<(const AlertSubject& a, const AlertSubject& b) {
    return std::tie(a.source, a.run, a.agent_id) < std::tie(b.source, b.run, b.agent_id);
  }
};

// Something was raised, or is over.
struct AlertChange {
  std::uint64_t alert_id = 0;
  AlertSubject subject;
  bool raised = true;
  bool told = false;  // the log tells it already
  bool ended = false;  // over because its run is
  std::uint64_t seq = 0;  // of the event with which it began
  std::int64_t since_us = 0;  // that event's stamp
  std::string type;  // likewise
  std::string value_json;  // may be empty
};

struct AlertLimits {
  std::size_t bytes_max = 16u << 20;  // of what is remembered of subjects
  std::uint64_t raised_per_minute_max = 60;  // of one alert
  std::size_t raised_of_one_max = 1'000;
  std::size_t raised_max = 10'000;
};

// One thread. It has no clock: each call says what time it is, on one that clock steps do not move. Times that go back
// stand still.
class AlertEvaluator {
 public:
  explicit AlertEvaluator(AlertLimits limits = {}) : limits_(limits) {}

  // Events behind `after_seq` are looked at.
  void add(std::uint64_t alert_id, Rule rule, std::uint64_t after_seq);
  void remove(std::uint64_t alert_id);
  // What nothing else would end may be raised anew.
  void acknowledge(std::uint64_t alert_id);
  // It is raised; nothing is told of it. Nothing where there is no such alert.
  void restore(const AlertChange& raised);
  // Up to `seq` the log may tell already what was made of its events: what it tells counts.
  void expect_told(std::uint64_t seq) { told_until_ = seq; }

  // Another bridge tells what is made of events: what the log tells counts, and take_changes() gives that alone. What nobody
  // has told is kept, and given once this ends.
  void follow(bool another_tells) { follows_ = another_tells; }

  // REQUIRES: events come in order.
  void look_at(const Block& block, std::size_t index, std::int64_t now_us);
  // There are no more events up to `seq` but those that were looked at.
  void pass_over(std::uint64_t seq) { seq_ = std::max(seq_, seq); }
  void pass_time(std::int64_t now_us);
  // Whether time alone may change anything.
  bool timed() const { return timed_ != 0; }

  // Up to which events the changes are; 0 while they may be told already, and none are given.
  std::uint64_t seq() const { return seq_ < told_until_ && !follows_ ? 0 : seq_; }
  std::vector<AlertChange> take_changes();
  // How often each was raised beyond its bounds, since.
  std::map<std::uint64_t, std::uint64_t> take_suppressed() { return std::exchange(suppressed_, {}); }
  std::uint64_t forgotten() const { return forgotten_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::uint64_t id = 0;
    Rule rule;
    std::uint64_t after_seq = 0;
    std::vector<std::size_t> fields;   // of each test
    std::vector<std::size_t> windows;  // tests that are aggregates
    bool timed = false;
    std::size_t raised = 0;
    std::int64_t minute = 0;
    std::uint64_t raised_in_minute = 0;
  };
  struct State {
    Entry* entry = nullptr;
    std::int64_t known_us = 0;
    std::uint64_t results = 0;  // of the tests, with the last event
    bool holds = false;         // since:
    std::int64_t holds_us = 0;
    std::uint64_t seq = 0;
    std::int64_t stamp_us = 0;
    std::string type;
    std::string value_json;
    bool raised = false;
    bool told = false;  // raised, and within the bounds
    bool restored = false;  // raised by what was there before
    std::int64_t keep_until_us = INT64_MIN;  // then
    std::vector<Window> windows;  // of the aggregates, and of count behind them
  };
  struct Subject {
    std::int64_t last_us = 0;
    std::map<std::uint64_t, State> states;  // by alert
  };
  using Subjects = std::map<AlertSubject, Subject>;
  void index_fields();
  const std::vector<Entry*>& interested(std::string_view type);
  AlertSubject subject_of(const AlertEvent& event) const;
  void look_at_status(const AlertEvent& event, const AlertSubject& subject);
  void look_at_run(const AlertEvent& event, const AlertSubject& subject);
  void happened(Rule::What what, std::string_view state, const AlertSubject& subject, const AlertEvent& event);
  void end_runs(const AlertSubject& ended);
  void judge(Entry& entry, const AlertSubject& subject, const AlertEvent& event);
  static void note(State& state, const AlertEvent& event);
  void note_value(State& state, const AlertEvent* event);
  void fold_windows(State& state);
  bool holds_now(State& state);
  void settle(Entry& entry, const AlertSubject& subject, State* state, bool holds, const AlertEvent* event);
  void raise(const AlertSubject& subject, State& state);
  void clear(const AlertSubject& subject, State& state, bool ended);
  void set_raised(State& state, const AlertChange& raised);
  static AlertChange change_of(const AlertSubject& subject, const State& state, bool raised);
  void adopt(const AlertEvent& event);
  std::vector<AlertChange> take_told();
  Subjects::iterator find_subject(const AlertSubject& subject);
  State* find(Entry& entry, const AlertSubject& subject);
  State* make(Entry& entry, const AlertSubject& subject);
  void drop(Subjects::iterator subject, std::map<std::uint64_t, State>::iterator state);
  void forget_some();

  const AlertLimits limits_;
  std::map<std::uint64_t, Entry> entries_;
  std::unordered_map<std::string, std::vector<Entry*>> interested_;  // by type; made anew as rules change
  EventFields fields_;
  Subjects subjects_;
  Subjects::iterator last_ = subjects_.end();  // that was asked for
  std::set<std::pair<std::string, std::string>> ended_;  // runs that said so
  std::deque<std::pair<std::string, std::string>> ended_order_;
  std::size_t timed_ = 0;  // rules
  std::size_t raised_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t now_us_ = INT64_MIN / 2;
  std::int64_t full_until_us_ = INT64_MIN;
  std::uint64_t seq_ = 0;
  std::uint64_t told_until_ = 0;
  bool follows_ = false;
  std::uint64_t forgotten_ = 0;
  std::vector<AlertChange> changes_;
  std::map<std::uint64_t, std::uint64_t> suppressed_;
  std::string key_;  // reused
};

}  // namespace bridge
