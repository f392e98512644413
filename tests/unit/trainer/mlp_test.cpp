#include "trainer/agent/mlp.h"

#include <cmath>

#include <doctest/doctest.h>

using Eigen::MatrixXd;
using Eigen::VectorXd;
using market::Rng;
using trainer::Mlp;

TEST_CASE("mlp: one hidden unit computes what is worked out by hand") {
  const Mlp mlp({1, 1, 1});
  VectorXd parameters(4);
  parameters << 2.0, 0.5, 3.0, -1.0;  // weight, bias; weight, bias
  Mlp::Trace trace;
  mlp.forward(parameters, MatrixXd::Constant(1, 1, 0.25), trace);
  CHECK(trace.result()(0, 0) == doctest::Approx(3.0 * std::tanh(1.0) - 1.0));
}

TEST_CASE("mlp: weights begin orthogonal, biases 0") {
  const Mlp mlp({6, 4, 3});
  VectorXd parameters = VectorXd::Constant(mlp.parameter_count(), 9.0);
  Rng rng(1);
  mlp.initialise(parameters, 0.01, rng);
  const Eigen::Map<const MatrixXd> first(parameters.data(), 4, 6);
  CHECK((first * first.transpose() - 2.0 * MatrixXd::Identity(4, 4)).norm() < 1e-12);
  CHECK(parameters.segment(24, 4).norm() == 0.0);
  const Eigen::Map<const MatrixXd> last(parameters.data() + 28, 3, 4);
  CHECK((last * last.transpose() - 1e-4 * MatrixXd::Identity(3, 3)).norm() < 1e-12);
}

TEST_CASE("mlp: back-propagation agrees with numerical differences") {
  const Mlp mlp({5, 7, 6, 3});
  Rng rng(2);
  VectorXd parameters(mlp.parameter_count());
  mlp.initialise(parameters, 1.0, rng);
  MatrixXd input(5, 4);
  MatrixXd weights(3, 4);  // of the outputs in the loss
  for (auto* matrix : {&input, &weights}) {
    for (Eigen::Index i = 0; i < matrix->size(); ++i) matrix->data()[i] = rng.normal();
  }
  const auto loss = [&](const VectorXd& at) {
    Mlp::Trace trace;
    mlp.forward(at, input, trace);
    return (trace.result().array().square() * weights.array()).sum();
  };
  Mlp::Trace trace;
  mlp.forward(parameters, input, trace);
  VectorXd gradient = VectorXd::Zero(parameters.size());
  mlp.backward(parameters, trace, 2.0 * trace.result().cwiseProduct(weights), gradient);
  constexpr double kStep = 1e-6;
  for (Eigen::Index i = 0; i < parameters.size(); ++i) {
    VectorXd above = parameters;
    VectorXd below = parameters;
    above[i] += kStep;
    below[i] -= kStep;
    const double numerical = (loss(above) - loss(below)) / (2.0 * kStep);
    CAPTURE(i);
    REQUIRE(std::abs(gradient[i] - numerical) < 1e-6 * (1.0 + std::abs(numerical)));
  }
}
