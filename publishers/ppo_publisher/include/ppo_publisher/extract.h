// From whatever an agent or an environment returns to the events that hooks publish.
//
// Hooks read a type by the overloads of `ppo_extract` for it, in the type's own namespace or, for a
// type that is not yours (std::tuple<Observation, double, bool, Info>), in `ppo`. One for each kind
// of thing to be read; false means that there is none this time:
//
//   bool ppo_extract(const MyMove& from, ppo::AgentDecision& into);
//   bool ppo_extract(const MyFill& from, ppo::TradeExecuted& into);
//   bool ppo_extract(const MyLoss& from, ppo::TrainingUpdate& into);
//   bool ppo_extract(const MyStep& from, ppo::StepReport& into);
//
// They must be declared before the hooked call. A result without one is passed on unread, and
// counted as unrecognised.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <ppo_publisher/events.h>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

// What can be read from the result of step() or reset(). An empty `agent_id` in its events stands
// for the hook's own.
struct StepReport {
  std::vector<TradeExecuted> trades{};
  std::optional<PortfolioUpdate> portfolio{};
  std::optional<std::int64_t> realized_pnl{};  // since the episode began, gp
  double reward = 0;                         // as the environment gave it
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

// False where nothing was found.
template <class T, class Into>
bool find(const T& from, Into& into) {
  if constexpr (HasExtract<T, Into>::value) {
    return ppo_extract(from, into);
  } else {
    static_cast<void>(from);
    static_cast<void>(into);
    return false;
  }
}

}  // namespace detail
}  // namespace ppo
