// That the trainer really learns: fixed seeds, markets it has never seen, honest baselines.
#include <cstdint>
#include <optional>
#include <sstream>

#include <doctest/doctest.h>

#include "market/items/item.h"
#include "trainer/options.h"
#include "trainer/run/progress.h"
#include "trainer/run/stop_signal.h"
#include "trainer/run/training_run.h"

using namespace trainer;

namespace {

std::optional<RunResult> trained(const Options& options) {
  std::ostringstream unused;
  Progress progress(unused, Progress::Style::kQuiet, options.steps, options.agents);
  const StopSignal stop;
  TrainingRun run(options, market::builtin_items(), nullptr, progress, stop);
  return run.run();
}

}  // namespace

#if PPO_FULL_LEARNING
TEST_CASE("learning: on held-out markets the trained beat random, buy-and-hold and doing nothing") {
  for (const std::int64_t seed : {1, 2}) {
    Options options;
    options.agents = 1;
    options.steps = 20'000;
    options.seed = seed;
    const auto result = trained(options);
    REQUIRE(result.has_value());
    MESSAGE("seed " << seed << ": " << to_string(*result));
    CHECK(result->trained > 100'000.0);
    CHECK(result->trained > result->random + 1'000'000.0);
    CHECK(result->trained > result->hold + 1'000'000.0);
  }
}
#else
TEST_CASE("learning: a short run already beats random and buy-and-hold on held-out markets") {
  Options options;
  options.agents = 1;
  options.steps = 2'000;
  options.seed = 1;
  options.eval_episodes = 6;
  const auto result = trained(options);
  REQUIRE(result.has_value());
  MESSAGE(to_string(*result));
  CHECK(result->trained > result->random + 300'000.0);
  CHECK(result->trained > result->hold + 300'000.0);
}
#endif

TEST_CASE("learning: the same seed gives the same result, another seed another") {
  Options options;
  options.agents = 2;
  options.steps = 333;  // not a whole number of rollouts or episodes
  options.eval_episodes = 2;
  options.seed = 5;
  const auto first = trained(options);
  options.pace = 1e6;
  const auto second = trained(options);
  options.seed = 6;
  const auto other = trained(options);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  REQUIRE(other.has_value());
  CHECK(first->trained == second->trained);
  CHECK(first->random == second->random);
  CHECK(first->hold == second->hold);
  CHECK(first->trained != other->trained);
  CHECK(first->random == other->random);  // the held-out markets do not depend on the seed
}

TEST_CASE("learning: a single step is enough for a result") {
  Options options;
  options.agents = 1;
  options.steps = 1;
  options.eval_episodes = 1;
  CHECK(trained(options).has_value());
}
