// How many there are of each: connections of a name, of an address.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace bridge {

// Bounded by the places that are held. Any thread; places may outlive this.
class Places {
 public:
  struct Place {
    std::shared_ptr<const void> held;  // until it is let go of; null where there are `max` already
    std::size_t count = 0;             // of them there are, with this one
  };

  // REQUIRES: max > 0.
  Place take(const std::string& whose, std::size_t max) const {
    const std::lock_guard<std::mutex> lock(all_->mutex);
    std::size_t& count = all_->of[whose];
    if (count >= max) return {nullptr, count};
    ++count;
    return {std::shared_ptr<const std::string>(new std::string(whose),
                                               [all = all_](const std::string* name) {
                                                 const std::lock_guard<std::mutex> guard(all->mutex);
                                                 if (--all->of[*name] == 0) all->of.erase(*name);
                                                 delete name;
                                               }),
            count};
  }

 private:
  struct All {
    std::mutex mutex;
    std::map<std::string, std::size_t> of;  // guarded
  };
  const std::shared_ptr<All> all_ = std::make_shared<All>();
};

}  // namespace bridge
