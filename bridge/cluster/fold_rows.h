// A small table that all bridges of a cluster have alike: what is to outlive each of them, as armed dead-man's switches.
//
// Part of the fold, and so of its rules: decided by the messages alone. A row is put, replaced, and dropped; or taken in hand
// by one node, who is to act on it and then drops it. What is taken is apart from what is put anew under its key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/exact_text.h"

namespace bridge {

inline constexpr std::size_t kRowKeyBytesMax = 512;
inline constexpr std::size_t kRowBytesMax = 20 * 1024;      // a value's
inline constexpr std::size_t kTableRowsMax = 1024;          // with those that are taken in hand
inline constexpr std::size_t kTableBytesMax = 1024 * 1024;  // likewise

struct FoldRow {
  std::uint64_t version = 0;  // of all that were ever put
  std::uint64_t first = 0;    // version of the one that is there since, however often replaced
  std::uint64_t seq = 0;      // the newest event when that was put
  std::uint64_t number = 0;   // its writer's own
  std::string node;           // that put it, or has it in hand
  std::string value;
};

// TABLE.NAME of a-z 0-9 and a dot, where this program knows the table.
bool is_row_key(std::string_view key);

// One thread.
class FoldRows {
 public:
  using Rows = std::map<std::string, FoldRow, std::less<>>;

  // Nothing where there is no room. REQUIRES of all: is_row_key(key).
  // `seq`: the newest event.
  std::optional<std::uint64_t> keep(std::string_view key, std::uint64_t number, std::string_view node, std::string_view value,
                                    std::uint64_t seq = 0);
  // That version, in hand or not; 0: whichever is not in hand. False where there is none.
  bool drop(std::string_view key, std::uint64_t version);
  // From now on `node` has it in hand. False where it is not that version, or in hand already.
  bool take(std::string_view key, std::uint64_t version, std::string_view node);
  // The same of one that another node has in hand.
  bool claim(std::string_view key, std::uint64_t version, std::string_view node);

  const Rows& rows() const { return rows_; }
  // By taken_key().
  const Rows& taken() const { return taken_; }
  static std::string taken_key(std::string_view key, std::uint64_t version);
  // Calls `look` with key and row of each that is of `table`, "alert." for one; it may drop that one. `rows`: one of the above.
  template <class Look>
  static void each(const Rows& rows, std::string_view table, const Look& look) {
    for (auto row = rows.lower_bound(table); row != rows.end() && row->first.compare(0, table.size(), table) == 0;) {
      const auto one = row++;
      look(one->first, one->second);
    }
  }

  // As text, behind what is there.
  void save(std::string& out) const;
  // Reads what save() wrote. False where it is not that.
  [[nodiscard]] bool restore(ExactText& text);

 private:
  struct Used {
    std::size_t rows = 0;
    std::size_t bytes = 0;
  };
  void count(std::string_view key, const FoldRow& row, bool there);

  Rows rows_;
  Rows taken_;
  std::uint64_t last_version_ = 0;
  std::array<Used, 3> used_;  // by table
};

}  // namespace bridge
