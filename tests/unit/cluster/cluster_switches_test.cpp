// Dead-man's switches that several bridges count: what is refused, and each time to the moment.

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "switches.h"

using namespace bridge;

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
  bench.dispatcher.switches().set_cluster(s["n1"].switches.get(), "n1");
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
  bench.dispatcher.switches().set_cluster(nullptr, "");
}
