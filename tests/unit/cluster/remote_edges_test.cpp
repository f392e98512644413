// Commands between bridges where what one knows of the other is a moment old.

#include <doctest/doctest.h>

#include "nodes.h"

using namespace bridge;

TEST_CASE("remote edges: everybody's command leaves out a bridge whose trainers have gone, which nobody knows yet") {
  Nodes nodes({"n1", "n2"});
  nodes["n1"].connect("t1", "r");
  nodes["n2"].connect("t2", "r");
  nodes.pass(2'000'000);
  nodes["n2"].disconnect("t2-r");
  nodes["n2"].bench.sources.tick(1.0, nodes["n2"].bench.clock.steady_us() + 20'000'000);
  const int asked = nodes["n1"].asked;
  const int n = nodes["n1"].command("*");
  nodes.settle();
  CHECK(nodes["n1"].asked == asked + 1);
  CHECK(nodes["n1"].outcome(n) == "t1: success");
  CHECK(nodes["n2"].bench.link.sent.empty());
}

TEST_CASE("remote edges: who names a run that has gone, which his bridge does not know yet, is told so in its bridge's words") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes["n2"].disconnect("t-r1");
  nodes["n2"].connect("t", "r2");
  const int n = nodes["n1"].command("t");
  nodes.settle();
  REQUIRE(nodes["n1"].outcomes[n].answers.size() == 1);
  const TrainerAnswer& answer = nodes["n1"].outcomes[n].answers[0];
  CHECK(answer.error.type == ErrorType::unknown_target);
  CHECK(answer.error.message == R"(target is "t"; there is no such run any more)");
  CHECK(answer.source == "t");
  CHECK(answer.run == "r1");
}
