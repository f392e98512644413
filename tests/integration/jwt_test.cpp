// Tokens of somebody else's issuer, wherever the bridge's own are taken.

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "access/base64url.h"
#include "support/bridge_process.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace testing_support;
using bridge::base64url;

namespace {

const std::string kIssuerSecret(32, 's');

std::string issue(const std::string& name, const std::string& role, const std::string& id, std::int64_t lifetime_s = 600) {
  const std::string claims = R"({"iss":"https://id.example","aud":["ppo-bridge"],"sub":")" + name + R"(","ppo_role":")" + role +
                             R"(","jti":")" + id + R"(","exp":)" + std::to_string(std::time(nullptr) + lifetime_s) + "}";
  const std::string text = base64url(R"({"alg":"HS256"})") + "." + base64url(claims);
  std::array<unsigned char, 32> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), kIssuerSecret.data(), static_cast<int>(kIssuerSecret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

void put_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

HttpHeaders bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

}  // namespace

TEST_CASE("jwt: a token of the issuer's is taken wherever one of ours is") {
  const ScratchDirectory scratch;
  const std::string keys = scratch.file("keys.json"), revoked = scratch.file("revoked");
  const std::string set = R"({"keys":[{"kty":"oct","k":")" + base64url(kIssuerSecret) + "\"}]}";
  put_file(keys, set);
  put_file(revoked, "");
  BridgeOptions options;
  options.settings = {"auth.mode=on", "auth.credentials=" + scratch.file("credentials"), "auth.jwt_keys=" + keys,
                      "auth.jwt_issuer=https://id.example", "auth.jwt_revoked=" + revoked};
  BridgeProcess bridge(options);
  const TcpAddress at = bridge.websocket();
  const std::string alice = issue("alice", "operator", "j-1"), bob = issue("bob", "viewer", "j-2");
  CHECK(http(at, "GET", "/metrics", bearer(alice)).status == 200);
  CHECK(http(at, "GET", "/metrics", bearer(bob)).status == 403);
  for (const std::string& wrong : {issue("alice", "root", "j"), issue("alice", "viewer", "j", -1), issue("alice", "viewer", "j", 100'000),
                                   alice + "A", alice.substr(0, alice.rfind('.') + 1)}) {
    CHECK(http(at, "GET", "/healthz", bearer(wrong)).status == 401);
  }
  WebSocketOptions as_bob;
  as_bob.headers = bearer(bob);
  ProtocolClient watching(at, as_bob);
  CHECK(watching.welcome().string("/data/auth/name") == "bob");
  CHECK(watching.welcome().has("/data/auth/expires"));
  ProtocolClient client(at);
  CHECK(client.request(R"({"action":"authenticate","token":")" + alice + "\"}").string("/role") == "operator");
  const std::string own = (bridge.address("ws").rfind("wss:", 0) == 0 ? "https://" : "http://") + at.text();
  const HttpResponse login = http(at, "POST", "/login", {{"Origin", own}, {"Content-Type", "application/json"}}, "{\"token\":\"" + alice + "\"}");
  CHECK(login.status == 200);
  const std::string given = login.header("Set-Cookie");
  const HttpHeaders cookie = {{"Cookie", given.substr(0, given.find(';'))}};
  CHECK(http(at, "GET", "/metrics", cookie).status == 200);

  // A file that is broken changes nothing, and is said.
  put_file(revoked, "nonsense\n");
  CHECK(wait_until([&] { return bridge.process().stderr_text().find("line 1 is not `jti VALUE`") != std::string::npos; }));
  CHECK(http(at, "GET", "/metrics", bearer(alice)).status == 200);
  put_file(revoked, "sub alice\n");
  CHECK(client.connection().wait_close() == 4001);
  CHECK(http(at, "GET", "/metrics", bearer(alice)).status == 401);
  CHECK(http(at, "GET", "/metrics", cookie).status == 401);
  CHECK(watching.request(R"({"action":"ping"})").string("/status") == "pong");
  put_file(keys, "{}");
  bridge.process().signal(SIGHUP);
  CHECK(wait_until([&] { return bridge.process().stderr_text().find("has no list `keys`") != std::string::npos; }));
  CHECK(watching.request(R"({"action":"ping"})").string("/status") == "pong");
  // Without its key a token is good no longer.
  put_file(keys, R"({"keys":[{"kty":"oct","k":")" + base64url(std::string(32, 'x')) + "\"}]}");
  CHECK(watching.connection().wait_close() == 4001);
  for (ProtocolClient* const each : {&watching, &client}) each->disconnect();
  bridge.stop();
  const std::string all = bridge.process().stderr_text();
  for (const std::string& token : {alice, bob}) CHECK(all.find(token.substr(token.find('.'))) == std::string::npos);
}

TEST_CASE("jwt: what the configuration must say with it") {
  const ScratchDirectory scratch;
  const std::string keys = scratch.file("keys.json");
  put_file(keys, "{}");
  const auto started = [&](std::vector<std::string> settings) {
    std::vector<std::string> arguments = {std::getenv("PPO_BRIDGE_BIN"), "--set", "journal.path=\"\"", "--set", "websocket.listen=127.0.0.1:0",
                                          "--set", "auth.credentials=" + scratch.file("credentials")};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    Process process(arguments);
    const int code = process.wait_exit().value();
    return std::to_string(code) + " " + process.stderr_text();
  };
  CHECK(started({"auth.jwt_keys=" + keys}).find("2 ppo-bridge: auth.jwt_issuer is \"\", but auth.jwt_keys is not") != std::string::npos);
  CHECK(started({"auth.jwt_revoked=" + keys}).find("there is nothing to revoke") != std::string::npos);
  const std::string broken = started({"auth.jwt_keys=" + keys, "auth.jwt_issuer=x"});
  CHECK(broken.substr(0, 2) == "1 ");
  CHECK(broken.find("auth.jwt_keys: " + keys + " has no list `keys`") != std::string::npos);
}
