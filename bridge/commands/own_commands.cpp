#include "commands/own_commands.h"

#include <algorithm>
#include <array>
#include <utility>

#include "alerts/alerts.h"
#include "base/limits.h"
#include "base/text.h"
#include "commands/delays_json.h"
#include "commands/run_commands.h"
#include "commands/slow_turns_json.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

constexpr std::size_t kBackupPathBytesMax = 1024;

constexpr std::string_view kTrades = "get_trades";
constexpr std::string_view kAudit = "get_audit";
constexpr std::string_view kDrain = "drain";
constexpr std::string_view kSlowTurns = "get_slow_turns";
constexpr std::string_view kBackup = "backup";
constexpr std::array<std::string_view, 11> kNames = {"get_status",   "get_recent_events", "get_sources", "get_clients",
                                                    "get_snapshot", "get_event_types",   kTrades,       kAudit, kDrain, kSlowTurns, kBackup};

// A path may be no UTF-8.
std::string_view utf8_or_none(std::string_view text) { return is_utf8(text) ? text : std::string_view(); }

void put_config(JsonWriter& json, const ConfigStatus& config) {
  json.key("config").object().key("file").text_or_null(utf8_or_none(config.file));
  json.key("reloaded_at").time(config.reloaded_us).key("reload_error").text_or_null(utf8_or_none(config.error));
  json.key("waiting_for_restart").raw(json_list(config.waiting)).end_object();
}

std::uint64_t sum(const std::array<std::uint64_t, 16>& counts) {
  std::uint64_t n = 0;
  for (const std::uint64_t c : counts) n += c;
  return n;
}

}  // namespace

OwnCommands::OwnCommands(BridgeView view)
    : view_(std::move(view)),
      replies_(view_.work, view_.memory == nullptr ? nullptr : &(*view_.memory)[Queue::requests]),
      started_wall_us_(view_.clock.wall_us()),
      started_steady_us_(view_.clock.steady_us()) {}

bool OwnCommands::knows(std::string_view command) {
  return std::find(kNames.begin(), kNames.end(), command) != kNames.end() || is_run_command(command) ||
         Alerts::knows(command);
}

void ClientsReport::add(const ClientsReport& other) {
  clients += other.clients;
  event_streams += other.event_streams;
  lag += other.lag;
  lag_max = std::max(lag_max, other.lag_max);
  cohorts += other.cohorts;
  deflated.messages += other.deflated.messages;
  deflated.bytes_before += other.deflated.bytes_before;
  deflated.bytes_after += other.deflated.bytes_after;
  counters += other.counters;
}

void OwnCommands::run(std::string_view command, const rapidjson::Value& params,
                      const std::shared_ptr<RequestBudget>& account, const Done& done,
                      const AskerRights& rights, const AlertsAsker& asker) {
  const ReadScopePtr& scope = rights.scope;
  if (command == "get_status") {
    const auto answer = [this, done](const ClientsReport& report) { done(get_status(report)); };
    directory_ == nullptr ? answer({}) : directory_->report(answer);
  } else if (command == "get_clients") {
    get_clients(account, done, rights.only_client);
  } else if (command == "get_recent_events" || command == kTrades) {
    get_recent_events(params, account, done, command == kTrades ? "trade_executed" : nullptr, scope);
  } else if (is_run_command(command)) {
    ask_runs(command, params, account, done, scope);
  } else if (Alerts::knows(command)) {
    if (view_.alerts == nullptr) return done(RequestError{ErrorType::busy, "there are no alerts"});
    if (Alerts::is_list(command)) return list_alerts(account, done, scope);
    const std::uint64_t work = view_.alerts->run(command, params, asker, done);
    if (account) account->charge(work);
  } else if (command == "get_sources") {
    get_sources(account, done, scope);
  } else if (command == kDrain) {
    drain(params, asker.client_id, done);
  } else if (command == kBackup) {
    backup(params, done);
  } else if (command == kSlowTurns) {
    done(slow_turns_ == nullptr ? slow_turns_json(SlowTurns()) : slow_turns_json(*slow_turns_));
  } else if (command == kAudit) {
    get_audit(params, account, done);
  } else if (command == "get_snapshot") {
    get_snapshot(account, done, scope);
  } else if (scope == nullptr) {
    get_event_types(account, done);
  } else {
    get_readable_types(account, done, scope);
  }
}

std::string OwnCommands::get_status(const ClientsReport& report) {
  Counters c = view_.counters;
  c += report.counters;
  const History& history = view_.log.history();
  JsonWriter json;
  json.object();
  json.field("status", "running").field("server", "ppo-bridge").field("version", view_.version);
  json.field("protocol", std::uint64_t{1});
  json.field("epoch", view_.log.epoch()).field("seq", view_.log.last_seq());
  json.key("started").time(started_wall_us_);
  json.field("uptime_s", static_cast<double>(view_.clock.steady_us() - started_steady_us_) / 1e6);
  json.field("sources", std::uint64_t{view_.sources.sources().size()});
  if (!addresses_.empty()) json.key("addresses").object();
  for (const auto& [name, address] : addresses_) {
    json.key(name).text_or_null(utf8_or_none(address));
  }
  if (!addresses_.empty()) json.end_object();
  // The table's lines of a group stand together.
  std::string_view group;
  for (const CounterRow& row : kCounterRows) {
    if (row.group.empty()) continue;
    if (row.group != group) {
      if (!group.empty()) json.end_object();
      group = row.group;
      json.key(group).object();
      if (group == "clients") {
        json.field("connected", report.clients).field("event_streams", report.event_streams);
        json.field("max", std::uint64_t{view_.clients_max});
        json.field("cohorts", std::uint64_t{report.cohorts});
      } else if (group == "events") {
        json.field("rejected", sum(c.rejected)).key("rejected_by_reason").object();
        for (std::size_t r = 1; r < kRejectCount; ++r) {
          json.field(reject_name(static_cast<Reject>(r)), c.rejected[r]);
        }
        json.end_object().field("held", std::uint64_t{view_.tracker.held_events()});
      }
    }
    json.field(row.name, c.*row.member);
  }
  json.end_object();
  put_delays(json, c, view_.sources);
  const Deflater::Tally& deflated = report.deflated;
  json.key("deflate").object().field("messages", deflated.messages);
  json.field("bytes_before", deflated.bytes_before).field("bytes_after", deflated.bytes_after);
  json.end_object();
  json.key("history").object();
  json.field("events", view_.log.last_seq() + 1 - history.first_seq());
  json.field("first_seq", history.first_seq()).field("bytes", std::uint64_t{history.bytes()});
  json.field("events_max", view_.history_limits.events_max);
  json.field("bytes_max", std::uint64_t{view_.history_limits.bytes_max}).end_object();
  if (journal_ != nullptr) put_journal(json, journal_->report());
  if (view_.config != nullptr) put_config(json, *view_.config);
  if (cluster_) {
    ClusterReport cluster = cluster_();
    cluster.pages = cluster_pages_;
    put_cluster(json, cluster);
  }
  if (const MemoryLedger* const memory = view_.memory) {
    json.key("memory").object().field("bytes_max", std::uint64_t{memory->bytes_max()});
    json.field("resident_bytes", std::uint64_t{resident_bytes()}).key("queues").object();
    for (std::size_t i = 0; i < memory->shares().size(); ++i) {
      const MemoryShare& share = memory->shares()[i];
      json.key(MemoryLedger::kNames[i]).object().field("bytes", std::uint64_t{share.bytes()});
      json.field("bytes_max", std::uint64_t{share.bytes_max()});
      json.field("refused", share.refused()).end_object();
    }
    json.end_object().end_object();
  }
  if (view_.audit != nullptr) {
    const AuditCounts audit = view_.audit->counts();
    json.key("audit").object().field("lines", audit.lines).field("left_out", audit.left_out);
    json.field("failed", audit.failed).end_object();
  }
  json.end_object();
  return json.take();
}

void OwnCommands::get_recent_events(const rapidjson::Value& params,
                                    const std::shared_ptr<RequestBudget>& account,
                                    const Done& done, const char* only_type, const ReadScopePtr& scope) {
  if (wait_for(params, account, done, only_type, scope)) return;
  const auto whose = std::make_shared<std::weak_ptr<GrowingReplies::Reply>>();
  auto made = RecentEvents::of(view_.log, view_.past != nullptr ? *view_.past : nothing_past_, params, [this, whose] {
    if (const auto reply = whose->lock()) replies_.resume(reply);
  }, only_type, scope);
  if (!made) return done(made.error());
  const std::shared_ptr<RecentEvents> search = made.value();
  const std::size_t bytes = search->bytes();
  replies_.write(account, done, [whose, search, found = false](const auto& reply, std::uint64_t* work) mutable {
    *whose = reply;
    LogWalk::State state = LogWalk::State::ended;
    if (!found) state = search->step(kStepWork, work);
    found = state == LogWalk::State::ended;
    const bool written = found && search->write(reply->json, kStepWork, work);
    reply->kept_bytes = search->bytes();
    return written                           ? GrowingReplies::State::ended
           : state == LogWalk::State::waiting ? GrowingReplies::State::waiting
                                              : GrowingReplies::State::more;
  }, bytes);
}

bool OwnCommands::wait_for(const rapidjson::Value& params, const std::shared_ptr<RequestBudget>& account, const Done& done,
                           const char* only_type, const ReadScopePtr& scope) {
  if (ahead_ == nullptr || !params.IsObject()) return false;
  const rapidjson::Value* const since = find(params, "since_seq");
  const rapidjson::Value* const epoch = find(params, "epoch");
  if (since == nullptr || !since->IsUint64() || since->GetUint64() > kIntegerMax || since->GetUint64() <= view_.log.last_seq() ||
      epoch == nullptr || !epoch->IsString() || bridge::view(*epoch) != view_.log.epoch()) {
    return false;
  }
  const auto kept = std::make_shared<rapidjson::Document>();
  kept->CopyFrom(params, kept->GetAllocator());
  const std::uint64_t number = ahead_->add(
      account.get(), since->GetUint64(), kept->GetAllocator().Size(), view_.clock.steady_us(),
      [this, kept, whose = std::weak_ptr<RequestBudget>(account), nobodys = account == nullptr, done, only_type, scope](bool there) {
        const auto asker = whose.lock();
        if (asker == nullptr && !nobodys) return;
        if (there) return get_recent_events(*kept, asker, done, only_type, scope);
        done(RequestError{ErrorType::busy, "params.since_seq has not come to this bridge within " +
                                               std::to_string(kAheadWaitUs / 1'000'000) + " s; the newest event is " +
                                               std::to_string(view_.log.last_seq())});
      });
  if (number == 0) done(RequestError{ErrorType::busy, "too many wait for events that this bridge does not have yet"});
  return true;
}

void OwnCommands::ask_runs(std::string_view command, const rapidjson::Value& params,
                           const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope) {
  auto query = parse_run_query(command, params);
  if (!query) return done(query.error());
  std::weak_ptr<const void> asker = nobody_;
  if (account) asker = account;
  const bool taken = view_.runs != nullptr &&
                     view_.runs->ask(std::move(query.value()), scope, asker,
                                     [this, account = std::weak_ptr<RequestBudget>(account),
                                      done](const Result<RunAnswer, RequestError>& answer) {
    if (!answer) return done(answer.error());
    if (const auto payer = account.lock()) payer->charge(answer.value().work);
    JsonWriter json;
    json.object().field("epoch", view_.log.epoch());
    json.field("seq", answer.value().seq.value_or(view_.log.head())).end_object();
    std::string text;
    text.reserve(answer.value().members.size() + kAroundReplyBytes);
    text.append("{").append(answer.value().members).append(",").append(json.take(), 1);
    replies_.tell(account, done, std::move(text));
  });
  if (!taken) done(RequestError{ErrorType::busy, "too many questions about runs wait; try later"});
}

void OwnCommands::drain(const rapidjson::Value& params, const std::string& by, const Done& done) {
  FieldReader read(params, "params.");
  const std::optional<std::int64_t> wanted = read.integer("drain_s", 0, kDrainSecondsMax);
  if (!read.problem().empty()) return done(RequestError{ErrorType::bad_request, read.problem()});
  if (!drain_) return done(RequestError{ErrorType::busy, "it cannot be drained"});
  const auto [seconds, clients] = drain_(wanted, by);
  JsonWriter json;
  json.object().field("drain_s", static_cast<std::uint64_t>(seconds)).field("clients", std::uint64_t{clients});
  done(json.end_object().take());
}

void OwnCommands::backup(const rapidjson::Value& params, const Done& done) {
  FieldReader read(params, "params.");
  const std::string file = read.text("file", kBackupPathBytesMax);
  if (file.empty()) read.keep("params.file is missing; must be a file's name");
  if (!read.problem().empty()) return done(RequestError{ErrorType::bad_request, read.problem()});
  if (journal_ == nullptr) return done(RequestError{ErrorType::bad_request, "there is no journal (journal.path)"});
  journal_->backup(file, done);
}

void OwnCommands::get_audit(const rapidjson::Value& params, const std::shared_ptr<RequestBudget>& account,
                            const Done& done) {
  FieldReader read(params, "params.");
  const std::uint64_t count = read.integer("count", 1, kAuditLinesAskedMax).value_or(100);
  const std::string before = read.text("before", 64);
  if (!read.problem().empty()) return done(RequestError{ErrorType::bad_request, read.problem()});
  if (view_.audit == nullptr || !view_.audit->has_file()) {
    return done(RequestError{ErrorType::bad_request, "audit.file is not set: the audit log is part of the bridge's own log"});
  }
  const bool taken = view_.audit->ask(before, static_cast<std::size_t>(count),
                                      [done, account = std::weak_ptr<RequestBudget>(account)](const std::string& json) {
                                        if (const auto payer = account.lock()) payer->charge(json.size() / kCopiedBytesPerWork);
                                        done(json);
                                      });
  if (!taken) done(RequestError{ErrorType::busy, "too many of your requests are being worked on"});
}

}  // namespace bridge
