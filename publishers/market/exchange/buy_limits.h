// The exchange's limit on how many of an item one account may buy in four hours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace market {

constexpr std::int64_t kBuyLimitWindow_s = 4 * 60 * 60;

// Counts an account's purchases over a rolling window of four hours. Items are the indices of a
// table; times are market seconds and never go back. Belongs to one thread.
class BuyLimits {
 public:
  // One entry an item; none = no limit.
  explicit BuyLimits(std::vector<std::optional<std::int64_t>> limits);

  // How many of `item` may still be bought at `now_s`; none where the item has no limit. A purchase
  // made at t counts until just before t + 4 h.
  [[nodiscard]] std::optional<std::int64_t> remaining(std::size_t item, std::int64_t now_s) const;

  // Counts a purchase. REQUIRES: quantity > 0 and within remaining(); now_s not below an earlier
  // call's.
  void record(std::size_t item, std::int64_t quantity, std::int64_t now_s);

 private:
  struct Purchase {
    std::int64_t time_s;
    std::int64_t quantity;
  };
  struct Window {
    std::optional<std::int64_t> limit;
    std::deque<Purchase> purchases;  // oldest first, only those of the last window
  };
  std::vector<Window> windows_;
};

}  // namespace market
