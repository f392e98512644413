#include "net/address_limits.h"

namespace bridge {
namespace {

constexpr std::int64_t kBurstS = 10;      // of handshakes, worth so much time
constexpr std::size_t kToldMax = 16;      // connections too many that are told so; more are closed without a word
constexpr std::int64_t kPlaceWaitS = 5;   // to say who wants a place: nobody knows when one is free

}  // namespace

AddressLimits::AddressLimits(const Options& options) : begun_(1, 0, static_cast<std::int64_t>(kToldMax)) { set(options); }

void AddressLimits::set(const Options& options) {
  connections_max_ = options.connections_max == 0 ? SIZE_MAX - kToldMax : options.connections_max;
  handshakes_per_s_max_ = options.handshakes_per_s_max;
  if (options.handshakes_per_s_max == 0) return;
  begun_.set(1'000'000 / options.handshakes_per_s_max, options.handshakes_per_s_max * kBurstS);
}

AddressLimits::Arrival AddressLimits::arrive(const std::string& peer, std::int64_t now_us) {
  using Answer = AddressBudget::Answer;
  const std::size_t connections_max = connections_max_;
  const std::int64_t per_s_max = handshakes_per_s_max_;
  Arrival arrival;
  if (per_s_max != 0) {
    arrival.answer = begun_.take(peer, now_us);
    if (arrival.answer == Answer::far_over) return arrival;
    if (arrival.answer == Answer::over) {
      arrival.wait_s = begun_.wait_us(peer, now_us) / 1'000'000 + 1;
      arrival.why = "your address has begun too many connections; it may begin " + std::to_string(per_s_max) +
                    " a second (limits.handshakes_per_address_per_s_max)";
    }
  }
  const Places::Place place = places_.take(peer, connections_max + kToldMax);
  arrival.place = place.held;
  if (place.held != nullptr && place.count <= connections_max) return arrival;
  arrival.answer = place.held == nullptr ? Answer::far_over : Answer::over;
  arrival.wait_s = kPlaceWaitS;
  arrival.why = "your address has " + std::to_string(connections_max) +
                " connections already (limits.connections_per_address_max)";
  return arrival;
}

}  // namespace bridge
