#include "commands/cluster_switches.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/text.h"
#include "sources/source_table.h"

namespace bridge {
namespace {

constexpr std::string_view kSwitchTable = "switch.";
constexpr std::int64_t kProposeAgainUs = 5'000'000;
constexpr std::int64_t kIssueAgainUs = 1'000'000;  // and doubling: a trainer whose bridge has gone is at another soon
constexpr int kIssuesMax = 4;
constexpr std::size_t kKeyNameBytesMax = 80;
constexpr std::size_t kSwitchNameBytesMax = (kRowKeyBytesMax - kSwitchTable.size()) / 2;

// Any text is a key that way.
std::string switch_key(std::string_view name) {
  std::string key(kSwitchTable);
  for (const char c : name) append_hex(static_cast<unsigned char>(c), &key);
  return key;
}

// "" where it is none, or no text.
std::string switch_name(std::string_view key) {
  std::string name;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (key = key.substr(kSwitchTable.size(), key.find('@') - kSwitchTable.size()); key.size() >= 2; key.remove_prefix(2)) {
    const int high = digit(key[0]);
    const int low = digit(key[1]);
    if (high < 0 || low < 0) return {};
    name += static_cast<char>(high << 4 | low);
  }
  return key.empty() && is_utf8(name) ? name : std::string();
}

std::string in_seconds(std::int64_t us) { return std::to_string(us / 1'000'000) + " s"; }

// The trainer's bridge and library know by it that it is one command.
std::string idempotency_key(const std::string& name, std::uint64_t version) {
  return "dms:" + std::string(utf8_prefix(name, kKeyNameBytesMax)) + ":" + std::to_string(version);
}

}  // namespace

ClusterSwitches::ClusterSwitches(std::string node, SharedRows& rows, const Clock& clock, SwitchLinks links)
    : node_(std::move(node)), rows_(rows), clock_(clock), links_(std::move(links)) {}

// Why nothing is proposed now.
std::optional<RequestError> ClusterSwitches::refusal() const {
  if (still_us_ >= kInterlockUs) {
    return RequestError{ErrorType::rejected, "the switch is as it was, and is carried out where it is due: the cluster's log has stood still for " +
                                                 in_seconds(still_us_)};
  }
  if (asks_.size() >= kSwitchAsksMax) return RequestError{ErrorType::busy, std::to_string(kSwitchAsksMax) + " wait for the cluster's log already"};
  return std::nullopt;
}

// It cannot be proposed.
void ClusterSwitches::give_up(const AskPtr& waits) {
  const std::string problem = links_.problem();
  const Answer given = std::exchange(waits->answer, nullptr);
  asks_.pop_back();
  given(RequestError{problem.empty() ? ErrorType::busy : ErrorType::rejected,
                     "the switch is as it was: " + (problem.empty() ? "too much waits for the cluster's log" : problem)});
}

ClusterSwitches::AskPtr ClusterSwitches::ask(Answer answer) {
  asks_.push_back(std::make_shared<Ask>(Ask{std::move(answer), clock_.steady_us() + kSwitchAskUs}));
  return asks_.back();
}

void ClusterSwitches::arm(const std::string& name, std::int64_t timeout_us, const std::string& params_json, Answer answer) {
  if (const auto refused = refusal()) return answer(*refused);
  if (name.size() > kSwitchNameBytesMax) {
    return answer(RequestError{ErrorType::bad_request, "your name has " + std::to_string(name.size()) + " bytes; a switch's may have at most " +
                                                           std::to_string(kSwitchNameBytesMax)});
  }
  const AskPtr waits = ask(std::move(answer));
  const bool proposed = rows_.keep(switch_key(name), static_cast<std::uint64_t>(timeout_us), params_json, [waits](const Folded::Row& row) {
    const Answer given = std::exchange(waits->answer, nullptr);
    if (!given) return;
    if (row.done) return given(true);
    given(RequestError{ErrorType::busy, std::to_string(kTableRowsMax) + " dead-man's switches are armed already, or all together have " +
                                            std::to_string(kTableBytesMax) + " bytes"});
  });
  if (!proposed) give_up(waits);
}

void ClusterSwitches::disarm(const std::string& name, Answer answer) {
  if (const auto refused = refusal()) return answer(*refused);
  if (name.size() > kSwitchNameBytesMax) return answer(false);
  const AskPtr waits = ask(std::move(answer));
  const bool proposed = rows_.drop(switch_key(name), 0, [waits](const Folded::Row& row) {
    if (const Answer given = std::exchange(waits->answer, nullptr)) given(row.done);
  });
  if (!proposed) give_up(waits);
}

void ClusterSwitches::answer_late(std::int64_t now_us) {
  while (!asks_.empty() && (!asks_.front()->answer || asks_.front()->until_us <= now_us)) {
    const AskPtr late = asks_.front();
    asks_.pop_front();
    if (const Answer given = std::exchange(late->answer, nullptr)) {
      given(RequestError{ErrorType::timeout, "the cluster's log has not taken it for " + in_seconds(kSwitchAskUs) + ", and may yet: until then the switch is as it was"});
    }
  }
}

void ClusterSwitches::tick(const LogPulse& pulse) {
  const std::int64_t now_us = clock_.steady_us();
  still_us_ = pulse.still_us();
  ++ticks_;
  answer_late(now_us);
  FoldRows::each(rows_.rows().rows(), kSwitchTable, [&](const std::string& key, const FoldRow& row) { look_at_armed(key, row, pulse, now_us); });
  FoldRows::each(rows_.rows().taken(), kSwitchTable, [&](const std::string& key, const FoldRow& row) { look_at_taken(key, row, pulse, now_us); });
  for (auto one = locals_.begin(); one != locals_.end();) one = one->second.seen != ticks_ ? locals_.erase(one) : std::next(one);
}

ClusterSwitches::Local& ClusterSwitches::local_of(const std::string& key, std::uint64_t version, std::int64_t now_us) {
  Local& local = locals_[key];
  if (local.version != version) {
    local = Local();
    local.version = version;
    local.since_us = now_us;
    if (ticks_ == 1) local.not_before_us = now_us + kSwitchGraceUs;
  }
  local.seen = ticks_;
  return local;
}

void ClusterSwitches::look_at_armed(const std::string& key, const FoldRow& row, const LogPulse& pulse, std::int64_t now_us) {
  Local& local = local_of(key, row.version, now_us);
  const auto timeout_us = static_cast<std::int64_t>(std::min<std::uint64_t>(row.number, INT64_MAX / 4));
  std::int64_t due_us = std::max(local.since_us + timeout_us, local.not_before_us);
  if (now_us < due_us) return;
  if (!local.acted && pulse.still_us() >= timeout_us + kInterlockUs) {
    local.acted = true;
    const std::string name = switch_name(key);
    links_.issue(name, row.value, idempotency_key(name, row.version), true, [](bool) {});
  }
  if (!pulse.goes_on() || now_us < local.again_us) return;
  due_us = std::max(due_us, pulse.since_us() + kSwitchSettleUs) + (row.node == node_ ? 0 : kSwitchOthersUs);
  if (now_us < due_us) return;
  local.again_us = now_us + kProposeAgainUs;
  (void)rows_.take(key, row.version, links_.told(switch_name(key), row.value), [](const Folded::Row&) {});
}

void ClusterSwitches::look_at_taken(const std::string& key, const FoldRow& row, const LogPulse& pulse, std::int64_t now_us) {
  Local& local = local_of(key, row.version, now_us);
  const bool mine = row.node == node_;
  if (mine && !local.done && !local.waits && (local.tries == 0 || now_us >= local.again_us)) issue(key, row, local);
  if (!pulse.goes_on() || now_us < local.again_us || (mine && !local.done)) return;
  // Who has not been heard of yet may be soon.
  if (!mine && (now_us < std::max(local.since_us, pulse.since_us()) + kStalledAfterUs || links_.is_live(row.node) || !links_.is_first())) return;
  local.again_us = now_us + kProposeAgainUs;
  const std::string base = key.substr(0, key.find('@'));
  if (mine) {
    (void)rows_.drop(base, row.version, [](const Folded::Row&) {});
  } else {
    (void)rows_.claim(base, row.version, [](const Folded::Row&) {});
  }
}

void ClusterSwitches::issue(const std::string& key, const FoldRow& row, Local& local) {
  local.waits = true;
  ++local.tries;
  const std::string name = switch_name(key);
  links_.issue(name, row.value, idempotency_key(name, row.version), false, [this, key, version = row.version](bool reached) {
    const auto found = locals_.find(key);
    if (found == locals_.end() || found->second.version != version) return;
    Local& issued = found->second;
    issued.waits = false;
    issued.done = reached || issued.tries >= kIssuesMax;
    issued.again_us = issued.done ? INT64_MIN : clock_.steady_us() + (kIssueAgainUs << (issued.tries - 1));
  });
}

}  // namespace bridge
