#include "ppo-client/log_check.h"

#include <algorithm>
#include <functional>

#include "ppo-client/number.h"

namespace client {

LogCheck::LogCheck(std::vector<std::string> names, std::size_t window_max) : window_max_(window_max) {
  for (std::string& name : names) bridges_.push_back({std::move(name), {}, false, 0, 0});
}

std::string LogCheck::connected(std::size_t bridge, const std::string& epoch, std::uint64_t next) {
  Bridge& here = bridges_[bridge];
  here.epoch = epoch;
  if (!here.seen && next != 0) here.begin = here.next = next;
  here.seen = true;
  for (const Bridge& other : bridges_) {
    if (other.seen && other.epoch != epoch) {
      return here.name + " numbers in epoch " + epoch + " and " + other.name + " in epoch " + other.epoch;
    }
  }
  return {};
}

std::string LogCheck::event(std::size_t bridge, const feed::Envelope& envelope, std::string_view text) {
  Bridge& here = bridges_[bridge];
  const std::uint64_t seq = envelope.seq.value_or(0);
  const std::uint64_t expected = here.next;
  if (expected == 0) here.begin = seq;
  here.next = seq + 1;
  std::string wrong;
  if (expected != 0 && seq > expected) {
    wrong = here.name + " leaves out events " + grouped(expected) + " to " + grouped(seq - 1);
  } else if (expected != 0 && seq < expected) {
    here.next = expected;
    return here.name + " sends event " + grouped(seq) + " after event " + grouped(expected - 1);
  }
  const bool newest = window_.empty() || seq >= base_ + window_.size();
  const std::string other = compare(bridge, seq, text);
  if (wrong.empty()) wrong = other;
  if (newest && wrong.empty()) wrong = count_of_source(envelope);
  let_go();
  return wrong;
}

std::string LogCheck::compare(std::size_t bridge, std::uint64_t seq, std::string_view text) {
  if (window_.empty()) base_ = seq;
  if (seq < base_) return {};
  while (base_ + window_.size() <= seq) {
    window_.emplace_back();
    if (window_.size() <= window_max_) continue;
    if (window_.front().bridges < bridges_.size() && expected_of_all(base_)) ++not_compared_;
    window_.pop_front();
    ++base_;
  }
  Entry& entry = window_[seq - base_];
  const std::uint64_t hash = std::hash<std::string_view>{}(text);
  if (entry.bridges++ == 0) {
    entry.hash = hash;
    entry.first = static_cast<std::uint16_t>(bridge);
  } else if (entry.hash != hash) {
    return "event " + grouped(seq) + " is another one in " + bridges_[bridge].name + " than in " + bridges_[entry.first].name;
  }
  return {};
}

// Events of a source come once, and one behind the other.
std::string LogCheck::count_of_source(const feed::Envelope& envelope) {
  if (!envelope.source_seq || envelope.source.empty()) return {};
  if (runs_.size() >= kRunsMax) runs_.clear();
  const auto [run, fresh] = runs_.try_emplace({envelope.source, envelope.run}, *envelope.source_seq);
  const std::uint64_t before = std::exchange(run->second, std::max(run->second, *envelope.source_seq));
  if (fresh || *envelope.source_seq == before + 1) return {};
  const std::string who = envelope.source + " (run " + envelope.run + ")";
  if (*envelope.source_seq <= before) {
    return "event " + grouped(*envelope.seq) + " is number " + grouped(*envelope.source_seq) + " of " + who + ", which was there before";
  }
  return "numbers " + grouped(before + 1) + " to " + grouped(*envelope.source_seq - 1) + " of " + who + " are in no log";
}

// What all bridges are past.
void LogCheck::let_go() {
  const auto slowest = std::min_element(bridges_.begin(), bridges_.end(),
                                        [](const Bridge& a, const Bridge& b) { return a.next < b.next; })->next;
  while (!window_.empty() && base_ < slowest) {
    if (window_.front().bridges == bridges_.size()) ++compared_;
    window_.pop_front();
    ++base_;
  }
}

bool LogCheck::expected_of_all(std::uint64_t seq) const {
  return std::all_of(bridges_.begin(), bridges_.end(), [&](const Bridge& bridge) { return bridge.begin <= seq; });
}

}  // namespace client
