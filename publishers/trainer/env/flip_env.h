// The environment: one account flipping a handful of items on a simulated Grand Exchange.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/exchange/exchange.h"
#include "market/items/item.h"
#include "market/prices/indicators.h"
#include "market/prices/simulated_market.h"
#include "trainer/env/actions.h"
#include "trainer/env/ledger.h"
#include "trainer/env/observation.h"

namespace trainer {

struct EnvOptions {
  std::size_t items_per_market = 8;       // on the watch list; fewer where the table has fewer
  std::int64_t episode_steps = 144;       // of five minutes: 12 h, three buy-limit windows
  std::int64_t warm_up_steps = 96;        // that the market moves before the episode begins
  std::int64_t start_gp = 50'000'000;     // gp
  double lot_share_max = 0.25;            // of the total value, that one buy offer may ask for
  double reward_per_start_value = 300.0;  // reward for gaining the start value once
};

// One fill as it is reported.
struct Trade {
  std::string action_type;  // "buy" or "sell"
  std::string item;
  std::int64_t price = 0;        // gp each
  std::int64_t quantity = 0;     // items
  std::int64_t profit = 0;       // gp after tax over the average cost; 0 for a buy
  std::int64_t total_value = 0;  // gp that changed hands: paid, or got after tax
  std::int64_t tax = 0;          // gp
  std::int64_t order = 0;        // number of the offer that filled
};

// An offer that the exchange would not take.
struct RefusedOffer {
  market::Refusal refusal = market::Refusal::kNone;
  market::Side side = market::Side::kBuy;
  std::string item;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
};

// An open offer. Its number names it for as long as the environment lives; a slot is used again.
struct Order {
  std::int64_t number = 0;
  std::size_t slot = 0;
  market::Offer offer;
};

struct StepInfo {
  std::int64_t cash = 0;             // gp: at hand and set aside in buy offers
  std::int64_t total_value = 0;      // gp: cash and inventory_value
  std::int64_t inventory_value = 0;  // gp: what selling all items at once would bring, after tax
  std::int64_t realized_pnl = 0;     // gp from sales since the episode began
  std::map<std::string, std::int64_t> inventory;  // item -> how many are owned
  std::vector<Trade> step_trades;
  std::optional<RefusedOffer> refused;
};

struct StepResult {
  Observation observation;
  double reward = 0.0;
  bool done = false;
  StepInfo info;
};

// An episode of flipping. A step is five minutes: the agent's action is carried out, then the
// market moves and offers fill.
//
// Buying an item offers to buy a lot of it patiently: an eighth of the spread above the bid, as
// many as its buy limit, `lot_share_max` and the gp at hand allow (one, where they allow none: then
// the exchange says no). Selling ends the item's offers and offers everything owned an eighth of
// the spread below the ask. Doing so again moves the offer to today's price. What offers bring is
// collected every step.
//
// The mask takes out only what means nothing (selling what is not owned); what the exchange refuses
// (limit reached, no slot, no gp) is allowed, refused, reported, and costs the step.
//
// The total value counts items at what selling them at once would bring, after tax, so a profit is
// never on paper only. The reward is its change, scaled.
//
// Orders can be placed and cancelled beside the policy, too. They are offers like its own: an
// action on the same item may end them.
//
// Everything follows from the market seed, the actions and such orders. Belongs to one thread.
class FlipEnv {
 public:
  // Trades the items of the table for which both volumes are above 0. Throws std::invalid_argument
  // where there are none or an option is out of range.
  FlipEnv(const std::vector<market::ItemFacts>& items, EnvOptions options);

  // Begins an episode on the market of `market_seed`: its watch list, course and luck.
  Observation reset(std::uint64_t market_seed);

  // REQUIRES: reset() was called, the episode is not done, action < action_count().
  // An action that the mask takes out counts as hold.
  StepResult step(std::size_t action);

  [[nodiscard]] std::size_t item_count() const { return watched_; }
  [[nodiscard]] std::size_t action_count() const { return trainer::action_count(watched_); }
  [[nodiscard]] const EnvOptions& options() const { return options_; }

  // What follows REQUIRES: reset() was called.
  [[nodiscard]] const market::SimulatedMarket& market() const { return *market_; }
  [[nodiscard]] const market::Exchange& exchange() const { return *exchange_; }
  [[nodiscard]] const std::vector<market::Indicators>& indicators() const { return indicators_; }
  [[nodiscard]] std::int64_t total_value() const;  // gp, see StepInfo
  [[nodiscard]] StepInfo account() const;          // with no trades
  [[nodiscard]] Observation observe() const;

  // Open orders, in the order of their slots.
  [[nodiscard]] std::vector<Order> orders() const;
  // Places an order in the market's present; `placed` where it is not refused.
  [[nodiscard]] market::Refusal place_order(market::Side side, std::size_t item, std::int64_t price,
                                            std::int64_t quantity, Order& placed);
  // Ends an open order and collects what it brought. REQUIRES: it is one of orders().
  void cancel_order(const Order& order);

 private:
  [[nodiscard]] std::optional<RefusedOffer> act(std::size_t action);
  [[nodiscard]] std::optional<RefusedOffer> place(market::Side side, std::size_t item,
                                                  std::int64_t price, std::int64_t quantity);
  void withdraw(std::size_t item, bool buys, bool sells);
  [[nodiscard]] const market::Offer* open_offer(std::size_t item, market::Side side) const;
  void describe_account(StepInfo& info) const;
  [[nodiscard]] Trade book(const market::Fill& fill);
  [[nodiscard]] std::int64_t items_value() const;
  [[nodiscard]] MenuEntry menu_entry(std::size_t item, std::int64_t total_value) const;
  void describe_item(std::size_t item, const MenuEntry& entry, double total_value,
                     Observation& observation) const;

  std::vector<market::ItemFacts> table_;
  EnvOptions options_;
  std::size_t watched_;
  std::unique_ptr<market::SimulatedMarket> market_;
  std::unique_ptr<market::Exchange> exchange_;
  std::vector<market::Indicators> indicators_;
  std::unique_ptr<Ledger> ledger_;
  std::array<std::int64_t, market::kOfferSlots> order_numbers_{};
  std::int64_t orders_placed_ = 0;
  std::int64_t steps_taken_ = 0;
  std::int64_t value_before_ = 0;
};

}  // namespace trainer
