#include "trainer/agent/gae.h"

#include <doctest/doctest.h>

using Eigen::VectorXd;
using trainer::generalised_advantages;

namespace {

VectorXd three(double a, double b, double c) {
  VectorXd x(3);
  x << a, b, c;
  return x;
}

}  // namespace

TEST_CASE("gae: a rollout worked out by hand") {
  // gamma 0.5, lambda 0.5: delta = (1 + 1 - 1, 0 + 0.5 - 2, 2 + 2 - 1) = (1, -1.5, 3)
  // A2 = 3, A1 = -1.5 + 0.25 * 3 = -0.75, A0 = 1 + 0.25 * -0.75 = 0.8125
  const VectorXd a = generalised_advantages(three(1, 0, 2), three(1, 2, 1), {0, 0, 0}, 4, 0.5, 0.5);
  CHECK(a[2] == doctest::Approx(3.0));
  CHECK(a[1] == doctest::Approx(-0.75));
  CHECK(a[0] == doctest::Approx(0.8125));
}

TEST_CASE("gae: nothing crosses the end of an episode") {
  // Step 1 ends it: delta1 = 0 - 2 = -2 = A1; A0 = 1 + 0.25 * -2 = 0.5; A2 as before.
  const VectorXd a = generalised_advantages(three(1, 0, 2), three(1, 2, 1), {0, 1, 0}, 4, 0.5, 0.5);
  CHECK(a[2] == doctest::Approx(3.0));
  CHECK(a[1] == doctest::Approx(-2.0));
  CHECK(a[0] == doctest::Approx(0.5));
}

TEST_CASE("gae: lambda 0 is the temporal difference, lambda 1 the return less the value") {
  const VectorXd td =
      generalised_advantages(three(1, 1, 1), three(5, 6, 7), {0, 0, 1}, 9, 0.9, 0.0);
  CHECK(td[0] == doctest::Approx(1 + 0.9 * 6 - 5));
  CHECK(td[2] == doctest::Approx(1.0 - 7.0));
  const VectorXd mc =
      generalised_advantages(three(1, 1, 1), three(5, 6, 7), {0, 0, 1}, 9, 0.9, 1.0);
  CHECK(mc[0] == doctest::Approx(1 + 0.9 + 0.81 - 5));
}
