// What a role may read, by every way there is: always a part of what a filter in this test leaves of the whole log, and, where
// that is defined, exactly it.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <zmq.hpp>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

constexpr int kRandomRoles = 24;
constexpr const char* kHolder = "t3";  // who has the roles

// A list that is left out covers all.
struct TestRule {
  std::optional<std::vector<std::string>> types, sources, agents;
};
using TestScope = std::vector<TestRule>;

bool in_list(const std::optional<std::vector<std::string>>& list, const std::string& text) {
  if (!list) return true;
  for (std::string entry : *list) {
    if (entry == "*") return true;
    const std::size_t at = entry.find("{name}");
    if (at != std::string::npos) entry.replace(at, 6, kHolder);
    const bool open = entry.back() == '*';
    if (open) entry.pop_back();
    if (!text.empty() && (open ? text.rfind(entry, 0) == 0 : text == entry)) return true;
  }
  return false;
}

bool covered(const TestScope& scope, const std::string& type, const std::string& source, const std::string& agent) {
  return std::any_of(scope.begin(), scope.end(), [&](const TestRule& rule) {
    return in_list(rule.types, type) && in_list(rule.sources, source) && in_list(rule.agents, agent);
  });
}

// An event as the test reads it, with a parser of its own.
struct Told {
  std::int64_t seq = 0;
  std::string type, source, run, agent, item;
  std::string about_source, about_type;  // of the bridge's own
  std::string tag;

  bool readable(const TestScope& scope) const {
    if (source != "ppo-bridge") return covered(scope, type, source, agent);
    return covered(scope, type, about_source, agent) &&
           (about_type.empty() || covered(scope, about_type, about_source, agent));
  }
};

std::string text_at(const rapidjson::Value& object, const char* name) {
  std::string found;
  for (const auto& member : object.GetObject()) {  // the last counts
    if (std::string(member.name.GetString()) == name) found = member.value.IsString() ? member.value.GetString() : "";
  }
  return found;
}

Told told(const rapidjson::Value& event) {
  Told e;
  e.seq = event["seq"].GetInt64();
  e.type = text_at(event, "type");
  e.source = text_at(event, "source");
  e.run = text_at(event, "run");
  const rapidjson::Value& data = event["data"];
  e.agent = text_at(data, "agent_id");
  e.item = text_at(data, "item");
  e.tag = text_at(data, "tag");
  if (e.source == "ppo-bridge") {
    e.about_source = text_at(data, e.type == "command_executed" ? "trainer" : "source");
    const bool alert = e.type.rfind("alert_", 0) == 0;
    if (e.about_source.empty() && !alert) e.about_source = "ppo-bridge";
    if (alert) e.about_type = text_at(data, "type");
  }
  return e;
}

// A random rule out of few names, so that much of it meets.
TestRule random_rule(std::mt19937& random) {
  const auto some = [&random](const std::vector<const char*>& names) {
    std::optional<std::vector<std::string>> list;
    if (random() % 3 == 0) return list;
    list.emplace();
    for (auto n = 1 + random() % 3; n > 0; --n) list->push_back(names[random() % names.size()]);
    return list;
  };
  return {some({"*", "trade_*", "trade_executed", "portfolio_update", "tick", "t*", "scalar", "training_update", "alert_raised", "alert_*",
                "system_status", "command_executed", "run_started", "error"}),
          some({"*", "t1", "t2", "t1*", "{name}", "{name}*", "ppo-bridge", "ppo*", "nobody"}), some({"*", "a1", "a2", "a*", "{name}"})};
}

std::string toml_list(const char* name, const std::optional<std::vector<std::string>>& list) {
  if (!list) return "";
  std::string text = std::string(name) + " = [";
  for (const std::string& entry : *list) text += "\"" + entry + "\",";
  return text + "]\n";
}

// Exits and tells what it wrote.
std::string output_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::getenv("PPO_BRIDGE_BIN"));
  Process process(arguments);
  REQUIRE(process.wait_exit().value() == 0);
  return process.stdout_lines().empty() ? "" : process.stdout_lines()[0];
}

// Two trainers and others who publish; an alert; commands; and roles p0, p1, ... of which `scopes` knows what they read.
struct World {
  World() {
    std::mt19937 random(20260127);
    std::string roles = "[role.all]\nclients = \"all\"\n[[role.all.read]]\n[[role.all.command]]\ncommands = [\"*\"]\n";
    for (int i = 0; i < kRandomRoles; ++i) {
      TestScope scope(random() % 4);
      for (TestRule& rule : scope) rule = random_rule(random);
      if (i == 0) scope = {{{}, {{"t1"}}, {}}};
      if (i == 1) scope = {{{{"trade_*", "portfolio_update"}}, {}, {{"a1"}}}};
      if (i == 2) scope = {{{{"scalar"}}, {}, {}}, {{}, {}, {{"a2"}}}};
      if (i == 3) scope = {{{{"alert_raised", "scalar"}}, {}, {}}};
      const std::string role = "role.p" + std::to_string(i);
      roles += "[" + role + "]\n";
      for (const TestRule& rule : scope) {
        roles += "[[" + role + ".read]]\n" + toml_list("types", rule.types) + toml_list("sources", rule.sources) + toml_list("agents", rule.agents);
      }
      roles += "[[" + role + ".command]]\ncommands = [\"get_*\", \"list_*\", \"replay\"]\n";
      scopes.push_back(scope);
    }
    std::ofstream(roles_file) << roles;
    all = token("all");
    for (int i = 0; i < kRandomRoles; ++i) tokens.push_back(token("p" + std::to_string(i)));
    BridgeOptions options;
    options.settings = {"auth.mode=on", "auth.credentials=" + credentials, "auth.roles=" + roles_file,
                        "journal.path=\"" + scratch.file("j.sqlite") + "\"", "history.events_max=60"};
    bridge = std::make_unique<BridgeProcess>(options);
    fill(random);
  }

  std::string token(const std::string& role) const {
    return output_of({"token", "--credentials", credentials, "--roles", roles_file, "create", kHolder, "--role", role});
  }
  ProtocolClient client(const std::string& token_text) const {
    WebSocketOptions options;
    options.headers = {{"Authorization", "Bearer " + token_text}};
    return ProtocolClient(bridge->websocket(), options);
  }

  void fill(std::mt19937& random) {
    ProtocolClient admin = client(all);
    admin.request(R"({"action":"register","subscriptions":[]})");
    const auto alert = [&](const std::string& rule) {
      return admin.request(R"({"action":"command","command":"create_alert","params":{"rule":")" + rule + "\"}}").string("/status");
    };
    CHECK(alert("scalar where value > 90") == "command_result");
    CHECK(alert("trade_executed where profit > 3") == "command_result");
    EventPublisher publisher(bridge->events_in());
    const std::vector<std::string> types = {"trade_executed", "portfolio_update", "tick",      "scalar",
                                            "training_update", "run_started",     "run_ended", "error"};
    const std::vector<std::string> sources = {"", "t1", "t2", "t1-x", kHolder};
    const std::vector<std::string> agents = {"", R"("agent_id":"a1",)", R"("agent_id":"a2",)", R"("agent_id":"t3",)", R"("agent_id":7,)",
                                             R"("agent_id":"a1","agent_id":"a2",)", R"("agent\u005fid":"a1",)", R"("agent_id":"",)"};
    std::map<std::string, std::uint64_t> numbers;
    for (int n = 0; n < 400; ++n) {
      const std::string& type = types[random() % types.size()];
      const std::string& source = sources[random() % sources.size()];
      const std::string data = "{" + agents[random() % agents.size()] + R"("item":"i)" + std::to_string(random() % 3) + R"(","step":)" +
                               std::to_string(n) + R"(,"tag":")" + (random() % 2 == 0 ? "loss" : "training_update/entropy") + R"(","value":)" +
                               std::to_string(random() % 100) + R"(,"entropy":)" + std::to_string(n) + R"(,"profit":)" +
                               std::to_string(random() % 5) + R"(,"total_value":)" + std::to_string(n) + R"(,"name":"of )" + source +
                               R"(","state":"finished","error_type":"E"})";
      // t1 misses one now and then: a loss.
      if (!source.empty() && random() % 40 == 0) ++numbers[source];
      REQUIRE(publisher.publish(source.empty() ? event_body(type, data) : event_body(type, data, source, "r", ++numbers[source])));
    }
    REQUIRE(wait_until([&] {
      return admin.request(R"({"action":"command","command":"get_status"})").integer("/result/events/accepted") >= 400 &&
             admin.request(R"({"action":"command","command":"list_alerts"})").integer("/result/behind") == 0 &&
             admin.request(R"({"action":"command","command":"get_recent_events","params":{"type":"alert_raised"}})")
                     .integer("/result/count") > 0;
    }));
    admin.request(R"({"action":"command","command":"pause","target":"t1","deadline_ms":50})");
    // Nothing more comes by itself: sources stall and go while the test reads, so their events are left out below.
    const Json whole = admin.request(R"({"action":"command","command":"get_recent_events","params":{"count":10000,"since_seq":0}})");
    CHECK(whole.boolean("/result/recovered"));
    head = whole.integer("/result/seq");
    for (const auto& event : whole.find("/result/events")->GetArray()) log.push_back(told(event));
  }

  // Of the whole log, as far as it was read.
  std::set<std::int64_t> expected(const TestScope& scope) const {
    std::set<std::int64_t> seqs;
    for (const Told& event : log) {
      if (event.readable(scope)) seqs.insert(event.seq);
    }
    return seqs;
  }
  // The latest of each thing.
  std::set<std::int64_t> latest(const TestScope& scope) const {
    std::map<std::tuple<std::string, std::string, std::string, std::string>, const Told*> of;
    for (const Told& event : log) of[{event.type, event.source, event.agent, event.item}] = &event;
    std::set<std::int64_t> seqs;
    for (const auto& [key, event] : of) {
      if (event->readable(scope)) seqs.insert(event->seq);
    }
    return seqs;
  }
  const Told& at(std::int64_t seq) const {
    const auto found = std::find_if(log.begin(), log.end(), [seq](const Told& event) { return event.seq == seq; });
    REQUIRE(found != log.end());
    return *found;
  }

  const ScratchDirectory scratch;
  const std::string credentials = scratch.file("credentials"), roles_file = scratch.file("roles.toml");
  std::vector<TestScope> scopes;
  std::string all;
  std::vector<std::string> tokens;
  std::unique_ptr<BridgeProcess> bridge;
  std::vector<Told> log;
  std::int64_t head = 0;
};

World& world() {
  static World the_world;
  return the_world;
}

using Seqs = std::set<std::int64_t>;

// What of a reply's list stands up to the log's head as it was read.
Seqs seqs_of(const Json& reply, const char* list, std::int64_t head) {
  Seqs seqs;
  for (const auto& event : reply.find(list)->GetArray()) {
    if (event["seq"].GetInt64() <= head) seqs.insert(event["seq"].GetInt64());
  }
  return seqs;
}

// Everything that comes until the client's own mark, which is a reply.
Seqs stream(ProtocolClient& client, const World& w, const TestScope& scope, const char* what) {
  CAPTURE(std::string(what));
  Seqs seqs;
  client.request(R"({"action":"ping"})");
  while (const auto message = client.try_next_message(milliseconds(0))) {
    if (message->has("/seq")) {
      const Told event = told(message->root());
      CHECK(event.readable(scope));
      if (event.seq <= w.head) seqs.insert(event.seq);
    } else if (message->has("/data/source")) {  // a gap
      const std::string source = message->string("/data/source");
      const bool any = std::any_of(scope.begin(), scope.end(), [&](const TestRule& rule) { return in_list(rule.sources, source); });
      CHECK(any);
    }
  }
  return seqs;
}

Json command(ProtocolClient& client, const std::string& name, const std::string& params = "{}") {
  return client.request(R"({"action":"command","command":")" + name + R"(","params":)" + params + "}");
}

}  // namespace

TEST_CASE("scope: streams give exactly the filtered log") {
  World& w = world();
  for (int i = 0; i < kRandomRoles; ++i) {
    CAPTURE(i);
    const TestScope& scope = w.scopes[static_cast<std::size_t>(i)];
    const Seqs expected = w.expected(scope);
    const std::string& token = w.tokens[static_cast<std::size_t>(i)];
    const auto subscribe = [&](const std::string& fields, const char* what) {
      ProtocolClient client = w.client(token);
      const Json reply = client.request(R"({"action":"subscribe","subscriptions":["*"])" + fields + "}");
      CHECK(reply.string("/status") == "subscribed");
      CHECK(reply.has("/limited") == !std::any_of(scope.begin(), scope.end(), [](const TestRule& rule) {
        return in_list(rule.types, "") && in_list(rule.sources, "") && in_list(rule.agents, "");
      }));
      Seqs got;
      // What lies in the journal takes a moment.
      (void)wait_until([&] {
        const Seqs more = stream(client, w, scope, what);
        got.insert(more.begin(), more.end());
        return got.size() >= expected.size() || got.count(expected.empty() ? 0 : *expected.rbegin()) != 0;
      }, milliseconds(5000));
      return got;
    };
    CHECK(subscribe(R"(,"since":{"seconds":3600})", "since seconds") == expected);
    CHECK(subscribe(R"(,"since":{"last":100000})", "since last") == expected);
    Seqs last;
    for (const std::int64_t seq : expected) last.insert(seq);
    while (last.size() > 5) last.erase(last.begin());
    Seqs few = subscribe(R"(,"since":{"last":5})", "the last five");
    for (const std::int64_t seq : few) CHECK(expected.count(seq) == 1);
    CHECK(few.size() <= 5);
    ProtocolClient replayed = w.client(token);
    CHECK(command(replayed, "replay", R"({"speed":0,"to":)" + std::to_string(w.head) + "}").string("/status") == "command_result");
    Seqs got;
    for (;;) {
      const Json message = replayed.next_message();
      if (message.string("/type") == "replay_end") break;
      if (message.has("/seq")) got.insert(message.integer("/seq"));
    }
    CHECK(got == expected);
    ProtocolClient snapshot = w.client(token);
    snapshot.request(R"({"action":"subscribe","snapshot":true})");
    Seqs now;
    const Seqs wanted = w.latest(scope);
    (void)wait_until([&] {
      const Seqs more = stream(snapshot, w, scope, "snapshot");
      now.insert(more.begin(), more.end());
      return now.size() >= wanted.size();
    }, milliseconds(500));
    // What has changed since is not there any more.
    for (const std::int64_t seq : now) CHECK(wanted.count(seq) == 1);
    for (const std::int64_t seq : wanted) {
      if (w.at(seq).source != "ppo-bridge") CHECK(now.count(seq) == 1);
    }
  }
}

TEST_CASE("scope: what is asked for is of the filtered log alone") {
  World& w = world();
  for (int i = 0; i < kRandomRoles; ++i) {
    CAPTURE(i);
    const TestScope& scope = w.scopes[static_cast<std::size_t>(i)];
    const Seqs expected = w.expected(scope);
    const auto all_of = [&](const std::string& source, const std::string& agent) {  // every type
      return std::any_of(scope.begin(), scope.end(), [&](const TestRule& rule) {
        return in_list(rule.types, "") && in_list(rule.sources, source) && in_list(rule.agents, agent);
      });
    };
    ProtocolClient client = w.client(w.tokens[static_cast<std::size_t>(i)]);
    const auto recent = command(client, "get_recent_events", R"({"count":10000,"since_seq":0})");
    CHECK(seqs_of(recent, "/result/events", w.head) == expected);
    const auto newest = command(client, "get_recent_events", R"({"count":3})");
    for (const auto& event : newest.find("/result/events")->GetArray()) CHECK(told(event).readable(scope));
    Seqs trades;
    for (const std::int64_t seq : expected) {
      if (w.at(seq).type == "trade_executed") trades.insert(seq);
    }
    CHECK(seqs_of(command(client, "get_trades", R"({"count":10000,"since_seq":0})"), "/result/events", w.head) == trades);

    const Seqs latest = w.latest(scope);
    const Json snapshot = command(client, "get_snapshot");
    for (const auto& event : snapshot.find("/result/events")->GetArray()) CHECK(told(event).readable(scope));
    const Seqs in_snapshot = seqs_of(snapshot, "/result/events", w.head);
    for (const std::int64_t seq : latest) {
      if (w.at(seq).source != "ppo-bridge") CHECK(in_snapshot.count(seq) == 1);
    }

    std::set<std::string> types, expected_types;
    for (const std::int64_t seq : latest) expected_types.insert(w.at(seq).type);
    const Json counted = command(client, "get_event_types");
    for (const auto& type : counted.find("/result/event_types")->GetArray()) {
      types.insert(type["type"].GetString());
      const bool every = std::any_of(scope.begin(), scope.end(), [&](const TestRule& rule) {
        return in_list(rule.types, type["type"].GetString()) && in_list(rule.sources, "") && in_list(rule.agents, "");
      });
      if (!every) CHECK(type["events"].IsNull());
    }
    for (const char* const type : {"system_status", "command_executed", "alert_raised", "alert_cleared"}) {
      types.erase(type);  // of each the newest alone is there, whatever it is about
      expected_types.erase(type);
    }
    const auto joined = [](const std::set<std::string>& names) {
      std::string all;
      for (const std::string& name : names) all += name + " ";
      return all;
    };
    CHECK(joined(types) == joined(expected_types));

    const Json sources = command(client, "get_sources");
    std::set<std::string> names, expected_names;
    for (const char* source : {"t1", "t2", "t1-x", kHolder}) {
      if (std::any_of(scope.begin(), scope.end(), [&](const TestRule& rule) { return in_list(rule.sources, source); })) expected_names.insert(source);
    }
    for (const auto& source : sources.find("/result/sources")->GetArray()) {
      names.insert(source["source"].GetString());
      if (!all_of(source["source"].GetString(), "")) {
        for (const char* hidden : {"parameters", "activity", "host", "pid", "runs"}) CHECK_FALSE(source.HasMember(hidden));
      }
    }
    CHECK(names == expected_names);

    // Runs: those of which every type is read, and no other.
    std::set<std::string> runs, expected_runs, all_runs;
    for (const Told& event : w.log) {
      if (event.source.empty() || event.source == "ppo-bridge") continue;
      const std::string id = event.source + "@" + event.run + (event.agent.empty() ? "" : "/" + event.agent);
      all_runs.insert(id);
      if (all_of(event.source, event.agent)) expected_runs.insert(id);
    }
    const Json told_runs = command(client, "get_runs", R"({"count":1000})");
    for (const auto& run : told_runs.find("/result/runs")->GetArray()) {
      runs.insert(run["run_id"].GetString());
      // What it has of the run as a whole is read too.
      if (run["name"].IsString()) {
        const std::string source = run["source"].GetString();
        CHECK(run["name"].GetString() == "of " + source);
      }
    }
    CHECK(runs == expected_runs);
    CHECK(told_runs.integer("/result/count") == static_cast<std::int64_t>(expected_runs.size()));

    // Curves and marks.
    std::string ids;
    for (const std::string& id : all_runs) ids += (ids.empty() ? "\"" : ",\"") + id + "\"";
    const Json series = command(client, "get_series", R"({"run_ids":[)" + ids + R"(],"marks":true})");
    std::map<std::string, std::set<std::string>> curves, expected_curves;
    const auto add_expected = [&](const Told& event, const std::string& tag) {
      const std::string id = event.source + "@" + event.run + (event.agent.empty() ? "" : "/" + event.agent);
      const std::string type = tag.substr(0, tag.find('/'));
      if (!covered(scope, "scalar", event.source, event.agent)) return;
      if (type == "training_update" && !covered(scope, type, event.source, event.agent)) return;
      expected_curves[id].insert(tag);
    };
    for (const Told& event : w.log) {
      if (event.source.empty()) continue;
      if (event.type == "scalar") add_expected(event, event.tag);
      if (event.type == "training_update") {
        add_expected(event, "training_update/entropy");
      }
    }
    for (const auto& curve : series.find("/result/series")->GetArray()) {
      const std::string tag = curve["tag"].GetString(), id = curve["run_id"].GetString();
      const std::string source = id.substr(0, id.find('@'));
      const std::string agent = id.find('/') == std::string::npos ? "" : id.substr(id.find('/') + 1);
      curves[id].insert(tag);
      CHECK(covered(scope, "scalar", source, agent));
      if (tag.rfind("training_update/", 0) == 0) CHECK(covered(scope, "training_update", source, agent));
    }
    for (const auto& [id, tags] : expected_curves) CHECK(curves.count(id) == 1);
    CHECK(curves.size() == expected_curves.size());
    for (const auto& id : series.find("/result/unknown")->GetArray()) CHECK(expected_curves.count(id.GetString()) == 0);
    for (const auto& mark : series.find("/result/marks")->GetArray()) {
      const std::string id = mark["run_id"].GetString();
      CHECK(all_of(id.substr(0, id.find('@')), ""));
    }
    const Json tags = command(client, "get_tags", R"({"run_ids":[)" + ids + "]}");
    std::set<std::string> tag_names, series_tags;
    for (const auto& tag : tags.find("/result/tags")->GetArray()) tag_names.insert(tag["tag"].GetString());
    for (const auto& [id, of] : curves) series_tags.insert(of.begin(), of.end());
    CHECK(tag_names == series_tags);

    // Trades added up: as a count of the filtered log.
    std::map<std::string, int> count;
    for (const Told& event : w.log) {
      const std::string id = event.source + "@" + event.run + (event.agent.empty() ? "" : "/" + event.agent);
      if (event.type == "trade_executed" && !event.source.empty() && event.readable(scope)) ++count[id];
    }
    const Json tallies = command(client, "get_tallies");
    std::size_t with_trades = 0;
    for (const auto& tally : tallies.find("/result/tallies")->GetArray()) {
      const std::string source = tally["source"].GetString();
      const std::string agent = tally["agent_id"].IsString() ? tally["agent_id"].GetString() : "";
      CHECK(covered(scope, "trade_executed", source, agent));
      if (!covered(scope, "portfolio_update", source, agent)) CHECK(tally["value"].IsNull());
      CHECK(tally["trades"].GetInt() == count[tally["run_id"].GetString()]);
      with_trades += tally["trades"].GetInt() != 0;
    }
    CHECK(with_trades == static_cast<std::size_t>(std::count_if(count.begin(), count.end(), [](auto& one) { return one.second != 0; })));

    const bool everything = all_of("", "");
    const Json alerts = command(client, "list_alerts");
    CHECK(alerts.integer("/result/count") == 2);
    for (const auto& alert : alerts.find("/result/alerts")->GetArray()) {
      if (!everything) CHECK(alert["last_action"].IsNull());
      for (const auto& raised : alert["raised"].GetArray()) {
        const std::string agent = raised.HasMember("agent_id") && raised["agent_id"].IsString() ? raised["agent_id"].GetString() : "";
        const std::string source = raised.HasMember("source") && raised["source"].IsString() ? raised["source"].GetString() : "";
        CHECK(covered(scope, raised["type"].GetString(), source, agent));
      }
    }
    CHECK(command(client, "get_clients").integer("/result/count") == 1);
  }
}

TEST_CASE("scope: who reads everything is given everything") {
  World& w = world();
  ProtocolClient client = w.client(w.all);
  const Json reply = client.request(R"({"action":"subscribe","since":{"last":100000}})");
  CHECK_FALSE(reply.has("/limited"));
  Seqs all;
  for (const Told& event : w.log) all.insert(event.seq);
  CHECK(seqs_of(command(client, "get_recent_events", R"({"count":10000,"since_seq":0})"), "/result/events", w.head) == all);
  CHECK(all.size() >= 400);
  bool alert = false, lost = false;
  for (const Told& event : w.log) {
    alert = alert || event.type == "alert_raised";
    lost = lost || event.type == "system_status";
  }
  CHECK(alert);
  CHECK(lost);
}
