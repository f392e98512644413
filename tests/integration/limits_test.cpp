// What a client may not do, and how it is told.

#include <doctest/doctest.h>

#include <string>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

int close_code_after(BridgeProcess& bridge, const FrameSpec& frame) {
  ProtocolClient client(bridge.websocket());
  REQUIRE(client.connection().send_frame(frame));
  return client.connection().wait_close().value_or(-1);
}

}  // namespace

TEST_CASE("limits: binary, bad UTF-8, too large and broken frames close with their code") {
  BridgeOptions options;
  options.settings = {"websocket.message_bytes_max=2000"};
  BridgeProcess bridge(options);
  FrameSpec binary;
  binary.opcode = Opcode::kBinary;
  binary.payload = "{}";
  CHECK(close_code_after(bridge, binary) == 1003);
  FrameSpec bad_utf8;
  bad_utf8.payload = "\"\xFF\"";
  CHECK(close_code_after(bridge, bad_utf8) == 1007);
  FrameSpec large;
  large.payload = std::string(2001, ' ');
  CHECK(close_code_after(bridge, large) == 1009);
  FrameSpec claims;  // from the header alone, before a byte of it has come
  claims.payload = "x";
  claims.claimed_length = 1ull << 40;
  CHECK(close_code_after(bridge, claims) == 1009);
  FrameSpec unmasked;
  unmasked.payload = "{}";
  unmasked.masked = false;
  CHECK(close_code_after(bridge, unmasked) == 1002);
  // And the others do not notice.
  ProtocolClient client(bridge.websocket());
  FrameSpec exact;
  exact.payload = R"({"action":"ping"})" + std::string(2000 - 17, ' ');
  REQUIRE(client.connection().send_frame(exact));
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
}

TEST_CASE("limits: errors leave the connection open") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  CHECK(client.request("nonsense").string("/data/error_type") == "bad_json");
  CHECK(client.request("[]").string("/data/error_type") == "bad_request");
  CHECK(client.request(R"({"action":"x","id":3})").integer("/id") == 3);
  CHECK(client.request(R"({"action":"subscribe","id":7,"subscriptions":["a",5]})")
            .string("/data/message") == "subscriptions[1] must be a string");
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
}

TEST_CASE("limits: one client too many is told 1013") {
  BridgeOptions options;
  options.settings = {"websocket.clients_max=2"};
  BridgeProcess bridge(options);
  ProtocolClient a(bridge.websocket());
  {
    ProtocolClient b(bridge.websocket());
    auto third = RawWebSocket::connect(bridge.websocket());
    CHECK(third.wait_close() == 1013);
  }
  // A place that is given up is free again.
  CHECK(wait_until([&] {
    auto next = RawWebSocket::connect(bridge.websocket());
    return next.receive_text().has_value();
  }));
}

TEST_CASE("limits: a page of another site is refused with 403, a wrong path with 404") {
  BridgeProcess bridge;
  const auto status = [&](const std::string& origin, const std::string& path = "/ws") {
    WebSocketOptions options;
    options.path = path;
    if (!origin.empty()) options.headers = {{"Origin", origin}};
    return RawWebSocket::try_connect(bridge.websocket(), options).status;
  };
  const std::string port = std::to_string(bridge.websocket().port);
  CHECK(status("http://evil.example") == 403);
  CHECK(status("http://evil.example:" + port) == 403);
  CHECK(status("null") == 403);
  CHECK(status("http://127.0.0.1:" + port) == 101);
  CHECK(status("http://localhost:" + port) == 101);
  CHECK(status("") == 101);
  CHECK(status("", "/") == 404);
  CHECK(status("", "/ws?x=1") == 101);
}

TEST_CASE("limits: who is asked for by another site's name answers 421, and reads nothing") {
  BridgeOptions options;
  options.settings = {"websocket.hosts=[\"bridge.lab\"]", "websocket.origins=[\"https://desk.example\"]"};
  BridgeProcess bridge(options);
  const TcpAddress at = bridge.websocket();
  const std::string port = std::to_string(at.port);
  for (const char* path : {"/", "/healthz", "/readyz", "/metrics", "/nothing"}) {
    const HttpResponse evil = http(at, "GET", path, {{"Host", "evil.example:" + port}});
    CHECK(evil.status == 421);
    CHECK(evil.reason == "Misdirected Request");
    CHECK(Json(evil.body).string("/data/message") ==
          "no bridge is called evil.example:" + port + " here; websocket.hosts names further hosts");
  }
  const std::string event = R"({"type":"t","data":{}})";
  CHECK(http(at, "POST", "/submit_event", {{"Host", "evil.example"}}, event).status == 421);
  CHECK(http(at, "POST", "/submit_event", {{"Host", "bridge.lab"}}, event).status == 200);
  CHECK(http(at, "POST", "/submit_event", {{"Origin", "https://desk.example"}}, event).status == 200);
  const auto upgrade = [&](const std::string& host, const std::string& origin) {
    WebSocketOptions wish;
    wish.headers = {{"Host", host}};
    if (!origin.empty()) wish.headers.emplace_back("Origin", origin);
    return RawWebSocket::try_connect(at, wish).status;
  };
  CHECK(upgrade("evil.example:" + port, "") == 421);
  CHECK(upgrade("evil.example:" + port, "http://evil.example:" + port) == 421);
  CHECK(upgrade("bridge.lab", "http://bridge.lab") == 101);
  CHECK(upgrade("bridge.lab", "https://desk.example") == 101);
  CHECK(upgrade("bridge.lab", "http://evil.example") == 403);
  CHECK(http(at, "GET", "/metrics").body.find("ppo_bridge_http_foreign_host_total 8\n") != std::string::npos);
}

TEST_CASE("limits: a client that answers no ping is closed with 4012, one that does stays") {
  BridgeOptions options;
  options.settings = {"websocket.ping_interval_s=1", "websocket.pong_timeout_s=2"};
  BridgeProcess bridge(options);
  ProtocolClient mute(bridge.websocket());
  mute.connection().answer_pings(false);
  ProtocolClient polite(bridge.websocket());
  polite.request(R"({"action":"register"})");
  // Reading is what answers pings here, so the polite one reads for longer than the timeout.
  for (int i = 0; i < 50; ++i) CHECK_FALSE(polite.try_next_message(milliseconds{100}));
  CHECK(mute.connection().wait_close() == 4012);
  CHECK(polite.request(R"({"action":"ping"})").string("/status") == "pong");
}

TEST_CASE("limits: a flood of requests is refused and in the end cut off with 4029") {
  BridgeOptions options;
  options.settings = {"websocket.requests_per_s_max=2"};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  bool limited = false;
  for (int i = 0; i < 100'000; ++i) {
    if (!client.connection().send_text(R"({"action":"ping"})")) break;
    const auto text = client.connection().receive_text();
    if (!text) break;
    if (text->find("rate_limited") != std::string::npos) limited = true;
  }
  CHECK(limited);
  CHECK(client.connection().received_close_code() == 4029);
}

TEST_CASE("limits: hostile messages on the ZeroMQ socket cost nobody anything") {
  BridgeOptions options;
  options.settings = {"events.message_bytes_max=1048576"};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, 15'000);
  socket.set(zmq::sockopt::xpub_nodrop, 1);
  socket.connect(bridge.events_in());
  zmq::message_t subscription;
  REQUIRE(socket.recv(subscription));
  for (int i = 0; i < 999; ++i) {
    REQUIRE(socket.send(zmq::str_buffer("frame"), zmq::send_flags::sndmore));
  }
  REQUIRE(socket.send(zmq::buffer(event_body("many_frames")), zmq::send_flags::none));
  REQUIRE(socket.send(zmq::message_t(), zmq::send_flags::none));
  CHECK(client.next_event().string("/type") == "many_frames");
  // Larger than a message may be: ZeroMQ cuts the peer off, and it may come back.
  (void)socket.send(zmq::message_t(4 << 20), zmq::send_flags::none);
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(event_body("good")));
  CHECK(client.next_event().string("/type") == "good");
}
