// Trades and portfolios of a run, added up.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bridge {

// A sum that forgets no small number beside a large one (Neumaier 1974).
struct Sum {
  double sum = 0;
  double rest = 0;

  void add(double x) {
    const double t = sum + x;
    rest += std::fabs(sum) >= std::fabs(x) ? (sum - t) + x : (x - t) + sum;
    sum = t;
  }
  double total() const { return sum + rest; }
};

// trade_executed and portfolio_update, added up.
struct Tally {
  std::uint64_t trades = 0;
  std::uint64_t wins = 0;    // profit > 0
  std::uint64_t closed = 0;  // profit != 0, or a sale
  Sum profit;
  Sum volume;                // total_value, or price times quantity
  std::optional<double> value;  // total_value of the last portfolio that told one

  // REQUIRES: `data` is a valid JSON object.
  void add_trade(std::string_view data);
  void add_portfolio(std::string_view data);
};

}  // namespace bridge
