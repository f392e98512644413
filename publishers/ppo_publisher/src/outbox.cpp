#include "outbox.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <utility>

#include "deadline.h"
#include "names.h"
#include "timestamp.h"

namespace ppo {
namespace {

// Of a replay, copied while publish() may have to wait.
constexpr std::size_t kReplaySliceBytes = 32 * 1024;

std::string identity(std::string_view source, std::string_view run) {
  std::string text = ",\"source\":\"";
  text += source;
  text += "\",\"run\":\"";
  text += run;
  text += "\",\"source_seq\":";
  return text;
}

// Decimal digits, without allocating.
class Digits {
 public:
  explicit Digits(std::uint64_t value)
      : size_(static_cast<std::size_t>(
            std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr - text_.data())) {}
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 24> text_;
  std::size_t size_;
};

}  // namespace

Outbox::Outbox(RingLimits limits, std::size_t event_bytes_max, std::string_view source,
               std::string_view run)
    : event_bytes_max_(event_bytes_max), identity_(identity(source, run)), ring_(limits) {}

bool Outbox::offer(std::string_view type, std::string_view data) noexcept {
  constexpr std::string_view kType = "{\"type\":\"";
  constexpr std::string_view kData = "\",\"data\":";
  constexpr std::string_view kTimestamp = ",\"timestamp\":";
  bool wake = false;
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    const Timestamp timestamp(wall_us());
    const Digits seq(stats_.source_seq + 1);
    const std::size_t size = kType.size() + type.size() + kData.size() + data.size() +
                             kTimestamp.size() + timestamp.view().size() + identity_.size() +
                             seq.view().size() + 1;
    if (!closed_ && size <= event_bytes_max_ && ring_.fits(size)) {
      try {
        stats_.dropped += ring_.push(
            {kType, type, kData, data, kTimestamp, timestamp.view(), identity_, seq.view(), "}"});
        accepted = true;
        ++stats_.source_seq;
        ++stats_.published;
        wake = asleep_ && stats_.connected;
        if (wake) asleep_ = false;
      } catch (const std::exception&) {
        accepted = false;  // out of memory
      }
    }
    if (!accepted) count_refusal(type, why_not(size));
  }
  if (wake) wake_up_.signal();
  return accepted;
}

bool Outbox::refuse(std::string_view type, std::string_view why) noexcept {
  const std::lock_guard lock(mutex_);
  count_refusal(type, why);
  return false;
}

void Outbox::count_refusal(std::string_view type, std::string_view why) noexcept {
  ++stats_.refused;
  try {
    last_refusal_ = printable(type);
    (last_refusal_ += ": ") += why;
  } catch (const std::exception&) {
    last_refusal_ = "out of memory";  // short enough to need none
  }
}

// Of an event of that many bytes.
std::string Outbox::why_not(std::size_t size) const {
  if (!error_.empty()) return error_;
  if (closed_) return "the publisher is closed";
  const bool too_long = size > event_bytes_max_;
  if (!too_long && ring_.fits(size)) return "out of memory";
  return "the event is " + std::to_string(size) + " bytes long with its envelope; must be " +
         (too_long ? "at most event_bytes_max, " + std::to_string(event_bytes_max_)
                   : "less than ring_bytes_max, " + std::to_string(ring_.bytes_max()));
}

std::string Outbox::last_refusal() const {
  const std::lock_guard lock(mutex_);
  return last_refusal_;
}

bool Outbox::flush(std::chrono::milliseconds timeout) noexcept {
  std::unique_lock lock(mutex_);
  const std::uint64_t all = stats_.published;
  const std::uint64_t dropped = stats_.dropped;
  ++flushing_;
  const bool gone = changed_.wait_until(lock, after(timeout),
                                        [&] { return stats_.sent + stats_.dropped >= all; });
  --flushing_;
  return gone && stats_.dropped == dropped && error_.empty();
}

PublisherStats Outbox::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  PublisherStats stats = stats_;
  stats.queued = stats.published - stats.sent - stats.dropped;
  return stats;
}

void Outbox::fail(std::string_view why) noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (!error_.empty()) return;
  try {
    error_ = why;
  } catch (const std::exception&) {
    error_ = "out of memory";  // short enough to need none
  }
}

std::string Outbox::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Outbox::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_up_.signal();
}

Numbering Outbox::numbering() const noexcept {
  const std::lock_guard lock(mutex_);
  return {stats_.source_seq, ring_.oldest_seq()};
}

std::string Outbox::replay(std::uint64_t from, std::uint64_t to, std::size_t bytes_max) {
  std::string bodies;
  std::string slice;
  // In slices, so that publish() waits for no more than one of them.
  while (from <= to && bodies.size() < bytes_max) {
    slice.clear();
    const std::size_t room = bytes_max - bodies.size();
    const std::lock_guard lock(mutex_);
    const auto copied = ring_.copy(from, to, std::min(kReplaySliceBytes, room), slice);
    if (copied.events == 0 || (!bodies.empty() && slice.size() >= room)) break;
    stats_.replayed += copied.events;
    from = copied.next;
    if (!bodies.empty()) bodies += ',';
    bodies += slice;
  }
  return bodies;
}

Batch Outbox::take() noexcept {
  const std::lock_guard lock(mutex_);
  return stats_.connected ? ring_.take() : Batch();
}

void Outbox::sent(Batch&& batch) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.sent += batch.events();
  ++stats_.batches;
  ring_.sent(std::move(batch));
  tell_flushing();
}

void Outbox::put_back(Batch&& batch) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.dropped += ring_.put_back(std::move(batch));
  tell_flushing();
}

void Outbox::abandon() noexcept {
  const std::lock_guard lock(mutex_);
  ring_.abandon();
  stats_.dropped = stats_.published - stats_.sent;
  tell_flushing();
}

void Outbox::set_connected(bool connected) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.connected = connected;
}

bool Outbox::closing() const noexcept {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool Outbox::empty() const noexcept {
  const std::lock_guard lock(mutex_);
  return ring_.events() == 0;
}

bool Outbox::may_sleep() noexcept {
  const std::lock_guard lock(mutex_);
  if (stats_.connected && ring_.events() > 0) return false;
  asleep_ = true;
  return true;
}

}  // namespace ppo
