// Alerts of a cluster: rows that all bridges have alike (cluster/fold_rows.h), and who tells what is raised.
//
//   {"rule":"error","name":"n","action":{...},"created":1619395200.25,"acknowledged":{"by":{...},"seq":900}}
//   {"deleted":{...}}      by whom; the bridge that tells ends what is raised, and drops the row

#include <algorithm>
#include <utility>

#include "alerts/alerts.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::string_view kAlertTable = "alert.";
constexpr std::int64_t kInTimeUs = 5'000'000;
constexpr std::size_t kInTimeMax = 256;

// The same alert has the same key, over whichever bridge it is made.
std::string alert_key(std::initializer_list<std::string_view> parts) {
  std::string key(kAlertTable);
  for (std::uint64_t hash : {0xcbf29ce484222325u, 0x84222325cbf29ce4u}) {
    for (const std::string_view part : parts) {
      for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
      hash = (hash ^ 0x100u) * 0x100000001b3u;
    }
    for (int shift = 60; shift >= 0; shift -= 4) key += "0123456789abcdef"[hash >> shift & 15];
  }
  return key;
}

// `more`: a member of it, with the comma before it.
std::string alert_value(const std::string& rule, const std::string& name, const std::string& action_json, std::int64_t created_us,
                        const std::string& more = {}) {
  JsonWriter json;
  json.object().field("rule", rule).field("name", name);
  if (!action_json.empty()) json.key("action").raw(action_json);
  json.key("created").seconds(created_us);
  return json.take() + more + "}";
}

RequestError not_taken() { return {ErrorType::busy, "the cluster's log takes nothing at the moment, and the alert is as it was"}; }

}  // namespace

void Alerts::share(SharedRows& rows, std::function<bool()> tells) {
  rows_ = &rows;
  tells_ = std::move(tells);
  follows_ = true;
  thread_.change([](AlertEvaluator& evaluator) { evaluator.follow(true); });
  const bool knew_none = alerts_.empty();
  on_rows();
  if (!knew_none || alerts_.empty()) return;
  // What is raised since they were made the log tells.
  for (const auto& [id, alert] : alerts_) cursor_ = std::min(cursor_, alert.after_seq);
  looked_at_ = cursor_;
}

void Alerts::watch_role() {
  if (rows_ == nullptr) return;
  const std::int64_t now_us = clock_.steady_us();
  while (!waiting_.empty() && (!waiting_.front()->done || waiting_.front()->until_us <= now_us)) {
    const auto late = waiting_.front();
    waiting_.pop_front();
    if (const Done done = std::exchange(late->done, nullptr)) {
      done(RequestError{ErrorType::timeout, "the cluster's log has not taken it for 5 s, and may yet"});
    }
  }
  if (std::exchange(deferred_, false)) on_rows();
  if (tells_() == !follows_) return;
  follows_ = !follows_;
  // Up to here another one may have told.
  thread_.change([follows = follows_, told = log_.last_seq()](AlertEvaluator& evaluator) {
    evaluator.follow(follows);
    evaluator.expect_told(told);
  });
  if (!follows_) on_rows();
}

void Alerts::on_rows() {
  if (rows_ == nullptr) return;
  std::set<std::uint64_t> there;
  FoldRows::each(rows_->rows().rows(), kAlertTable, [&](const std::string& key, const FoldRow& row) {
    there.insert(row.first);
    take_row(key, row);
  });
  std::vector<std::uint64_t> gone;
  for (const auto& [id, alert] : alerts_) {
    if (there.count(id) == 0) gone.push_back(id);
  }
  for (const std::uint64_t id : gone) end_raised(id, {}, true, [](const auto&) {});
}

void Alerts::take_row(const std::string& key, const FoldRow& row) {
  const auto known = alerts_.find(row.first);
  const bool deleted = row.value.compare(0, 11, R"({"deleted":)") == 0;
  if (known != alerts_.end() && known->second.version == row.version && (!deleted || follows_)) return;
  if (known == alerts_.end() && deleted) {
    if (!follows_) (void)rows_->drop(key, row.version, [](const Folded::Row&) {});
    return;
  }
  const auto value = read_document(row.value);
  if (!value || !value.value().IsObject()) return;
  const auto text = [&value](const char* name) {
    const rapidjson::Value* const found = find(value.value(), name);
    return found != nullptr && found->IsString() ? std::string(view(*found)) : std::string();
  };
  if (known == alerts_.end()) {
    Alert alert;
    alert.id = row.first;
    alert.key = key;
    alert.version = row.version;
    alert.name = text("name");
    alert.rule = text("rule");
    const rapidjson::Value* const created = find(value.value(), "created");
    if (created != nullptr && created->IsNumber()) alert.created_us = static_cast<std::int64_t>(std::clamp(created->GetDouble(), 0.0, 1e12) * 1e6);
    alert.after_seq = std::min(row.seq, log_.last_seq());
    auto rule = parse_rule(alert.rule);
    if (!rule) return;
    if (const auto* const action = find(value.value(), "action")) {
      if (const auto error = read_action(*action, &alert)) log_warn("alert_unreadable", "alert {}: {}", alert.id, error->message);
    }
    keeper_.changes({alert.id, std::nullopt});
    return begin(std::move(alert), std::move(rule.value()));
  }
  const auto* const acknowledged = find(value.value(), "acknowledged");
  const auto* const by = acknowledged != nullptr && acknowledged->IsObject() ? find(*acknowledged, "by") : nullptr;
  const auto* const seq = by != nullptr ? find(*acknowledged, "seq") : nullptr;
  // What was raised by then comes first.
  if (seq != nullptr && seq->IsUint64() && seq->GetUint64() > looked_at_) {
    deferred_ = true;
    return;
  }
  known->second.version = row.version;
  keeper_.changes({row.first, std::nullopt});
  if (deleted && !follows_) {
    end_raised(row.first, json_text(*find(value.value(), "deleted")), true, [this, key, version = row.version](const auto&) {
      (void)rows_->drop(key, version, [](const Folded::Row&) {});
    });
  } else if (by != nullptr) {
    end_raised(row.first, json_text(*by), false, [](const auto&) {});
  }
}

// `done` is called once: with what came of it, or that the log has not taken it.
std::function<void(const Result<std::string, RequestError>&)> Alerts::in_time(const Done& done) {
  waiting_.push_back(std::make_shared<Waiting>(Waiting{done, clock_.steady_us() + kInTimeUs}));
  return [waits = waiting_.back()](const auto& result) {
    if (const Done first = std::exchange(waits->done, nullptr)) first(result);
  };
}

void Alerts::create_row(const Alert& alert, const Done& done) {
  const std::string key = alert_key({alert.rule, alert.name, alert.action_json});
  if (waiting_.size() >= kInTimeMax) return done(not_taken());
  const auto answered = in_time(done);
  const bool proposed = rows_->keep(key, 0, alert_value(alert.rule, alert.name, alert.action_json, alert.created_us),
                                    [this, key, answered](const Folded::Row& made) {
                                      const auto row = rows_->rows().rows().find(key);
                                      if (!made.done || row == rows_->rows().rows().end()) {
                                        return answered(RequestError{ErrorType::busy, "the cluster has no room for more alerts; delete some"});
                                      }
                                      answer("\"alert_id\":" + std::to_string(row->second.first) + ",\"created\":true", true, answered);
                                    });
  if (!proposed) answered(not_taken());
}

void Alerts::change_row(std::uint64_t id, const std::string& by, bool remove, const Done& done) {
  const auto found = alerts_.find(id);
  if (found == alerts_.end()) {
    return done(RequestError{ErrorType::bad_request, "params.alert_id is " + std::to_string(id) + ", which is no alert"});
  }
  if (waiting_.size() >= kInTimeMax) return done(not_taken());
  const Alert& alert = found->second;
  const std::string value = remove ? R"({"deleted":)" + by + "}"
                                   : alert_value(alert.rule, alert.name, alert.action_json, alert.created_us, ",\"acknowledged\":{\"by\":" + by + ",\"seq\":" + std::to_string(log_.last_seq()) + "}");
  const auto answered = in_time(done);
  const bool proposed = rows_->keep(alert.key, 0, value, [this, remove, answered, times = alert.unacknowledged](const Folded::Row& made) {
    if (!made.done) return answered(not_taken());
    if (remove) return answer("\"deleted\":true", true, answered);
    JsonWriter json;
    json.object().field("acknowledged", times).field("epoch", log_.epoch()).field("seq", log_.last_seq());
    answered(json.end_object().take());
  });
  if (!proposed) answered(not_taken());
}

}  // namespace bridge
