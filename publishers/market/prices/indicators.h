// Running averages over an item's quotes: what a trader keeps in mind of the past.
#pragma once

#include <cstdint>

#include "market/prices/quote.h"

namespace market {

// Exponential averages of one item's quotes, unbiased from the first quote on (each is divided by
// the sum of its weights, as in Kingma and Ba 2015, section 3). Belongs to one thread.
class Indicators {
 public:
  // Takes in the quote of one more step.
  void add(const Quote& quote);

  // All of these REQUIRE: add() was called.
  [[nodiscard]] double fast_mid() const { return fast_mid_.value(); }        // gp, over about 1 h
  [[nodiscard]] double slow_mid() const { return slow_mid_.value(); }        // gp, over about 8 h
  [[nodiscard]] double fast_volume() const { return fast_volume_.value(); }  // items a step, 30 min
  [[nodiscard]] double slow_volume() const { return slow_volume_.value(); }  // items a step, 8 h
  [[nodiscard]] double sold() const { return sold_.value(); }                // items a step, 1 h
  [[nodiscard]] double bought() const { return bought_.value(); }            // items a step, 1 h
  // Root mean square of the mid's relative change a step, over about 4 h.
  [[nodiscard]] double volatility() const;

 private:
  class Average {
   public:
    explicit Average(double steps) : keep_(1.0 - 1.0 / steps) {}
    void add(double x) {
      sum_ = keep_ * sum_ + (1.0 - keep_) * x;
      weight_ = keep_ * weight_ + (1.0 - keep_);
    }
    [[nodiscard]] double value() const { return weight_ > 0.0 ? sum_ / weight_ : 0.0; }

   private:
    double keep_;
    double sum_ = 0.0;
    double weight_ = 0.0;
  };

  Average fast_mid_{12.0};
  Average slow_mid_{96.0};
  Average fast_volume_{6.0};
  Average slow_volume_{96.0};
  Average sold_{12.0};
  Average bought_{12.0};
  Average squared_return_{48.0};
  double last_mid_ = 0.0;
};

}  // namespace market
