#include "market/exchange/exchange.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "market/exchange/tax.h"

namespace market {
namespace {

constexpr double kShareCrossing = 0.5;  // of the other side's flow
constexpr double kShareOwnEdge = 0.1;   // of the flow that comes to us
constexpr double kShareFarEdge = 0.3;

std::vector<std::optional<std::int64_t>> limits_of(const std::vector<ItemFacts>& items) {
  std::vector<std::optional<std::int64_t>> limits;
  limits.reserve(items.size());
  for (const ItemFacts& item : items) limits.push_back(item.buy_limit);
  return limits;
}

// The share of the flow for an offer `inside` gp better than its own edge of a spread of `width`.
double share_inside(std::int64_t inside, std::int64_t width) {
  const double depth = width > 0 ? static_cast<double>(inside) / static_cast<double>(width) : 0.0;
  return kShareOwnEdge + (kShareFarEdge - kShareOwnEdge) * depth;
}

}  // namespace

const char* to_string(Side side) {
  return side == Side::kBuy ? "buy" : "sell";
}

const char* to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kUnknownItem:
      return "unknown_item";
    case Refusal::kBadPrice:
      return "bad_price";
    case Refusal::kBadQuantity:
      return "bad_quantity";
    case Refusal::kNoFreeSlot:
      return "no_free_slot";
    case Refusal::kNotEnoughGp:
      return "not_enough_gp";
    case Refusal::kNotEnoughItems:
      return "not_enough_items";
    case Refusal::kBuyLimitReached:
      return "buy_limit_reached";
  }
  return "none";
}

Exchange::Exchange(std::vector<ItemFacts> items, std::int64_t start_gp, std::uint64_t fill_seed)
    : items_(std::move(items)),
      limits_(limits_of(items_)),
      rng_(fill_seed),
      gp_(start_gp),
      held_(items_.size(), 0),
      taken_(items_.size()) {
  assert(start_gp >= 0 && start_gp <= kStartGpMax);
}

Refusal Exchange::check(Side side, std::size_t item, std::int64_t price, std::int64_t quantity,
                        std::int64_t now_s) const {
  if (item >= items_.size()) return Refusal::kUnknownItem;
  if (price < 1 || price > kPriceMax) return Refusal::kBadPrice;
  if (quantity < 1 || quantity > kOfferQuantityMax) return Refusal::kBadQuantity;
  if (free_slots() == 0) return Refusal::kNoFreeSlot;
  if (side == Side::kSell) {
    return held_[item] < quantity ? Refusal::kNotEnoughItems : Refusal::kNone;
  }
  const auto limit_left = limits_.remaining(item, now_s);
  if (limit_left && *limit_left <= 0) return Refusal::kBuyLimitReached;
  return price * quantity > gp_ ? Refusal::kNotEnoughGp : Refusal::kNone;
}

Placement Exchange::place(Side side, std::size_t item, std::int64_t price, std::int64_t quantity,
                          std::int64_t now_s) {
  const Refusal refusal = check(side, item, price, quantity, now_s);
  if (refusal != Refusal::kNone) return {refusal, 0};
  const auto free = std::find_if(offers_.begin(), offers_.end(), [](const Offer& offer) {
    return offer.state == OfferState::kEmpty;
  });
  *free = Offer{OfferState::kOpen, side, item, price, quantity, 0, 0, 0};
  if (side == Side::kBuy) {
    gp_ -= price * quantity;
  } else {
    held_[item] -= quantity;
  }
  return {Refusal::kNone, static_cast<std::size_t>(free - offers_.begin())};
}

bool Exchange::cancel(std::size_t slot) {
  assert(slot < kOfferSlots);
  Offer& offer = offers_[slot];
  if (offer.state != OfferState::kOpen) return false;
  const std::int64_t left = offer.quantity - offer.filled;
  if (offer.side == Side::kBuy) {
    offer.collectable_gp += offer.price * left;
  } else {
    offer.collectable_items += left;
  }
  offer.state = OfferState::kCancelled;
  return true;
}

void Exchange::collect(std::size_t slot) {
  assert(slot < kOfferSlots);
  Offer& offer = offers_[slot];
  if (offer.state == OfferState::kEmpty) return;
  gp_ += std::exchange(offer.collectable_gp, 0);
  held_[offer.item] += std::exchange(offer.collectable_items, 0);
  if (offer.state != OfferState::kOpen) offer = Offer{};
}

void Exchange::collect_all() {
  for (std::size_t slot = 0; slot < kOfferSlots; ++slot) collect(slot);
}

void Exchange::match(const std::vector<Quote>& quotes, std::int64_t now_s,
                     std::vector<Fill>& fills) {
  assert(quotes.size() == items_.size());
  std::fill(taken_.begin(), taken_.end(), Taken{});
  for (std::size_t slot = 0; slot < kOfferSlots; ++slot) {
    if (offers_[slot].state != OfferState::kOpen) continue;
    const std::size_t item = offers_[slot].item;
    match_one(slot, quotes[item], now_s, taken_[item], fills);
  }
}

void Exchange::match_one(std::size_t slot, const Quote& quote, std::int64_t now_s, Taken& taken,
                         std::vector<Fill>& fills) {
  Offer& offer = offers_[slot];
  const bool buying = offer.side == Side::kBuy;
  const std::int64_t width = quote.ask() - quote.bid();
  // How far inside the spread our price lies, seen from our own edge of it.
  const std::int64_t inside = buying ? offer.price - quote.bid() : quote.ask() - offer.price;
  if (inside < 0) return;
  const bool crossing = inside > 0 && inside >= width;
  const std::int64_t price = crossing ? (buying ? quote.ask() : quote.bid()) : offer.price;

  // Standing sellers are those whose items are bought at the high price; a crossing buyer competes
  // with the instant buyers for them, a waiting one lives on the instant sellers.
  const bool from_bought = buying == crossing;
  const std::int64_t flow = from_bought ? quote.bought : quote.sold;
  std::int64_t& used = from_bought ? taken.of_bought : taken.of_sold;
  const double share = crossing ? kShareCrossing : share_inside(inside, width);
  std::int64_t quantity = rng_.poisson(share * static_cast<double>(flow));
  quantity = std::min({quantity, flow - used, offer.quantity - offer.filled});
  if (buying) {
    if (const auto left = limits_.remaining(offer.item, now_s))
      quantity = std::min(quantity, *left);
  }
  if (quantity <= 0) return;

  used += quantity;
  offer.filled += quantity;
  if (offer.filled == offer.quantity) offer.state = OfferState::kComplete;
  Fill fill{slot, offer.side, offer.item, price, quantity, 0, now_s};
  if (buying) {
    offer.collectable_items += quantity;
    offer.collectable_gp += (offer.price - price) * quantity;
    limits_.record(offer.item, quantity, now_s);
  } else {
    fill.tax = tax_per_item(items_[offer.item].id, price) * quantity;
    offer.collectable_gp += fill.total();
  }
  fills.push_back(fill);
}

std::size_t Exchange::free_slots() const {
  return static_cast<std::size_t>(
      std::count_if(offers_.begin(), offers_.end(),
                    [](const Offer& offer) { return offer.state == OfferState::kEmpty; }));
}

std::int64_t Exchange::gp_total() const {
  std::int64_t total = gp_;
  for (const Offer& offer : offers_) {
    total += offer.collectable_gp;
    if (offer.state == OfferState::kOpen && offer.side == Side::kBuy) {
      total += offer.price * (offer.quantity - offer.filled);
    }
  }
  return total;
}

std::int64_t Exchange::owned(std::size_t item) const {
  assert(item < items_.size());
  std::int64_t total = held_[item];
  for (const Offer& offer : offers_) {
    if (offer.state == OfferState::kEmpty || offer.item != item) continue;
    total += offer.collectable_items;
    if (offer.state == OfferState::kOpen && offer.side == Side::kSell) {
      total += offer.quantity - offer.filled;
    }
  }
  return total;
}

}  // namespace market
