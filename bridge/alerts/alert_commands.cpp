// What people ask of alerts: create_alert, list_alerts, acknowledge_alert, delete_alert.

#include <algorithm>
#include <array>
#include <utility>

#include "alerts/alerts.h"
#include "base/limits.h"
#include "base/request_budget.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

constexpr std::size_t kAlertNameBytesMax = 128;
constexpr std::size_t kActionBytesMax = 4096;
constexpr int kEndedATurn = 64;                      // each an event, and perhaps a webhook
constexpr std::size_t kCommandsUnderWayMax = 64;
constexpr std::uint64_t kRowWork = 64;  // of an alert or of one that is raised, beside its text
constexpr std::array<std::string_view, 4> kAlertCommands = {"create_alert", "list_alerts", "acknowledge_alert",
                                                            "delete_alert"};

std::string json_of(const AlertsAsker& asker) {
  JsonWriter json;
  json.object().field("client_id", asker.client_id);
  if (!asker.identity.empty()) json.field("identity", asker.identity);
  return json.end_object().take();
}

}  // namespace

bool Alerts::knows(std::string_view command) {
  return std::find(kAlertCommands.begin(), kAlertCommands.end(), command) != kAlertCommands.end();
}

std::uint64_t Alerts::run(std::string_view command, const rapidjson::Value& params, const AlertsAsker& asker,
                          const Done& done) {
  const auto refuse = [&done](RequestError error) {
    done(std::move(error));
    return std::uint64_t{0};
  };
  if (asker.scope != nullptr) {
    return refuse({ErrorType::forbidden, "alerts are made and ended by who may read everything", R"({"permission":"read"})"});
  }
  static const Params kNothing(rapidjson::kObjectType);
  const Params& fields = params.IsObject() ? params : kNothing;
  if (command == "create_alert") {
    create(fields, done);
    return kRowWork;
  }
  const auto id = read_integer(find(fields, "alert_id"), "params.alert_id", 1, kIntegerMax);
  if (!id) return refuse({ErrorType::bad_request, id.error().message});
  if (under_way_.size() >= kCommandsUnderWayMax) return refuse({ErrorType::busy, "too many alerts are being ended; try again soon"});
  if (rows_ != nullptr) {
    change_row(id.value(), json_of(asker), command == "delete_alert", done);
    return kRowWork;
  }
  return end_raised(id.value(), json_of(asker), command == "delete_alert", done);
}

void Alerts::answer(const std::string& members, bool kept, const Done& done) const {
  JsonWriter json;
  json.object().field("survives_restart", kept).field("epoch", log_.epoch()).field("seq", log_.last_seq());
  done("{" + members + "," + json.end_object().take().substr(1));
}

void Alerts::create(const Params& params, const Done& done) {
  Alert alert;
  for (const auto& [name, bytes_max, field] : {std::tuple{"rule", kRuleBytesMax, &alert.rule},
                                               std::tuple{"name", kAlertNameBytesMax, &alert.name}}) {
    auto text = optional_text(params, name, bytes_max);
    if (!text) return done(bad_params(text.error().message));
    *field = std::move(text.value());
  }
  auto lasting = optional_text(params, "for", kNameBytesMax);
  if (!lasting) return done(bad_params(lasting.error().message));
  if (!lasting.value().empty()) alert.rule += " for " + lasting.value();
  auto rule = parse_rule(alert.rule);
  if (!rule) {
    const RuleError& error = rule.error();
    RequestError refusal = bad_params("rule cannot be read " + error.message());
    JsonWriter details;
    details.object().field("position", std::uint64_t{error.position}).field("expected", error.expected);
    refusal.details_json = details.end_object().take();
    return done(refusal);
  }
  if (const rapidjson::Value* const action = find(params, "action")) {
    if (const auto error = read_action(*action, &alert)) return done(*error);
  }
  for (const auto& [id, other] : alerts_) {
    if (other.rule != alert.rule || other.name != alert.name || other.action_json != alert.action_json) continue;
    return answer("\"alert_id\":" + std::to_string(id) + ",\"created\":false", keeper_.has({id, std::nullopt}), done);
  }
  if (alerts_.size() >= options_.alerts_max) {
    return done(RequestError{ErrorType::busy, "there are " + std::to_string(options_.alerts_max) +
                                                  " alerts already, and may be no more; delete some"});
  }
  alert.created_us = clock_.wall_us();
  if (rows_ != nullptr) return create_row(alert, done);
  alert.id = ++last_id_;
  alert.after_seq = log_.last_seq();
  const AlertKey key{alert.id, std::nullopt};
  AlertsLinks::Rows rows = {{record_name(key), record_of(alert)}, {kAlertsLastId, std::to_string(last_id_)}};
  const std::string created = "\"alert_id\":" + std::to_string(alert.id) + ",\"created\":true";
  begin(std::move(alert), std::move(rule.value()));
  keeper_.keep(std::move(rows), {key}, [this, created, done](bool kept) { answer(created, kept, done); });
}

void Alerts::begin(Alert alert, Rule rule) {
  if (alerts_.empty()) {
    pump();
    looked_at_ = cursor_;
    thread_.change([seq = cursor_](AlertEvaluator& evaluator) { evaluator.pass_over(seq); });
  }
  watch(alert, std::move(rule));
  const std::uint64_t id = alert.id;
  alerts_[id] = std::move(alert);
}

std::optional<RequestError> Alerts::read_action(const rapidjson::Value& action, Alert* alert) const {
  const char* const kinds = "action must be an object with command, webhook or both";
  if (!action.IsObject()) return bad_params(kinds);
  alert->action_json = json_text(action);
  if (alert->action_json.size() > kActionBytesMax) {
    return bad_params("action must be at most " + std::to_string(kActionBytesMax) + " bytes");
  }
  alert->has_command = find(action, "command") != nullptr;
  const rapidjson::Value* const webhook = find(action, "webhook");
  if (!alert->has_command && webhook == nullptr) return bad_params(kinds);
  if (alert->has_command) {
    if (auto error = links_.check_command(action)) return bad_params("action: " + error->message);
  }
  rapidjson::Document shown;
  shown.CopyFrom(action, shown.GetAllocator());
  if (webhook != nullptr) {
    if (!webhook->IsString()) return bad_params("action.webhook must be a string");
    alert->webhook = view(*webhook);
    if (const auto refusal = webhooks_.check(alert->webhook)) {
      RequestError error = bad_params("action.webhook " + refusal->message);
      if (refusal->forbidden) error.type = ErrorType::forbidden;
      return error;
    }
    shown["webhook"].SetString(shown_webhook(alert->webhook), shown.GetAllocator());
  }
  alert->shown_action = json_text(shown);
  return std::nullopt;
}

// Acknowledges what an alert has raised, which ends what can end in no other way, or ends all of it and the alert.
std::uint64_t Alerts::end_raised(std::uint64_t id, const std::string& by, bool remove, const Done& done) {
  struct Ending {
    std::optional<std::uint64_t> acknowledged = std::nullopt;  // once it has begun
    bool ends_it = false;
    std::optional<AlertSubject> after = std::nullopt;
    AlertsLinks::Rows rows = {};  // to be taken away
    std::set<AlertKey> keys = {};
  };
  const auto known = alerts_.find(id);
  const std::uint64_t raised = known == alerts_.end() ? 0 : known->second.raised.size();
  in_turn([this, id, by, remove, done, state = Ending()]() mutable {
    const auto found = alerts_.find(id);
    if (found == alerts_.end()) {
      done(bad_params("alert_id is " + std::to_string(id) + ", which is no alert"));
      return true;
    }
    Alert& alert = found->second;
    if (!state.acknowledged) {
      const auto rule = parse_rule(alert.rule);
      state.ends_it = remove || (rule && !rule.value().can_end());
      keeper_.changes({id, std::nullopt});
      state.acknowledged = std::exchange(alert.unacknowledged, 0);
      if (follows_ && state.ends_it && !remove) return true;  // who tells ends it
    }
    auto next = state.after ? alert.raised.upper_bound(*state.after) : alert.raised.begin();
    for (int i = 0; i < kEndedATurn && next != alert.raised.end(); ++i) {
      RaisedAlert& one = next->second;
      AlertKey key{id, next->first};
      if (state.ends_it && !follows_) tell(alert, one.change, remove ? "deleted" : "acknowledged", by);
      if (remove) {
        state.rows.emplace_back(record_name(key), "");
        state.keys.insert(std::move(key));
      } else if (state.ends_it || !one.acknowledged) {
        keeper_.changes(std::move(key));
      }
      if (state.ends_it) {
        ++counters_.alerts_cleared;
        --counters_.alerts_raised;
        next = alert.raised.erase(next);
      } else {
        if (!std::exchange(one.acknowledged, true)) one.acknowledged_by = by;
        state.after = next++->first;
      }
    }
    if (next != alert.raised.end()) return false;
    if (remove) {
      take_away(id, std::move(state.rows), std::move(state.keys), done);
      return true;
    }
    if (state.ends_it) thread_.change([id](AlertEvaluator& evaluator) { evaluator.acknowledge(id); });
    JsonWriter json;
    json.object().field("acknowledged", *state.acknowledged).field("epoch", log_.epoch()).field("seq", log_.last_seq());
    done(json.end_object().take());
    return true;
  });
  return raised * kRowWork;
}

// An alert that has nothing raised any more; `rows` were of that.
void Alerts::take_away(std::uint64_t id, AlertsLinks::Rows rows, std::set<AlertKey> keys, const Done& done) {
  thread_.change([id](AlertEvaluator& evaluator) { evaluator.remove(id); });
  alerts_.erase(id);
  const AlertKey key{id, std::nullopt};
  keeper_.forget(id);
  rows.emplace_back(record_name(key), "");
  keys.insert(key);
  keeper_.keep(std::move(rows), std::move(keys), [this, done](bool kept) { answer("\"deleted\":true", kept, done); });
}

bool Alerts::list(Place& place, const ReadScopePtr& scope, JsonWriter& json, std::uint64_t work_max,
                  std::uint64_t* work) const {
  const std::uint64_t enough = *work + work_max;
  if (json.bytes() == 0) {
    json.object().key("alerts").list();
    place.seq = alerts_.empty() ? log_.last_seq() : looked_at_;
    place.behind = log_.last_seq() - std::min(place.seq, log_.last_seq());
  }
  while (*work < enough) {
    const auto alert = place.open ? alerts_.find(place.alert_id) : alerts_.upper_bound(place.alert_id);
    if (!place.open && (alert == alerts_.end() || json.bytes() > kReplyBytesMax)) {
      json.end_list().field("count", std::uint64_t{alerts_.size()}).field("complete", alert == alerts_.end());
      json.field("behind", place.behind).field("epoch", log_.epoch()).field("seq", place.seq).end_object();
      return true;
    }
    const std::size_t before = json.bytes();
    if (!place.open) {
      put_head(json, alert->second, scope == nullptr);
      place = {alert->first, std::nullopt, true, place.seq, place.behind};
    } else {
      // It may have been deleted meanwhile.
      static const std::map<AlertSubject, RaisedAlert> kNone;
      const auto& raised = alert == alerts_.end() ? kNone : alert->second.raised;
      const auto next = place.raised ? raised.upper_bound(*place.raised) : raised.begin();
      place.open = next != raised.end();
      if (place.open) {
        const AlertSubject& subject = next->first;
        const bool readable =
            scope == nullptr || scope->may_read(next->second.change.type, subject.source, subject.agent_id);
        if (readable) json.raw(record_of(next->second));
        place.raised = subject;
      } else {
        json.end_list().end_object();
      }
    }
    *work += kRowWork + (json.bytes() - before) / kDataBytesPerWork;
  }
  return false;
}

// Up to the first of what is raised.
void Alerts::put_head(JsonWriter& json, const Alert& alert, bool with_actions) {
  json.object().field("alert_id", alert.id).key("name");
  alert.name.empty() ? json.raw("null") : json.add(alert.name);
  json.field("rule", alert.rule).key("action").raw(with_actions && !alert.shown_action.empty() ? alert.shown_action : "null");
  json.key("created").seconds(alert.created_us).field("after_seq", alert.after_seq).field("times", alert.times);
  json.field("unacknowledged", alert.unacknowledged).field("suppressed", alert.suppressed);
  json.key("last_action").raw(with_actions && !alert.last_action.empty() ? alert.last_action : "null").key("raised").list();
}

}  // namespace bridge
