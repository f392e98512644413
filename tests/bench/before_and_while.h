// How late events come to clients that stay, before something happens to the bridge and while it does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "frame_checker.h"
#include "histogram.h"
#include "load.h"

namespace bench {

enum class Phase : std::uint32_t { kNone, kBefore, kWhile };

// A turn is a time before and one while. set_phase() is for one thread; look at the histograms when the reader has stopped.
class BeforeAndWhile : public EventListener {
 public:
  struct Turn {
    Histogram before;
    Histogram meanwhile;
  };

  // Of an open schedule, see due().
  BeforeAndWhile(std::chrono::steady_clock::time_point begin, double events_per_s) : begin_(begin), events_per_s_(events_per_s) {}

  // What comes from now on counts for `phase`; kNone: for nothing. Each kBefore begins a turn.
  void set_phase(Phase phase) {
    if (phase == Phase::kBefore) ++turn_;
    now_.store({turn_, phase}, std::memory_order_relaxed);
  }
  std::vector<Turn> turns() const {
    std::vector<Turn> all(turn_);
    for (const Part& part : parts_) {
      for (std::size_t i = 0; i < part.turns.size(); ++i) {
        all[i].before.add(part.turns[i].before);
        all[i].meanwhile.add(part.turns[i].meanwhile);
      }
    }
    return all;
  }
  // Of all turns together.
  Histogram before() const { return sum(&Turn::before); }
  Histogram meanwhile() const { return sum(&Turn::meanwhile); }

  void on_event(std::uint64_t number, std::chrono::steady_clock::time_point read_at) override {
    of_thread(0).on_event(number, read_at);
  }
  EventListener& of_thread(std::size_t thread) override {
    while (parts_.size() <= thread) parts_.emplace_back(*this);
    return parts_[thread];
  }

 private:
  struct Now {
    std::uint32_t turn;
    Phase phase;
  };
  struct Part : EventListener {
    explicit Part(const BeforeAndWhile& whole) : of(whole) {}
    void on_event(std::uint64_t number, std::chrono::steady_clock::time_point read_at) override {
      const Now now = of.now_.load(std::memory_order_relaxed);
      if (now.phase == Phase::kNone) return;
      if (turns.size() < now.turn) turns.resize(now.turn);
      Turn& turn = turns[now.turn - 1];
      (now.phase == Phase::kBefore ? turn.before : turn.meanwhile).add(read_at - due(of.begin_, of.events_per_s_, number));
    }
    const BeforeAndWhile& of;
    std::deque<Turn> turns;
  };

  Histogram sum(Histogram Turn::*histogram) const {
    Histogram all;
    for (const Turn& turn : turns()) all.add(turn.*histogram);
    return all;
  }

  const std::chrono::steady_clock::time_point begin_;
  const double events_per_s_;
  std::uint32_t turn_ = 0;
  std::atomic<Now> now_{Now{0, Phase::kNone}};
  std::deque<Part> parts_;  // a thread each
};

}  // namespace bench
