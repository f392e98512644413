// A container for std::queue that takes no memory of its own while it holds one or two: std::deque takes 640 bytes when it is
// empty, and two lines of a cold cache to look into.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace bridge {

// What of a sequence container std::queue needs. T is cheap to move.
template <class T>
class ShortQueue {
 public:
  using value_type = T;
  using reference = T&;
  using const_reference = const T&;
  using size_type = std::size_t;

  bool empty() const { return count_ == 0; }
  size_type size() const { return count_ + (rest_ ? rest_->size() : 0); }
  // REQUIRES: !empty().
  reference front() { return first_[0]; }
  const_reference front() const { return first_[0]; }

  void push_back(const T& value) { push_back(T(value)); }
  void push_back(T&& value) {
    if (count_ < first_.size()) {
      first_[count_++] = std::move(value);
      return;
    }
    if (!rest_) rest_ = std::make_unique<std::deque<T>>();
    rest_->push_back(std::move(value));
  }
  // REQUIRES: !empty().
  void pop_front() {
    first_[0] = std::exchange(first_[1], T());
    --count_;
    if (!rest_) return;
    first_[count_++] = std::move(rest_->front());
    rest_->pop_front();
    if (rest_->empty()) rest_.reset();
  }

 private:
  std::array<T, 2> first_;
  size_type count_ = 0;                 // of these
  std::unique_ptr<std::deque<T>> rest_; // behind them; null: there is none
};

}  // namespace bridge
