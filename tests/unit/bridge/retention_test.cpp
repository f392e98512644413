#include "store/retention.h"

#include <doctest/doctest.h>

using namespace bridge;

namespace {

constexpr std::uint64_t kGiB = 1ull << 30;

struct Recorded {
  Retention retention;
  std::int64_t now_us = 1'000'000;
  std::uint64_t written = 0, rows = 0;
  double bytes_an_event = 400;
  std::uint64_t bytes_max = 10 * kGiB, disk_free = 100 * kGiB;

  void pass(int seconds, std::uint64_t events_per_s) {
    for (int i = 0; i < seconds; ++i) {
      now_us += 1'000'000;
      written += events_per_s;
      rows += events_per_s;
      retention.observe(written, rows, static_cast<std::uint64_t>(static_cast<double>(rows) * bytes_an_event), bytes_max, disk_free, now_us);
    }
  }
};

}  // namespace

TEST_CASE("retention: nothing is told in the first minute, with few events, and where none come") {
  Recorded r;
  r.pass(60, 1'900);
  CHECK_FALSE(r.retention.holds_s());
  Recorded few;
  few.pass(200, 40);
  CHECK_FALSE(few.retention.holds_s());
  Recorded none;
  none.rows = 1'000'000;
  none.pass(200, 0);
  CHECK_FALSE(none.retention.holds_s());
}

TEST_CASE("retention: it is the room divided by what comes in") {
  Recorded r;
  r.pass(90, 1'900);
  REQUIRE(r.retention.holds_s());
  CHECK(*r.retention.holds_s() == doctest::Approx(10.0 * kGiB / (1'900 * 400)).epsilon(0.01));
  CHECK(r.retention.events_per_s() == doctest::Approx(1'900).epsilon(0.01));
  CHECK(r.retention.event_bytes() == doctest::Approx(400).epsilon(0.01));
  r.disk_free = 0;  // what the file has is all the room
  r.pass(1, 1'900);
  CHECK(*r.retention.holds_s() == doctest::Approx(91).epsilon(0.05));
}

TEST_CASE("retention: what is packed takes less, and what is to come is packed after its time") {
  constexpr std::uint64_t kRate = 1'900, kDay = 86'400;
  Retention retention;
  std::uint64_t written = 0;
  const std::uint64_t packed = kRate * kDay * 3, rows = kRate * kDay;
  const auto pass = [&](std::uint64_t bytes_max, std::int64_t after_us) {
    for (int s = 0; s < 90; ++s) {
      written += kRate;
      retention.observe(written, packed + rows, packed * 40 + rows * 400, bytes_max, 1ull << 60,
                        static_cast<std::int64_t>(written) / static_cast<std::int64_t>(kRate) * 1'000'000,
                        {packed, packed * 40, after_us});
    }
  };
  pass(1000 * kGiB, 86'400'000'000);
  const double of_rows = kRate * 400.0 * kDay;
  CHECK(*retention.holds_s() == doctest::Approx(kDay + (1000.0 * kGiB - of_rows) / (kRate * 40.0)).epsilon(0.01));
  CHECK(retention.event_bytes() == doctest::Approx(130).epsilon(0.01));
  pass(10 * kGiB, 86'400'000'000);  // never comes to be packed
  CHECK(*retention.holds_s() == doctest::Approx(10.0 * kGiB / (kRate * 400.0)).epsilon(0.01));
  pass(1000 * kGiB, 0);
  CHECK(*retention.holds_s() == doctest::Approx(1000.0 * kGiB / (kRate * 130.0)).epsilon(0.01));
}

TEST_CASE("retention: another rate counts within minutes") {
  Recorded r;
  r.pass(90, 1'900);
  r.pass(300, 190);
  CHECK(r.retention.events_per_s() == doctest::Approx(190).epsilon(0.1));
}

TEST_CASE("retention: that it is short is told once, and not again for an hour however often it changes") {
  Recorded r;
  constexpr std::int64_t kWeekUs = 7ll * 86'400'000'000;
  int told = 0;
  for (int i = 0; i < 20; ++i) {
    r.pass(120, 1'900);
    told += r.retention.became_short(kWeekUs, r.now_us);
    told += r.retention.became_short(kWeekUs, r.now_us);
    r.pass(900, 1);
    told += r.retention.became_short(kWeekUs, r.now_us);
  }
  CHECK(told == 5);  // over 340 minutes
  CHECK_FALSE(r.retention.became_short(1'000'000, r.now_us));
}
