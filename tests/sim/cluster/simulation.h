// One seed: a cluster drawn from it, run to its end, every promise held against what happens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sim {

struct ClusterOutcome {
  std::string violation;  // empty: none
  std::int64_t at_us = 0;
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;   // in the shared log
  std::uint64_t resent = 0;     // proposals
  std::uint64_t restarts = 0;
  std::uint64_t checkpoints_joined = 0;  // starts from one
  std::uint64_t let_go = 0;     // messages that the shared log holds no more
  std::uint64_t nothing_left = 0;  // seeds in which all nodes lost their disks, and the log its beginning with all checkpoints
  std::uint64_t damage_told = 0;  // nodes that said that the log is not what they had read
};

ClusterOutcome simulate_cluster(std::uint64_t seed,
                                std::function<void(std::int64_t now_us, const std::string& what)> trace = {});

}  // namespace sim
