// Bridges that count dead-man's switches, on a clock that only moves when told to, over a log that is a list.
#pragma once

#include "commands/cluster_switches.h"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fixture.h"

namespace bridge {

inline constexpr std::int64_t kSecondUs = 1'000'000;

struct Switches {
  struct Op {
    std::string node;
    Segment::Kind kind;
    std::string key;
    std::uint64_t number;
    std::string text;
    SharedRows::Done done;  // of its proposer
  };
  struct Node final : SharedRows {
    Node(Switches& all, std::string its_name) : cluster(all), name(std::move(its_name)) { start(); }
    void start() {
      pulse = LogPulse();
      switches = std::make_unique<ClusterSwitches>(name, *this, cluster.clock, links());
    }
    SwitchLinks links() {
      SwitchLinks links;
      links.problem = [this] { return able ? "" : "no part in it"; };
      links.is_live = [this](const std::string& node) { return cluster.all.at(node)->up; };
      links.is_first = [this] {
        for (const auto& [other, node] : cluster.all) {
          if (other < name && node->up) return false;
        }
        return true;
      };
      links.told = [](const std::string& who, const std::string& params) { return who + " " + params; };
      links.issue = [this](const auto& who, const auto& params, const auto& key, bool here_only, auto done) {
        cluster.issued.push_back(name + (here_only ? " alone " : " ") + who + " " + params + " " + key);
        if (answers) done(reaches);
      };
      return links;
    }
    const FoldRows& rows() const override { return table; }
    bool propose(Segment::Kind kind, std::string_view key, std::uint64_t number, std::string_view text, Done done) {
      if (!able) return false;
      cluster.proposed.push_back({name, kind, std::string(key), number, std::string(text), std::move(done)});
      return true;
    }
    bool keep(std::string_view key, std::uint64_t number, std::string_view value, Done done) override {
      return propose(Segment::Kind::keep, key, number, value, std::move(done));
    }
    bool drop(std::string_view key, std::uint64_t version, Done done) override {
      return propose(Segment::Kind::drop, key, version, "", std::move(done));
    }
    bool claim(std::string_view key, std::uint64_t version, Done done) override {
      return propose(Segment::Kind::claim, key, version, "", std::move(done));
    }
    bool take(std::string_view key, std::uint64_t version, std::string_view event, Done done) override {
      return propose(Segment::Kind::take, key, version, event, std::move(done));
    }
    void fold() {
      for (; able && read < cluster.log.size(); ++read) {
        const Op& op = cluster.log[read];
        Folded::Row made;
        if (op.kind == Segment::Kind::keep) {
          made.done = table.keep(op.key, op.number, op.node, op.text).has_value();
        } else if (op.kind == Segment::Kind::drop) {
          made.done = table.drop(op.key, op.number);
        } else if (op.kind == Segment::Kind::claim) {
          made.done = table.claim(op.key, op.number, op.node);
        } else {
          made.done = table.take(op.key, op.number, op.node);
          if (made.done && name == cluster.all.begin()->first) cluster.told.push_back(op.text);
        }
        if (op.node == name && op.done) op.done(made);
      }
    }

    Switches& cluster;
    const std::string name;
    FoldRows table;
    std::size_t read = 0;
    LogPulse pulse;
    std::unique_ptr<ClusterSwitches> switches;
    bool up = true;
    bool able = true;
    bool answers = true;
    bool reaches = true;
  };

  explicit Switches(const std::vector<std::string>& names) {
    for (const std::string& name : names) all.emplace(name, std::make_unique<Node>(*this, name));
    pass(20 * kSecondUs);
  }
  Node& operator[](const std::string& name) { return *all.at(name); }
  void pass(std::int64_t us) {
    for (; us > 0; us -= 20'000) {
      clock.advance_us(20'000);
      while (goes_on && !proposed.empty()) {
        log.push_back(std::move(proposed.front()));
        proposed.pop_front();
      }
      for (auto& [name, node] : all) {
        if (!node->up) continue;
        node->fold();
        node->pulse.tick(goes_on && node->able, clock.steady_us());
        node->switches->tick(node->pulse);
      }
    }
  }
  // What is answered goes to answers.
  void arm(const std::string& node, std::int64_t timeout_us = 5 * kSecondUs, const std::string& who = "me") {
    (*this)[node].switches->arm(who, timeout_us, R"({"on":1})", [this](const auto& result) {
      answers.push_back(result ? "armed" : error_type_name(result.error().type));
    });
  }
  void disarm(const std::string& node) {
    (*this)[node].switches->disarm("me", [this](const auto& result) {
      answers.push_back(!result ? error_type_name(result.error().type) : result.value() ? "was armed" : "was not");
    });
  }
  // What is proposed now gets lost; how much that was of this kind.
  std::size_t lose(Segment::Kind kind) {
    std::size_t n = 0;
    for (const Op& op : std::exchange(proposed, {})) n += op.kind == kind ? 1 : 0;
    return n;
  }
  std::vector<std::string> take_issued() { return std::exchange(issued, {}); }
  std::vector<std::string> take_answers() { return std::exchange(answers, {}); }

  FakeClock clock;
  std::deque<Op> proposed;
  std::vector<Op> log;
  std::vector<std::string> told, issued, answers;
  bool goes_on = true;
  std::map<std::string, std::unique_ptr<Node>> all;
};

using Texts = std::vector<std::string>;

}  // namespace bridge
