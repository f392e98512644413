// What was paid for the items that are owned, and what selling them has earned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trainer {

// Keeps each item at its average cost. Amounts are gp in 64 bits. Belongs to one thread.
class Ledger {
 public:
  explicit Ledger(std::size_t items) : positions_(items) {}

  // REQUIRES: quantity > 0; total is what was paid for all of them.
  void bought(std::size_t item, std::int64_t quantity, std::int64_t total);

  // Books a sale for `proceeds` gp after tax and returns its profit over the average cost. The cost
  // is rounded down per sale and the last sale takes the rest, so profits add up exactly.
  // REQUIRES: 0 < quantity <= quantity(item).
  std::int64_t sold(std::size_t item, std::int64_t quantity, std::int64_t proceeds);

  [[nodiscard]] std::int64_t quantity(std::size_t item) const { return positions_[item].quantity; }
  [[nodiscard]] std::int64_t cost(std::size_t item) const { return positions_[item].cost; }
  // The profits of all sales so far.
  [[nodiscard]] std::int64_t realized() const { return realized_; }

 private:
  struct Position {
    std::int64_t quantity = 0;
    std::int64_t cost = 0;
  };
  std::vector<Position> positions_;
  std::int64_t realized_ = 0;
};

}  // namespace trainer
