#include "trainer/agent/mlp.h"

#include <cassert>
#include <cmath>

#include <Eigen/QR>

namespace trainer {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using WeightMap = Eigen::Map<const MatrixXd>;
using BiasMap = Eigen::Map<const VectorXd>;

constexpr double kHiddenGain = 1.4142135623730951;

// A rows x columns matrix with orthonormal rows or columns, whichever are fewer: the Q of a
// Gaussian matrix, its signs fixed by R's diagonal so that it is uniformly distributed (Mezzadri
// 2007).
MatrixXd orthogonal(Index rows, Index columns, market::Rng& rng) {
  const Index longer = std::max(rows, columns);
  const Index shorter = std::min(rows, columns);
  MatrixXd gaussian(longer, shorter);
  for (Index c = 0; c < shorter; ++c) {
    for (Index r = 0; r < longer; ++r) gaussian(r, c) = rng.normal();
  }
  const Eigen::HouseholderQR<MatrixXd> qr(gaussian);
  MatrixXd q = qr.householderQ() * MatrixXd::Identity(longer, shorter);
  for (Index c = 0; c < shorter; ++c) {
    if (qr.matrixQR()(c, c) < 0.0) q.col(c) = -q.col(c);
  }
  if (rows >= columns) return q;
  return q.transpose();
}

}  // namespace

Mlp::Mlp(std::vector<Index> sizes) {
  assert(sizes.size() >= 2);
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    assert(sizes[i] >= 1 && sizes[i + 1] >= 1);
    Layer layer{sizes[i], sizes[i + 1], parameter_count_, 0};
    layer.bias_at = layer.weights_at + layer.inputs * layer.outputs;
    parameter_count_ = layer.bias_at + layer.outputs;
    layers_.push_back(layer);
  }
}

void Mlp::initialise(Eigen::Ref<VectorXd> parameters, double output_gain, market::Rng& rng) const {
  assert(parameters.size() == parameter_count_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const double gain = i + 1 == layers_.size() ? output_gain : kHiddenGain;
    const MatrixXd weights = gain * orthogonal(layer.outputs, layer.inputs, rng);
    parameters.segment(layer.weights_at, weights.size()) = BiasMap(weights.data(), weights.size());
    parameters.segment(layer.bias_at, layer.outputs).setZero();
  }
}

void Mlp::forward(const Eigen::Ref<const VectorXd>& parameters,
                  const Eigen::Ref<const MatrixXd>& input, Trace& trace) const {
  assert(parameters.size() == parameter_count_ && input.rows() == layers_.front().inputs);
  trace.outputs.resize(layers_.size() + 1);
  trace.outputs[0] = input;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const WeightMap weights(parameters.data() + layer.weights_at, layer.outputs, layer.inputs);
    const BiasMap bias(parameters.data() + layer.bias_at, layer.outputs);
    MatrixXd& out = trace.outputs[i + 1];
    out.noalias() = weights * trace.outputs[i];
    out.colwise() += bias;
    // tanh by way of exp, for which Eigen has vector code in double precision.
    if (i + 1 < layers_.size()) out = 1.0 - 2.0 / ((2.0 * out.array()).exp() + 1.0);
  }
}

void Mlp::backward(const Eigen::Ref<const VectorXd>& parameters, const Trace& trace,
                   const MatrixXd& output_gradient, Eigen::Ref<VectorXd> gradient) const {
  assert(gradient.size() == parameter_count_ && trace.outputs.size() == layers_.size() + 1);
  MatrixXd delta = output_gradient;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    Eigen::Map<MatrixXd> weights_gradient(gradient.data() + layer.weights_at, layer.outputs,
                                          layer.inputs);
    weights_gradient.noalias() += delta * trace.outputs[i].transpose();
    gradient.segment(layer.bias_at, layer.outputs) += delta.rowwise().sum();
    if (i == 0) break;
    const WeightMap weights(parameters.data() + layer.weights_at, layer.outputs, layer.inputs);
    MatrixXd below = weights.transpose() * delta;
    below.array() *= 1.0 - trace.outputs[i].array().square();  // tanh' = 1 - tanh^2
    delta.swap(below);
  }
}

}  // namespace trainer
