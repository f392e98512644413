// The audit log of a real bridge: what is in it, who may read it, and that nobody waits for it.

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "run_bridge.h"
#include "support/bridge_process.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

struct AuditedBridge {
  explicit AuditedBridge(std::string audit_file = {}, std::vector<std::string> settings = {}) {
    file = audit_file.empty() ? scratch.file("audit") : audit_file;
    for (const char* role : {"viewer", "operator", "trainer", "admin"}) {
      const Ended made = command({"create", role, "--role", role});
      REQUIRE(made.code == 0);
      tokens[role] = made.out.substr(0, 57);
    }
    BridgeOptions options;
    options.settings = {"auth.mode=on", "auth.credentials=" + credentials, "audit.file=" + file};
    options.settings.insert(options.settings.end(), settings.begin(), settings.end());
    bridge = std::make_unique<BridgeProcess>(options);
  }
  Ended command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--set", "audit.file=" + file, "token", "--credentials", credentials});
    return run_bridge(arguments);
  }
  HttpHeaders headers(const std::string& role) const {
    return role.empty() ? HttpHeaders{} : HttpHeaders{{"Authorization", "Bearer " + tokens.at(role)}};
  }
  ProtocolClient client(const std::string& role) const {
    WebSocketOptions options;
    options.headers = headers(role);
    return ProtocolClient(bridge->websocket(), options);
  }
  std::string text() const {
    std::ifstream in(file);
    std::stringstream all;
    all << in.rdbuf();
    const std::string text = all.str();
    return text.substr(0, text.rfind('\n') + 1);  // of the last line a part may be there
  }
  // How often something of this kind was told, with the "more" of all that was told together.
  long told(const std::string& what, const std::string& name, const std::string& outcome, const std::string& part = {}) const {
    std::istringstream lines(text());
    long n = 0;
    for (std::string line; std::getline(lines, line);) {
      const Json entry(line);
      if (entry.string("/what") != what || entry.string("/outcome") != outcome) continue;
      if (name.empty() ? line.find("\"name\":null") == std::string::npos : entry.string("/name") != name) continue;
      if (line.find(part) != std::string::npos) n += entry.has("/more") ? entry.integer("/more") : 1;
    }
    return n;
  }
  void expect(long n, const std::string& what, const std::string& name, const std::string& outcome, const std::string& part = {}) const {
    const bool there = wait_until([&] { return told(what, name, outcome, part) >= n; });
    if (!there) MESSAGE(text());
    CAPTURE(what + " " + name + " " + outcome + " " + part);
    CHECK(there);
    CHECK(told(what, name, outcome, part) == n);
  }

  const ScratchDirectory scratch;
  const std::string credentials = scratch.file("credentials");
  std::string file;
  std::map<std::string, std::string> tokens;
  std::unique_ptr<BridgeProcess> bridge;
};

std::string error_of(const Json& reply) { return reply.string("/status") == "error" ? reply.string("/data/error_type") : ""; }

}  // namespace

TEST_CASE("audit: who came in, who did not, and who commanded what, whichever way") {
  AuditedBridge b;
  const TcpAddress at = b.bridge->websocket();
  for (const auto& [role, token] : b.tokens) b.expect(1, "token_created", role, "success", "\"target\":\"" + role + "\"");
  struct stat about {};
  REQUIRE(::stat(b.file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);

  // With the handshake, with a request, with the first message.
  ProtocolClient op = b.client("operator");
  b.expect(1, "login", "operator", "success", "\"remote\":\"127.0.0.1:");
  ProtocolClient late(at);
  late.request(R"({"action":"authenticate","token":")" + b.tokens["admin"] + "\"}");
  b.expect(1, "login", "admin", "success");
  CHECK(http(at, "GET", "/metrics", b.headers("viewer")).status == 403);
  b.expect(1, "login", "viewer", "success");
  b.expect(1, "refused", "viewer", "forbidden", "\"target\":\"/metrics\"");

  CHECK(http(at, "GET", "/readyz").status == 401);
  CHECK(http(at, "GET", "/healthz", {{"Authorization", "Bearer ppo1_k7q2m9xa_wrong"}}).status == 401);
  ProtocolClient wrong(at);
  wrong.request(R"({"action":"authenticate","token":"ppo1_wrong"})");
  b.expect(3, "refused", "", "unauthorized");

  CHECK(http(at, "POST", "/submit_event", b.headers("trainer"), R"({"type":"t","source":"another","data":{}})").status == 403);
  b.expect(1, "source_refused", "trainer", "forbidden_source", "\"target\":\"another\"");

  op.request(R"({"action":"register","client_id":"desk \u202e1"})");
  CHECK(error_of(op.request(R"({"action":"command","command":"pause","target":"nobody","params":{"secret":1}})")) == "unknown_target");
  b.expect(1, "command", "operator", "unknown_target", R"("client":"desk \u202e1","command":"pause","target":"nobody")");
  op.request(R"({"action":"command","command":"arm_dead_mans_switch","params":{"timeout_ms":60000,"on_expiry":{"command":"halt","target":"nobody"}}})");
  op.request(R"({"action":"command","command":"disarm_dead_mans_switch"})");
  b.expect(1, "command", "operator", "success", "\"arm_dead_mans_switch\"");
  b.expect(1, "command", "operator", "success", "\"disarm_dead_mans_switch\"");
  op.request(R"({"action":"command","command":"replay","params":{"since":{"last":1}}})");
  b.expect(1, "command", "operator", "success", "\"replay\"");
  ProtocolClient viewer = b.client("viewer");
  CHECK(error_of(viewer.request(R"({"action":"command","command":"pause","target":"*"})")) == "forbidden");
  b.expect(1, "command", "viewer", "forbidden", R"("command":"pause","target":"*")");
  for (int i = 0; i < 5; ++i) viewer.request(R"({"action":"command","command":"get_status"})");
  b.expect(5, "command", "viewer", "success", "\"get_status\"");

  zmq::context_t context;
  zmq::socket_t bot(context, zmq::socket_type::req);
  bot.set(zmq::sockopt::linger, 0);
  bot.set(zmq::sockopt::rcvtimeo, 15'000);
  bot.set(zmq::sockopt::routing_id, "b7");
  bot.connect(b.bridge->address("commands"));
  zmq::message_t reply;
  for (const char* who : {"operator", ""}) {
    const std::string token = *who == '\0' ? "ppo1_no" : b.tokens[who];
    bot.send(zmq::buffer(R"({"command":"pause","target":"ppo1_mine","token":")" + token + "\"}"), zmq::send_flags::none);
    REQUIRE(bot.recv(reply));
  }
  b.expect(1, "command", "operator", "unknown_target", R"x("remote":"127.0.0.1","client":"bot-b7","command":"pause","target":"(token)")x");
  b.expect(1, "refused", "", "unauthorized", "\"client\":\"bot-b7\"");

  CHECK(b.command({"revoke", "--all", "trainer"}).code == 0);
  b.expect(1, "token_revoked", "trainer", "success");
  b.expect(1, "reload", "", "success");

  // Read by admins, and by nobody else.
  for (ProtocolClient* client : {&op, &viewer}) {
    CHECK(error_of(client->request(R"({"action":"command","command":"get_audit"})")) == "forbidden");
  }
  const Json page = late.request(R"({"action":"command","command":"get_audit","params":{"count":2}})");
  CHECK(page.string("/result/entries/0/outcome") == "forbidden");
  CHECK(page.string("/result/entries/0/command") == "get_audit");
  CHECK_FALSE(page.has("/result/entries/2"));
  const Json older = late.request(R"({"action":"command","command":"get_audit","params":{"count":1000,"before":")" +
                                  page.string("/result/before") + "\"}}");
  CHECK(older.string("/result/entries/0/what") != "");
  CHECK(error_of(late.request(R"({"action":"command","command":"get_audit","params":{"count":0}})")) == "bad_request");
  CHECK(error_of(late.request(R"({"action":"command","command":"get_audit","params":{"before":1}})")) == "bad_request");
  const std::string metrics = http(at, "GET", "/metrics", b.headers("admin")).body;
  CHECK(metrics.find("ppo_bridge_audit_lines_total") != std::string::npos);
  for (ProtocolClient* const each : {&op, &late}) each->disconnect();
  b.bridge->stop();
  const std::string all = b.text() + b.bridge->process().stderr_text();
  CHECK(all.find("ppo1_") == std::string::npos);
  CHECK(all.find("secret") == std::string::npos);
}

TEST_CASE("audit: 100,000 wrong tokens are few lines, and the files stay as small as they are to be") {
  AuditedBridge b({}, {"audit.file_bytes_max=65536", "audit.files_max=2", "websocket.requests_per_s_max=1000000"});
  zmq::context_t context;
  zmq::socket_t liar(context, zmq::socket_type::dealer);
  liar.set(zmq::sockopt::linger, 0);
  liar.set(zmq::sockopt::rcvtimeo, 30'000);
  liar.connect(b.bridge->address("commands"));
  zmq::message_t reply;
  long refused = 0;
  for (int i = 0; i < 1000; ++i) {
    for (int k = 0; k < 100; ++k) {
      liar.send(zmq::buffer(R"({"command":"pause","target":"n)" + std::to_string(i) + R"(","token":"ppo1_guess"})"), zmq::send_flags::none);
    }
    for (int k = 0; k < 100; ++k) {
      REQUIRE(liar.recv(reply));
      const std::string told = reply.to_string();
      refused += told.find("\"unauthorized\"") != std::string::npos || told.find("\"rate_limited\"") != std::string::npos;
    }
  }
  CHECK(refused == 100'000);
  CHECK(wait_until([&] { return b.told("refused", "", "unauthorized") + b.told("refused", "", "rate_limited") == 100'000; }));
  const std::string text = b.text();
  CHECK(std::count(text.begin(), text.end(), '\n') < 200);
  // Who may command fills no more than both files.
  ProtocolClient op = b.client("operator");
  for (int i = 0; i < 1500; ++i) {
    op.request(R"({"action":"command","command":"disarm_dead_mans_switch"})");
  }
  op.disconnect();
  b.bridge->stop();
  struct stat about {};
  for (const char* more : {"", ".1"}) {
    REQUIRE(::stat((b.file + more).c_str(), &about) == 0);
    CHECK(about.st_size <= 65'536);
    CHECK((about.st_mode & 0777) == 0600);
  }
  CHECK(::stat((b.file + ".2").c_str(), &about) != 0);
}

TEST_CASE("audit: a full disk is counted and said, and stops nothing") {
  AuditedBridge b("/dev/full");
  ProtocolClient op = b.client("operator");
  CHECK(op.request(R"({"action":"command","command":"get_status"})").string("/status") == "command_result");
  const TcpAddress at = b.bridge->websocket();
  CHECK(wait_until([&] {
    return http(at, "GET", "/readyz", b.headers("admin")).body.find("audit: cannot be written: No space left on device") != std::string::npos;
  }));
  CHECK(http(at, "GET", "/metrics", b.headers("admin")).body.find("ppo_bridge_audit_failed_total 0") == std::string::npos);
  CHECK(wait_until([&] { return b.bridge->process().stderr_text().find("audit.file /dev/full: cannot be written") != std::string::npos; }));
  op.disconnect();
  CHECK(b.bridge->stop() == 0);
}

TEST_CASE("audit: a file that cannot be opened ends the start; without one it is told in the log") {
  const Ended ended = run_bridge({"--set", "audit.file=/nonexistent/audit", "--set", "websocket.listen=127.0.0.1:0", "--set", "journal.path=\"\""});
  CHECK(ended.code == 1);
  CHECK(ended.err.find("audit.file is /nonexistent/audit: No such file or directory") != std::string::npos);
  CHECK(run_bridge({"--set", "audit.files_max=0", "--check-config"}).code == 2);
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"command","command":"get_status"})");
  client.request(R"({"action":"command","command":"pause","target":"nobody"})");
  CHECK(error_of(client.request(R"({"action":"command","command":"get_audit"})")) == "bad_request");
  const auto log = [&] { return bridge.process().stderr_text(); };
  CHECK(wait_until([&] { return log().find(R"("command":"pause","target":"nobody","outcome":"unknown_target"})") != std::string::npos; }));
  CHECK(log().find("get_status") == std::string::npos);
}
