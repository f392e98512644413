// Who may do what: tokens made by the program itself, every role against everything that can be asked.

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "run_bridge.h"
#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

// A role of one's own: some of two sources' events, and commands to one agent.
constexpr const char* kDeskRole = R"([role.desk]
http = ["/readyz", "/submit_event"]
[[role.desk.read]]
types = ["trade_*"]
sources = ["t1", "{name}-*"]
[[role.desk.publish]]
sources = ["{name}-*"]
[[role.desk.command]]
commands = ["get_*", "arm_dead_mans_switch"]
[[role.desk.command]]
commands = ["pause", "cancel_order"]
targets = ["t1/a1", "{name}"]
)";

// A bridge where everybody has to say who he is, with one of each role, who is called as it is.
struct GuardedBridge {
  GuardedBridge() {
    std::ofstream(roles) << kDeskRole;
    for (const char* role : {"viewer", "operator", "bot", "trainer", "metrics", "admin", "desk"}) tokens[role] = make(role, role);
    BridgeOptions options;
    options.settings = {"auth.mode=on", "auth.credentials=" + file, "auth.roles=" + roles, "auth.timeout_s=2", "auth.failures_per_minute_max=1000"};
    bridge = std::make_unique<BridgeProcess>(options);
  }
  Ended token(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"token", "--credentials", file, "--roles", roles});
    return run_bridge(arguments);
  }
  std::string make(const std::string& name, const std::string& role, const std::string& expires = "1h") const {
    const Ended made = token({"create", name, "--role", role, "--expires", expires});
    REQUIRE(made.code == 0);
    REQUIRE(made.out.size() == 58);
    return made.out.substr(0, 57);
  }
  HttpHeaders headers(const std::string& role) const {
    return role.empty() ? HttpHeaders{} : HttpHeaders{{"Authorization", "Bearer " + tokens.at(role)}};
  }
  int status(const std::string& role, const char* method, const char* path, const std::string& body = {}) const {
    return http(bridge->websocket(), method, path, headers(role), body).status;
  }
  ProtocolClient client(const std::string& role) const {
    WebSocketOptions options;
    options.headers = headers(role);
    return ProtocolClient(bridge->websocket(), options);
  }

  const ScratchDirectory scratch;
  const std::string file = scratch.file("credentials"), roles = scratch.file("roles.toml");
  std::map<std::string, std::string> tokens;
  std::unique_ptr<BridgeProcess> bridge;
};

// "" where it was done.
std::string refusal(const Json& reply) {
  return reply.string("/status") == "error" ? reply.string("/data/error_type") : "";
}

}  // namespace

TEST_CASE("access: every role against every path") {
  GuardedBridge g;
  const std::string own = R"({"type":"t","source":"trainer","data":{}})";
  struct Row {
    const char* role;
    int readyz, metrics, submit;
  };
  for (const Row& row : {Row{"", 401, 401, 401}, Row{"viewer", 200, 403, 403}, Row{"operator", 200, 200, 403},
                         Row{"bot", 403, 403, 403}, Row{"trainer", 403, 403, 200}, Row{"metrics", 200, 200, 403},
                         Row{"admin", 200, 200, 200}, Row{"desk", 200, 403, 403}}) {
    CAPTURE(std::string(row.role));
    CHECK(g.status(row.role, "GET", "/") == 200);
    CHECK(g.status(row.role, "GET", "/healthz") == 200);
    CHECK(g.status(row.role, "GET", "/readyz") == row.readyz);
    CHECK(g.status(row.role, "GET", "/metrics") == row.metrics);
    CHECK(g.status(row.role, "POST", "/submit_event", own) == row.submit);
  }
  CHECK(g.status("desk", "POST", "/submit_event", R"({"type":"t","source":"desk-1","data":{}})") == 200);
  CHECK(g.status("desk", "POST", "/submit_event", R"({"type":"t","source":"desk","data":{}})") == 403);
  const HttpResponse asked = http(g.bridge->websocket(), "GET", "/metrics");
  CHECK(asked.header("WWW-Authenticate") == "Bearer realm=\"ppo-bridge\"");
  const HttpResponse wrong = http(g.bridge->websocket(), "GET", "/healthz", {{"Authorization", "Bearer ppo1_nonsense"}});
  CHECK(wrong.status == 401);
}

TEST_CASE("access: every role against every command") {
  GuardedBridge g;
  struct Row {
    const char* role;
    const char* may;  // of: s status, c clients, r runs, p replay, o order, d switch, h pause, n set_run
  };
  const std::map<char, std::string> commands = {
      {'s', R"("command":"get_status")"},
      {'c', R"("command":"get_clients")"},
      {'r', R"("command":"get_runs")"},
      {'p', R"("command":"replay","params":{"since":{"last":1}})"},
      {'o', R"("command":"place_order","target":"nobody")"},
      {'d', R"("command":"arm_dead_mans_switch","params":{"timeout_ms":60000,"on_expiry":{"command":"cancel_order","target":"nobody"}})"},
      {'h', R"("command":"pause","target":"nobody")"},
      {'n', R"("command":"set_run","params":{"run_id":"nobody@"})"}};
  zmq::context_t context;
  for (const Row& row : {Row{"", ""}, Row{"viewer", "cprs"}, Row{"operator", "cdhnoprs"}, Row{"bot", "cdoprs"},
                         Row{"trainer", ""}, Row{"metrics", ""}, Row{"admin", "cdhnoprs"}, Row{"desk", "crs"}}) {
    const std::string role = row.role;
    CAPTURE(role);
    const std::string denied = role.empty() ? "unauthorized" : "forbidden";
    const bool converses = role != "trainer" && role != "metrics";
    std::unique_ptr<ProtocolClient> client;
    if (converses) {
      client = std::make_unique<ProtocolClient>(g.client(role));
    } else {
      WebSocketOptions options;
      options.headers = g.headers(role);
      CHECK(RawWebSocket::try_connect(g.bridge->websocket(), options).status == 403);
      ProtocolClient late(g.bridge->websocket());
      CHECK(refusal(late.request(R"({"action":"authenticate","token":")" + g.tokens.at(role) + "\"}")) == "forbidden");
      CHECK(late.connection().wait_close() == 4003);
    }
    zmq::socket_t bot(context, zmq::socket_type::req);
    bot.set(zmq::sockopt::linger, 0);
    bot.set(zmq::sockopt::rcvtimeo, 15'000);
    bot.connect(g.bridge->address("commands"));
    const auto ask_as_bot = [&](const std::string& fields) {
      const std::string token = role.empty() ? "" : ",\"token\":\"" + g.tokens.at(role) + "\"";
      bot.send(zmq::buffer("{" + fields + token + "}"), zmq::send_flags::none);
      zmq::message_t reply;
      REQUIRE(bot.recv(reply));
      return refusal(Json(reply.to_string()));
    };
    std::string may, bot_may;
    for (const auto& [letter, command] : commands) {
      if (client != nullptr && refusal(client->request("{\"action\":\"command\"," + command + "}")) != denied) may += letter;
      if (letter == 'p') {
        if (std::string(row.may).find('p') != std::string::npos) bot_may += 'p';  // bots have no stream of their own
      } else if (ask_as_bot(command) != denied) {
        bot_may += letter;
      }
    }
    CHECK(may == row.may);
    CHECK(bot_may == row.may);
    if (!converses) continue;
    const Json subscribed = client->request(R"({"action":"register","subscriptions":["*"]})");
    if (role.empty()) {
      CHECK(refusal(subscribed) == "unauthorized");
    } else {
      CHECK(subscribed.string("/status") == "registered");
      CHECK(subscribed.has("/limited") == (role == "desk"));
    }
  }
  zmq::socket_t stranger(context, zmq::socket_type::req);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(g.bridge->address("commands"));
  stranger.send(zmq::str_buffer(R"({"command":"get_status","token":"ppo1_wrong"})"), zmq::send_flags::none);
  zmq::message_t reply;
  REQUIRE(stranger.recv(reply));
  CHECK(refusal(Json(reply.to_string())) == "unauthorized");
}

TEST_CASE("access: what is done is told with who did it, and clients with who they are") {
  GuardedBridge g;
  ProtocolClient admin = g.client("admin");
  admin.request(R"({"action":"register","client_id":"desk","subscriptions":["command_executed"]})");
  ProtocolClient viewer = g.client("viewer");
  viewer.request(R"({"action":"register","client_id":"desk"})");
  const Json all = admin.request(R"({"action":"command","command":"get_clients"})");
  CHECK(all.string("/result/clients/0/identity") == "admin");
  CHECK(all.string("/result/clients/1/identity") == "viewer");
  const Json own = viewer.request(R"({"action":"command","command":"get_clients"})");
  CHECK(own.integer("/result/count") == 1);
  CHECK(own.string("/result/clients/0/identity") == "viewer");
  CHECK_FALSE(own.has("/result/clients/1"));
}

TEST_CASE("access: a trainer's events are its own") {
  GuardedBridge g;
  ProtocolClient viewer = g.client("viewer");
  viewer.request(R"({"action":"register","subscriptions":["t"]})");
  const TcpAddress at = g.bridge->websocket();
  const auto post = [&](const std::string& body) { return http(at, "POST", "/submit_event", g.headers("trainer"), body); };
  CHECK(post(R"({"type":"t","source":"trainer-2","data":{}})").status == 200);
  const HttpResponse forged = post(R"({"type":"t","source":"another","data":{}})");
  CHECK(forged.status == 403);
  CHECK(forged.body.find("forbidden_source: source is not one that whoever sent it may speak for") != std::string::npos);
  CHECK(post(R"({"type":"_source","source":"another","data":{"head":5}})").status == 403);
  CHECK(post(R"({"type":"t","data":{}})").status == 403);
  const HttpResponse mixed = post("{\"type\":\"t\",\"source\":\"another\",\"data\":{}}\n{\"type\":\"t\",\"source\":\"trainer\",\"data\":{}}");
  CHECK(mixed.body == R"({"status":"success","accepted":1,"rejected":1})");
  CHECK(viewer.next_event().string("/source") == "trainer-2");
  CHECK(viewer.next_event().string("/source") == "trainer");
}

TEST_CASE("access: a revoked token ends its connections within a second or two, and no others") {
  GuardedBridge g;
  const std::string eve = g.make("eve", "viewer");
  ProtocolClient honest = g.client("viewer");
  honest.request(R"({"action":"register","subscriptions":["*"]})");
  WebSocketOptions options;
  options.headers = {{"Authorization", "Bearer " + eve}};
  REQUIRE(wait_until([&] { return RawWebSocket::try_connect(g.bridge->websocket(), options).status == 101; }));
  ProtocolClient revoked(g.bridge->websocket(), options);
  revoked.request(R"({"action":"register","subscriptions":["*"]})");
  CHECK(g.token({"revoke", eve.substr(5, 8)}).code == 0);
  CHECK(revoked.connection().wait_close() == 4001);
  CHECK(RawWebSocket::try_connect(g.bridge->websocket(), options).status == 401);
  EventPublisher publisher(g.bridge->events_in());
  REQUIRE(publisher.publish(R"({"type":"t","data":{}})"));
  CHECK(honest.next_event().string("/type") == "t");
  // SIGHUP does not end the bridge, and a file that is broken changes nothing.
  std::ofstream(g.file, std::ios::app) << "broken\n";
  g.bridge->process().signal(SIGHUP);
  CHECK(wait_until([&] { return g.bridge->process().stderr_text().find("the credentials stay as they were, or the roles do: auth.credentials: ") != std::string::npos; }));
  CHECK(honest.request(R"({"action":"ping"})").string("/status") == "pong");
  CHECK(g.status("viewer", "GET", "/readyz") == 200);
}

TEST_CASE("access: no token is in what the program writes") {
  GuardedBridge g;
  WebSocketOptions options;
  ProtocolClient client(g.bridge->websocket(), options);
  client.request(R"({"action":"authenticate","token":")" + g.tokens["admin"] + "\"}");
  client.request(R"({"action":"register","client_id":"x","token":")" + g.tokens["viewer"] + "\"}");
  http(g.bridge->websocket(), "GET", "/metrics?token=" + g.tokens["admin"]);
  // Nor where it quotes what was said at the wrong place.
  http(g.bridge->websocket(), "POST", "/submit_event", g.headers("admin"), R"({"token":")" + g.tokens["admin"] + "\"}");
  options.headers = {{"Origin", "http://" + g.tokens["admin"]}};
  CHECK(RawWebSocket::try_connect(g.bridge->websocket(), options).status == 403);
  client.disconnect();
  g.bridge->stop();
  std::string all = g.bridge->process().stderr_text();
  for (const std::string& line : g.bridge->process().stdout_lines()) all += line;
  CHECK(all.find("ppo1_") == std::string::npos);
  CHECK(all.find("(token)") != std::string::npos);
}

TEST_CASE("access: who does not say who he is in time is closed") {
  GuardedBridge g;
  ProtocolClient silent(g.bridge->websocket());
  CHECK(silent.welcome().string("/data/auth") == "required");
  CHECK(silent.connection().wait_close() == 4001);
}

TEST_CASE("access: tokens are made, listed and revoked by the program itself") {
  const ScratchDirectory scratch;
  const std::string file = scratch.file("deep/credentials");
  const auto token = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"token", "--credentials", file});
    return run_bridge(arguments);
  };
  const Ended made = token({"create", "alice", "--role", "operator", "--expires", "2h", "--note", "laptop, blue"});
  CHECK(made.code == 0);
  CHECK(made.out.substr(0, 5) == "ppo1_");
  CHECK(made.err.find(made.out.substr(0, 57)) == std::string::npos);
  CHECK(token({"create", "alice", "--role", "viewer", "--expires", "never"}).code == 0);
  CHECK(token({"create", "bob", "--role", "viewer"}).code == 0);
  const Json listed(token({"list", "--json"}).out);
  int alices = 0;
  for (const char* at : {"/credentials/0", "/credentials/1", "/credentials/2"}) alices += listed.string(at + std::string("/name")) == "alice";
  CHECK(alices == 2);
  CHECK(token({"list"}).out.find("laptop, blue") != std::string::npos);
  CHECK(token({"list"}).out.find(made.out.substr(14, 43)) == std::string::npos);
  for (const auto& [arguments, why] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"create", "al ice", "--role", "viewer"}, "NAME is"},
           {{"create", "eve", "--role", "root"}, "must be one of viewer, operator, bot, trainer, metrics, admin"},
           {{"create", "eve", "--role", "viewer", "--expires", "soon"}, "--expires is"},
           {{"create", "eve", "--role", "viewer", "--expires", "99999999999d"}, "--expires is"},
           {{"create", "eve", "--role", "viewer", "--note", "a\tb"}, "--note must be"},
           {{"create", "eve"}, "--role"},
           {{"revoke"}, "give an ID"},
           {{}, "subcommand"}}) {
    const Ended refused = token(arguments);
    CAPTURE(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find(why) != std::string::npos);
  }
  CHECK(token({"revoke", "nonsense"}).code == 1);
  CHECK(token({"revoke", "--all", "alice"}).code == 0);
  CHECK(token({"list", "--json"}).out.find("alice") == std::string::npos);
  // A bridge whose file is broken does not start.
  std::ofstream(file) << "broken\n";
  const Ended ended = run_bridge({"--set", "auth.mode=on", "--set", "auth.credentials=" + file, "--set", "websocket.listen=127.0.0.1:0",
                           "--set", "journal.path=\"\""});
  CHECK(ended.code == 1);
  CHECK(ended.err.find("auth.credentials: " + file + ": line 1 is not `token`") != std::string::npos);
  CHECK(run_bridge({"--set", "auth.mode=maybe", "--check-config"}).code == 2);
}
