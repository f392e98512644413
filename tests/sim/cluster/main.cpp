// ppo-cluster-sim: runs seeds of the cluster's simulator and names those that fail.
#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

#include "simulation.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Simulates three bridges that share a log, sources that move between them, kills, disks that are lost, and a\n"
      "broker that loses, delays, reorders and lets go of what is old, all ruled by a seed, and checks that the bridges' logs are the same, without a hole and\n"
      "without anything twice; and where the shared log itself is damaged, that they say so."};
  std::uint64_t seeds = 300;
  std::uint64_t first = 1;
  bool verbose = false;
  bool expect_violation = false;
  app.add_option("--seeds", seeds, "how many")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seed", first, "the first one")->capture_default_str();
  app.add_flag("--verbose", verbose, "print everything that happens");
  app.add_flag("--expect-violation", expect_violation,
               "end with 0 once a seed fails, with 1 where none does (for planted bugs)");
  CLI11_PARSE(app, argc, argv);

  sim::ClusterOutcome sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto trace = [](std::int64_t now_us, const std::string& what) {
      std::printf("%10.3f ms  %s\n", static_cast<double>(now_us) / 1000, what.c_str());
    };
    const sim::ClusterOutcome outcome = verbose ? sim::simulate_cluster(seed, trace) : sim::simulate_cluster(seed);
    sum.events += outcome.events;
    sum.messages += outcome.messages;
    sum.resent += outcome.resent;
    sum.restarts += outcome.restarts;
    sum.checkpoints_joined += outcome.checkpoints_joined;
    sum.let_go += outcome.let_go;
    sum.nothing_left += outcome.nothing_left;
    sum.damage_told += outcome.damage_told;
    if (outcome.violation.empty()) {
      // Now and then the same again: a seed that does not replay is of no use.
      if (seed % 50 == first % 50 && sim::simulate_cluster(seed).digest != outcome.digest) {
        std::printf("seed %llu does not replay\n", static_cast<unsigned long long>(seed));
        return 1;
      }
      continue;
    }
    std::printf("seed %llu fails after %.3f ms: %s\n", static_cast<unsigned long long>(seed),
                static_cast<double>(outcome.at_us) / 1000, outcome.violation.c_str());
    if (expect_violation) return 0;
    std::printf("to see it again: ./dev sim cluster --seed %llu --seeds 1 --verbose\n",
                static_cast<unsigned long long>(seed));
    return 1;
  }
  std::printf("%llu seeds, %llu events in %llu messages, %llu proposals sent again, %llu kills, %llu starts from a "
              "checkpoint, %llu messages let go of, %llu seeds in which all of it was lost, %llu times damage to the log was told: no violation\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(sum.events),
              static_cast<unsigned long long>(sum.messages), static_cast<unsigned long long>(sum.resent),
              static_cast<unsigned long long>(sum.restarts), static_cast<unsigned long long>(sum.checkpoints_joined),
              static_cast<unsigned long long>(sum.let_go), static_cast<unsigned long long>(sum.nothing_left),
              static_cast<unsigned long long>(sum.damage_told));
  return expect_violation ? 1 : 0;
}
