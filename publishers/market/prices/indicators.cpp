#include "market/prices/indicators.h"

#include <cmath>

namespace market {

void Indicators::add(const Quote& quote) {
  const double mid = quote.mid();
  const double sold = static_cast<double>(quote.sold);
  const double bought = static_cast<double>(quote.bought);
  if (last_mid_ > 0.0) {
    const double change = mid / last_mid_ - 1.0;
    squared_return_.add(change * change);
  }
  last_mid_ = mid;
  fast_mid_.add(mid);
  slow_mid_.add(mid);
  fast_volume_.add(sold + bought);
  slow_volume_.add(sold + bought);
  sold_.add(sold);
  bought_.add(bought);
}

double Indicators::volatility() const {
  return std::sqrt(squared_return_.value());
}

}  // namespace market
