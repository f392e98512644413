// The lists among the bridge's own commands. They are written in steps: sources, clients, types and alerts as they are
// when each is written, the latest of each thing as it was after one event.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "alerts/alerts.h"
#include "base/limits.h"
#include "commands/delays_json.h"
#include "commands/own_commands.h"
#include "event/readable.h"
#include "event/schemas.h"

namespace bridge {
namespace {

using State = GrowingReplies::State;

constexpr std::uint64_t kListedWork = 64;  // of a source, a type or a client, beside its text
constexpr std::uint64_t kJudgedWork = 32;  // whether an event may be read, beside its text
constexpr std::size_t kClientsAStep = 32;

// How far a list is after a step.
enum class Listed { some, full, all };

// A step's worth of what is in a map by name, behind `after`, as far as a reply has room.
template <class Map, class Put>
Listed put_some(const Map& map, std::string& after, JsonWriter& json, std::uint64_t* work, const Put& put) {
  auto one = after.empty() ? map.begin() : map.upper_bound(after);
  for (; one != map.end() && *work < kStepWork && json.bytes() <= kReplyBytesMax; ++one) {
    const std::size_t before = json.bytes();
    after = one->first;
    put(one->first, one->second);
    *work += kListedWork + (json.bytes() - before) / kDataBytesPerWork;
  }
  if (one == map.end()) return Listed::all;
  return json.bytes() > kReplyBytesMax ? Listed::full : Listed::some;
}

void put_client(JsonWriter& json, const ClientInfo& client) {
  json.object().field("connection", client.connection).field("client_id", client.client_id);
  if (!client.identity.empty()) json.field("identity", client.identity);
  json.field("client_type", client.client_type).field("remote", client.remote);
  json.field("transport", client.event_stream ? "sse" : "websocket");
  json.field("deflate", client.deflate).key("connected_since").time(client.connected_us);
  json.key("subscriptions").raw(json_list(client.subscriptions));
  if (!client.filter_json.empty()) json.key("filter").raw(client.filter_json);
  json.field("events_sent", client.events_sent).field("bytes_sent", client.bytes_sent);
  json.field("lag", client.lag).field("gaps", client.gaps).end_object();
}

// Without a scope everything may be told; else of it what that allows. `node`: which has it, in a cluster.
void put_source(JsonWriter& json, const Source& source, const ReadScope* scope, std::int64_t steady_us, std::string_view node) {
  const bool whole = scope == nullptr || scope->may_read_all(source.name);
  static const Run kNoRun;
  const Run* const current = source.current();
  const Run& run = current == nullptr ? kNoRun : *current;
  const SourceTally& tally = source.tally;
  json.object().field("source", source.name);
  if (!node.empty()) json.field("node", node);
  json.key("run").text_or_null(run.id).key("agents").list();
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

// Else it is known from an earlier process alone.
bool is_told(const Source& source) { return source.first_seen_us != 0 || source.bound; }

void put_type(JsonWriter& json, const std::string& type, std::optional<std::uint64_t> events, std::int64_t last_us,
              const Schemas::Tally* schema = nullptr) {
  json.object().field("type", type).field("events", events).key("last_event").time(last_us);
  if (schema != nullptr) json.field("checked", schema->checked).field("mismatched", schema->mismatched);
  json.end_object();
}

// Tells its type as well, which lies in `event`.
bool readable(const ReadScopePtr& scope, const Snapshot::Entry& event, std::string_view* type, std::uint64_t* work) {
  *work += kJudgedWork + event.json.size() / kDataBytesPerWork;
  return may_read(scope, event.json, event.data_bytes, type);
}

}  // namespace

// Of each source what the node says that knows best of it.
std::map<std::string, std::pair<std::string_view, const Source*>> OwnCommands::sources_of_all() const {
  std::map<std::string, std::pair<std::string_view, const Source*>> all;
  const auto add = [&all](const std::string& name, std::string_view node, const Source& source) {
    const auto [known, added] = all.emplace(name, std::make_pair(node, &source));
    const Run* const run = source.current();
    const Run* const other = known->second.second->current();
    if (!added && run != nullptr && (other == nullptr || is_better({node, run}, {known->second.first, other}))) known->second = {node, &source};
  };
  for (const auto& [name, source] : view_.sources.sources()) {
    if (is_told(*source)) add(name, node_, *source);
  }
  for (const auto& [node, peer] : peers_->nodes()) {
    for (const auto& [name, source] : peer.sources) add(name, node, *source);
  }
  return all;
}

void OwnCommands::get_sources(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope) {
  replies_.write(account, done, [this, scope, after = std::string()](const auto& reply, std::uint64_t* work) mutable {
    JsonWriter& json = reply->json;
    if (json.bytes() == 0) json.object().key("sources").list();
    const auto put = [&](const std::string& name, const Source& source, std::string_view node) {
      if (scope == nullptr || scope->may_read_some(name)) put_source(json, source, scope.get(), view_.clock.steady_us(), node);
    };
    const Listed listed = peers_ == nullptr
                              ? put_some(view_.sources.sources(), after, json, work, [&](const auto& name, const auto& source) {
                                  if (is_told(*source)) put(name, *source, {});
                                })
                              : put_some(sources_of_all(), after, json, work, [&](const auto& name, const auto& source) {
                                  put(name, *source.second, source.first);
                                });
    if (listed == Listed::some) return State::more;
    json.end_list().field("complete", listed == Listed::all).end_object();
    return State::ended;
  });
}

void OwnCommands::get_event_types(const std::shared_ptr<RequestBudget>& account, const Done& done) {
  replies_.write(account, done, [this, after = std::string()](const auto& reply, std::uint64_t* work) mutable {
    JsonWriter& json = reply->json;
    if (json.bytes() == 0) json.object().key("event_types").list();
    const auto put = [this, &json](const std::string& type, const TypeCounts::Count& count) {
      put_type(json, type, count.events, count.last_event_us,
               view_.schemas == nullptr ? nullptr : view_.schemas->tally(type));
    };
    if (put_some(view_.types.counts(), after, json, work, put) == Listed::some) return State::more;
    json.end_list().field("other_events", view_.types.other().events).end_object();
    return State::ended;
  });
}

void OwnCommands::list_alerts(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope) {
  replies_.write(account, done, [this, scope, place = Alerts::Place()](const auto& reply, std::uint64_t* work) mutable {
    return view_.alerts->list(place, scope, reply->json, kStepWork, work) ? State::ended : State::more;
  });
}

void OwnCommands::get_clients(const std::shared_ptr<RequestBudget>& account, const Done& done,
                              std::optional<std::uint64_t> only) {
  struct List {
    std::optional<ClientDirectory::Clients> some;  // that are to be written
    bool waiting = false;                          // for them
    std::uint64_t after = 0;                       // the last connection that is in it
    std::uint64_t count = 0;
  };
  const auto list = std::make_shared<List>();
  if (only) list->after = *only - 1;  // 0 is nobody: none is after it
  replies_.write(account, done, [this, list, only](const auto& reply, std::uint64_t* work) {
    JsonWriter& json = reply->json;
    if (json.bytes() == 0) json.object().key("clients").list();
    const std::size_t most = only ? 1 : kClientsAStep;
    *work += most * kListedWork;
    if (directory_ == nullptr) list->some.emplace();
    if (!list->some) {
      directory_->list(list->after, most, [this, list, reply](const ClientDirectory::Clients& some) {
        list->some = some;
        if (std::exchange(list->waiting, false)) replies_.resume(reply);
      });
    }
    list->waiting = !list->some;
    if (list->waiting) return State::waiting;
    const ClientDirectory::Clients some = *std::exchange(list->some, std::nullopt);
    for (const ClientInfo& client : some) {
      if (only && client.connection != *only) continue;
      put_client(json, client);
      list->after = client.connection;
      ++list->count;
    }
    const bool full = json.bytes() > kReplyBytesMax;
    if (!full && !only && some.size() == most) return State::more;
    json.end_list().field("count", list->count).field("complete", !full).end_object();
    return State::ended;
  });
}

// A look through the snapshot as it was after one event.
struct OwnCommands::Latest {
  std::uint64_t asked_seq;  // the newest event when it was asked for
  std::shared_ptr<Snapshot::Reader> reader = nullptr;
  std::uint64_t count = 0;
  bool cut_off = false;
  std::map<std::string, std::int64_t> types = {};  // that may be read, and when their last event came
  std::size_t types_bytes = 0;
  std::string after = {};
};

// Where not everything may be read, it is not known before how much has room.
bool OwnCommands::begin_latest(Latest& latest, bool all, std::uint64_t* work) const {
  if (latest.reader) return true;
  if (!view_.snapshot.catch_up(view_.log, latest.asked_seq, kStepWork, work)) return false;
  latest.reader = view_.snapshot.reader(all ? kReplyBytesMax : kSnapshotBytesMax);
  return true;
}

void OwnCommands::get_snapshot(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope) {
  const auto latest = std::make_shared<Latest>(Latest{view_.log.head()});
  replies_.write(account, done, [this, latest, scope](const auto& reply, std::uint64_t* work) {
    JsonWriter& json = reply->json;
    if (!begin_latest(*latest, scope == nullptr, work)) return State::more;
    Snapshot::Reader& reader = *latest->reader;
    if (json.bytes() == 0) {
      json.reserve(std::min(reader.left_bytes(), kReplyBytesMax) + kAroundReplyBytes);
      json.object().key("events").list();
    }
    const bool all = reader.read(kStepWork, work, [&](const Snapshot::Entry& event) {
      std::string_view type;
      if (scope != nullptr && (latest->cut_off || !readable(scope, event, &type, work))) return;
      latest->cut_off = scope != nullptr && json.bytes() + event.json.size() > kReplyBytesMax;
      if (latest->cut_off) return;
      json.raw(event.json);
      ++latest->count;
    });
    reply->kept_bytes = reader.kept_bytes();
    if (!all && !latest->cut_off) return State::more;
    json.end_list().field("count", latest->count).field("complete", reader.complete() && !latest->cut_off);
    json.field("epoch", view_.log.epoch()).field("seq", reader.seq()).end_object();
    return State::ended;
  });
}

// For who may not read everything: the types of what he may read.
void OwnCommands::get_readable_types(const std::shared_ptr<RequestBudget>& account, const Done& done,
                                     const ReadScopePtr& scope) {
  const auto latest = std::make_shared<Latest>(Latest{view_.log.head()});
  replies_.write(account, done, [this, latest, scope](const auto& reply, std::uint64_t* work) {
    if (!begin_latest(*latest, false, work)) return State::more;
    const bool all = latest->reader->read(kStepWork, work, [&](const Snapshot::Entry& event) {
      std::string_view type;
      if (!readable(scope, event, &type, work)) return;
      const auto [found, added] = latest->types.try_emplace(std::string(type));
      if (added) latest->types_bytes += sizeof *found + type.size();
      found->second = std::max(found->second, event.timestamp_us);
    });
    reply->kept_bytes = latest->reader->kept_bytes() + latest->types_bytes;
    if (!all) return State::more;
    JsonWriter& json = reply->json;
    if (json.bytes() == 0) json.object().key("event_types").list();
    const Listed listed = put_some(latest->types, latest->after, json, work, [&](const std::string& type, std::int64_t last_us) {
      const auto counted = view_.types.counts().find(type);
      const bool told = scope->may_read_all_of_type(type) && counted != view_.types.counts().end();
      put_type(json, type, told ? std::optional(counted->second.events) : std::nullopt, last_us);
    });
    if (listed == Listed::some) return State::more;
    json.end_list().end_object();
    return State::ended;
  });
}

}  // namespace bridge
