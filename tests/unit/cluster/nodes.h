// Bridges of a cluster without a broker: heartbeats, presence and commands between them, on clocks that only move when told to.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "commands/remote_desk.h"
#include "fixture.h"
#include "sources/peers.h"
#include "sources/presence.h"

namespace bridge {

struct Nodes {
  struct Node final : NodeLink {
    Node(Nodes& all, std::string its_name) : nodes(all), name(std::move(its_name)) {
      bench.dispatcher.router().set_peers(&peers, &desk);
      bench.commands.set_peers(&peers, name);
    }
    void tell(std::string_view heartbeat) override {
      for (auto& [other, node] : nodes.all) {
        if (other == name || !node->up || nodes.cut(name, other)) continue;
        node->inbox.push_back([to = node.get(), from = name, text = std::string(heartbeat)] {
          const std::string wrong = to->peers.hear(from, text, to->bench.log.last_seq(), to->bench.clock.wall_us(), to->bench.clock.steady_us());
          CHECK(wrong == "");
        });
      }
    }
    bool ask(const std::string& node, std::uint64_t no, std::string_view request) override {
      ++asked;
      const auto found = nodes.all.find(node);
      if (found == nodes.all.end() || !found->second->up) {
        inbox.push_back([this, no] { desk.on_answer(no, true, {}); });
      } else if (!nodes.cut(name, node)) {
        found->second->inbox.push_back([to = found->second.get(), reply = name + " " + std::to_string(no), text = std::string(request)] {
          to->desk.on_request(reply, text, [to](const std::string& from, std::int64_t wall_us) {
            const Peer* const peer = to->peers.find(from);
            return peer == nullptr ? std::nullopt : peer->clock.steady_of(wall_us);
          });
        });
      }
      return true;
    }
    void answer(const std::string& to, std::string_view text) override {
      const std::size_t space = to.find(' ');
      Node* const asker = nodes.all.at(to.substr(0, space)).get();
      if (nodes.cut(name, asker->name)) return;
      asker->inbox.push_back([asker, no = std::stoull(to.substr(space + 1)), answer = std::string(text)] {
        asker->desk.on_answer(no, false, answer);
      });
    }
    std::size_t word_bytes_max() const override { return nodes.word_bytes_max; }

    // Takes what has come; true where something had.
    bool take() {
      if (frozen || inbox.empty()) return false;
      const auto first = std::move(inbox.front());
      inbox.pop_front();
      first();
      return true;
    }
    void say() {
      HeartbeatHead head;
      head.node = name;
      head.wall_us = bench.clock.wall_us();
      head.able = able;
      std::size_t left_out = 0;
      tell(write_heartbeat(head, bench.sources, bench.clock.steady_us(), &left_out));
    }
    void look() {
      peers.tick(able, bench.clock.steady_us());
      std::vector<Presence::Change> changes;
      while (!presence.some_due(able, bench.clock.steady_us(), &changes)) {
      }
      for (const Presence::Change& change : changes) nodes.publish(*this, change);
    }
    // A trainer that is connected here and says so every second from now on.
    void connect(const std::string& source, const std::string& run, const std::string& agent = "a1") {
      trainers[source + "-" + run] = R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{"agents":[")" + agent + R"("]}})";
      hello();
      look();
    }
    void disconnect(const std::string& connection) {
      trainers.erase(connection);
      bench.link.connected.erase(connection);
      bench.sources.disconnected(connection);
    }
    void hello() {
      for (const auto& [connection, body] : trainers) REQUIRE(bench.hello(connection, body));
    }
    // Submits a command; what becomes of it is in outcomes[n] once it is there.
    int command(const std::string& target, const std::string& key = "", std::int64_t deadline_us = 2'000'000) {
      Command command;
      command.name = "pause";
      command.target = target;
      command.idempotency_key = key;
      command.requester = "me";
      command.deadline_us = deadline_us;
      const int n = ++submitted;
      bench.dispatcher.router().submit(command, [this, n](const CommandOutcome& outcome) {
        CHECK(outcomes.count(n) == 0);
        outcomes[n] = outcome;
      });
      return n;
    }
    // "success" of one trainer, "source: success, ..." of all, or the error.
    std::string outcome(int n) {
      const auto found = outcomes.find(n);
      if (found == outcomes.end()) return "waiting";
      if (found->second.refusal) return error_type_name(found->second.refusal->type);
      std::vector<std::string> all;
      for (const TrainerAnswer& answer : found->second.answers) {
        all.push_back((found->second.to_all ? answer.source + ": " : "") + (answer.success ? "success" : error_type_name(answer.error.type)));
      }
      std::sort(all.begin(), all.end());
      std::string text;
      for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
      return text;
    }
    // Its trainers answer what they were sent.
    void trainers_answer() {
      for (; answered < bench.link.sent.size(); ++answered) {
        const auto [connection, json] = bench.link.sent[answered];
        bench.dispatcher.router().on_answer(connection, R"({"id":")" + std::string(parse_json(json)["id"].GetString()) +
                                                            R"(","success":true,"result":{"at":")" + name + "\"}}");
      }
    }

    Nodes& nodes;
    const std::string name;
    bool up = true;
    bool able = true;
    bool frozen = false;
    Bench bench;
    Peers peers{[this](std::uint64_t at, std::uint64_t hash) { return agrees(at, hash); }};
    std::function<std::optional<bool>(std::uint64_t, std::uint64_t)> agrees = [](auto, auto) { return std::nullopt; };
    Presence presence{name, bench.sources, peers};
    RemoteDesk desk{name, *this, bench.clock,
                    [this](RemoteCommand wanted, auto answer) { bench.dispatcher.serve(std::move(wanted), std::move(answer)); }};
    std::deque<std::function<void()>> inbox;
    std::map<std::string, std::string> trainers;
    std::map<int, CommandOutcome> outcomes;
    int submitted = 0;
    int asked = 0;
    std::size_t answered = 0;
  };

  explicit Nodes(const std::vector<std::string>& names) {
    for (const std::string& name : names) all.emplace(name, std::make_unique<Node>(*this, name));
    pass(1'000'000);  // they have heard of each other
  }
  Node& operator[](const std::string& name) { return *all.at(name); }
  bool cut(const std::string& a, const std::string& b) const { return cuts.count({a, b}) != 0 || cuts.count({b, a}) != 0; }

  // What a node tells goes into the log of all that can read it.
  void publish(Node& by, const Presence::Change& change) {
    const char* const names[] = {"connected", "restarted", "stalled", "recovered", "gone", "conflict", "conflict_over"};
    if (change.change == SourceChange::conflict) processes = change.processes.size();
    told.push_back(by.name + " " + change.run->source->name + "@" + change.run->id + " " + names[static_cast<int>(change.change)]);
    for (auto& [name, node] : all) {
      if (!node->up) continue;
      if (change.change == SourceChange::conflict || change.change == SourceChange::conflict_over) {
        node->presence.on_told_conflict(change.run->source->name, change.change == SourceChange::conflict);
        continue;
      }
      node->presence.on_told(change.run->source->name, change.run->id, change.run->state, node->bench.clock.steady_us());
    }
  }
  // What was told since the last time.
  std::string news() {
    std::string text;
    for (const std::string& one : std::exchange(told, {})) text += (text.empty() ? "" : ", ") + one;
    return text;
  }
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (auto& [name, node] : all) {
        while (node->up && node->take()) more = true;
        if (!node->frozen && trainers_answer) node->trainers_answer();
      }
    }
  }
  void pass(std::int64_t us) {
    for (; us > 0; us -= 250'000) {
      now_us += 250'000;
      for (auto& [name, node] : all) {
        node->bench.clock.advance_us(250'000);
        if (!node->up || node->frozen) continue;
        if (now_us % 1'000'000 == 0) {
          node->hello();
          node->bench.sources.tick(1.0, node->bench.clock.steady_us());
          node->say();
        }
      }
      settle();
      for (auto& [name, node] : all) {
        if (!node->up || node->frozen) continue;
        node->bench.dispatcher.tick();
        node->desk.tick();
        node->look();
      }
    }
    settle();
  }

  std::map<std::string, std::unique_ptr<Node>> all;
  std::set<std::pair<std::string, std::string>> cuts;
  std::vector<std::string> told;
  std::size_t processes = 0;  // that the last conflict named
  std::int64_t now_us = 0;
  std::size_t word_bytes_max = 1 << 20;
  bool trainers_answer = true;
};

}  // namespace bridge
