#include "feed/cursor.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace feed {
namespace {

std::string key_of(const std::string& epoch, const Gap& gap) {
  const auto number = [](const std::optional<std::uint64_t>& value) {
    return value ? std::to_string(*value) : std::string("-");
  };
  return epoch + '\n' + gap.reason + '\n' + number(gap.from_seq) + '\n' + number(gap.to_seq) +
         '\n' + gap.source + '\n' + gap.run + '\n' + number(gap.from_source_seq) + '\n' +
         number(gap.to_source_seq);
}

}  // namespace

Since Cursor::next_since() const {
  if (position_) return *position_;
  return start_;
}

bool Cursor::on_registered(const std::string& epoch, std::uint64_t newest) {
  const bool changed = !epoch_.empty() && epoch != epoch_;
  if (epoch != epoch_) handed_over_ = 0;
  epoch_changed_ = epoch_changed_ || changed;
  epoch_ = epoch;
  // "42" means 42 of the numbering that was current when it was asked, also after a restart of the
  // bridge.
  if (const auto* at = std::get_if<SinceSeq>(&start_)) start_ = Position{epoch, at->seq};
  // From now on everything is owed, so a connection lost before the first event resumes here. A
  // `since` of the user's stays as it is until an event answers it.
  if (!position_ && std::holds_alternative<std::monostate>(start_) && !epoch.empty()) {
    position_ = Position{epoch, newest};
  }
  return changed;
}

bool Cursor::admit(const Envelope& event) {
  if (!event.seq) return true;
  if (*event.seq <= handed_over_) return false;
  handed_over_ = *event.seq;
  move_on(*event.seq);
  last_gap_.clear();
  if (!event.source_seq || event.source.empty()) return true;
  const bool fresh = seen_.insert(event.source, event.run, *event.source_seq);
  return fresh || !epoch_changed_;
}

// A snapshot's events are older than the place that the stream goes on from.
void Cursor::move_on(std::uint64_t seq) {
  if (epoch_.empty() || (position_ && position_->epoch == epoch_ && position_->seq >= seq)) return;
  position_ = Position{epoch_, seq};
}

void Cursor::complete_until(std::uint64_t seq) {
  handed_over_ = std::max(handed_over_, seq);
  move_on(seq);
}

bool Cursor::admit(const Gap& gap) {
  std::string key = key_of(epoch_, gap);
  if (key == last_gap_) return false;
  last_gap_ = std::move(key);
  return true;
}

void Cursor::restart(Since start) {
  start_ = std::move(start);
  position_.reset();
  handed_over_ = 0;
  seen_.clear();
  last_gap_.clear();
}

}  // namespace feed
