// What a simulation runs on: a clock that only it moves, a die that only the seed decides, and wires.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/clock.h"

namespace sim {

inline constexpr std::int64_t kMs = 1000;  // of the clock's microseconds

// What must never happen has happened.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool holds, const std::string& what) {
  if (!holds) throw Violation(what);
}

// SplitMix64: the same numbers from the same seed, on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // 0 .. below-1
  std::uint64_t below(std::uint64_t below) { return next() % below; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// Time and the things that happen in it, one by one. What happens at the same time does so in the order
// in which it was asked for.
class World {
 public:
  explicit World(std::uint64_t seed) : random(seed) {}

  void after(std::int64_t delay_us, std::function<void()> what) {
    agenda_.emplace(std::pair(clock.steady_us() + delay_us, ++asked_), std::move(what));
  }
  // The next thing; false where there is none before `until_us`.
  bool step(std::int64_t until_us) {
    if (agenda_.empty() || agenda_.begin()->first.first > until_us) return false;
    const auto next = agenda_.begin();
    clock.advance_us(next->first.first - clock.steady_us());
    const std::function<void()> what = std::move(next->second);
    agenda_.erase(next);
    what();
    return true;
  }

  // Mixes what happened into a number: two runs of a seed have the same.
  void note(const std::string& what) {
    for (const char c : what) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    if (trace) trace(clock.steady_us(), what);
  }

  bridge::FakeClock clock;
  Random random;
  std::uint64_t digest = 0xCBF29CE484222325u;
  std::function<void(std::int64_t now_us, const std::string& what)> trace;

 private:
  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> agenda_;
  std::uint64_t asked_ = 0;
};

// One direction of one connection: what goes in comes out in order, a while later, or never.
class Wire {
 public:
  explicit Wire(World& world) : world_(world), end_(std::make_shared<End>()) {
    slow_us_ = world.random.one_in(8) ? 60 * kMs : 3 * kMs;
  }
  ~Wire() { cut(); }

  void send(std::function<void()> arrive) {
    ++end_->under_way;
    last_us_ = std::max(last_us_, world_.clock.steady_us() + world_.random.between(50, slow_us_));
    world_.after(last_us_ - world_.clock.steady_us(),
                 [end = end_, arrive = std::move(arrive)] {
                   if (end->cut) return;
                   --end->under_way;
                   arrive();
                 });
  }
  std::size_t under_way() const { return end_->under_way; }

  // What is under way is lost.
  void cut() {
    end_->cut = true;
    end_ = std::make_shared<End>();
  }
  // A new connection: what is under way on the old one still arrives, whenever.
  void leave() { end_ = std::make_shared<End>(), last_us_ = 0; }

 private:
  struct End {
    bool cut = false;
    std::size_t under_way = 0;
  };

  World& world_;
  std::shared_ptr<End> end_;
  std::int64_t last_us_ = 0;
  std::int64_t slow_us_;
};

}  // namespace sim
