#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "feed/message.h"

namespace feed {

// The queue from the network thread to the user. It never refuses a message (dropping one would be
// a hole in the log); it tells the pushing side when to stop reading its socket, and the popping
// side when to go on. Any thread may call anything.
class Inbox {
 public:
  struct Limits {
    size_t messages_max = 20000;
    size_t bytes_max = 64u << 20;
  };

  explicit Inbox(Limits limits) : limits_(limits) {}

  enum class Level { kRoom, kFull };

  // Full: read no more until pop() says so.
  [[nodiscard]] Level push(Message message);

  struct Popped {
    std::optional<Message> message;  // nothing: `wait` is over, or the queue is closed and empty
    bool resume = false;             // what was full is half empty now
  };
  Popped pop(std::chrono::milliseconds wait);

  // Nothing more comes: pop() gives what is left and then returns at once. push() is ignored.
  void close();
  bool finished() const;  // closed and empty

 private:
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Message> messages_;
  size_t bytes_ = 0;
  bool full_ = false;
  bool closed_ = false;
};

}  // namespace feed
