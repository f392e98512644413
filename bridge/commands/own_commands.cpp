#include "commands/own_commands.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "commands/delays_json.h"
#include "commands/run_commands.h"
#include "commands/slow_turns_json.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/readable.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

constexpr std::size_t kSearchesWaitingMax = 32;  // for the journal, each with up to a reply's bytes

const std::string kTooMuchAsked = "too many of your requests are being worked on";

// A reply that is written in steps: what it has by then counts as a request's memory, whoever asks for how many.
struct GrowingReply {
  // `memory` may be null: nobody counts.
  explicit GrowingReply(MemoryLedger* memory) {
    if (memory != nullptr) hold.of((*memory)[Queue::requests]);
  }
  // False where there is no room for what it has become.
  [[nodiscard]] bool fits() { return json.bytes() <= hold.bytes() || hold.try_take(json.bytes() - hold.bytes()); }

  JsonWriter json;
  MemoryHold hold;
};

RequestError no_room() { return {ErrorType::busy, "what is being asked takes too much memory; try again soon"}; }

constexpr std::uint64_t kListedWork = 64;  // of a source or a client, beside its text
constexpr std::size_t kClientsAStep = 32;
constexpr std::size_t kBackupPathBytesMax = 1024;

constexpr std::string_view kTrades = "get_trades";
constexpr std::string_view kAudit = "get_audit";
constexpr std::string_view kDrain = "drain";
constexpr std::string_view kSlowTurns = "get_slow_turns";
constexpr std::string_view kBackup = "backup";
constexpr std::array<std::string_view, 11> kNames = {"get_status",   "get_recent_events", "get_sources", "get_clients",
                                                    "get_snapshot", "get_event_types",   kTrades,       kAudit, kDrain, kSlowTurns, kBackup};

void put_config(JsonWriter& json, const ConfigStatus& config) {
  // A path may be no UTF-8.
  const auto text = [&json](const char* name, const std::string& value) {
    json.key(name);
    value.empty() || !is_utf8(value) ? json.raw("null") : json.add(value);
  };
  json.key("config").object();
  text("file", config.file);
  json.key("reloaded_at");
  config.reloaded_us == 0 ? json.raw("null") : json.time(config.reloaded_us);
  text("reload_error", config.error);
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
      started_wall_us_(view_.clock.wall_us()),
      started_steady_us_(view_.clock.steady_us()),
      search_memory_(view_.memory == nullptr
                         ? nullptr
                         : std::make_shared<SearchMemory>(SearchMemory{(*view_.memory)[Queue::requests], {}})) {}

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
    view_.alerts->run(command, params, asker, done);
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
  } else if (scope != nullptr) {
    get_readable(account, done, scope, command != "get_snapshot");
  } else if (command == "get_snapshot") {
    get_snapshot(account, done);
  } else {
    done(get_event_types());
  }
}

void OwnCommands::in_steps(const std::shared_ptr<RequestBudget>& account, const Done& done,
                           const WorkQueue::Step& step) {
  if (view_.work == nullptr || account == nullptr) {
    for (bool ended = false; !ended;) step(&ended);
  } else if (!view_.work->add(account, step)) {
    done(RequestError{ErrorType::busy, kTooMuchAsked});
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
    // A path may be no UTF-8.
    json.key(name);
    address.empty() || !is_utf8(address) ? json.raw("null") : json.add(address);
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
  auto search =
      RecentEvents::of(view_.log, view_.past != nullptr ? *view_.past : nothing_past_, params,
                       [this](RecentEvents* events) { on_past(events); }, only_type, search_memory_, scope);
  if (!search) return done(search.error());
  const bool all_at_once = view_.work == nullptr || account == nullptr;
  if (!go_on({std::move(search.value()), account, all_at_once, done}, true)) {
    done(RequestError{ErrorType::busy, kTooMuchAsked});
  }
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
    done("{" + answer.value().members + "," + json.take().substr(1));
  });
  if (!taken) done(RequestError{ErrorType::busy, "too many questions about runs wait; try later"});
}

bool OwnCommands::go_on(const Search& search, bool at_once) {
  const auto one_step = [this, search](bool* paused) { return step(search, paused); };
  bool paused = false;
  if (search.all_at_once) {
    while (!paused) one_step(&paused);
  } else if (at_once) {
    return view_.work->add(search.asker, one_step);
  } else {
    view_.work->add_later(search.asker, one_step);
  }
  return true;
}

std::uint64_t OwnCommands::step(const Search& search, bool* paused) {
  std::uint64_t work = 0;
  const LogWalk::State state = search.events->step(kStepWork, &work);
  *paused = state != LogWalk::State::more;
  if (state == LogWalk::State::ended) {
    search.done(search.events->result());
  } else if (state == LogWalk::State::waiting && waiting_.size() >= kSearchesWaitingMax) {
    search.done(RequestError{ErrorType::busy, "too many requests wait for the journal; try later"});
  } else if (state == LogWalk::State::waiting) {
    waiting_.emplace(search.events.get(), search);
  }
  return work;
}

void OwnCommands::on_past(RecentEvents* events) {
  const auto found = waiting_.find(events);
  if (found == waiting_.end()) return;
  const Search search = std::move(found->second);
  waiting_.erase(found);
  (void)go_on(search, false);
}

void OwnCommands::get_sources(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope) {
  struct SourceList : GrowingReply {
    using GrowingReply::GrowingReply;
    std::string after;  // the last one that was looked at
  };
  const auto list = std::make_shared<SourceList>(view_.memory);
  list->json.object().key("sources").list();
  in_steps(account, done, [this, done, list, scope](bool* ended) {
    std::uint64_t work = 0;
    JsonWriter& json = list->json;
    const auto& sources = view_.sources.sources();
    auto source = list->after.empty() ? sources.begin() : sources.upper_bound(list->after);
    for (; source != sources.end() && work < kStepWork && json.bytes() <= kReplyBytesMax; ++source) {
      const std::size_t before = json.bytes();
      list->after = source->first;
      // Else it is known from an earlier process alone.
      const bool readable = scope == nullptr || scope->may_read_some(source->first);
      if (readable && (source->second->first_seen_us != 0 || source->second->bound)) {
        put_source(json, *source->second, scope.get(), view_.clock.steady_us());
      }
      work += kListedWork + (json.bytes() - before) / kDataBytesPerWork;
    }
    *ended = source == sources.end() || json.bytes() > kReplyBytesMax;
    if (*ended) {
      json.end_list().field("complete", source == sources.end()).end_object();
      done(json.take());
    } else if (!list->fits()) {
      *ended = true;
      done(no_room());
    }
    return work;
  });
}

void OwnCommands::put_source(JsonWriter& json, const Source& source, const ReadScope* scope, std::int64_t steady_us) {
  const bool whole = scope == nullptr || scope->may_read_all(source.name);
  static const Run kNoRun;
  const Run* const current = source.current();
  const Run& run = current == nullptr ? kNoRun : *current;
  const SourceTally& tally = source.tally;
  json.object().field("source", source.name).key("run");
  if (run.id.empty()) {
    json.raw("null");
  } else {
    json.add(run.id);
  }
  json.key("agents").list();
  for (const std::string& agent : run.agents) {
    if (scope == nullptr || scope->may_read_some(source.name, agent)) json.add(agent);
  }
  json.end_list();
  json.key("commands").raw(run.commands_json.empty() ? "[]" : run.commands_json);
  if (whole && !run.parameters_json.empty()) json.key("parameters").raw(run.parameters_json);
  json.field("events", tally.events).field("events_per_s", source.events_per_s);
  json.field("last_source_seq", run.last_source_seq).field("lost", tally.lost);
  json.field("repaired", tally.repaired).field("duplicates", tally.duplicates);
  json.field("held", tally.held);
  json.key("first_seen").time(source.first_seen_us);
  json.key("last_event").time(source.last_event_us);
  if (whole && !run.host.empty()) json.field("host", run.host);
  if (whole && run.pid != 0) json.field("pid", run.pid);
  json.field("state", source_state_name(run.state));
  json.field("connected", run.connected());
  if (whole) put_clock(json, run, steady_us);
  if (whole && !run.activity.empty()) json.field("activity", run.activity);
  if (whole && source.in_conflict) {
    json.key("runs").list();
    for (const auto& one : source.runs) {
      if (!is_live(*one)) continue;
      json.object().field("run", one->id).field("host", one->host).field("pid", one->pid);
      json.field("state", source_state_name(one->state)).end_object();
    }
    json.end_list();
  }
  json.end_object();
}

struct OwnCommands::ClientList : GrowingReply {
  using GrowingReply::GrowingReply;
  std::weak_ptr<RequestBudget> asker;
  bool all_at_once = false;  // nobody is charged
  Done done;
  std::optional<std::uint64_t> only = {};  // this connection alone
  std::uint64_t after = 0;  // the last connection that is in it
  std::uint64_t count = 0;
};

void OwnCommands::get_clients(const std::shared_ptr<RequestBudget>& account, const Done& done,
                              std::optional<std::uint64_t> only) {
  const auto list = std::make_shared<ClientList>(view_.memory);
  list->asker = account;
  list->all_at_once = view_.work == nullptr || account == nullptr;
  list->done = done;
  list->only = only;
  if (only) list->after = *only == 0 ? 0 : *only - 1;
  list->json.object().key("clients").list();
  in_steps(account, done, [this, list](bool* ended) {
    *ended = true;
    list_clients(list);
    return kClientsAStep * kListedWork;
  });
}

// Some more of them; the others once these are there and others have had their turn.
void OwnCommands::list_clients(const std::shared_ptr<ClientList>& list) {
  const auto add = [this, list](const ClientDirectory::Clients& clients) {
    JsonWriter& json = list->json;
    for (const ClientInfo& client : clients) {
      if (list->only && client.connection != *list->only) continue;
      json.object().field("connection", client.connection).field("client_id", client.client_id);
      if (!client.identity.empty()) json.field("identity", client.identity);
      json.field("client_type", client.client_type).field("remote", client.remote);
      json.field("transport", client.event_stream ? "sse" : "websocket");
      json.key("deflate").raw(client.deflate ? "true" : "false");
      json.key("connected_since").time(client.connected_us);
      json.key("subscriptions").raw(json_list(client.subscriptions));
      if (!client.filter_json.empty()) json.key("filter").raw(client.filter_json);
      json.field("events_sent", client.events_sent).field("bytes_sent", client.bytes_sent);
      json.field("lag", client.lag).field("gaps", client.gaps).end_object();
      list->after = client.connection;
      ++list->count;
    }
    const bool full = json.bytes() > kReplyBytesMax;
    if (full || list->only || clients.size() < kClientsAStep) {
      json.end_list().field("count", list->count).field("complete", !full).end_object();
      return list->done(json.take());
    }
    if (!list->fits()) return list->done(no_room());
    if (list->all_at_once) return list_clients(list);
    view_.work->add_later(list->asker, [this, list](bool* ended) {
      *ended = true;
      list_clients(list);
      return kClientsAStep * kListedWork;
    });
  };
  if (directory_ == nullptr) return add({});
  directory_->list(list->after, list->only ? 1 : kClientsAStep, add);
}

void OwnCommands::get_snapshot(const std::shared_ptr<RequestBudget>& account, const Done& done) {
  in_steps(account, done, [this, done](bool* ended) {
    std::uint64_t work = 0;
    *ended = view_.snapshot.catch_up(view_.log, kStepWork, &work);
    if (!*ended) return work;
    const std::string json = snapshot_json();
    work += view_.snapshot.entries().size() + json.size() / kCopiedBytesPerWork;
    done(json);
    return work;
  });
}

void OwnCommands::get_readable(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope,
                               bool types_only) {
  struct Found : GrowingReply {
    using GrowingReply::GrowingReply;
    std::optional<std::uint64_t> to_seq;  // the newest event that it is about
    std::uint64_t after = 0;
    std::map<std::string, std::int64_t> types;  // and when their last event came
    std::uint64_t count = 0;
    bool complete = true;
  };
  const auto found = std::make_shared<Found>(view_.memory);
  found->json.object().key(types_only ? "event_types" : "events").list();
  in_steps(account, done, [this, done, scope, types_only, found](bool* ended) {
    std::uint64_t work = 0;
    *ended = view_.snapshot.catch_up(view_.log, kStepWork, &work);
    if (!*ended) return work;
    if (!found->to_seq) found->to_seq = view_.log.head();
    JsonWriter& json = found->json;
    // What changes meanwhile has moved behind its end.
    const auto& entries = view_.snapshot.entries();
    auto entry = entries.upper_bound(found->after);
    for (; entry != entries.end() && entry->first <= *found->to_seq && work < kStepWork && found->complete; ++entry) {
      const Snapshot::Entry& e = entry->second;
      found->after = entry->first;
      work += kListedWork / 2 + e.json.size() / kDataBytesPerWork;
      std::string_view type;
      if (!may_read(scope, e.json, e.data_bytes, &type)) continue;
      if (types_only) {
        std::int64_t& last_us = found->types[std::string(type)];
        last_us = std::max(last_us, e.timestamp_us);
      } else if (json.bytes() + e.json.size() > kReplyBytesMax) {
        found->complete = false;
      } else {
        json.raw(e.json);
        ++found->count;
      }
    }
    *ended = entry == entries.end() || entry->first > *found->to_seq || !found->complete;
    if (!found->fits()) {
      *ended = true;
      done(no_room());
      return work;
    }
    if (!*ended) return work;
    if (types_only) {
      for (const auto& [type, last_us] : found->types) {
        const auto counted = view_.types.counts().find(type);
        json.object().field("type", type).key("events");
        scope->may_read_all_of_type(type) && counted != view_.types.counts().end() ? json.raw(std::to_string(counted->second.events)) : json.raw("null");
        json.key("last_event").time(last_us).end_object();
      }
      json.end_list();
    } else {
      json.end_list().field("count", found->count);
      json.field("complete", found->complete && view_.snapshot.evicted() == 0);
      json.field("epoch", view_.log.epoch()).field("seq", *found->to_seq);
    }
    done(json.end_object().take());
    return work;
  });
}

std::string OwnCommands::snapshot_json() {
  std::size_t count = 0;
  bool complete = view_.snapshot.evicted() == 0;
  // The newest ones where not all fit; in order of seq.
  const auto& entries = view_.snapshot.entries();
  std::size_t bytes = 0;
  auto from = entries.end();
  while (from != entries.begin()) {
    const auto previous = std::prev(from);
    if (bytes + previous->second.json.size() > kReplyBytesMax) {
      complete = false;
      break;
    }
    bytes += previous->second.json.size() + 1;
    from = previous;
  }
  JsonWriter json;
  json.object().key("events").list();
  for (; from != entries.end(); ++from, ++count) json.raw(from->second.json);
  json.end_list().field("count", count).field("complete", complete);
  json.field("epoch", view_.log.epoch()).field("seq", view_.log.last_seq());
  return json.end_object().take();
}

void OwnCommands::drain(const rapidjson::Value& params, const std::string& by, const Done& done) {
  std::optional<std::int64_t> wanted;
  if (const rapidjson::Value* const given = params.IsObject() ? find(params, "drain_s") : nullptr) {
    const auto read = read_integer(given, "params.drain_s", 0, kDrainSecondsMax);
    if (!read) return done(RequestError{ErrorType::bad_request, read.error().message});
    wanted = static_cast<std::int64_t>(read.value());
  }
  if (!drain_) return done(RequestError{ErrorType::busy, "it cannot be drained"});
  const auto [seconds, clients] = drain_(wanted, by);
  JsonWriter json;
  json.object().field("drain_s", static_cast<std::uint64_t>(seconds)).field("clients", std::uint64_t{clients});
  done(json.end_object().take());
}

void OwnCommands::backup(const rapidjson::Value& params, const Done& done) {
  const auto file = params.IsObject() ? optional_text(params, "file", kBackupPathBytesMax) : Result<std::string>(std::string());
  if (!file) return done(RequestError{ErrorType::bad_request, "params." + file.error().message});
  if (file.value().empty()) return done(RequestError{ErrorType::bad_request, "params.file is missing; must be a file's name"});
  if (journal_ == nullptr) return done(RequestError{ErrorType::bad_request, "there is no journal (journal.path)"});
  journal_->backup(file.value(), done);
}

void OwnCommands::get_audit(const rapidjson::Value& params, const std::shared_ptr<RequestBudget>& account,
                            const Done& done) {
  const rapidjson::Value* const wanted = params.IsObject() ? find(params, "count") : nullptr;
  const auto count = wanted == nullptr ? Result<std::uint64_t>(std::uint64_t{100})
                                       : read_integer(wanted, "params.count", 1, kAuditLinesAskedMax);
  if (!count) return done(RequestError{ErrorType::bad_request, count.error().message});
  const auto before = params.IsObject() ? optional_text(params, "before", 64) : Result<std::string>(std::string());
  if (!before) return done(RequestError{ErrorType::bad_request, "params." + before.error().message});
  if (view_.audit == nullptr || !view_.audit->has_file()) {
    return done(RequestError{ErrorType::bad_request, "audit.file is not set: the audit log is part of the bridge's own log"});
  }
  const bool taken = view_.audit->ask(before.value(), static_cast<std::size_t>(count.value()),
                                      [done, account = std::weak_ptr<RequestBudget>(account)](const std::string& json) {
                                        if (const auto payer = account.lock()) payer->charge(json.size() / kCopiedBytesPerWork);
                                        done(json);
                                      });
  if (!taken) done(RequestError{ErrorType::busy, kTooMuchAsked});
}

std::string OwnCommands::get_event_types() {
  JsonWriter json;
  json.object().key("event_types").list();
  for (const auto& [type, count] : view_.types.counts()) {
    json.object().field("type", type).field("events", count.events);
    json.key("last_event").time(count.last_event_us);
    if (const Schemas::Tally* const schema = view_.schemas == nullptr ? nullptr : view_.schemas->tally(type)) {
      json.field("checked", schema->checked).field("mismatched", schema->mismatched);
    }
    json.end_object();
  }
  json.end_list().field("other_events", view_.types.other().events).end_object();
  return json.take();
}

}  // namespace bridge
