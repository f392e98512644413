// What the bridge counts, by the table in counters.inc. Each thread that serves clients counts for
// itself; the sum is made when somebody asks.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/duration_histogram.h"

namespace bridge {

// How a client is served: what it is told of apart.
enum class Delivery : std::uint8_t { each, batch, latest, event_stream, bot };
inline constexpr std::array<std::string_view, 5> kDeliveryNames = {"each", "batch", "latest", "sse", "bot"};
using DeliveryDelays = std::array<DurationHistogram, kDeliveryNames.size()>;

// One thread.
struct Counters {
#define COUNTER(member, group, name, metric, help) std::uint64_t member = 0;
#include "base/counters.inc"
#undef COUNTER
  std::array<std::uint64_t, 16> rejected{};  // bodies, by event::Reject
  // From accepting a live event to handing it to a client's socket; replayed ones are not in it.
  DeliveryDelays receive_to_send;
  // From handing a ping to a client's socket, behind all that it was given, to its pong. Bots and event streams have none.
  DeliveryDelays send_to_ack;

  Counters& operator+=(const Counters& other);
};

// How a counter is told: get_status has it as `group`.`name`, /metrics as ppo_bridge_`metric`; empty
// where it is not there. A metric whose name does not end in _total is a level.
struct CounterRow {
  std::uint64_t Counters::*member;
  std::string_view group;
  std::string_view name;
  std::string_view metric;
  std::string_view help;

  constexpr bool is_level() const { return !ends_in("_total"); }
  constexpr bool is_max() const { return metric.find("_max_") != std::string_view::npos; }
  constexpr bool ends_in(std::string_view end) const {
    return metric.size() >= end.size() && metric.substr(metric.size() - end.size()) == end;
  }
};

inline constexpr CounterRow kCounterRows[] = {
#define COUNTER(member, group, name, metric, help) {&Counters::member, group, name, metric, help},
#include "base/counters.inc"
#undef COUNTER
};

inline Counters& Counters::operator+=(const Counters& other) {
  for (const CounterRow& row : kCounterRows) {
    const std::uint64_t mine = this->*row.member;
    const std::uint64_t its = other.*row.member;
    this->*row.member = row.is_max() ? std::max(mine, its) : mine + its;
  }
  for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
  for (std::size_t i = 0; i < kDeliveryNames.size(); ++i) {
    receive_to_send[i] += other.receive_to_send[i];
    send_to_ack[i] += other.send_to_ack[i];
  }
  return *this;
}

}  // namespace bridge
