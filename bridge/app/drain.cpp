#include "app/drain.h"

#include <algorithm>

#include "base/log.h"

namespace bridge {

std::size_t Drain::begin(std::int64_t drain_s, const std::string& why) {
  const std::size_t clients = clients_.client_count();
  log_info("draining", "draining {} clients over {} s: {}", clients, drain_s, why);
  by_us_ = clock_.steady_us() + drain_s * 1'000'000;
  clients_.drain_until(by_us_);
  return clients;
}

void Drain::tick() {
  if (!active() || ended_ || (clients_.client_count() != 0 && clock_.steady_us() < by_us_)) return;
  ended_ = true;
  on_end_();
}

std::string Drain::progress() const {
  if (!active()) return {};
  const std::int64_t left_us = std::max<std::int64_t>(0, by_us_ - clock_.steady_us());
  return "draining: " + std::to_string(clients_.client_count()) + " clients are left, for at most " +
         std::to_string((left_us + 999'999) / 1'000'000) + " s";
}

}  // namespace bridge
