// Dead-man's switches that several bridges count, on a clock that only moves when told to, over a log that is a list.

#include "commands/cluster_switches.h"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fixture.h"

using namespace bridge;

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

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

}  // namespace

TEST_CASE("cluster switches: one that is re-armed over any bridge does not fire, and then fires once") {
  Switches s({"n1", "n2", "n3"});
  s.arm("n1");
  for (const char* node : {"n2", "n3", "n1", "n2"}) {
    s.pass(4 * kSecondUs);
    s.arm(node);
  }
  s.pass(4'900'000);
  CHECK(s.take_answers() == Texts(5, "armed"));
  CHECK(s.take_issued().empty());
  s.pass(200'000);
  CHECK(s.take_issued() == Texts{"n2 me {\"on\":1} dms:me:5"});  // whose row it is
  s.pass(30 * kSecondUs);
  CHECK(s.take_issued().empty());
  CHECK(s.told == Texts{"me {\"on\":1}"});
  CHECK(s["n3"].table.taken().empty());
  s.disarm("n1");
  s.arm("n1");
  s.pass(kSecondUs);
  s.disarm("n3");
  s.pass(20 * kSecondUs);
  CHECK(s.take_answers() == Texts{"was not", "armed", "was armed"});
  CHECK(s.take_issued().empty());
}

TEST_CASE("cluster switches: the bridge that armed it dies, and another is half a second later") {
  Switches s({"n1", "n2", "n3"});
  s.arm("n1");
  s.pass(kSecondUs);
  s["n1"].up = false;
  s.pass(4'400'000);
  CHECK(s.take_issued().empty());
  s.pass(200'000);
  CHECK(s.take_issued() == Texts{"n2 me {\"on\":1} dms:me:1"});  // n2 and n3 proposed it, and n2 was first
  s.pass(30 * kSecondUs);
  CHECK(s.take_issued().empty());
}

TEST_CASE("cluster switches: the bridge that has it in hand dies before it is done, and the next takes it up") {
  Switches s({"n1", "n2", "n3"});
  s["n1"].answers = false;
  s.arm("n1");
  s.pass(5'200'000);
  CHECK(s.take_issued() == Texts{"n1 me {\"on\":1} dms:me:1"});
  s.arm("n2");  // a new one under the name is another
  s.pass(3 * kSecondUs);
  CHECK(s.take_issued().empty());  // n1 lives, and waits for its trainer
  s["n1"].up = false;
  s.disarm("n3");
  s.pass(kSecondUs);
  CHECK(s.take_issued() == Texts{"n2 me {\"on\":1} dms:me:1"});  // with the same key
  s.pass(30 * kSecondUs);
  CHECK(s.take_issued().empty());
  CHECK(s["n2"].table.taken().empty());
  // The other comes back, and does not find it any more.
  s["n1"].up = true;
  s["n1"].start();
  s.pass(20 * kSecondUs);
  CHECK(s.take_issued().empty());
  CHECK(s.told.size() == 1);
}

TEST_CASE("cluster switches: a process that starts anew takes up what it had in hand, and gives what is armed its time") {
  Switches s({"n1", "n2"});
  s["n1"].answers = false;
  s.arm("n1");
  s.pass(5'200'000);
  s.take_issued();
  s["n1"].up = false;
  s.pass(kSecondUs);
  s["n1"].up = s["n1"].answers = true;
  s["n1"].start();
  s.pass(100'000);
  CHECK(s.take_issued() == Texts{"n1 me {\"on\":1} dms:me:1"});
  s.arm("n1", 2 * kSecondUs);
  s.pass(kSecondUs);
  for (auto& [name, node] : s.all) node->up = false;
  s.pass(30 * kSecondUs);
  for (auto& [name, node] : s.all) {
    node->up = true;
    node->start();
  }
  s.pass(9'900'000);
  CHECK(s.take_issued().empty());
  s.pass(kSecondUs);
  CHECK(s.take_issued() == Texts{"n1 me {\"on\":1} dms:me:2"});
}

TEST_CASE("cluster switches: where nobody was reached it is tried again, and not for ever") {
  Switches s({"n1", "n2"});
  s["n1"].reaches = false;
  s.arm("n1");
  s.pass(6 * kSecondUs + 200'000);
  CHECK(s.take_issued().size() == 2);
  s.pass(30 * kSecondUs);
  CHECK(s.take_issued().size() == 2);
  CHECK(s["n2"].table.taken().empty());
}

TEST_CASE("cluster switches: what was re-armed while the log stood still counts before anything expires") {
  Switches s({"n1", "n2"});
  s.arm("n1");
  s.pass(kSecondUs);
  s.goes_on = false;
  s.pass(4 * kSecondUs);
  s.arm("n2");
  s.pass(3 * kSecondUs);
  CHECK(s.proposed.size() == 1);  // nobody proposes that it has expired
  // Of another bridge it comes a little later.
  auto late = std::move(s.proposed.front());
  s.proposed.clear();
  s.goes_on = true;
  s.pass(kSecondUs);
  s.proposed.push_back(std::move(late));
  s.pass(4'900'000);
  CHECK(s.take_answers() == Texts{"armed", "armed"});
  CHECK(s.take_issued().empty());
  s.pass(kSecondUs);
  CHECK(s.take_issued().size() == 1);
}

TEST_CASE("cluster switches: without a log for ten seconds and its time each bridge acts on its own trainers, and nothing can be armed") {
  Switches s({"n1", "n2", "n3"});
  s.arm("n1");
  s.pass(4 * kSecondUs);
  s.goes_on = false;
  s.arm("n2");
  s.pass(9 * kSecondUs);
  CHECK(s.take_answers() == Texts{"armed", "timeout"});
  s.pass(1'100'000);
  s.arm("n2");
  s.disarm("n1");
  CHECK(s.take_answers() == Texts{"rejected", "rejected"});
  s.pass(4'800'000);
  CHECK(s.take_issued().empty());
  s.pass(200'000);
  CHECK(s.take_issued() == Texts{"n1 alone me {\"on\":1} dms:me:1", "n2 alone me {\"on\":1} dms:me:1", "n3 alone me {\"on\":1} dms:me:1"});
  s.pass(60 * kSecondUs);
  CHECK(s.take_issued().empty());
  // What waited to be re-armed is the next one.
  s.goes_on = true;
  s.pass(4 * kSecondUs);
  CHECK(s.take_issued().empty());
  s.pass(2 * kSecondUs);
  CHECK(s.take_issued() == Texts{"n2 me {\"on\":1} dms:me:2"});
}

TEST_CASE("cluster switches: one that the log stood still for is issued by it too, with the same key") {
  Switches s({"n1", "n2"});
  s.arm("n1");
  s.pass(kSecondUs);
  s.goes_on = false;
  s.pass(16 * kSecondUs);
  CHECK(s.take_issued().size() == 2);
  s.goes_on = true;
  s.pass(1'900'000);
  CHECK(s.take_issued().empty());
  s.pass(kSecondUs);
  CHECK(s.take_issued() == Texts{"n1 me {\"on\":1} dms:me:1"});
}

TEST_CASE("cluster switches: a process that stood still takes nobody's silence for an end") {
  Switches s({"n1", "n2"});
  s.arm("n1");
  s.pass(kSecondUs);
  s["n2"].up = false;  // stopped, not ended
  for (int i = 0; i < 20; ++i) {
    s.pass(4 * kSecondUs);
    s.arm("n1");
  }
  s["n2"].up = true;
  s["n2"].fold();
  s.pass(4 * kSecondUs);
  CHECK(s.take_issued().empty());
  // It does not see the log at all any more: it is for its own trainers that it acts.
  s["n2"].able = false;
  for (int i = 0; i < 5; ++i) {
    s.arm("n1");
    s.pass(4 * kSecondUs);
  }
  CHECK(s.take_issued() == Texts{"n2 alone me {\"on\":1} dms:me:21"});
}

TEST_CASE("cluster switches: what has no room is refused, and what nobody would write does no harm") {
  Switches s({"n1"});
  for (std::size_t i = 0; i < kTableRowsMax; ++i) {
    s.arm("n1", 600 * kSecondUs, "a" + std::to_string(i));
    if (i % 500 == 0) s.pass(20'000);
  }
  s.pass(20'000);
  CHECK(s.take_answers() == Texts(kTableRowsMax, "armed"));
  s.arm("n1", 600 * kSecondUs, "more");
  s.pass(20'000);
  s.arm("n1", 600 * kSecondUs, std::string(300, 'x'));
  s["n1"].able = false;
  s.arm("n1");
  CHECK(s.take_answers() == Texts{"busy", "bad_request", "rejected"});
  s["n1"].able = true;
  s.goes_on = false;
  for (std::size_t i = 0; i < kSwitchAsksMax; ++i) s.arm("n1");
  CHECK(s.take_answers().empty());
  s.arm("n1");
  CHECK(s.take_answers() == Texts{"busy"});
  s.goes_on = true;
  s.pass(20'000);
  CHECK(s.take_answers().size() == kSwitchAsksMax);

  Switches liar({"n1", "n2"});
  for (const char* key : {"switch.x", "switch.abc", "switch.ff", "switch.6d65.6d65"}) liar.log.push_back({"n9", Segment::Kind::keep, key, 0, "]", nullptr});
  liar.log.push_back({"n9", Segment::Kind::keep, "switch.6d", UINT64_MAX, "{}", nullptr});
  liar.pass(4 * kSecondUs);
  CHECK(liar.take_issued().size() == 4);  // whoever issues it sees that it is nothing
  CHECK(liar["n1"].table.rows().size() == 1);
}

TEST_CASE("cluster switches: a name may be any text, of so many bytes, and stands in the command's key with 80 of them") {
  Switches s({"n1"});
  std::string name;
  for (char c = ' '; c < 127; ++c) name += c;
  name += "\x01\xc3\xa9\xef\xbf\xbd\xe2\x82\xac\xf0\x9f\x9a\xa6";
  s.arm("n1", kSecondUs, name);
  s.pass(2 * kSecondUs);
  CHECK(s.take_issued() == Texts{"n1 " + name + " {\"on\":1} dms:" + name.substr(0, 80) + ":1"});
  s.arm("n1", kSecondUs, std::string(252, 'x'));
  s.pass(20'000);
  s.arm("n1", kSecondUs, std::string(253, 'x'));
  CHECK(s.take_answers() == Texts{"armed", "armed", "bad_request"});
  // No switch can have that name: that is known without the log.
  s.goes_on = false;
  std::string answer;
  const auto told = [&answer](const auto& result) { answer = result && !result.value() ? "was not" : "?"; };
  s["n1"].switches->disarm(std::string(253, 'x'), told);
  CHECK(answer == "was not");
  answer.clear();
  s["n1"].switches->disarm(std::string(252, 'x'), told);
  CHECK(answer == "");
}

TEST_CASE("cluster switches: who is refused is told why, and with which bounds") {
  Switches s({"n1"});
  std::string message;
  const auto arm = [&](const std::string& name) {
    message.clear();
    s["n1"].switches->arm(name, 600 * kSecondUs, "{}", [&message](const auto& result) { message = result ? "armed" : result.error().message; });
  };
  for (std::size_t i = 0; i < kTableRowsMax; ++i) {
    arm("a" + std::to_string(i));
    if (i % 500 == 499) s.pass(20'000);
  }
  s.pass(20'000);
  arm("more");
  s.pass(20'000);
  CHECK(message == "1024 dead-man's switches are armed already, or all together have 1048576 bytes");
  s.goes_on = false;
  arm("me");
  s.pass(kSwitchAskUs - 20'000);
  CHECK(message == "");
  s.pass(20'000);
  CHECK(message.find("the cluster's log has not taken it for 5 s, and may yet") == 0);
  s.goes_on = true;
  s.pass(kSecondUs);
  s.goes_on = false;
  for (std::size_t i = 0; i < kSwitchAsksMax; ++i) arm("me");
  arm("me");
  CHECK(message == "1024 wait for the cluster's log already");
  s.pass(kInterlockUs - 20'000);
  arm("me");
  CHECK(message == "");
  s.pass(20'000);
  arm("me");
  CHECK(message.find("log has stood still for 10 s") != std::string::npos);
}

TEST_CASE("cluster switches: who has too long a name for one is told how long it may be") {
  Switches s({"n1"});
  std::string refused;
  s["n1"].switches->arm(std::string(300, 'x'), kSecondUs, "{}", [&](const auto& result) { refused = result.error().message; });
  const std::size_t may_be = std::stoul(refused.substr(refused.find("at most ") + 8));
  for (const std::size_t too_long : {0u, 1u}) s.arm("n1", kSecondUs, std::string(may_be + too_long, 'x'));
  s.pass(20'000);
  CHECK(s.take_answers() == Texts{"bad_request", "armed"});
}

TEST_CASE("cluster switches: it is proposed to the moment, and every five seconds as long as that is lost") {
  Switches s({"n1"});
  s.arm("n1", 3 * kSecondUs);
  s.pass(20'000);  // now it is in the log
  s.pass(3 * kSecondUs - 20'000);
  CHECK(s.lose(Segment::Kind::take) == 0);
  for (int i = 0; i < 3; ++i) {
    s.pass(20'000);
    CHECK(s.lose(Segment::Kind::take) == 1);
    s.pass(5 * kSecondUs - 20'000);
    CHECK(s.lose(Segment::Kind::take) == 0);
  }
  s["n1"].reaches = false;
  s.pass(20'000);
  CHECK(s.take_issued().empty());
  s.pass(20'000);
  // Nobody is reached: again after one second, two and four, and then it is dropped.
  CHECK(s.take_issued().size() == 1);
  for (const std::int64_t wait_us : {kSecondUs, 2 * kSecondUs, 4 * kSecondUs}) {
    s.pass(wait_us - 20'000);
    CHECK(s.take_issued().empty());
    CHECK(s.lose(Segment::Kind::drop) == 0);
    s.pass(20'000);
    CHECK(s.take_issued().size() == 1);
  }
  CHECK(s.lose(Segment::Kind::drop) == 1);
  s.pass(5 * kSecondUs - 20'000);
  CHECK(s.lose(Segment::Kind::drop) == 0);
  s.pass(20'000);
  CHECK(s.proposed.size() == 1);
  s.pass(20'000);
  CHECK(s["n1"].table.taken().empty());
  s.pass(20 * kSecondUs);
  CHECK(s.take_issued().empty());
}

TEST_CASE("cluster switches: what a dead bridge has in hand is claimed to the moment, and again where that is lost") {
  Switches s({"n1", "n2"});
  s["n1"].answers = false;
  s.arm("n1", kSecondUs);
  s.pass(20'000 + kSecondUs);
  CHECK(s.proposed.size() == 1);
  s.pass(20'000);  // now all know that n1 has it
  s["n1"].up = false;
  s.pass(kStalledAfterUs - 20'000);
  CHECK(s.lose(Segment::Kind::claim) == 0);
  s.pass(20'000);
  CHECK(s.lose(Segment::Kind::claim) == 1);
  s.pass(5 * kSecondUs - 20'000);
  CHECK(s.lose(Segment::Kind::claim) == 0);
  s.pass(20'000);
  CHECK(s.lose(Segment::Kind::claim) == 1);
}

TEST_CASE("cluster switches: each bridge acts alone to the moment") {
  Switches s({"n1"});
  s.arm("n1", 3 * kSecondUs);
  s.pass(20'000);
  s.goes_on = false;
  s.pass(3 * kSecondUs + kInterlockUs - 20'000);
  CHECK(s.take_issued().empty());
  s.pass(20'000);
  CHECK(s.take_issued() == Texts{"n1 alone me {\"on\":1} dms:me:1"});
}

TEST_CASE("cluster switches: who has no name arms one in the name of its connection at its bridge") {
  Switches s({"n1"});
  Bench bench;
  bench.dispatcher.set_cluster_switches(s["n1"].switches.get(), "n1");
  const auto ask = [&](const std::string& request, const Requester& requester) {
    std::string reply;
    bench.dispatcher.execute(parse_json(request), "9", requester, [&reply](const std::string& json) { reply = json; });
    CHECK(reply == "");  // the log has it first
    s.pass(20'000);
    return parse_json(reply);
  };
  const std::string arm = R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":1000,"on_expiry":{"command":"pause","target":"*"}}})";
  const std::string disarm = R"({"command":"disarm_dead_mans_switch"})";
  const auto armed = ask(arm, {"connection-5"});
  CHECK(armed["result"]["name"] == "n1/connection-5");
  CHECK(armed["result"]["survives_restart"].GetBool());
  CHECK(armed["result"]["timeout_ms"].GetDouble() == 1000);
  CHECK(ask(arm, {"me"})["result"]["name"] == "me");
  const auto access = std::make_shared<const Access>("alice", Roles().find("operator"));
  CHECK(ask(arm, {"connection-5", nullptr, access})["result"]["name"] == "alice/n1/connection-5");
  CHECK(ask(disarm, {"connection-5"})["result"]["disarmed"].GetBool());
  CHECK_FALSE(ask(disarm, {"connection-5"})["result"]["disarmed"].GetBool());
  s.pass(2 * kSecondUs);
  CHECK(s.take_issued().size() == 2);
  bench.dispatcher.set_cluster_switches(nullptr, "");
}
