// A tracker for tests, and what comes out of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sources/source_tracker.h"

namespace bridge {

struct Question {
  std::string source;
  std::string run;
  std::uint64_t from;
  std::uint64_t to;
};

struct FakeRepairLink : RepairLink {
  bool ask(Run& run, std::uint64_t from, std::uint64_t to) override {
    if (!connected) return false;
    asked.push_back({run.source->name, run.id, from, to});
    return true;
  }
  bool connected = true;
  std::vector<Question> asked;
};

// A tracker, and what comes out of it: "5" is event 5, "!2-4" the loss of 2 to 4; of another run than
// "r" with the run in front ("q:5").
struct Tracking : SourceListener {
  explicit Tracking(std::size_t held_bytes_max = 1 << 20)
      : tracker(table, held_bytes_max, counters) {
    table.set_listener(this);
    tracker.set_link(&link);
  }
  void on_source(const Run&, SourceChange) override {}
  void on_line_lost(ControlLine&, Lane&, const std::string&) override {}
  void on_superseded(Run& run) override { tracker.supersede(run); }
  void on_forget(Run& run) override { tracker.forget(run); }

  Run& run(const std::string& id = "r", const std::string& source = "s") {
    return *table.hear(source, id, 1, now);
  }
  Tracking& event(std::uint64_t seq, const std::string& id = "r") {
    observe(run(id), seq, id);
    follow_up();
    return *this;
  }
  void observe(Run& to, std::uint64_t seq, const std::string& id) {
    const std::string body = id + ':' + std::to_string(seq);
    Envelope envelope;
    envelope.source = "s";
    envelope.run = id;
    envelope.source_seq = seq;
    const auto verdict = tracker.observe(to, envelope, body, now);
    if (verdict == SourceTracker::Verdict::pass) say(body);
    if (verdict == SourceTracker::Verdict::unbelieved) say(body + '?');
  }
  Tracking& events(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t seq = from; seq <= to; ++seq) event(seq);
    return *this;
  }
  static Announcement numbers(std::uint64_t head, std::uint64_t oldest, bool stopped = false) {
    Announcement said;
    said.head = head;
    said.oldest = oldest;
    if (stopped) said.activity = "stopped";
    return said;
  }
  // Over a control connection, as `hello` says; or as anybody publishes it.
  Tracking& announce(const Announcement& said, const std::string& id = "r", bool hello = true) {
    if (hello) {
      Run* const who = table.hello("to " + id, "s", id, said, 1, now);
      follow_up();
      tracker.announce(*who, said, now);
    } else {
      Run& who = *table.meet("s", id, 1, now);
      follow_up();
      if (table.announce(who, said, now)) tracker.announce(who, said, now);
    }
    follow_up();
    return *this;
  }
  // Answers the last question with these events; 0 is one that cannot be read.
  Tracking& answer(const std::vector<std::uint64_t>& events,
                   RepairOutcome outcome = RepairOutcome::events) {
    const Question asked = link.asked.back();
    Run& who = *table.find("s", asked.run);
    tracker.begin_answer({asked.from, 0});
    for (const std::uint64_t seq : events) {
      if (seq == 0) {
        tracker.on_broken();
      } else {
        observe(who, seq, asked.run);
      }
      follow_up();
    }
    tracker.on_answer(who, asked.from, asked.to, outcome, now);
    follow_up();
    return *this;
  }
  Tracking& pass(std::int64_t us) {
    for (; us > 0; us -= 20'000) {
      now += std::min<std::int64_t>(us, 20'000);
      tracker.tick(now);
      follow_up();
    }
    return *this;
  }
  void follow_up() {
    SourceTracker::Step step;
    while (tracker.next(&step, now)) {
      if (step.kind == SourceTracker::Step::Kind::event) {
        say(step.body);
      } else if (step.kind == SourceTracker::Step::Kind::unbelieved) {
        say(step.body + '?');
      } else {
        say(step.run->id + ":!" + std::to_string(step.from) + '-' + std::to_string(step.to));
      }
    }
  }
  void say(std::string what) {
    if (what.compare(0, 2, "r:") == 0) what.erase(0, 2);
    out += (out.empty() ? "" : " ") + what;
  }
  // What came since the last call.
  std::string take() { return std::exchange(out, {}); }
  const SourceTally& tally() const { return table.find("s")->tally; }

  Counters counters;
  FakeRepairLink link;
  SourceTable table{100, counters};
  SourceTracker tracker;
  std::int64_t now = 1'000'000;
  std::string out;
};

// One whose time is ticked once, at a moment.
struct Timed : Tracking {
  using Tracking::Tracking;
  std::string after(std::int64_t us) {
    now += us;
    tracker.tick(now);
    follow_up();
    return take();
  }
};

}  // namespace bridge
