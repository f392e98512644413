// The publisher's end of the control channel by itself.
#include <doctest/doctest.h>

#include <string>

#include "control_link.h"
#include "fake_control.h"
#include "support/wait.h"

using ppo::ControlLink;
using ppo::test::FakeControl;
using ppo::test::kSource;
using testing_support::wait_until;

TEST_CASE("control link: a request that is quicker than the news of its connection is answered") {
  FakeControl bridge;
  ControlLink link(bridge.endpoint(), kSource);
  REQUIRE(bridge.send(kSource, std::string("question")));
  std::string body;
  REQUIRE(wait_until([&] { return link.receive(body) == ControlLink::Got::kRequest; }));
  CHECK(body == "question");
  CHECK(link.connected());
  CHECK(link.try_send("answer"));
  CHECK(bridge.receive() == "answer");
  link.close(0);
}
