// The rows that bridges of a cluster have alike (fold_rows.h), as who reads and changes them sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "cluster/fold.h"

namespace bridge {

// One thread: the log's.
class SharedRows {
 public:
  // What became of a change, once it is in the log.
  using Done = std::function<void(const Folded::Row&)>;

  virtual ~SharedRows() = default;
  virtual const FoldRows& rows() const = 0;
  // Each proposes a change and returns true; `done` is called later, unless the log never goes on. False where nothing can
  // be proposed now. REQUIRES: is_row_key(key); `value` is JSON.
  [[nodiscard]] virtual bool keep(std::string_view key, std::uint64_t number, std::string_view value, Done done) = 0;
  [[nodiscard]] virtual bool drop(std::string_view key, std::uint64_t version, Done done) = 0;
  // `event_data`: of the bridge's own event of type system_status that tells of it.
  [[nodiscard]] virtual bool take(std::string_view key, std::uint64_t version, std::string_view event_data, Done done) = 0;
  [[nodiscard]] virtual bool claim(std::string_view key, std::uint64_t version, Done done) = 0;
};

}  // namespace bridge
