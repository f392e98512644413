// One account at the Grand Exchange: its gp, its items, its eight offers, and the rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "market/exchange/buy_limits.h"
#include "market/items/item.h"
#include "market/prices/quote.h"
#include "market/prices/rng.h"

namespace market {

constexpr std::size_t kOfferSlots = 8;
constexpr std::int64_t kOfferQuantityMax = 2'147'483'647;        // items
constexpr std::int64_t kStartGpMax = 1'000'000'000'000'000'000;  // gp

enum class Side { kBuy, kSell };
[[nodiscard]] const char* to_string(Side side);  // "buy", "sell"

// Why the exchange refuses an offer.
enum class Refusal {
  kNone,
  kUnknownItem,
  kBadPrice,         // not in 1..kPriceMax
  kBadQuantity,      // not in 1..kOfferQuantityMax
  kNoFreeSlot,       // all eight slots hold an offer
  kNotEnoughGp,      // price x quantity exceeds the gp at hand
  kNotEnoughItems,   // fewer items at hand than offered for sale
  kBuyLimitReached,  // nothing of the item may be bought before the 4 h window moves on
};
[[nodiscard]] const char* to_string(Refusal refusal);  // "buy_limit_reached", ...

enum class OfferState { kEmpty, kOpen, kComplete, kCancelled };

// One of the eight slots. A slot is taken until its offer is complete or cancelled AND collected.
struct Offer {
  OfferState state = OfferState::kEmpty;
  Side side = Side::kBuy;
  std::size_t item = 0;       // index into the exchange's items
  std::int64_t price = 0;     // gp each: at most (buy), at least (sell)
  std::int64_t quantity = 0;  // items asked for
  std::int64_t filled = 0;    // of them, traded so far
  std::int64_t collectable_gp = 0;
  std::int64_t collectable_items = 0;
};

struct [[nodiscard]] Placement {
  Refusal refusal = Refusal::kNone;
  std::size_t slot = 0;  // where the offer stands; only if refusal is kNone
};

// One trade against one of our offers.
struct Fill {
  std::size_t slot = 0;
  Side side = Side::kBuy;
  std::size_t item = 0;
  std::int64_t price = 0;     // gp each, never worse than the offer's
  std::int64_t quantity = 0;  // items, at least 1
  std::int64_t tax = 0;       // gp in all, already taken from the seller; 0 for a buy
  std::int64_t time_s = 0;

  // gp in all: paid by the buyer; got by the seller after tax. Fits: 2^31 x 2^31 < 2^63.
  [[nodiscard]] std::int64_t total() const { return price * quantity - tax; }
};

// The account. gp and items behind an offer are set aside when it is placed, as in the game, and
// what an offer brings lies in its slot until collected.
//
// How offers fill, a step at a time: an offer that crosses the other side's price trades at that
// better price and may take up to half of what is traded there; one inside the spread waits for
// instant sellers (or buyers) and gets a share of their flow, growing from a tenth at its own edge
// of the spread to three tenths at the far edge; one behind its own edge gets nothing. Counts are
// Poisson around the share and never exceed the flow. The 4-hour buy limit caps what a buy offer
// fills, not what it may ask for; only where nothing is left of it is a new offer refused.
//
// All totals are 64-bit. Belongs to one thread.
class Exchange {
 public:
  // `fill_seed` drives the luck of the fills. REQUIRES: 0 <= start_gp <= kStartGpMax.
  Exchange(std::vector<ItemFacts> items, std::int64_t start_gp, std::uint64_t fill_seed);

  // Places an offer at market time `now_s`, or says why not and changes nothing.
  Placement place(Side side, std::size_t item, std::int64_t price, std::int64_t quantity,
                  std::int64_t now_s);

  // Ends an open offer; what was set aside and not traded becomes collectable. False where the slot
  // holds no open offer. REQUIRES: slot < kOfferSlots.
  bool cancel(std::size_t slot);

  // Moves what lies in a slot to the account; frees it where its offer has ended.
  // REQUIRES: slot < kOfferSlots.
  void collect(std::size_t slot);
  void collect_all();

  // Trades the open offers against the step that has just ended and appends the fills, in the order
  // of the slots. `quotes` are those of the items; `now_s` never goes back.
  void match(const std::vector<Quote>& quotes, std::int64_t now_s, std::vector<Fill>& fills);

  [[nodiscard]] const std::vector<ItemFacts>& items() const { return items_; }
  [[nodiscard]] const std::array<Offer, kOfferSlots>& offers() const { return offers_; }
  [[nodiscard]] const BuyLimits& buy_limits() const { return limits_; }
  [[nodiscard]] std::size_t free_slots() const;

  // gp at hand.
  [[nodiscard]] std::int64_t gp() const { return gp_; }
  // gp at hand, set aside by buy offers, and waiting to be collected.
  [[nodiscard]] std::int64_t gp_total() const;
  // Items at hand.
  [[nodiscard]] std::int64_t held(std::size_t item) const { return held_[item]; }
  // Items at hand, set aside by sell offers, and waiting to be collected.
  [[nodiscard]] std::int64_t owned(std::size_t item) const;

 private:
  // What our own offers have taken of an item's flow during the step being matched.
  struct Taken {
    std::int64_t of_bought = 0;
    std::int64_t of_sold = 0;
  };

  [[nodiscard]] Refusal check(Side side, std::size_t item, std::int64_t price,
                              std::int64_t quantity, std::int64_t now_s) const;
  void match_one(std::size_t slot, const Quote& quote, std::int64_t now_s, Taken& taken,
                 std::vector<Fill>& fills);

  std::vector<ItemFacts> items_;
  BuyLimits limits_;
  Rng rng_;
  std::int64_t gp_;
  std::vector<std::int64_t> held_;
  std::array<Offer, kOfferSlots> offers_{};
  std::vector<Taken> taken_;
};

}  // namespace market
