#include "app/journal_fill.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace bridge {
namespace {

constexpr std::int64_t kFillHearUs = 2'500'000;    // heartbeats come once a second
constexpr std::int64_t kFillAnswerUs = 5'000'000;
constexpr std::size_t kFillNodesMax = 255;
constexpr auto kFillPause = std::chrono::milliseconds(1);

// The shared log is not read meanwhile.
struct DeafToLog final : SharedLogListener {
  void on_message(std::uint64_t, std::string_view, std::int64_t) override {}
  void on_missing(std::uint64_t, std::int64_t) override {}
  void on_end(std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t) override {}
  void on_ack(std::uint64_t, std::uint64_t, std::int64_t) override {}
  void on_no_leader(std::int64_t) override {}
};

}  // namespace

void JournalFill::on_heartbeat(const std::string& node, std::string_view, std::int64_t) {
  if (node != node_ && nodes_.size() < kFillNodesMax) nodes_.emplace(node, true);
}

void JournalFill::on_answer(std::uint64_t no, bool nobody, std::string_view answer, std::int64_t) {
  if (no == no_) answer_ = nobody ? std::string() : std::string(answer);
}

void JournalFill::poll_for(std::int64_t us, const std::function<bool()>& until) {
  DeafToLog deaf;
  for (const std::int64_t end_us = clock_.steady_us() + us; !until() && clock_.steady_us() < end_us;) {
    stream_.poll(deaf, clock_.steady_us());
    if (!until()) std::this_thread::sleep_for(kFillPause);
  }
}

// Nothing where it gives no answer, and it is asked no more.
std::optional<std::vector<BlockPtr>> JournalFill::ask(const std::string& node, const PastRequest& request) {
  ++no_;
  answer_.reset();
  if (!stream_.ask(node, no_, write_past_request(request))) return std::nullopt;
  poll_for(kFillAnswerUs, [this] { return answer_.has_value(); });
  return answer_ ? read_past_slice(*answer_, request) : std::nullopt;
}

Result<std::uint64_t> JournalFill::run(std::uint64_t after, std::uint64_t to, const Take& take) {
  const auto listening = stream_.listen(*this);
  if (!listening) return listening.error();
  poll_for(kFillHearUs, [] { return false; });
  std::uint64_t events = 0;
  std::string from;  // who answered last
  while (after < to) {
    std::vector<std::string> order;
    for (const auto& [node, answers] : nodes_) {
      if (answers) order.insert(node == from ? order.begin() : order.end(), node);
    }
    std::vector<BlockPtr> best;
    for (const std::string& node : order) {
      auto blocks = ask(node, {after, to});
      if (!blocks) {
        nodes_[node] = false;
        continue;
      }
      if (blocks->empty() || (!best.empty() && best.front()->first_seq() <= blocks->front()->first_seq())) continue;
      best = std::move(*blocks);
      from = node;
      if (best.front()->first_seq() == after + 1) break;
    }
    if (best.empty()) break;
    const auto taken = take(best);
    if (!taken) return taken.error();
    for (const BlockPtr& block : best) events += block->size();
    after = best.back()->last_seq();
  }
  return events;
}

}  // namespace bridge
