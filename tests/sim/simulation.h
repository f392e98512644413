// One seed: a world drawn from it, run to its end, every promise held against what happens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sim {

struct Outcome {
  std::string violation;  // empty: none
  std::int64_t at_us = 0;
  std::uint64_t digest = 0;  // of all that happened: the same in every run of the seed
  std::uint64_t steps = 0;
  std::uint64_t lost = 0;      // events whose loss was named
  std::uint64_t repaired = 0;  // events had by asking again
  std::uint64_t read_back = 0;  // blocks that the last bridge's clients had from its journal
};

// `trace`, where given, is told of everything. `attacked`: somebody forges what he can.
Outcome simulate(std::uint64_t seed, bool attacked,
                 std::function<void(std::int64_t now_us, const std::string& what)> trace = {});

}  // namespace sim
