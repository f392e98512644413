// What one requester may ask for: so many requests a second, and so much work a second, whatever
// number of requests causes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace bridge {

// Work is counted, not timed, so that the same request costs the same everywhere: one unit is an
// event of the log that was looked at by its index, some 30 ns.
inline constexpr std::uint64_t kWorkPerSecond = 4'000'000;  // a tenth of a core
inline constexpr std::uint64_t kDataBytesPerWork = 16;      // of `data`, walked for a filter
inline constexpr std::uint64_t kCopiedBytesPerWork = 256;   // put into a reply
inline constexpr std::uint64_t kDeflatedBytesPerWork = 8;   // compressed

// One requester's account; it ends with the requester, so that a weak_ptr to it also tells whether
// anybody still wants the work. One thread, but for charge(). The clock must outlive it.
class RequestBudget {
 public:
  RequestBudget(const Clock& clock, std::uint64_t requests_per_s_max);

  // True where one more request is taken. What it costs is charged once it is known, so an account
  // may go below zero; then nothing is taken until time has made up for it.
  [[nodiscard]] bool take();
  // Any thread.
  void charge(std::uint64_t work) { charged_ += work; }

  // Whether work that goes on by itself may go on: some is left over for requests.
  bool has_work_left();

  // What to tell who was refused.
  std::string refusal() const;
  // Refused without end: twice as many in a row as may be asked for in a second.
  bool hopeless() const { return static_cast<double>(refused_in_a_row_) > requests_.most; }

 private:
  struct Bucket {
    double per_s;
    double most = per_s * 2;  // a burst
    double level = most;
  };
  static void fill(Bucket& bucket, double seconds);
  void settle();

  const Clock& clock_;
  Bucket requests_;
  Bucket work_;
  std::int64_t filled_us_;
  std::uint64_t refused_in_a_row_ = 0;
  std::atomic<std::uint64_t> charged_{0};
};

}  // namespace bridge
