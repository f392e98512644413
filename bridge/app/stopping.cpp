#include "app/stopping.h"

#include <chrono>
#include <utility>

#include "base/log.h"

namespace bridge {
namespace {

constexpr auto kTick = std::chrono::milliseconds(20);
constexpr std::int64_t kJournalStopUs = 5'000'000;

}  // namespace

void Stopping::begin(const char* why, std::int64_t drain_us, const std::function<void()>& take_last, std::function<bool()> kept) {
  if (begun()) return;
  kept_ = std::move(kept);
  log_info("stopping", "stopping: {}", why);
  by_us_ = INT64_MAX;
  take_last();
  by_us_ = clock_.steady_us() + drain_us;
  write_by_us_ = by_us_ - drain_us / 2;
  await_written();
}

// Clients may be owed what is not on disk yet.
void Stopping::await_written() {
  if ((log_.head() < log_.last_seq() || !kept_()) && clock_.steady_us() < write_by_us_) {
    if (journal_ != nullptr) journal_->pump();
    return again(&Stopping::await_written);
  }
  clients_.drain();
  await_gone();
}

void Stopping::await_gone() {
  const std::size_t clients = clients_.client_count();
  if (clients != 0 && clock_.steady_us() < by_us_) return again(&Stopping::await_gone);
  if (clients != 0) log_warn("clients_left", "{} clients did not take all in time", clients);
  clients_.stop();
  if (journal_ != nullptr) journal_->stop(kJournalStopUs);
  log_info("stopped", "stopped at seq {}", log_.last_seq());
  io_.stop();
}

void Stopping::again(void (Stopping::*step)()) {
  timer_.expires_after(kTick);
  timer_.async_wait([this, step](const asio::error_code& ec) {
    if (!ec) (this->*step)();
  });
}

}  // namespace bridge
