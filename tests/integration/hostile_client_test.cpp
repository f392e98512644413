// What one client, or somebody who only looks like one, may cost the bridge and the others.

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "little_memory.h"
#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

std::string handshake(const TcpAddress& at, const std::string& headers) {
  return "GET /ws HTTP/1.1\r\nHost: " + at.text() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
         headers + "\r\n";
}

// What comes until the bridge closes, or until `until` is in it.
std::string answer_to(TcpSocket& socket, std::string_view bytes, std::string_view until = "\r\n\r\n") {
  REQUIRE(socket.send_all(bytes));
  std::string answer;
  while (answer.find(until) == std::string::npos &&
         socket.receive(answer) == TcpSocket::Read::kData) {
  }
  return answer;
}

// What a publisher says first (ZMTP 3.0, RFC 23).
std::string hello_of_publisher() {
  std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL", 16);
  greeting.resize(64);
  return greeting + std::string("\x04\x19\5READY\x0bSocket-Type\0\0\0\3PUB", 27);
}

}  // namespace

TEST_CASE("hostile client: only version 13 is spoken") {
  BridgeProcess bridge;
  const TcpAddress at = bridge.websocket();
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string hixie = "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n";
  for (const std::string& headers :
       {key, key + "Sec-WebSocket-Version: 0\r\n", key + "Sec-WebSocket-Version: 7\r\n",
        key + "Sec-WebSocket-Version: 8\r\n", key + "Sec-WebSocket-Version: 14\r\n",
        key + "Sec-WebSocket-Version: x\r\n", hixie}) {
    CAPTURE(headers);
    TcpSocket socket = TcpSocket::connect(at);
    const HttpResponse answer = parse_http_head(answer_to(socket, handshake(at, headers) + "^n:ds[4U"));
    CHECK(answer.status == 426);
    CHECK(answer.header("Sec-WebSocket-Version") == "13");
    CHECK(answer.header("Upgrade") == "websocket");
  }
  const HttpResponse plain = http(at, "GET", "/ws");
  CHECK(plain.status == 426);
  CHECK(plain.header("Sec-WebSocket-Version") == "13");
  TcpSocket socket = TcpSocket::connect(at);
  CHECK(parse_http_head(answer_to(socket, handshake(at, key + "Sec-WebSocket-Version: 13\r\n"))).status == 101);
}

TEST_CASE("hostile client: another site's POST is refused before its body is there") {
  BridgeProcess bridge;
  const TcpAddress at = bridge.websocket();
  TcpSocket socket = TcpSocket::connect(at);
  const std::string answer = answer_to(
      socket, "POST /submit_event HTTP/1.1\r\nHost: " + at.text() +
                  "\r\nOrigin: http://evil.example\r\nContent-Length: 1000000\r\n\r\n{\"type\"");
  CHECK(parse_http_head(answer).status == 403);
  CHECK(http(at, "POST", "/submit_event", {{"Origin", "http://" + at.text()}},
             R"({"type":"t","data":{"x":")" + std::string(100'000, 'x') + "\"}}")
            .status == 200);
}

TEST_CASE("hostile client: of pings that are never read one pong waits") {
  BridgeProcess bridge;
  WebSocketOptions slow;
  slow.receive_buffer_bytes = 4096;
  auto client = RawWebSocket::connect(bridge.websocket(), slow);
  REQUIRE(client.receive_text());
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  FrameSpec ping;
  ping.opcode = Opcode::kPing;
  const auto send = [&](char c, std::size_t size, int count) {
    ping.payload.assign(size, c);
    std::string frames;
    for (int i = 0; i < 1000; ++i) frames += encode_frame(ping);
    for (int i = 0; i < count; i += 1000) REQUIRE(client.socket().send_all(frames));
  };
  // As many as would take 100 MB if each was answered: more than the kernel's buffers hold.
  send('a', 125, 200'000);
  send('b', 0, 200'000);
  send('z', 1, 1000);
  ProtocolClient other(bridge.websocket());
  CHECK(other.request(R"({"action":"ping"})").string("/status") == "pong");
#if !PPO_SANITIZED
  CHECK(resident_bytes(bridge.process().pid()) < before + (32u << 20));
#else
  (void)before;
#endif
  // The last one is answered, as soon as there is room.
  std::size_t pongs = 0;
  for (;;) {
    const auto frame = client.receive_frame();
    REQUIRE(frame);
    if (frame->opcode != Opcode::kPong) continue;
    ++pongs;
    if (frame->payload == "z") break;
  }
  CHECK(pongs < 401'000);
}

TEST_CASE("hostile client: connections that say nothing give way to who speaks") {
  BridgeOptions options;
  options.settings = {"websocket.clients_max=4"};
  BridgeProcess bridge(options);
  const TcpAddress at = bridge.websocket();
  std::vector<ProtocolClient> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(at);
  std::vector<TcpSocket> silent;
  for (int i = 0; i < 400; ++i) silent.push_back(TcpSocket::connect(at));
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) CHECK(http(at, "GET", path).status == 200);
  for (ProtocolClient& client : clients) {
    CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
  }
}

TEST_CASE("hostile client: a slow handshake goes through while another address opens connections without end") {
  BridgeOptions options;
  options.settings = {"websocket.clients_max=4"};
  BridgeProcess bridge(options);
  const TcpAddress at = bridge.websocket();
  const std::string request = handshake(at, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  TcpSocket honest = TcpSocket::connect(at);
  REQUIRE(honest.send_all(request.substr(0, 40)));
  std::vector<TcpSocket> silent;
  for (int i = 0; i < 600; ++i) silent.push_back(TcpSocket::connect(at, kPatience, 0, "127.0.0.2"));
  CHECK(http(at, "GET", "/healthz").status == 200);
  CHECK(parse_http_head(answer_to(honest, request.substr(40))).status == 101);
}

namespace {

Json status(ProtocolClient& client) {
  return client.request(R"({"action":"command","command":"get_status"})");
}

}  // namespace

TEST_CASE("hostile client: unread replies are bounded over all clients, and who has most goes") {
  BridgeProcess bridge(little_memory());
  const std::string body = R"({"type":"t","data":{"x":")" + std::string(60'000, 'x') + "\"}}";
  EventPublisher publisher(bridge.events_in());
  ProtocolClient honest(bridge.websocket());
  honest.request(R"({"action":"register"})");
  for (int i = 0; i < 60; ++i) REQUIRE(publisher.publish(body));
  for (int i = 0; i < 60; ++i) honest.next_event();
  WebSocketOptions slow;
  slow.receive_buffer_bytes = 4096;
  const std::string wish = R"({"action":"command","command":"get_recent_events","params":{"count":60}})";
  std::vector<RawWebSocket> greedy;
  std::int64_t most = 0;
  for (int i = 0; i < 24; ++i) {
    greedy.push_back(RawWebSocket::connect(bridge.websocket(), slow));
    for (int k = 0; k < 4; ++k) (void)greedy.back().send_text(wish);
    CHECK(honest.request(wish).integer("/result/count") == 60);
    most = std::max(most, status(honest).integer("/result/memory/queues/unread/bytes"));
  }
  const Json end = status(honest);
  const std::int64_t bound = end.integer("/result/memory/queues/unread/bytes_max");
  CHECK(most <= bound + 3 * 60 * 60'000);  // a reply that was being made, and what is being freed
  CHECK(end.integer("/result/memory/queues/unread/refused") > 0);
  CHECK(end.integer("/result/clients/closed_slow") > 0);
#if !PPO_SANITIZED
  CHECK(resident_bytes(bridge.process().pid()) < 150u << 20);
#endif
}

TEST_CASE("hostile client: requests under way are bounded over all connections") {
  BridgeProcess bridge(little_memory());
  const TcpAddress at = bridge.websocket();
  std::vector<TcpSocket> posts;
  const std::string head = "POST /submit_event HTTP/1.1\r\nHost: " + at.text() + "\r\nContent-Length: 1000000\r\n\r\n";
  for (int i = 0; i < 40; ++i) {
    posts.push_back(TcpSocket::connect(at));
    (void)posts.back().send_all(head + std::string(500'000, ' '));
  }
  ProtocolClient honest(at);
  CHECK(wait_until([&] {
    const Json now = status(honest);
    CHECK(now.integer("/result/memory/queues/http/bytes") <=
          now.integer("/result/memory/queues/http/bytes_max"));
    return now.integer("/result/memory/queues/http/refused") > 0;
  }));
  posts.clear();
  CHECK(wait_until([&] { return status(honest).integer("/result/memory/queues/http/bytes") == 0; }));
  CHECK(http(at, "POST", "/submit_event", {}, R"({"type":"t","data":{}})").status == 200);
}

TEST_CASE("hostile client: messages that are sent by half are bounded over all clients") {
  BridgeOptions options = little_memory();
  options.settings.push_back("websocket.message_bytes_max=1048576");
  BridgeProcess bridge(options);
  ProtocolClient honest(bridge.websocket());
  std::vector<RawWebSocket> greedy;
  FrameSpec half;
  half.payload = std::string(900'000, 'x');
  const std::string frame = encode_frame(half);
  for (int i = 0; i < 40; ++i) {
    greedy.push_back(RawWebSocket::connect(bridge.websocket(), {}));
    (void)greedy.back().send_raw(frame.substr(0, frame.size() / 2));
    const Json now = status(honest);
    CHECK(now.integer("/result/memory/queues/requests/bytes") <=
          now.integer("/result/memory/queues/requests/bytes_max"));
  }
  std::size_t closed = 0;
  for (RawWebSocket& client : greedy) {
    const auto welcome = client.receive_frame();
    REQUIRE(welcome);
    const auto close = client.receive_frame(milliseconds{20});
    if (close && close->opcode == Opcode::kClose && close->payload.substr(0, 2) == "\x03\xF1") ++closed;
  }
  CHECK(closed > 20);  // with 1009
  greedy.clear();
  CHECK(wait_until([&] { return status(honest).integer("/result/memory/queues/requests/bytes") == 0; }));
}

TEST_CASE("hostile client: subscriptions are bounded over all clients, and large ones leave room for small ones") {
  BridgeOptions options = little_memory();
  options.settings.push_back("websocket.message_bytes_max=1048576");
  BridgeProcess bridge(options);
  ProtocolClient honest(bridge.websocket());
  std::vector<ProtocolClient> greedy;
  int busy = 0;
  for (int i = 0; i < 40; ++i) {
    greedy.emplace_back(bridge.websocket());
    std::string values;
    for (int k = 0; k < 500; ++k) {
      values += (k == 0 ? "\"" : ",\"") + std::to_string(i * 1000 + k) + std::string(50, 'x') + '"';
    }
    const Json reply = greedy.back().request(R"({"action":"subscribe","filter":{"item":[)" + values + "]}}");
    if (reply.string("/status") == "error") {
      ++busy;
      CHECK(reply.string("/data/error_type") == "busy");
    }
  }
  CHECK(busy > 20);
  CHECK(greedy.size() - static_cast<std::size_t>(busy) > 2);
  const Json now = status(honest);
  CHECK(now.integer("/result/memory/queues/subscriptions/refused") == busy);
  CHECK(now.integer("/result/memory/queues/subscriptions/bytes") <=
        now.integer("/result/memory/queues/subscriptions/bytes_max"));
  CHECK(honest.request(R"({"action":"subscribe","filter":{"source":"trainer-1"}})").string("/status") == "subscribed");
  greedy.clear();
  CHECK(wait_until([&] { return status(honest).integer("/result/memory/queues/subscriptions/bytes") < 10'000; }));
}

TEST_CASE("hostile client: ZeroMQ peers by the thousand leave descriptors for clients and /healthz") {
  std::string said;
  std::size_t clients = 1;
  SUBCASE("that are silent") {}
  SUBCASE("that have said hello, and as many clients as fit") {
    said = hello_of_publisher();
    clients = 380;
  }
  if (raise_open_files_limit() < 4096) return;
  const ScratchDirectory folder;
  BridgeOptions options;
  options.program = folder.file("bridge");
  std::ofstream(options.program) << "#!/bin/sh\nulimit -n 1024\nexec \"$PPO_BRIDGE_BIN\" \"$@\"\n";
  REQUIRE(::chmod(options.program.c_str(), 0700) == 0);
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  std::vector<TcpSocket> peers;
  for (int i = 0; i < 1100; ++i) {
    try {
      peers.push_back(TcpSocket::connect(parse_address(bridge.events_in()), milliseconds{200}));
      (void)peers.back().send_all(said, milliseconds{200});
    } catch (const std::exception&) {  // the bridge accepts none at the moment
    }
  }
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    CHECK(http(bridge.websocket(), "GET", path).status == 200);
  }
  client.request(R"({"action":"register"})");
  REQUIRE(publisher.publish(event_body("t")));
  CHECK(client.next_event().integer("/seq") == 1);
  std::vector<ProtocolClient> others;
  while (others.size() < clients) others.emplace_back(bridge.websocket());
  for (ProtocolClient& other : others) CHECK(other.welcome().has("/data/epoch"));
}
