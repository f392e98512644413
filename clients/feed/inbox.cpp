#include "feed/inbox.h"

#include <utility>

namespace feed {
namespace {

size_t cost(const Message& message) {
  return sizeof(Message) + message.text.size();
}

}  // namespace

Inbox::Level Inbox::push(Message message) {
  Level level;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return Level::kRoom;
    bytes_ += cost(message);
    messages_.push_back(std::move(message));
    full_ = full_ || messages_.size() >= limits_.messages_max || bytes_ >= limits_.bytes_max;
    level = full_ ? Level::kFull : Level::kRoom;
  }
  arrived_.notify_one();
  return level;
}

Inbox::Popped Inbox::pop(std::chrono::milliseconds wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  arrived_.wait_for(lock, wait, [this] { return closed_ || !messages_.empty(); });
  Popped popped;
  if (messages_.empty()) return popped;
  popped.message = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= cost(*popped.message);
  if (full_ && messages_.size() <= limits_.messages_max / 2 && bytes_ <= limits_.bytes_max / 2) {
    full_ = false;
    popped.resume = true;
  }
  return popped;
}

void Inbox::close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

bool Inbox::finished() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return closed_ && messages_.empty();
}

}  // namespace feed
