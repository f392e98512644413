// From whatever an agent or an environment returns to the events that hooks publish.
//
// To teach the hooks a type of yours, overload `ppo_extract` in the type's own namespace (or in
// `ppo`, for a type that is not yours), once for each kind of thing to be read from it; false means
// "not here":
//
//   bool ppo_extract(const MyMove& from, ppo::AgentDecision& into);
//   bool ppo_extract(const MyFill& from, ppo::TradeExecuted& into);
//   bool ppo_extract(const MyLoss& from, ppo::TrainingUpdate& into);
//   bool ppo_extract(const MyStep& from, ppo::StepReport& into);
//
// Types without one are read by the names of their public data members:
//
//   decision, trade   action_type or type (text, or an enum with a to_string that ADL finds), item,
//                     price, quantity, agent_id; and reasoning, or profit and total_value
//                     (missing: price times quantity). The action is needed.
//   training update   policy_loss, value_loss, entropy, approx_kl (one of these four is needed),
//                     clip_fraction, explained_variance, steps_per_second, update, steps, agent_id.
//   step              reward, done, terminated, truncated, info; or a tuple (observation, reward,
//                     done, info) or (observation, reward, terminated, truncated, info); or any
//                     other whose last element is an info, such as reset()'s (observation, info).
//   info              cash or gp, inventory (item -> how many), total_value, inventory_value
//                     (missing: total_value less gp), realized_pnl, agent_id, step_trades (a range
//                     of trades); in the step itself where it has no `info`.
//
// Other members that are missing count as zero, empty or absent. std::optional, pointers and
// std::reference_wrapper are looked through. A decision is also found as a member `action`, a
// training update as a member `stats`, and either as an element of a pair or tuple. Fractions of a
// gp are rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ppo_publisher/detail/read_member.h>
#include <ppo_publisher/events.h>

namespace ppo {

// What can be read from the result of step() or reset(). An empty `agent_id` in its events stands
// for the hook's own.
struct StepReport {
  std::vector<TradeExecuted> trades;
  std::optional<PortfolioUpdate> portfolio;
  std::optional<std::int64_t> realized_pnl;  // since the episode began, gp
  double reward = 0;
  bool done = false;
};

namespace detail {

template <class T, class Into, class = void>
struct HasExtract : std::false_type {};
template <class T, class Into>
struct HasExtract<
    T, Into,
    std::enable_if_t<std::is_convertible_v<
        decltype(ppo_extract(std::declval<const T&>(), std::declval<Into&>())), bool>>>
    : std::true_type {};

// a * b, stopping at the ends of the range.
inline std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? std::numeric_limits<std::int64_t>::max()
                            : std::numeric_limits<std::int64_t>::min();
}

template <class T>
bool read_action(const T& from, std::string& into) {
  return detail::read(from, Member_action_type{}, into) || detail::read(from, Member_type{}, into);
}

template <class T>
bool read_default(const T& from, AgentDecision& into) {
  if (!detail::read_action(from, into.action_type)) return false;
  detail::read(from, Member_agent_id{}, into.agent_id);
  detail::read(from, Member_item{}, into.item);
  detail::read(from, Member_price{}, into.price);
  detail::read(from, Member_quantity{}, into.quantity);
  detail::read(from, Member_reasoning{}, into.reasoning);
  return true;
}

template <class T>
bool read_default(const T& from, TradeExecuted& into) {
  if (!detail::read_action(from, into.action_type)) return false;
  detail::read(from, Member_agent_id{}, into.agent_id);
  detail::read(from, Member_item{}, into.item);
  detail::read(from, Member_price{}, into.price);
  detail::read(from, Member_quantity{}, into.quantity);
  detail::read(from, Member_profit{}, into.profit);
  detail::read(from, Member_order{}, into.order);
  if (!detail::read(from, Member_total_value{}, into.total_value)) {
    into.total_value = detail::saturating_product(into.price, into.quantity);
  }
  return true;
}

template <class T>
bool read_default(const T& from, TrainingUpdate& into) {
  bool found = detail::read(from, Member_policy_loss{}, into.policy_loss);
  found |= detail::read(from, Member_value_loss{}, into.value_loss);
  found |= detail::read(from, Member_entropy{}, into.entropy);
  found |= detail::read(from, Member_approx_kl{}, into.approx_kl);
  if (!found) return false;
  detail::read(from, Member_agent_id{}, into.agent_id);
  detail::read(from, Member_update{}, into.update);
  detail::read(from, Member_steps{}, into.steps);
  detail::read(from, Member_clip_fraction{}, into.clip_fraction);
  detail::read(from, Member_explained_variance{}, into.explained_variance);
  detail::read(from, Member_steps_per_second{}, into.steps_per_second);
  return true;
}

// The member in which a larger result may carry the thing itself.
inline Member_action carrier(const AgentDecision&) {
  return {};
}
inline Member_stats carrier(const TrainingUpdate&) {
  return {};
}
struct NoMember {};
inline NoMember carrier(const TradeExecuted&) {
  return {};
}

template <class T, class Into>
bool find(const T& from, Into& into);
template <class T>
bool find(const T& from, StepReport& into);

template <class Tuple, class Into, std::size_t... I>
bool find_element(const Tuple& from, Into& into, std::index_sequence<I...>) {
  return (detail::find(std::get<I>(from), into) || ...);
}

// A decision, trade or training update in `from`, wherever extract.h's opening says to look.
template <class T, class Into>
bool find(const T& from, Into& into) {
  using Carrier = decltype(detail::carrier(into));
  if constexpr (HasExtract<T, Into>::value) {
    return ppo_extract(from, into);
  } else if constexpr (IsReferenceWrapper<T>::value || IsHolder<T>::value) {
    return detail::look_through(from,
                                [&into](const auto& held) { return detail::find(held, into); });
  } else if constexpr (IsTupleLike<T>::value) {
    return detail::find_element(from, into, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (!std::is_class_v<T>) {
    return false;
  } else if constexpr (has_member_v<T, Carrier>) {
    return detail::read_default(from, into) || detail::find(Carrier{}(from), into);
  } else {
    return detail::read_default(from, into);
  }
}

template <class T>
bool read_portfolio(const T& info, StepReport& report) {
  PortfolioUpdate into;
  const bool gp =
      detail::read(info, Member_cash{}, into.gp) || detail::read(info, Member_gp{}, into.gp);
  const bool total = detail::read(info, Member_total_value{}, into.total_value);
  const bool inventory = detail::read_inventory(info, into.inventory);
  const bool value = detail::read(info, Member_inventory_value{}, into.inventory_value);
  if (!gp && !total && !inventory && !value) return false;
  if (gp && total && !value &&
      __builtin_sub_overflow(into.total_value, into.gp, &into.inventory_value)) {
    into.inventory_value = 0;
  }
  detail::read(info, Member_agent_id{}, into.agent_id);
  report.portfolio = std::move(into);
  return true;
}

template <class T>
bool read_trades(const T& info, StepReport& report) {
  if constexpr (has_member_v<T, Member_step_trades>) {
    return detail::look_through(info.step_trades, [&report](const auto& trades) {
      if constexpr (IsRange<std::decay_t<decltype(trades)>>::value) {
        for (const auto& each : trades) {
          TradeExecuted trade;
          if (detail::find(each, trade)) report.trades.push_back(std::move(trade));
        }
        return true;
      }
      return false;
    });
  } else {
    static_cast<void>(info);
    static_cast<void>(report);
    return false;
  }
}

template <class T>
bool read_info(const T& from, StepReport& into) {
  return detail::look_through(from, [&into](const auto& info) {
    using Info = std::decay_t<decltype(info)>;
    if constexpr (HasExtract<Info, StepReport>::value) {
      return static_cast<bool>(ppo_extract(info, into));
    } else if constexpr (std::is_class_v<Info>) {
      bool found = detail::read_portfolio(info, into);
      found |= detail::read(info, Member_realized_pnl{}, into.realized_pnl);
      found |= detail::read_trades(info, into);
      return found;
    } else {
      return false;
    }
  });
}

template <class T>
bool read_flag(const T& value, bool& into) {
  bool flag = false;
  const bool found = detail::look_through(
      value, [&flag](const auto& held) { return detail::convert(held, flag); });
  into |= flag;
  return found;
}

template <class T>
bool find_in_tuple(const T& from, StepReport& into) {
  constexpr std::size_t kSize = std::tuple_size_v<T>;
  if constexpr (kSize == 0) {
    return false;
  } else {
    bool found = false;
    if constexpr (kSize == 4 || kSize == 5) {
      found |= detail::look_through(std::get<1>(from), [&into](const auto& reward) {
        return detail::convert(reward, into.reward);
      });
      found |= detail::read_flag(std::get<2>(from), into.done);
      if constexpr (kSize == 5) found |= detail::read_flag(std::get<3>(from), into.done);
    }
    found |= detail::read_info(std::get<kSize - 1>(from), into);
    return found;
  }
}

template <class T>
bool find(const T& from, StepReport& into) {
  if constexpr (HasExtract<T, StepReport>::value) {
    return ppo_extract(from, into);
  } else if constexpr (IsReferenceWrapper<T>::value || IsHolder<T>::value) {
    return detail::look_through(from,
                                [&into](const auto& held) { return detail::find(held, into); });
  } else if constexpr (IsTupleLike<T>::value) {
    return detail::find_in_tuple(from, into);
  } else if constexpr (!std::is_class_v<T>) {
    return false;
  } else {
    bool found = detail::read(from, Member_reward{}, into.reward);
    bool flag = false;
    found |= detail::read(from, Member_done{}, flag);
    into.done |= flag;
    flag = false;
    found |= detail::read(from, Member_terminated{}, flag);
    into.done |= flag;
    flag = false;
    found |= detail::read(from, Member_truncated{}, flag);
    into.done |= flag;
    if constexpr (has_member_v<T, Member_info>) {
      found |= detail::read_info(from.info, into);
    } else {
      found |= detail::read_info(from, into);
    }
    return found;
  }
}

}  // namespace detail
}  // namespace ppo
