// How far runs had come that the table of sources has forgotten: as the journal has them.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "sources/source_tracker.h"
#include "store/journal.h"

namespace bridge {

// One thread: the log's. The journal must outlive it.
class JournalPositions final : public PositionStore {
 public:
  explicit JournalPositions(Journal& journal) : journal_(journal) {}
  bool find(const std::string& source, const std::string& run, Found found) override {
    if (asked_ >= kAskedMax) return false;
    ++asked_;
    journal_.find_position(source, run, [this, found = std::move(found)](auto last) {
      --asked_;
      found(last);
    });
    return true;
  }

 private:
  static constexpr std::size_t kAskedMax = 256;
  Journal& journal_;
  std::size_t asked_ = 0;
};

}  // namespace bridge
