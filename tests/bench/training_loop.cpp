#include "training_loop.h"

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <vector>

#include "statistics.h"

namespace bench {
namespace {

constexpr std::size_t kWidth = 128;

}  // namespace

TrainingLoop::TrainingLoop() : thread_([this] { run(); }) {}

TrainingLoop::~TrainingLoop() {
  stopping_ = true;
  thread_.join();
}

void TrainingLoop::run() {
  std::vector<float> weights(kWidth * kWidth, 0.01f);
  std::array<float, kWidth> in{};
  in.fill(1.0f);
  std::array<float, kWidth> out{};
  while (!stopping_.load(std::memory_order_relaxed)) {
    for (std::size_t row = 0; row < kWidth; ++row) {
      float sum = 0.0f;
      for (std::size_t i = 0; i < kWidth; ++i) sum += weights[row * kWidth + i] * in[i];
      out[row] = std::tanh(sum);
    }
    in = out;
    weights[static_cast<std::size_t>(steps_) % weights.size()] += out[0] * 1e-6f;
    steps_.fetch_add(1, std::memory_order_relaxed);
  }
}

double TrainingLoop::rate(double seconds) const {
  const std::uint64_t before = steps();
  const auto begin = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return static_cast<double>(steps() - before) / seconds_since(begin);
}

}  // namespace bench
