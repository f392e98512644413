#include "client.h"

#include <algorithm>
#include <variant>

#include "base/text.h"
#include "feed/json.h"
#include "feed/message.h"

namespace sim {

SimClient::SimClient(World& world, std::string name, const Truth& truth, std::vector<std::string> targets,
                     Wanted wanted, feed::Since since, bool slow)
    : world_(world),
      name_(std::move(name)),
      truth_(truth),
      targets_(std::move(targets)),
      wanted_(std::move(wanted)),
      cursor_(std::move(since)),
      slow_(slow),
      to_bridge_(world),
      to_client_(world) {
  command_now_and_then();
}

// ---- The connection.

void SimClient::bridge_changed(SimBridge* bridge) {
  disconnect();
  bridge_ = bridge;
  connect();
}

void SimClient::cut() {
  world_.note(name_ + " is cut");
  if (connection_ != 0) {
    // The bridge may take a while to see it.
    world_.after(world_.random.between(0, 300 * kMs),
                 [this, bridge = bridge_, epoch = bridge_->epoch(), connection = connection_] {
                   if (bridge_ == bridge && bridge_->epoch() == epoch) bridge->close(connection);
                 });
  }
  disconnect();
  connect();
}

void SimClient::disconnect() {
  to_bridge_.cut();
  to_client_.cut();
  connection_ = 0;
  registered_ = false;
  unanswered_.clear();
}

void SimClient::connect() {
  if (bridge_ == nullptr) return;
  world_.after(world_.random.between(1 * kMs, 500 * kMs), [this, n = ++attempt_] {
    if (n == attempt_ && bridge_ != nullptr) open();
  });
}

void SimClient::open() {
  const std::uint64_t attempt = attempt_;
  connection_ = bridge_->open([this, attempt](const std::string& text) {
    if (attempt != attempt_ || connection_ == 0) return;
    to_client_.send([this, text] { take(text); });
  });
  asked_since_ = cursor_.next_since();
  feed::json::Object request;
  request.add_string("action", "register").add_string("id", "register");
  if (!wanted_.type.empty()) {
    request.add("subscriptions", "[" + feed::json::quote(wanted_.type) + "]");
  }
  if (!wanted_.source.empty()) {
    request.add("filter", feed::json::Object().add_string("source", wanted_.source).text());
  }
  const std::string since = feed::since_json(asked_since_, "");
  if (!since.empty()) request.add("since", since);
  world_.note(name_ + " asks " + request.text());
  unanswered_.insert("register");
  to_bridge_.send([this, text = request.text()] { bridge_->request(connection_, text); });
}

void SimClient::command_now_and_then() {
  world_.after(world_.random.between(50 * kMs, 2000 * kMs), [this] {
    if (settled_) return;
    command_now_and_then();
    if (!registered_) return;
    const std::string id = "c" + std::to_string(++last_id_);
    unanswered_.insert(id);
    feed::json::Object request;
    request.add_string("action", "command").add_string("command", "pause").add_string("id", id);
    request.add_string("target", targets_[world_.random.below(targets_.size())]);
    request.add_number("deadline_ms", 1 + world_.random.below(3000));
    to_bridge_.send([this, text = request.text()] { bridge_->request(connection_, text); });
  });
}

void SimClient::settle() {
  settled_ = true;
  slow_ = false;
}

// ---- What comes.

void SimClient::take(const std::string& text) {
  if (world_.trace && !text.empty()) world_.trace(world_.clock.steady_us(), name_ + " < " + text);
  if (text.empty()) {  // the end of what the bridge wrote in one go
    const std::int64_t delay_us = slow_ ? world_.random.between(0, 1500 * kMs) : 0;
    world_.after(delay_us, [this, attempt = attempt_, connection = connection_] {
      if (attempt == attempt_ && connection_ != 0) bridge_->written(connection);
    });
    return;
  }
  require(bridge::is_utf8(text), "a client got what is not UTF-8");
  const auto envelope = feed::read_envelope(text);
  require(envelope.has_value(), "a client got what is no JSON: " + text);
  if (envelope->is_reply()) {
    on_reply(*envelope, text);
  } else if (envelope->is_gap()) {
    on_gap(text);
  } else {
    on_event(*envelope, text);
  }
}

namespace {

// Of an epoch that the clock added, the one that its process began with.
std::string process_of(const std::string& epoch) { return epoch.substr(0, epoch.find('-')); }

}  // namespace

void SimClient::on_reply(const feed::Envelope& envelope, const std::string& text) {
  require(unanswered_.erase(envelope.id) == 1, "a reply too many: " + text);
  if (envelope.action != "register") return;
  require(envelope.status == "registered", "refused: " + text);
  registered_ = true;
  const std::string epoch = feed::json::as_string(feed::json::member(text, "epoch")).value();
  epoch_ = process_of(epoch);
  const std::uint64_t newest = feed::json::as_u64(feed::json::member(text, "seq")).value();
  const bool recovered = feed::json::member(text, "recovered") == "true";
  cursor_.on_registered(epoch, newest);
  const auto* const position = std::get_if<feed::Position>(&asked_since_);
  resumes_elsewhere_ = position != nullptr && process_of(position->epoch) != epoch_;
  if (position != nullptr && !resumes_elsewhere_) {
    // What no longer is there a gap message has to name.
    seen_to_ = position->seq;
    expected_ = expected_at_cursor_;
    return;
  }
  expected_.clear();
  expected_at_cursor_.clear();
  seen_to_.reset();
  if (position != nullptr) {
    require(!recovered, "another epoch's position was recovered");
    seen_to_ = 0;
  } else if (std::holds_alternative<std::monostate>(asked_since_)) {
    seen_to_ = newest;
  }
}

// Events between what came last and `seq` did not come: none of them may be one that was promised.
void SimClient::missed_until(std::uint64_t seq) const {
  if (!seen_to_) return;
  const std::vector<LogEntry>& log = truth_.log(epoch_);
  for (std::uint64_t missing = *seen_to_ + 1; missing < seq; ++missing) {
    require(!wanted_.covers(log.at(missing - 1)),
            "a client missed event " + std::to_string(missing) + " of " + epoch_);
  }
}

void SimClient::on_gap(const std::string& text) {
  require(registered_, "a gap before the reply: " + text);
  const feed::Gap gap = feed::read_gap(text);
  (void)cursor_.admit(gap);
  if (gap.reason == "source_lost") {
    require(wanted_.source.empty() || wanted_.source == gap.source,
            "a gap of a source that nobody asked for: " + text);
    if (!truth_.honest(gap.source, gap.run)) return;
    std::uint64_t& next = expected_[{gap.source, gap.run}];
    require(*gap.from_source_seq >= next, "a gap of what had come: " + text);
    require(next == 0 || !wanted_.type.empty() || *gap.from_source_seq == next,
            "a gap that leaves events out: " + text + ", expected " + std::to_string(next));
    next = *gap.to_source_seq + 1;
    return;
  }
  require(gap.from_seq && gap.to_seq, "a gap without its range: " + text);
  require(!bridge_->keeps_all() || resumes_elsewhere_, "a gap though the journal has it: " + text);
  if (*gap.to_seq >= *gap.from_seq) expected_.clear();
  if (seen_to_) missed_until(*gap.from_seq);
  seen_to_ = std::max(seen_to_.value_or(0), *gap.to_seq);
}

void SimClient::on_event(const feed::Envelope& envelope, const std::string& text) {
  require(registered_, "an event before the reply: " + text);
  require(envelope.seq.has_value(), "an event without its number: " + text);
  const std::uint64_t seq = *envelope.seq;
  require(!seen_to_ || seq > *seen_to_, "not in order: " + text);
  missed_until(seq);
  seen_to_ = seq;
  const LogEntry& entry = truth_.log(epoch_).at(seq - 1);
  require(wanted_.covers(entry), "a client got what it did not want: " + text);
  require(entry.source == envelope.source && entry.run == envelope.run &&
              entry.source_seq == envelope.source_seq.value_or(0),
          "not what the log holds: " + text);
  if (envelope.source_seq && truth_.honest(envelope.source, envelope.run)) {
    std::uint64_t& next = expected_[{envelope.source, envelope.run}];
    require(*envelope.source_seq >= next && (next == 0 || !wanted_.type.empty() ||
                                             *envelope.source_seq == next),
            "a source's events are not in order: " + text + ", expected " + std::to_string(next));
    next = *envelope.source_seq + 1;
  }
  const bool fresh = cursor_.admit(envelope);
  expected_at_cursor_ = expected_;
  // Made-up starts may be forgotten, here and in the bridge, and then told again.
  if (envelope.source_seq && !truth_.honest(envelope.source, envelope.run)) return;
  const bool known =
      envelope.source_seq
          ? !handed_over_.emplace(envelope.source, envelope.run, *envelope.source_seq).second
          : !handed_over_seqs_.emplace(epoch_, seq).second;
  require(fresh != known, (fresh ? "handed over twice: " : "never handed over: ") + text);
}

void SimClient::check_complete() const {
  require(registered_, "a client found no way back");
  require(unanswered_.empty(), "a request was never answered");
  if (!seen_to_) return;
  missed_until(truth_.log(epoch_).size() + 1);
}

}  // namespace sim
