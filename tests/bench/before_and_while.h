// How late events come to clients that stay, before something happens to the bridge and while it does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "frame_checker.h"
#include "histogram.h"
#include "load.h"

namespace bench {

enum class Phase { kNone, kBefore, kWhile };

// set_phase() may be called on any thread; look at the histograms when the reader has stopped.
class BeforeAndWhile : public EventListener {
 public:
  // Of an open schedule, see due().
  BeforeAndWhile(std::chrono::steady_clock::time_point begin, double events_per_s) : begin_(begin), events_per_s_(events_per_s) {}

  // What comes from now on counts for `phase`; kNone: for nothing.
  void set_phase(Phase phase) { phase_.store(phase, std::memory_order_relaxed); }
  Histogram before() const { return sum(&Part::before); }
  Histogram meanwhile() const { return sum(&Part::meanwhile); }

  void on_event(std::uint64_t number, std::chrono::steady_clock::time_point read_at) override {
    of_thread(0).on_event(number, read_at);
  }
  EventListener& of_thread(std::size_t thread) override {
    while (parts_.size() <= thread) parts_.emplace_back(*this);
    return parts_[thread];
  }

 private:
  struct Part : EventListener {
    explicit Part(const BeforeAndWhile& whole) : of(whole) {}
    void on_event(std::uint64_t number, std::chrono::steady_clock::time_point read_at) override {
      const Phase phase = of.phase_.load(std::memory_order_relaxed);
      if (phase == Phase::kNone) return;
      (phase == Phase::kBefore ? before : meanwhile).add(read_at - due(of.begin_, of.events_per_s_, number));
    }
    const BeforeAndWhile& of;
    Histogram before;
    Histogram meanwhile;
  };

  Histogram sum(Histogram Part::*histogram) const {
    Histogram all;
    for (const Part& part : parts_) all.add(part.*histogram);
    return all;
  }

  const std::chrono::steady_clock::time_point begin_;
  const double events_per_s_;
  std::atomic<Phase> phase_{Phase::kNone};
  std::deque<Part> parts_;  // a thread each
};

}  // namespace bench
