#include "market/prices/price_process.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "market/exchange/tax.h"

namespace market {
namespace {

constexpr double kHour_s = 3600.0;
constexpr double kStepsPerHour = kHour_s / static_cast<double>(kStep_s);

constexpr double kAnchorDeviationPerSqrtHour = 0.0015;  // 0.7 % a day
constexpr double kDeviationMin = 0.008;                 // stationary, of the log price
constexpr double kDeviationMax = 0.030;
constexpr double kDeviationHalfLifeMin_s = 1.0 * kHour_s;
constexpr double kDeviationHalfLifeMax_s = 4.0 * kHour_s;

constexpr double kSpreadScaleMin = 0.6;  // of the spread that the facts show
constexpr double kSpreadScaleMax = 1.6;
constexpr double kSpreadMin = 0.0;
constexpr double kSpreadMax = 0.10;
constexpr double kSpreadHalfLife_s = 0.75 * kHour_s;
constexpr double kSpreadNoiseFloor = 0.002;
constexpr double kSpreadNoiseShare = 0.30;  // of the item's own spread
constexpr double kPrintNoise = 0.0008;      // of a single last trade around its side

constexpr double kVolumeDeviation = 0.45;  // of the log volume
constexpr double kVolumeHalfLife_s = 1.0 * kHour_s;

double log_mid(const ItemFacts& facts) {
  return std::log(0.5 *
                  (static_cast<double>(facts.high_price) + static_cast<double>(facts.low_price)));
}

double drawn_spread(const ItemFacts& facts, Rng& rng) {
  const double high = static_cast<double>(facts.high_price);
  const double low = static_cast<double>(facts.low_price);
  const double spread = std::clamp((high - low) / (0.5 * (high + low)), kSpreadMin, kSpreadMax);
  return spread * rng.uniform(kSpreadScaleMin, kSpreadScaleMax);
}

std::int64_t to_price(double gp) {
  return std::llround(std::clamp(gp, 1.0, static_cast<double>(kPriceMax)));
}

OrnsteinUhlenbeck drawn_deviation(Rng& rng) {
  const double half_life_s = rng.uniform(kDeviationHalfLifeMin_s, kDeviationHalfLifeMax_s);
  const double deviation = rng.uniform(kDeviationMin, kDeviationMax);
  return {half_life_s, deviation, rng};
}

}  // namespace

OrnsteinUhlenbeck::OrnsteinUhlenbeck(double half_life_s, double deviation, Rng& rng)
    : mu_(std::exp2(-static_cast<double>(kStep_s) / half_life_s)),
      kick_(deviation * std::sqrt(1.0 - mu_ * mu_)),
      value_(deviation * rng.normal()) {
  assert(half_life_s > 0.0 && deviation >= 0.0);
}

void OrnsteinUhlenbeck::step(Rng& rng) {
  value_ = value_ * mu_ + kick_ * rng.normal();
}

// The members are initialised in the order of their declaration, which fixes the order of the
// draws.
PriceProcess::PriceProcess(const ItemFacts& facts, Rng& rng)
    : anchor_(log_mid(facts)),
      base_spread_(drawn_spread(facts, rng)),
      bought_per_step_(static_cast<double>(facts.high_volume_1h) / kStepsPerHour),
      sold_per_step_(static_cast<double>(facts.low_volume_1h) / kStepsPerHour),
      deviation_(drawn_deviation(rng)),
      spread_(kSpreadHalfLife_s, kSpreadNoiseFloor + kSpreadNoiseShare * base_spread_, rng),
      volume_(kVolumeHalfLife_s, kVolumeDeviation, rng) {}

Quote PriceProcess::step(double season, Rng& rng) {
  anchor_ += kAnchorDeviationPerSqrtHour / std::sqrt(kStepsPerHour) * rng.normal();
  deviation_.step(rng);
  spread_.step(rng);
  volume_.step(rng);

  const double mid = std::exp(anchor_ + deviation_.value());
  const double half_spread = 0.5 * (base_spread_ + spread_.value());
  // exp(-var / 2) keeps the mean of the log-normal factor at 1.
  const double activity =
      season * std::exp(volume_.value() - 0.5 * kVolumeDeviation * kVolumeDeviation);
  Quote quote;
  quote.high = to_price(mid * (1.0 + half_spread + kPrintNoise * rng.normal()));
  quote.low = to_price(mid * (1.0 - half_spread + kPrintNoise * rng.normal()));
  quote.bought = rng.poisson(bought_per_step_ * activity);
  quote.sold = rng.poisson(sold_per_step_ * activity);
  return quote;
}

}  // namespace market
