// Whose turn it is among several who all have something to be read: deficit round robin over bytes.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bridge {

// M. Shreedhar and G. Varghese, "Efficient fair queuing using deficit round-robin", SIGCOMM 1995.
// Each who waits is given a quantum in turn and is read until that is spent; what is left of it is
// his in the next round. What a piece costs is known only once it is read, so whoever took more
// than he had pays for that in the next rounds (as in Linux's fq_codel). Of two who wait all the
// while neither gets more than the other by more than a quantum and the largest piece. Every step
// takes the same time, but for rounds in which somebody's debt is paid off.
//
// Who has nothing left leaves: his credit lapses, his debt stays while others wait. One thread.
// Bounded: so many as there were at most.
class FairTurns {
 public:
  // Those are numbered from 0. REQUIRES: quantum > 0.
  FairTurns(std::size_t count, std::int64_t quantum)
      : quantum_(quantum), all_(count), waiting_(count) {}

  // From now on there are so many. REQUIRES: no fewer than before.
  void resize(std::size_t count) {
    std::rotate(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(front_), waiting_.end());
    front_ = 0;
    waiting_.resize(count);
    all_.resize(count);
  }

  // There is something to be read of `who`. Does nothing where he waits already.
  void join(std::size_t who) {
    if (all_[who].waits) return;
    all_[who].waits = true;
    waiting_[(front_ + waiting_count_++) % waiting_.size()] = who;
  }
  bool waits(std::size_t who) const { return all_[who].waits; }
  bool nobody_waits() const { return waiting_count_ == 0; }

  // Whose turn it is. REQUIRES: somebody waits.
  std::size_t next() {
    assert(waiting_count_ != 0);
    while (!in_turn_) {
      One& one = all_[waiting_[front_]];
      one.deficit += quantum_;
      if (one.deficit > 0) {
        in_turn_ = true;
      } else {
        to_the_back();
      }
    }
    return waiting_[front_];
  }

  // How much he may still have in this round; more than 0. REQUIRES: next() was called.
  std::int64_t allowance() const { return all_[waiting_[front_]].deficit; }

  // So much of him was read, be it more than his allowance; with `nothing_left` he waits no more.
  // REQUIRES: next() was called.
  void took(std::int64_t bytes, bool nothing_left) {
    One& one = all_[waiting_[front_]];
    one.deficit -= bytes;
    if (nothing_left) {
      leave(one);
    } else if (one.deficit <= 0) {
      to_the_back();
    }
  }

 private:
  struct One {
    std::int64_t deficit = 0;
    bool waits = false;
  };

  void leave(One& one) {
    one.waits = false;
    one.deficit = std::min<std::int64_t>(one.deficit, 0);
    in_turn_ = false;
    front_ = (front_ + 1) % waiting_.size();
    if (--waiting_count_ != 0) return;
    for (One& each : all_) each.deficit = 0;  // debts were to those who waited
  }

  void to_the_back() {
    const std::size_t who = waiting_[front_];
    in_turn_ = false;
    front_ = (front_ + 1) % waiting_.size();
    waiting_[(front_ + waiting_count_ - 1) % waiting_.size()] = who;
  }

  const std::int64_t quantum_;
  std::vector<One> all_;
  std::vector<std::size_t> waiting_;  // a ring, in order
  std::size_t front_ = 0;
  std::size_t waiting_count_ = 0;
  bool in_turn_ = false;  // who stands at the front has been given his quantum
};

}  // namespace bridge
