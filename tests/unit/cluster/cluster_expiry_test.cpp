// Dead-man's switches that several bridges count: who fires them, and when.

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "switches.h"

using namespace bridge;

TEST_CASE("cluster expiry: one that is re-armed over any bridge does not fire, and then fires once") {
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

TEST_CASE("cluster expiry: the bridge that armed it dies, and another is half a second later") {
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

TEST_CASE("cluster expiry: the bridge that has it in hand dies before it is done, and the next takes it up") {
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

TEST_CASE("cluster expiry: a process that starts anew takes up what it had in hand, and gives what is armed its time") {
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

TEST_CASE("cluster expiry: where nobody was reached it is tried again, and not for ever") {
  Switches s({"n1", "n2"});
  s["n1"].reaches = false;
  s.arm("n1");
  s.pass(6 * kSecondUs + 200'000);
  CHECK(s.take_issued().size() == 2);
  s.pass(30 * kSecondUs);
  CHECK(s.take_issued().size() == 2);
  CHECK(s["n2"].table.taken().empty());
}

TEST_CASE("cluster expiry: what was re-armed while the log stood still counts before anything expires") {
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

TEST_CASE("cluster expiry: without a log for ten seconds and its time each bridge acts on its own trainers, and nothing can be armed") {
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

TEST_CASE("cluster expiry: one that the log stood still for is issued by it too, with the same key") {
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

TEST_CASE("cluster expiry: a process that stood still takes nobody's silence for an end") {
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
