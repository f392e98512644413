// The cookie of a browser: who gets one, and where it counts.

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "support/bridge_process.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

struct LoginBridge {
  LoginBridge() {
    token = make_token("alice", "admin");
    options.settings = {"auth.mode=on", "auth.credentials=" + file, "websocket.origins=[\"http://desk.example\"]"};
    start();
  }
  void start() {
    bridge = std::make_unique<BridgeProcess>(options);
    at = bridge->websocket();
    const std::string ws = bridge->address("ws");
    own = (ws.rfind("wss:", 0) == 0 ? "https://" : "http://") + at.text();
    cookie_name = ws.rfind("wss:", 0) == 0 ? "__Host-ppo" : "ppo";
  }
  std::vector<std::string> token_command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {std::getenv("PPO_BRIDGE_BIN"), "token", "--credentials", file});
    Process process(arguments);
    REQUIRE(process.wait_exit() == 0);
    return process.stdout_lines();
  }
  std::string make_token(const std::string& name, const std::string& role) const {
    return token_command({"create", name, "--role", role}).front();
  }
  HttpResponse login(const std::string& said, const HttpHeaders& headers = {}) const {
    HttpHeaders all = {{"Content-Type", "application/json"}};
    if (headers.empty()) all.emplace_back("Origin", own);
    all.insert(all.end(), headers.begin(), headers.end());
    return http(at, "POST", "/login", all, "{\"token\":\"" + said + "\"}");
  }
  // NAME=VALUE, as a browser sends it back.
  std::string cookie() const {
    const std::string set = login(token).header("Set-Cookie");
    REQUIRE(set.rfind(cookie_name + "=", 0) == 0);
    return set.substr(0, set.find(';'));
  }
  HttpHeaders headers(const std::string& origin, const std::string& cookie_text, bool bearer = false) const {
    HttpHeaders all;
    if (!origin.empty()) all.emplace_back("Origin", origin);
    if (!cookie_text.empty()) all.emplace_back("Cookie", cookie_text);
    if (bearer) all.emplace_back("Authorization", "Bearer " + token);
    return all;
  }

  const ScratchDirectory scratch;
  const std::string file = scratch.file("credentials");
  std::string token;
  BridgeOptions options;
  std::unique_ptr<BridgeProcess> bridge;
  TcpAddress at;
  std::string own, cookie_name;
};

}  // namespace

TEST_CASE("login: what is asked before a cookie is given, and how it is given") {
  LoginBridge b;
  const HttpResponse given = b.login(b.token);
  CHECK(given.status == 200);
  CHECK(given.header("Content-Type") == "application/json");
  CHECK(given.header("Cache-Control") == "no-store");
  const Json body(given.body);
  CHECK(body.string("/name") == "alice");
  CHECK(body.string("/role") == "admin");
  const std::string set = given.header("Set-Cookie");
  CHECK(set.find("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict") != std::string::npos);
  CHECK((set.find("; Secure") != std::string::npos) == (b.cookie_name == "__Host-ppo"));
  CHECK(given.body.find(b.token) == std::string::npos);
  CHECK(set.find(b.token.substr(14)) == std::string::npos);

  const HttpHeaders own = {{"Origin", b.own}};
  CHECK(b.login("ppo1_wrong").status == 401);
  CHECK(b.login("ppo1_wrong").header("Set-Cookie").empty());
  CHECK(b.login(b.token, {{"X-Nothing", "1"}}).status == 403);  // no Origin
  for (const char* other : {"http://evil.example", "null", "https://desk.example"}) {
    CHECK(b.login(b.token, {{"Origin", other}}).status == 403);
  }
  const auto post = [&](const std::string& type, const std::string& text) {
    return http(b.at, "POST", "/login", {{"Origin", b.own}, {"Content-Type", type}}, text).status;
  };
  const std::string right = "{\"token\":\"" + b.token + "\"}";
  CHECK(post("application/json; charset=utf-8", right) == 200);
  CHECK(post("Application/JSON", right) == 200);
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""}) CHECK(post(type, right) == 415);
  for (const char* text : {"", "{", "[]", "{}", "\"x\"", "null", "{\"token\":1}", "{\"token\":null}"}) {
    CAPTURE(std::string(text));
    CHECK(post("application/json", text) == 400);
  }
  CHECK(post("application/json", "{\"token\":\"" + std::string(10'000, 'a') + "\"}") == 413);
  CHECK(http(b.at, "GET", "/login", own).status == 405);
  CHECK(http(b.at, "GET", "/logout", own).status == 405);
}

TEST_CASE("login: a cookie counts where the Origin is allowed") {
  LoginBridge b;
  const std::string good = b.cookie();
  std::string forged = good;
  forged.back() = forged.back() == 'A' ? 'E' : 'A';
  const std::string among = "a=b; " + good + "; c=\"d\"";
  const std::string wrong_first = b.cookie_name + "=x; " + good;
  const std::string body = R"({"type":"t","source":"s","data":{}})";
  struct Row {
    std::string origin, cookie;
    bool bearer;
    int get, post, upgrade;
    bool known;  // to the WebSocket
  };
  const std::string evil = "http://evil.example", desk = "http://desk.example";
  for (const Row& row : {
           Row{"", "", false, 401, 401, 101, false},
           Row{"", good, false, 200, 403, 403, false},
           Row{"", forged, false, 401, 403, 403, false},
           Row{"", good, true, 200, 200, 101, true},
           Row{"", forged, true, 200, 200, 101, true},
           Row{b.own, "", false, 401, 401, 101, false},
           Row{b.own, good, false, 200, 200, 101, true},
           Row{b.own, among, false, 200, 200, 101, true},
           Row{b.own, wrong_first, false, 200, 200, 101, true},
           Row{b.own, forged, false, 401, 401, 101, false},
           Row{b.own, "ppo", false, 401, 401, 101, false},
           Row{b.own, "x" + good, false, 401, 401, 101, false},
           Row{b.own, good, true, 200, 200, 101, true},
           Row{desk, good, false, 200, 200, 101, true},
           Row{evil, "", false, 401, 403, 403, false},
           Row{evil, good, false, 401, 403, 403, false},
           Row{evil, good, true, 200, 403, 403, false},
           Row{"null", good, false, 401, 403, 403, false},
           Row{b.own + ".evil.example", good, false, 401, 403, 403, false},
       }) {
    CAPTURE(row.origin);
    CAPTURE(row.cookie);
    CAPTURE(row.bearer);
    const HttpHeaders headers = b.headers(row.origin, row.cookie, row.bearer);
    CHECK(http(b.at, "GET", "/metrics", headers).status == row.get);
    CHECK(http(b.at, "GET", "/", headers).status == 200);
    CHECK(http(b.at, "POST", "/submit_event", headers, body).status == row.post);
    WebSocketOptions options;
    options.headers = headers;
    CHECK(RawWebSocket::try_connect(b.at, options).status == row.upgrade);
    if (row.upgrade != 101) continue;
    const ProtocolClient client(b.at, options);
    const Json& welcome = client.welcome();
    CHECK((row.known ? welcome.string("/data/auth/name") == "alice" : welcome.string("/data/auth") == "required"));
  }
  HttpHeaders rebound = b.headers("", good);
  rebound.emplace_back("Host", "evil.example");
  CHECK(http(b.at, "GET", "/metrics", rebound).status == 421);
  // Over TLS only the name counts that nobody can set without it.
  if (b.cookie_name != "ppo") CHECK(http(b.at, "GET", "/metrics", b.headers("", good.substr(7))).status == 401);
}

TEST_CASE("login: a cookie outlives a restart, and ends with its credential") {
  LoginBridge b;
  const std::string viewer = b.make_token("vera", "viewer");
  const HttpResponse out = http(b.at, "POST", "/logout", b.headers(b.own, b.cookie()));
  CHECK(out.status == 204);
  CHECK(out.header("Set-Cookie").rfind(b.cookie_name + "=; Path=/; Max-Age=0;", 0) == 0);

  const std::string cookie = b.cookie();
  b.bridge->stop();
  b.start();
  CHECK(http(b.at, "GET", "/metrics", b.headers("", cookie)).status == 200);
  const std::string set = b.login(viewer).header("Set-Cookie");
  const std::string others = set.substr(0, set.find(';'));
  CHECK(http(b.at, "GET", "/metrics", b.headers("", others)).status == 403);
  WebSocketOptions options;
  options.headers = b.headers(b.own, cookie);
  ProtocolClient client(b.at, options);
  CHECK(client.welcome().has("/data/auth/expires"));
  b.token_command({"revoke", "--all", "alice"});
  CHECK(client.connection().wait_close() == 4001);
  CHECK(http(b.at, "GET", "/metrics", b.headers("", cookie)).status == 401);
  CHECK(http(b.at, "GET", "/readyz", b.headers("", others)).status == 200);
  client.disconnect();
  b.bridge->stop();
  std::string all = b.bridge->process().stderr_text();
  for (const std::string& line : b.bridge->process().stdout_lines()) all += line;
  for (const std::string& secret : {cookie, others}) CHECK(all.find(secret.substr(secret.find('=') + 1)) == std::string::npos);
  CHECK(all.find("ppo1_") == std::string::npos);
}
