// Which subscriptions want an event, found by its type, source, agent and item.
//
// Each value that a filter names has a list of the subscriptions that name it. So an event costs a look at its four
// fields, whoever subscribes, and a subscription costs a bit an event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event/block.h"
#include "event/subscription.h"

namespace bridge {

// One thread.
class MatchIndex {
 public:
  // Beyond this the blocks that were looked at first are forgotten, all but the last one.
  static constexpr std::size_t kRowsBytesMax = 1024 * 1024;
  // Fewer subscriptions than this ask each event themselves: that is less work.
  static constexpr std::size_t kSubscriptionsMin = 4;

  MatchIndex() = default;
  MatchIndex(const MatchIndex&) = delete;
  MatchIndex& operator=(const MatchIndex&) = delete;

  // Takes a subscription in, which must stay where it is until remove(). Returns its number.
  std::size_t add(const Subscription& subscription);
  void remove(std::size_t number);

  // What a subscription wants of a block's events. Of use until the next call of the index.
  class Column {
   public:
    // False: nothing is known, ask Subscription::matches().
    explicit operator bool() const { return word_ != nullptr; }
    // Whether it wants any event of the block.
    bool any() const { return any_; }
    // False: the subscription does not want it. True: it does, or, unless exact(), it may.
    bool operator[](std::size_t index) const { return (word_[index * stride_] & bit_) != 0; }
    bool exact() const { return exact_; }

   private:
    friend class MatchIndex;
    const std::uint64_t* word_ = nullptr;
    std::size_t stride_ = 0;
    std::uint64_t bit_ = 0;
    bool any_ = false;
    bool exact_ = false;
  };
  Column column(const BlockPtr& block, std::size_t number);

  // What columns have cost since the last call, in RequestBudget's unit.
  std::uint64_t take_work() { return std::exchange(work_, 0); }
  std::size_t rows_bytes() const { return rows_bytes_; }

 private:
  // A bit for each subscription, by its number.
  using Bits = std::vector<std::uint64_t>;
  // What was found for a value; `text` is what the map's key points to.
  struct Found {
    std::unique_ptr<const std::string> text;
    Bits bits;
  };
  struct Field {
    std::size_t filters = 0;  // subscriptions that name it
    Bits indifferent;         // the others
    Bits without;             // those that want events without it, the others among them
    std::map<std::string, std::vector<std::size_t>, std::less<>> named;
    std::unordered_map<std::string_view, Found> found;
    std::pair<std::string_view, const Bits*> last;  // of `found`
  };
  enum : std::size_t { kType, kSource, kAgent, kItem, kFields };
  struct Slot {
    const Subscription* subscription = nullptr;  // null: free
    std::uint64_t since = 0;                     // the version that had it first
    bool exact = false;
    bool by_agent_or_item = false;
  };
  // A block's events, a row of bits each, and the bits of all rows together.
  struct Rows {
    std::weak_ptr<const Block> block;
    std::uint64_t version = 0;
    std::size_t words = 0;
    Bits bits;
    Bits any;
    std::size_t bytes() const { return (bits.capacity() + any.capacity()) * sizeof(std::uint64_t); }
  };

  void change();
  const Rows* make_rows(const BlockPtr& block);
  const Bits& bits_of(std::size_t field, std::string_view value);
  void look_into(const Block& block, std::size_t index, std::uint64_t* row);

  std::size_t words_ = 0;
  std::uint64_t version_ = 0;  // counts changes of the subscriptions
  std::size_t subscriptions_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
  std::array<Field, kFields> fields_;
  std::deque<Rows> rows_;  // newest last
  std::size_t rows_bytes_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace bridge
