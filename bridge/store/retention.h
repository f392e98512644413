// How long the journal will hold events at the present rate.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace bridge {

// holds = room / (events a second * bytes an event). The rate is smoothed over a minute, an event's bytes are the file's
// divided by its events, and the room is what the file may take, or what it has and the disk has left. Where events are packed
// once they are older than a time, those that come until then take what a row does, and the rest of the room holds packed ones.
// One thread.
class Retention {
 public:
  struct Packed {
    std::uint64_t events, bytes;  // that the file has
    std::int64_t after_us;        // so old; 0: nothing is packed any more
  };

  // Call about once a second, with how many events were written ever and how many the file has.
  void observe(std::uint64_t written, std::uint64_t rows, std::uint64_t file_bytes, std::uint64_t bytes_max,
               std::uint64_t disk_free_bytes, std::int64_t steady_us, Packed packed = {0, 0, 0}) {
    if (began_us_ == 0) {
      began_us_ = last_us_ = steady_us;
      last_written_ = written;
      return;
    }
    const double s = static_cast<double>(steady_us - last_us_) / 1e6;
    if (s <= 0) return;
    // At first over all the time that there was.
    const double span_s = std::min(kSmoothS, static_cast<double>(steady_us - began_us_) / 1e6);
    const double keep = std::exp(-s / span_s);
    rate_ = keep * rate_ + (1 - keep) * static_cast<double>(written - last_written_) / s;
    last_written_ = written;
    last_us_ = steady_us;
    event_bytes_ = rows < kRowsMin ? 0 : static_cast<double>(file_bytes) / static_cast<double>(rows);
    room_ = static_cast<double>(std::min(bytes_max, file_bytes + disk_free_bytes));
    packed_bytes_ = packed.after_us == 0 || packed.events < kRowsMin
                        ? 0
                        : static_cast<double>(packed.bytes) / static_cast<double>(packed.events);
    if (packed_bytes_ > 0 && rows >= packed.events + kRowsMin) {
      row_bytes_ = static_cast<double>(file_bytes - std::min(file_bytes, packed.bytes)) / static_cast<double>(rows - packed.events);
    }
    packed_after_s_ = static_cast<double>(packed.after_us) / 1e6;
    known_ = span_s >= kSmoothS;
  }

  double events_per_s() const { return rate_; }
  // 0: there are too few events to tell.
  double event_bytes() const { return event_bytes_; }
  // In seconds. Nothing in the first minute, with few events, and where none come.
  std::optional<double> holds_s() const {
    const bool packs = packed_bytes_ > 0 && row_bytes_ > 0;
    const double bytes_per_s = rate_ * (packs ? row_bytes_ : event_bytes_);
    if (!known_ || bytes_per_s < kBytesPerSMin) return std::nullopt;
    const double as_rows_s = room_ / bytes_per_s;
    if (!packs || as_rows_s <= packed_after_s_) return as_rows_s;
    return packed_after_s_ + (room_ - packed_after_s_ * bytes_per_s) / (rate_ * packed_bytes_);
  }

  // True once where it has become shorter than `age_max_us`, and again at the earliest an hour after.
  bool became_short(std::int64_t age_max_us, std::int64_t steady_us) {
    const std::optional<double> holds = holds_s();
    const double wanted_s = static_cast<double>(age_max_us) / 1e6;
    if (!holds || *holds > wanted_s * kLongAgain) short_ = false;
    if (!holds || *holds >= wanted_s || short_) return false;
    short_ = true;
    if (told_us_ != 0 && steady_us - told_us_ < kTellUs) return false;
    told_us_ = steady_us;
    return true;
  }

 private:
  static constexpr double kSmoothS = 60;
  static constexpr std::uint64_t kRowsMin = 10'000;  // in fewer, empty tables are too much of the file
  static constexpr double kBytesPerSMin = 1;
  static constexpr double kLongAgain = 1.2;
  static constexpr std::int64_t kTellUs = 3'600'000'000;

  std::int64_t began_us_ = 0;
  std::int64_t last_us_ = 0;
  std::int64_t told_us_ = 0;
  std::uint64_t last_written_ = 0;
  double rate_ = 0;
  double event_bytes_ = 0;
  double row_bytes_ = 0;     // of an event that is a row, where others are packed
  double packed_bytes_ = 0;  // of one that is; 0: too few are to tell
  double packed_after_s_ = 0;
  double room_ = 0;
  bool known_ = false;
  bool short_ = false;
};

}  // namespace bridge
