#include "alerts/alerts.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::size_t kChangesATurn = 64;   // each an event, and perhaps a webhook or a command
constexpr std::size_t kUnderWayMax = 16;  // beyond it the thread is handed no more

}  // namespace

Alerts::Alerts(AlertsOptions options, EventLog& log, OwnEvents& events, Counters& counters, const Clock& clock,
               AlertsLinks links)
    : options_(std::move(options)),
      log_(log),
      events_(events),
      counters_(counters),
      clock_(clock),
      links_(std::move(links)),
      keeper_(alerts_, clock, {links_.keep, links_.committed_seq}),
      webhooks_(options_.webhook_hosts, clock,
                {links_.post,
                 [this](const Webhooks::Sent& sent) {
                   acted(sent.alert_id, sent.seq, "webhook", sent.success ? "success" : "failed", sent.message);
                 }}),
      thread_(options_.bytes_max, clock, {links_.post, [this](AlertsThread::Progress told) {
                 in_turn([this, progress = std::move(told), next = std::size_t{0}]() mutable { return apply_some(progress, next); });
               }}) {}

// ---- What outlives the bridge.

void Alerts::start(const AlertsLinks::Rows& rows, bool known) {
  cursor_ = looked_at_ = log_.last_seq();
  // Numbers that a journal has given already are not given again.
  if (!known) last_id_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, clock_.wall_us() / 1'000'000));
  load(rows);
  thread_.change([seq = cursor_, told = log_.last_seq()](AlertEvaluator& evaluator) {
    evaluator.expect_told(told);
    evaluator.pass_over(seq);
  });
}

void Alerts::load(const AlertsLinks::Rows& rows) {
  std::optional<std::uint64_t> position;
  for (const auto& [name, value] : rows) {
    const auto row = read_document(value);
    if (!row) continue;
    if (name == kAlertsPosition && row.value().IsUint64()) position = row.value().GetUint64();
    if (name == kAlertsLastId && row.value().IsUint64()) last_id_ = row.value().GetUint64();
    if (name.rfind("alert/", 0) != 0 || !row.value().IsObject()) continue;
    Alert alert = read_alert(row.value());
    alert.after_seq = std::min(alert.after_seq, log_.last_seq());
    auto rule = parse_rule(alert.rule);
    const rapidjson::Value* const action = find(row.value(), "action");
    if (alert.id == 0 || !rule) {
      log_warn("alert_unreadable", "the journal has an alert that cannot be read: {}", printable(name));
      continue;
    }
    if (action != nullptr) {
      if (const auto error = read_action(*action, &alert)) log_warn("alert_unreadable", "alert {}: {}", alert.id, error->message);
    }
    last_id_ = std::max(last_id_, alert.id);
    watch(alert, std::move(rule.value()));
    alerts_[alert.id] = std::move(alert);
  }
  for (const auto& [name, value] : rows) {
    const auto row = read_document(value);
    if (name.rfind("raised/", 0) != 0 || !row || !row.value().IsObject()) continue;
    RaisedAlert raised = read_raised(row.value());
    const auto alert = alerts_.find(raised.change.alert_id);
    if (alert == alerts_.end()) continue;
    thread_.change([change = raised.change](AlertEvaluator& evaluator) { evaluator.restore(change); });
    ++counters_.alerts_raised;
    const AlertSubject subject = raised.change.subject;
    alert->second.raised[subject] = std::move(raised);
  }
  if (alerts_.empty()) return;
  if (!position) {
    position = log_.last_seq();
    for (const auto& [id, alert] : alerts_) position = std::min(*position, alert.after_seq);
  }
  cursor_ = looked_at_ = std::min(*position, log_.last_seq());
  keeper_.begin(cursor_);
}

void Alerts::save() { keeper_.save(looked_at_, log_.last_seq(), under_way_.empty()); }

bool Alerts::keep_now() { return keeper_.save_now(looked_at_, log_.last_seq(), under_way_.empty()); }

// ---- Events.

void Alerts::watch(const Alert& alert, Rule rule) {
  thread_.change([id = alert.id, after = alert.after_seq, rule = std::move(rule)](AlertEvaluator& evaluator) {
    evaluator.add(id, rule, after);
  });
}

// One after the other, some of it a turn: what came first is told first.
void Alerts::in_turn(Steps steps) {
  under_way_.push_back(std::move(steps));
  if (under_way_.size() == 1) go_on();
}

void Alerts::go_on() {
  const Steps& steps = under_way_.front();
  if (steps()) under_way_.pop_front();
  if (under_way_.empty()) return save();
  links_.post([this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) go_on();
  });
}

void Alerts::tick() {
  watch_role();
  pump();
  save();
  counters_.alerts = alerts_.size();
  counters_.alerts_behind = alerts_.empty() ? 0 : log_.last_seq() - std::min(looked_at_, log_.last_seq());
  counters_.webhooks_waiting = webhooks_.waiting();
}

void Alerts::push(const BlockPtr& block, std::uint64_t from) {
  if (from > cursor_ + 1) counters_.alerts_missed += from - cursor_ - 1;
  thread_.push(block, static_cast<std::size_t>(from - block->first_seq()), clock_.steady_us() - clock_.wall_us());
  cursor_ = block->last_seq();
}

void Alerts::pump() {
  if (reading_ || under_way_.size() > kUnderWayMax) return;
  const History& history = log_.history();
  if (alerts_.empty()) {
    cursor_ = log_.last_seq();
    return;
  }
  if (history.last_seq() < log_.last_seq()) log_.seal();
  while (cursor_ < history.last_seq() && thread_.has_room()) {
    const std::uint64_t next = cursor_ + 1;
    if (next >= history.first_seq()) {
      push(history.find(next), next);
    } else if (links_.past != nullptr && links_.past->readable() && next <= links_.past->last_seq()) {
      reading_ = true;
      links_.past->read(next, [this, next, alive = std::weak_ptr<char>(alive_)](const PastReader::Slice& slice) {
        if (!alive.expired()) on_slice(next, slice);
      });
      return;
    } else {
      counters_.alerts_missed += history.first_seq() - next;
      cursor_ = history.first_seq() - 1;
      thread_.change([seq = cursor_](AlertEvaluator& evaluator) { evaluator.pass_over(seq); });
    }
  }
  thread_.set_caught_up(cursor_ == log_.last_seq());
}

// Where there is nothing, what memory holds is next.
void Alerts::on_slice(std::uint64_t from, const PastReader::Slice& slice) {
  reading_ = false;
  for (const BlockPtr& block : slice.blocks) {
    if (block->last_seq() > cursor_) push(block, std::max(cursor_ + 1, block->first_seq()));
  }
  if (cursor_ < from) {
    const std::uint64_t first = log_.history().first_seq();
    if (first > from) counters_.alerts_missed += first - from;
    cursor_ = std::max(cursor_, first - 1);
    thread_.change([seq = cursor_](AlertEvaluator& evaluator) { evaluator.pass_over(seq); });
  }
  pump();
}

bool Alerts::apply_some(const AlertsThread::Progress& progress, std::size_t& next) {
  const std::size_t end = std::min(progress.changes.size(), next + kChangesATurn);
  for (; next < end; ++next) apply(progress.changes[next]);
  if (next < progress.changes.size()) return false;
  counters_.alerts_looked_at += progress.looked_at;
  counters_.alerts_forgotten = progress.forgotten;
  for (const auto& [id, times] : progress.suppressed) {
    counters_.alerts_suppressed += times;
    const auto alert = alerts_.find(id);
    if (alert != alerts_.end()) alert->second.suppressed += times;
  }
  looked_at_ = std::max(looked_at_, progress.seq);
  return true;
}

void Alerts::apply(const AlertChange& change) {
  const auto found = alerts_.find(change.alert_id);
  if (found == alerts_.end()) return;
  Alert& alert = found->second;
  const auto known = alert.raised.find(change.subject);
  keeper_.changes({alert.id, change.subject});
  keeper_.changes({alert.id, std::nullopt});
  if (!change.raised) {
    if (known == alert.raised.end()) return;
    alert.raised.erase(known);
    --counters_.alerts_raised;
    ++counters_.alerts_cleared;
    if (!change.told) tell(alert, change, change.ended ? "ended" : "over");
    return;
  }
  if (known != alert.raised.end() && known->second.change.seq == change.seq) return;
  if (known == alert.raised.end()) ++counters_.alerts_raised;
  alert.raised[change.subject] = {change, false, {}};
  ++counters_.alerts_raised_total;
  ++alert.times;
  ++alert.unacknowledged;
  if (change.told) return;
  tell(alert, change, nullptr);
  if (alert.has_command) act(alert, change);
}

// `reason`: why it is over; null: it is raised. `by`: whose doing that is, as JSON; empty: nobody's.
void Alerts::tell(const Alert& alert, const AlertChange& change, const char* reason, const std::string& by) {
  JsonWriter json;
  json.object().field("alert_id", alert.id);
  add_text(json, "name", alert.name);
  json.field("rule", alert.rule).field("seq", change.seq);
  if (reason == nullptr) add_text(json, "type", change.type);
  add_text(json, "source", change.subject.source);
  add_text(json, "run", change.subject.run);
  add_text(json, "agent_id", change.subject.agent_id);
  if (reason == nullptr && !change.value_json.empty()) json.key("value").raw(change.value_json);
  json.key("since").seconds(change.since_us);
  if (reason != nullptr) json.field("reason", reason);
  if (!by.empty()) json.key("by").raw(by);
  const std::string data = json.end_object().take();
  const char* const type = reason == nullptr ? "alert_raised" : "alert_cleared";
  events_.publish(type, data);
  if (alert.webhook.empty()) return;
  JsonWriter body;
  body.object().field("type", type).key("data").raw(data).key("timestamp").seconds(clock_.wall_us());
  body.field("source", kOwnSource).field("epoch", log_.epoch()).end_object();
  if (webhooks_.offer(alert.id, change.seq, alert.webhook, body.take())) return;
  ++counters_.webhooks_dropped;
  acted(alert.id, change.seq, "webhook", "busy", "too many webhooks wait");
}

void Alerts::act(const Alert& alert, const AlertChange& change) {
  const auto action = read_document(alert.action_json);
  if (!action) return;
  const AlertSubject& s = change.subject;
  std::string target = s.source;
  if (!s.source.empty() && !s.run.empty()) target += "@" + s.run;
  if (!s.source.empty() && !s.agent_id.empty()) target += "/" + s.agent_id;
  links_.run_command(action.value(), target, "alert " + alert.called(),
                     [this, id = alert.id, seq = change.seq, alive = std::weak_ptr<char>(alive_)](
                         const std::string& outcome, const std::string& message) {
                       if (!alive.expired()) acted(id, seq, "command", outcome, message);
                     });
}

void Alerts::acted(std::uint64_t id, std::uint64_t seq, const char* action, const std::string& outcome,
                   const std::string& message) {
  ++counters_.alert_actions;
  const bool success = outcome == "success";
  if (!success) ++counters_.alert_actions_failed;
  const auto found = alerts_.find(id);
  if (found == alerts_.end()) return;
  Alert& alert = found->second;
  if (!success && failed_lines_.allow(clock_.steady_us())) {
    const std::string where = action[0] == 'w' ? " to " + printable(shown_webhook(alert.webhook), 200) : "";
    log_warn("alert_action_failed", "alert {}: its {}{} came to nothing: {}: {}", printable(alert.called()), action, where, outcome,
                 printable(message, 200));
  }
  JsonWriter last;
  last.object().field("action", action).field("outcome", outcome).field("message", message);
  alert.last_action = last.key("timestamp").seconds(clock_.wall_us()).end_object().take();
  JsonWriter data;
  data.object().field("alert_id", id);
  add_text(data, "name", alert.name);
  data.field("seq", seq).field("action", action).field("outcome", outcome).field("message", message);
  events_.publish("alert_action", data.end_object().take());
}

}  // namespace bridge
