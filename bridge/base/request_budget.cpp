#include "base/request_budget.h"

#include <algorithm>

namespace bridge {

RequestBudget::RequestBudget(const Clock& clock, std::uint64_t requests_per_s_max)
    : clock_(clock),
      requests_{static_cast<double>(requests_per_s_max)},
      work_{static_cast<double>(kWorkPerSecond)},
      filled_us_(clock.steady_us()) {}

void RequestBudget::fill(Bucket& bucket, double seconds) {
  bucket.level = std::min(bucket.most, bucket.level + seconds * bucket.per_s);
}

// What time has brought, and what was charged.
void RequestBudget::settle() {
  const std::int64_t now = clock_.steady_us();
  const double seconds = static_cast<double>(now - filled_us_) / 1e6;
  filled_us_ = now;
  fill(requests_, seconds);
  fill(work_, seconds);
  work_.level -= static_cast<double>(charged_.exchange(0));
}

bool RequestBudget::has_work_left() {
  settle();
  return work_.level > work_.most / 4;
}

bool RequestBudget::take() {
  settle();
  if (requests_.level < 1 || work_.level <= 0) {
    ++refused_in_a_row_;
    return false;
  }
  requests_.level -= 1;
  refused_in_a_row_ = 0;
  return true;
}

std::string RequestBudget::refusal() const {
  if (requests_.level < 1) {
    return "more than " + std::to_string(static_cast<std::uint64_t>(requests_.per_s)) +
           " requests a second (websocket.requests_per_s_max)";
  }
  return "its requests have looked through too many events; try again in " +
         std::to_string(static_cast<std::int64_t>(-work_.level / work_.per_s) + 1) + " s";
}

}  // namespace bridge
