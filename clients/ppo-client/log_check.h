// Compares the logs of several bridges, event by event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "feed/message.h"

namespace client {

// Each function says what is wrong, in a sentence; empty: nothing. What it remembers is bounded: of events that not all
// bridges have sent yet a hash each, and of that many runs the last number. A value of one thread.
class LogCheck {
 public:
  static constexpr std::size_t kWindowMax = std::size_t{1} << 20;
  static constexpr std::size_t kRunsMax = 65'536;

  // `names`: of the bridges, for messages.
  explicit LogCheck(std::vector<std::string> names, std::size_t window_max = kWindowMax);

  // The bridge is there, or there again. `next`: the seq that comes first; 0: the first that comes.
  std::string connected(std::size_t bridge, const std::string& epoch, std::uint64_t next);
  // REQUIRES: connected(bridge)
  std::string event(std::size_t bridge, const feed::Envelope& envelope, std::string_view text);

  // Events that all bridges sent, the same in each.
  std::uint64_t compared() const { return compared_; }
  // Those that one was too far behind to be compared in.
  std::uint64_t not_compared() const { return not_compared_; }
  // The last that the bridge sent; 0: none yet.
  std::uint64_t last(std::size_t bridge) const { return bridges_[bridge].next == 0 ? 0 : bridges_[bridge].next - 1; }

 private:
  struct Bridge {
    std::string name;
    std::string epoch;
    bool seen = false;
    std::uint64_t begin = 0;  // its first event
    std::uint64_t next = 0;
  };
  struct Entry {
    std::uint64_t hash = 0;
    std::uint16_t bridges = 0;  // that sent it
    std::uint16_t first = 0;    // of them
  };

  std::string compare(std::size_t bridge, std::uint64_t seq, std::string_view text);
  std::string count_of_source(const feed::Envelope& envelope);
  void let_go();
  bool expected_of_all(std::uint64_t seq) const;

  const std::size_t window_max_;
  std::vector<Bridge> bridges_;
  std::uint64_t base_ = 0;  // seq of the first of window_
  std::deque<Entry> window_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> runs_;  // last source_seq
  std::uint64_t compared_ = 0;
  std::uint64_t not_compared_ = 0;
};

}  // namespace client
