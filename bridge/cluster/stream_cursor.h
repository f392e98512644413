// Reads a shared log in order, whatever way its messages come: keeps what came ahead, and tells what to ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// Pure logic, no clock. One thread.
class StreamCursor {
 public:
  // What to ask for now.
  struct Wishes {
    std::vector<std::uint64_t> fetch;  // these messages
    std::uint64_t catch_up_from = 0;   // all from there on; 0 = not now
  };

  // `next_seq` is the first message that is wanted.
  explicit StreamCursor(std::uint64_t next_seq) : next_(next_seq), reached_(next_seq - 1) {}

  void on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us);
  void on_missing(std::uint64_t seq, std::int64_t now_us);
  // The log goes up to there at least.
  void on_reached(std::uint64_t seq, std::int64_t now_us);

  // The next message in order, where it is there.
  bool take(std::uint64_t* seq, std::string* bytes);

  Wishes tick(std::int64_t now_us);

  std::uint64_t next_seq() const { return next_; }
  // Messages that are known to be in the log and were not taken yet.
  std::uint64_t behind() const { return reached_ + 1 - next_; }
  std::size_t ahead_bytes() const { return ahead_bytes_; }

 private:
  struct Ask {
    std::int64_t again_us = 0;
  };

  bool wanted(std::uint64_t seq) const { return seq >= next_ && ahead_.count(seq) == 0; }

  std::uint64_t next_;
  std::uint64_t reached_;  // the newest message that is known of, or next_ - 1
  std::map<std::uint64_t, std::string> ahead_;
  std::size_t ahead_bytes_ = 0;
  std::map<std::uint64_t, Ask> asked_;
  std::int64_t behind_since_us_ = -1;
  std::int64_t moved_us_ = 0;           // when the one came that was next
  std::int64_t caught_up_us_ = -1;      // when all was asked for
};

}  // namespace bridge
