// How the price, spread and volume of one item move.
//
//   log mid  = anchor + deviation
//   anchor     a random walk: what the item is worth; nobody can forecast it
//   deviation  an Ornstein-Uhlenbeck process around 0: the market overshoots and comes back
//   spread     an Ornstein-Uhlenbeck process around the item's own spread, relative to the mid; it
//              may go below 0, which is how the low price comes to lie above the high one
//   volume     the item's hourly volumes x a daily season x the exponential of another
//              Ornstein-Uhlenbeck process; counts are Poisson
//
// The Ornstein-Uhlenbeck process (Uhlenbeck and Ornstein, "On the theory of the Brownian motion",
// Phys. Rev. 36, 1930) is stepped by its exact solution (Gillespie, "Exact numerical simulation of
// the Ornstein-Uhlenbeck process and its integral", Phys. Rev. E 54, 1996, eq. 1.9a), so the step
// length does not change its law.
#pragma once

#include "market/items/item.h"
#include "market/prices/quote.h"
#include "market/prices/rng.h"

namespace market {

// A mean-reverting Gaussian process around 0, advanced by kStep_s a step.
class OrnsteinUhlenbeck {
 public:
  // Starts from its stationary law. REQUIRES: half_life_s > 0, deviation (the stationary standard
  // deviation) >= 0.
  OrnsteinUhlenbeck(double half_life_s, double deviation, Rng& rng);

  // One step: x <- x mu + deviation sqrt(1 - mu^2) N(0, 1) with mu = 2^(-kStep_s / half_life_s).
  void step(Rng& rng);

  [[nodiscard]] double value() const { return value_; }

 private:
  double mu_;
  double kick_;
  double value_;
};

// One item's price process. Its temper (how far and how long the price strays, how wide the spread
// is) is drawn anew for each market, so that nothing can be learnt by heart from the item's name.
// Belongs to one thread.
class PriceProcess {
 public:
  // Starts around the facts' prices. REQUIRES: both prices within 1..kPriceMax, volumes >= 0.
  PriceProcess(const ItemFacts& facts, Rng& rng);

  // Advances one step and returns its quote. `season` scales the volumes; 1 is an average hour.
  Quote step(double season, Rng& rng);

 private:
  double anchor_;       // log gp
  double base_spread_;  // of the mid, 1 = 100 %
  double bought_per_step_;
  double sold_per_step_;
  OrnsteinUhlenbeck deviation_;  // log
  OrnsteinUhlenbeck spread_;     // of the mid, around base_spread_
  OrnsteinUhlenbeck volume_;     // log
};

}  // namespace market
