// The pages on the WebSocket's port, over real sockets.

#include <doctest/doctest.h>

#include "support/bridge_process.h"
#include "support/http.h"
#include "support/protocol_client.h"

using namespace testing_support;

TEST_CASE("http: pages, methods, headers") {
  BridgeProcess bridge;
  const TcpAddress at = bridge.websocket();
  const HttpResponse home = http(at, "GET", "/");
  CHECK(home.status == 200);
  CHECK(home.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(home.header("X-Content-Type-Options") == "nosniff");
  CHECK(home.header("Content-Security-Policy").find("default-src 'none'") == 0);
  CHECK(home.body.find("PPO Bridge") != std::string::npos);
  CHECK(http(at, "GET", "/healthz").status == 200);
  CHECK(http(at, "GET", "/readyz").status == 200);
  CHECK(http(at, "HEAD", "/healthz").body.empty());
  CHECK(http(at, "GET", "/nothing").status == 404);
  CHECK(http(at, "GET", "/../../etc/passwd").status == 404);
  const HttpResponse wrong = http(at, "DELETE", "/metrics");
  CHECK(wrong.status == 405);
  CHECK(wrong.header("Allow") == "GET, HEAD");
  const HttpResponse metrics = http(at, "GET", "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body.find("# TYPE ppo_bridge_events_accepted_total counter") != std::string::npos);
  CHECK(metrics.body.find("# TYPE ppo_bridge_receive_to_send_seconds histogram") !=
        std::string::npos);
}

TEST_CASE("http: an event posted is an event delivered") {
  BridgeProcess bridge;
  const TcpAddress at = bridge.websocket();
  ProtocolClient client(at);
  client.request(R"({"action":"register"})");
  const auto posted = http(at, "POST", "/submit_event", {},
                           "{\n  \"type\": \"price_update\",\n  \"data\": {\"item\": \"Coal\"}\n}");
  CHECK(posted.status == 200);
  CHECK(posted.body == R"({"status":"success","accepted":1})");
  CHECK(client.next_event().string("/data/item") == "Coal");
  const auto bad = http(at, "POST", "/submit_event", {}, "{\"type\":\"x\"}");
  CHECK(bad.status == 400);
  CHECK(Json(bad.body).string("/data/error_type") == "bad_request");
  CHECK(http(at, "POST", "/submit_event", {{"Origin", "http://evil.example"}},
             R"({"type":"t","data":{}})")
            .status == 403);
  CHECK(http(at, "POST", "/submit_event", {}, "").status == 400);
}
