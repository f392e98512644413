#include "trainer/agent/adam.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using Eigen::VectorXd;
using trainer::Adam;
using trainer::clip_gradient_norm;

TEST_CASE("adam: three steps as in the paper's algorithm, worked out independently") {
  // f(x) = x^2 from x = 1, gradient 2x, rate 0.1, beta 0.9 and 0.999, epsilon 1e-8.
  Adam adam(1, {0.9, 0.999, 1e-8});
  VectorXd x = VectorXd::Constant(1, 1.0);
  for (const double expected : {0.9000000005, 0.8004122286917927, 0.70158627294603}) {
    adam.step(x, 2.0 * x, 0.1);
    CHECK(x[0] == doctest::Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("adam: the first step has the length of the rate whatever the gradient's scale") {
  for (const double scale : {1e-3, 1.0, 1e6}) {
    Adam adam(2, {0.9, 0.999, 1e-12});
    VectorXd x = VectorXd::Zero(2);
    VectorXd gradient(2);
    gradient << scale, -scale;
    adam.step(x, gradient, 0.01);
    CHECK(x[0] == doctest::Approx(-0.01));
    CHECK(x[1] == doctest::Approx(0.01));
  }
}

TEST_CASE("gradient clipping: short ones stay, long ones keep their direction, NaN is told") {
  VectorXd gradient(2);
  gradient << 0.3, 0.4;
  CHECK(clip_gradient_norm(gradient, 1.0) == doctest::Approx(0.5));
  CHECK(gradient[0] == 0.3);
  gradient << 3.0, 4.0;
  CHECK(clip_gradient_norm(gradient, 1.0) == doctest::Approx(5.0));
  CHECK(gradient[0] == doctest::Approx(0.6));
  CHECK(gradient[1] == doctest::Approx(0.8));
  gradient << std::numeric_limits<double>::quiet_NaN(), 1.0;
  CHECK(std::isnan(clip_gradient_norm(gradient, 1.0)));
  CHECK(gradient[1] == 1.0);
}
