// How many connections one address may have and begin, over all servers on a port.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/address_budget.h"
#include "base/places.h"

namespace bridge {

// Any thread.
class AddressLimits {
 public:
  // 0: as many as there are.
  struct Options {
    std::size_t connections_max = 0;
    std::int64_t handshakes_per_s_max = 0;
  };
  struct Arrival {
    AddressBudget::Answer answer = AddressBudget::Answer::granted;
    std::shared_ptr<const void> place;  // held for as long as the connection lives
    std::string why;                    // it is too many; "" where it is granted
    std::int64_t wait_s = 0;
  };

  explicit AddressLimits(const Options& options);
  // For connections to come; those that there are count.
  void set(const Options& options);

  // One more connection of `peer`, as peer_of() gives it.
  Arrival arrive(const std::string& peer, std::int64_t now_us);

  std::uint64_t forgotten() const { return begun_.forgotten(); }

 private:
  std::atomic<std::size_t> connections_max_;
  std::atomic<std::int64_t> handshakes_per_s_max_;
  const Places places_;
  AddressBudget begun_;
};

}  // namespace bridge
