// permessage-deflate through the real program: the handshake, batches out, requests in, and what is
// refused.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/bridge_process.h"
#include "support/deflate.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

constexpr std::uint8_t kRsv1 = 4;

WebSocketOptions offering(const std::string& offer = "permessage-deflate; client_max_window_bits") {
  WebSocketOptions options;
  options.headers = {{"Sec-WebSocket-Extensions", offer}};
  return options;
}

FrameSpec compressed_text(const std::string& payload) {
  FrameSpec frame;
  frame.payload = payload;
  frame.rsv = kRsv1;
  return frame;
}

int close_code_after(BridgeProcess& bridge, const std::vector<FrameSpec>& frames,
                     const WebSocketOptions& options = offering()) {
  ProtocolClient client(bridge.websocket(), options);
  for (const FrameSpec& frame : frames) {
    if (!client.connection().send_frame(frame)) break;
  }
  return client.connection().wait_close().value_or(-1);
}

// The text frame that comes next; what was compressed is inflated, and `frame` is as it came.
std::string next_text(RawWebSocket& client, Frame* frame = nullptr) {
  const auto got = client.receive_frame();
  REQUIRE(got);
  REQUIRE(got->opcode == Opcode::kText);
  if (frame != nullptr) *frame = *got;
  if (got->rsv == 0) return got->payload;
  CHECK(got->rsv == kRsv1);
  const auto text = inflated(got->payload);
  REQUIRE(text);
  return *text;
}

std::string tick(int n) {
  return event_body("tick", R"({"n":)" + std::to_string(n) + R"(,"item":"Abyssal whip"})", "s", "r",
                    static_cast<std::uint64_t>(n));
}

const std::string kBatch = R"({"action":"register","batch":true})";

}  // namespace

TEST_CASE("deflate: the handshake is answered as offered, without context, or not at all") {
  BridgeProcess bridge;
  const auto answer = [&](const std::string& offer) {
    return RawWebSocket::try_connect(bridge.websocket(), offering(offer));
  };
  const std::string taken =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  CHECK(answer("permessage-deflate").header("Sec-WebSocket-Extensions") == taken);
  CHECK(answer("permessage-deflate; server_max_window_bits=10, permessage-deflate")
            .header("Sec-WebSocket-Extensions") == taken);
  CHECK(answer("permessage-deflate; server_max_window_bits=10").status == 101);
  CHECK(
      answer("permessage-deflate; server_max_window_bits=10").header("Sec-WebSocket-Extensions") ==
      "");
  CHECK(answer("permessage-deflate; =").status == 400);

  BridgeOptions options;
  options.settings = {"websocket.deflate_level=0"};
  BridgeProcess without(options);
  const auto declined = RawWebSocket::try_connect(without.websocket(), offering());
  CHECK(declined.status == 101);
  CHECK(declined.header("Sec-WebSocket-Extensions") == "");
}

TEST_CASE(
    "deflate: batches come compressed, the same bytes to all of a cohort, and say what the others' "
    "say") {
  BridgeOptions options;
  options.settings = {"websocket.threads=1"};  // each thread has cohorts of its own
  BridgeProcess bridge(options);
  auto first = RawWebSocket::connect(bridge.websocket(), offering());
  auto second = RawWebSocket::connect(bridge.websocket(), offering());
  auto plain = RawWebSocket::connect(bridge.websocket());
  for (RawWebSocket* client : {&first, &second, &plain}) {
    REQUIRE(client->send_text(kBatch));
    for (int replies = 0; replies < 2; ++replies) {
      Frame frame;
      next_text(*client, &frame);
      CHECK(frame.rsv == 0);
    }
  }
  EventPublisher publisher(bridge.events_in());
  std::vector<std::string> bodies;
  for (int n = 1; n <= 100; ++n) bodies.push_back(tick(n));
  REQUIRE(publisher.publish_batch(bodies));
  Frame as_is;
  const std::string text = next_text(plain, &as_is);
  CHECK(as_is.rsv == 0);
  const Json events(text);
  CHECK(events.size("") == 100);
  CHECK(events.integer("/0/data/n") == 1);
  CHECK(events.integer("/99/data/n") == 100);
  Frame compressed;
  CHECK(next_text(first, &compressed) == text);
  CHECK(compressed.rsv == kRsv1);
  CHECK(compressed.fin);
  CHECK(compressed.payload.size() < text.size() / 3);
  Frame again;
  CHECK(next_text(second, &again) == text);
  CHECK(again.payload == compressed.payload);
  // A reply among them is a frame of its own, as it is.
  REQUIRE(first.send_text(R"({"action":"command","command":"get_status"})"));
  Frame reply;
  const Json status(next_text(first, &reply));
  CHECK(reply.rsv == 0);
  CHECK(status.integer("/result/deflate/messages") == 1);
  CHECK(status.integer("/result/deflate/bytes_before") >
        3 * status.integer("/result/deflate/bytes_after"));
  CHECK(http(bridge.websocket(), "GET", "/metrics")
            .body.find("ppo_bridge_deflated_messages_total 1") != std::string::npos);
}

TEST_CASE("deflate: compressed requests are understood, whole, in pieces and beside plain ones") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket(), offering());
  RawWebSocket& connection = client.connection();
  const auto status = [&] { return Json(connection.receive_text().value()).string("/status"); };
  const std::string ping = deflated(R"({"action":"ping","id":"é"})");
  for (int again = 0; again < 2; ++again) {
    REQUIRE(connection.send_frame(compressed_text(ping)));
    CHECK(status() == "pong");
  }
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
  // Byte by byte, with a ping of the protocol's own between.
  for (std::size_t i = 0; i < ping.size(); ++i) {
    FrameSpec piece;
    piece.payload = ping.substr(i, 1);
    piece.opcode = i == 0 ? Opcode::kText : Opcode::kContinuation;
    piece.rsv = i == 0 ? kRsv1 : 0;
    piece.fin = i + 1 == ping.size();
    REQUIRE(connection.send_frame(piece));
    if (i == 3) REQUIRE(connection.send_ping("x"));
  }
  const auto pong = connection.receive_frame();
  REQUIRE(pong);
  CHECK(pong->opcode == Opcode::kPong);
  CHECK(status() == "pong");
}

TEST_CASE(
    "deflate: a bomb closes with 1009 and costs no memory, what is no deflate closes with 1007") {
  BridgeProcess bridge;
  const std::string bomb = deflated(std::string(50 << 20, ' '));
  REQUIRE(bomb.size() < 65'536);
  CHECK(close_code_after(bridge, {compressed_text(bomb)}) == 1009);
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  for (int i = 0; i < 20; ++i) CHECK(close_code_after(bridge, {compressed_text(bomb)}) == 1009);
  // One of them would become 50 MB; AddressSanitizer keeps for a while what was freed.
  CHECK(resident_bytes(bridge.process().pid()) < before + (32 << 20));
  // Too large already as it comes, in one frame or several.
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 66'000; noise += static_cast<char>(state >> 24)) {
    state = state * 1'664'525 + 1'013'904'223;
  }
  CHECK(close_code_after(bridge, {compressed_text(noise)}) == 1009);
  FrameSpec begun = compressed_text(noise.substr(0, 40'000));
  begun.fin = false;
  FrameSpec more;
  more.opcode = Opcode::kContinuation;
  more.payload = begun.payload;
  CHECK(close_code_after(bridge, {begun, more}) == 1009);

  CHECK(close_code_after(bridge, {compressed_text("nonsense")}) == 1007);
  const std::string ping = deflated(R"({"action":"ping"})");
  CHECK(close_code_after(bridge, {compressed_text(ping.substr(0, ping.size() / 2))}) == 1007);
  CHECK(close_code_after(bridge, {compressed_text(deflated("\"\xFF\""))}) == 1007);
  CHECK(close_code_after(bridge, {compressed_text(deflated("\"\xC3"))}) == 1007);
  FrameSpec binary = compressed_text(deflated("{}"));
  binary.opcode = Opcode::kBinary;
  CHECK(close_code_after(bridge, {binary}) == 1003);
  // A message of the limit passes.
  ProtocolClient client(bridge.websocket(), offering());
  const std::string longest = R"({"action":"ping"})" + std::string(65'536 - 17, ' ');
  REQUIRE(client.connection().send_frame(compressed_text(deflated(longest))));
  CHECK(Json(client.connection().receive_text().value()).string("/status") == "pong");
}

TEST_CASE("deflate: RSV bits that nobody agreed on are a protocol error") {
  BridgeProcess bridge;
  const std::string payload = deflated(R"({"action":"ping"})");
  CHECK(close_code_after(bridge, {compressed_text(payload)}, {}) == 1002);
  for (const int rsv : {1, 2, 6}) {
    FrameSpec frame = compressed_text(payload);
    frame.rsv = static_cast<std::uint8_t>(rsv);
    CHECK(close_code_after(bridge, {frame}) == 1002);
  }
  FrameSpec ping;
  ping.opcode = Opcode::kPing;
  ping.rsv = kRsv1;
  CHECK(close_code_after(bridge, {ping}) == 1002);
  FrameSpec begun = compressed_text(payload);
  begun.fin = false;
  FrameSpec rest;
  rest.opcode = Opcode::kContinuation;
  rest.rsv = kRsv1;
  CHECK(close_code_after(bridge, {begun, rest}) == 1002);
  BridgeOptions options;
  options.settings = {"websocket.deflate_level=0"};
  BridgeProcess without(options);
  CHECK(close_code_after(without, {compressed_text(payload)}) == 1002);
}

TEST_CASE("deflate: a text in pieces that ends in the middle of a character closes with 1007") {
  BridgeProcess bridge;
  FrameSpec begun;
  begun.payload = "\"\xC3";
  begun.fin = false;
  FrameSpec rest;
  rest.opcode = Opcode::kContinuation;
  CHECK(close_code_after(bridge, {begun, rest}, {}) == 1007);
}
