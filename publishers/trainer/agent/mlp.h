// A fully connected network with tanh layers and hand-written back-propagation.
#pragma once

#include <vector>

#include <Eigen/Core>

#include "market/prices/rng.h"

namespace trainer {

// The shape of a network and its arithmetic. It holds no weights: they are a segment of a vector
// that belongs to the caller, so that one optimiser can move several networks at once. Hidden
// layers are tanh, the last one is linear. Immutable; any thread may use it.
class Mlp {
 public:
  // What forward() leaves for backward(): the input and each layer's output, a column a sample.
  struct Trace {
    std::vector<Eigen::MatrixXd> outputs;
    [[nodiscard]] const Eigen::MatrixXd& result() const { return outputs.back(); }
  };

  // `sizes`: inputs, hidden layers, outputs. REQUIRES: at least two, each at least 1.
  explicit Mlp(std::vector<Eigen::Index> sizes);

  [[nodiscard]] Eigen::Index parameter_count() const { return parameter_count_; }

  // Orthogonal weights (Saxe, McClelland and Ganguli 2014) scaled by sqrt(2), those of the last
  // layer by `output_gain`; biases 0. REQUIRES: parameters.size() == parameter_count().
  void initialise(Eigen::Ref<Eigen::VectorXd> parameters, double output_gain,
                  market::Rng& rng) const;

  // Runs a batch, a column a sample. REQUIRES: sizes fit.
  void forward(const Eigen::Ref<const Eigen::VectorXd>& parameters,
               const Eigen::Ref<const Eigen::MatrixXd>& input, Trace& trace) const;

  // Adds the gradient of a scalar loss by the parameters to `gradient`, given the loss's gradient
  // by the outputs. REQUIRES: `trace` is from forward() with the same parameters.
  void backward(const Eigen::Ref<const Eigen::VectorXd>& parameters, const Trace& trace,
                const Eigen::MatrixXd& output_gradient, Eigen::Ref<Eigen::VectorXd> gradient) const;

 private:
  struct Layer {
    Eigen::Index inputs;
    Eigen::Index outputs;
    Eigen::Index weights_at;  // outputs x inputs, column by column
    Eigen::Index bias_at;
  };
  std::vector<Layer> layers_;
  Eigen::Index parameter_count_ = 0;
};

}  // namespace trainer
