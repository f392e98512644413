// What an agent sees before it acts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

namespace trainer {

// The features of one item, one column of Observation::features. All are scaled to about -1..1 and
// cut off at +-kFeatureMax; the last ones, from kCashShare on, are the same in every column.
enum Feature : Eigen::Index {
  kNetMargin,       // patient buy to patient sell, after tax, of the buy price; x 25
  kSlowDeviation,   // the mid against its 8 h mean; x 25
  kFastDeviation,   // the mid against its 1 h mean; x 50
  kVolatility,      // of the mid, a step; x 100
  kSpread,          // ask - bid, of the mid; x 25
  kActivity,        // log of the last half hour's volume over the 8 h mean's
  kBuyLiquidity,    // log2 of one plus: steps' worth of our flow in a lot, / 8
  kSellLiquidity,   // the same for what we own
  kOwnedShare,      // what we own at its value now, of the total value; x 4
  kUnrealised,      // that value against what we paid; x 25; 0 owning nothing
  kBuyOfferShare,   // gp set aside in our buy offer, of the total value; x 4
  kBuyOfferGap,     // our buy offer's price against the bid; x 50; 0 without one
  kSellOfferShare,  // of what we own, how much is offered for sale
  kSellOfferGap,    // our sell offer's price against the ask; x 50; 0 without one
  kLimitLeft,       // of the buy limit; 1 where there is none
  kLotShare,        // value of what a buy would ask for, of the total value; x 4
  kCashShare,       // gp at hand, of the total value
  kFreeSlots,       // of the eight
  kTimeLeft,        // of the episode
  kFeatureCount
};
constexpr double kFeatureMax = 4.0;

// What buying or selling one item would mean right now.
struct MenuEntry {
  std::string item;
  std::int64_t buy_price = 0;      // gp each
  std::int64_t buy_quantity = 0;   // at least 1, also where the exchange would refuse it
  std::int64_t sell_price = 0;     // gp each
  std::int64_t sell_quantity = 0;  // all we own; 0 = nothing to sell
  double net_margin = 0.0;         // of the buy price, after tax; 0.01 = 1 %
  double slow_deviation = 0.0;     // of the mid from its 8 h mean; 0.01 = 1 %
};

struct Observation {
  Eigen::MatrixXd features;           // kFeatureCount x items
  std::vector<std::uint8_t> allowed;  // an entry an action; 0 = the action means nothing now
  std::vector<MenuEntry> menu;        // an entry an item
};

}  // namespace trainer
