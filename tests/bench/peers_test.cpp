// What the bench's peers speak, byte by byte, and a short run of each that is installed.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "event_text.h"
#include "frame_checker.h"
#include "peers/mqtt_protocol.h"
#include "peers/nats_protocol.h"
#include "peers/peer_report.h"
#include "peers/peers.h"
#include "peers/server_peer.h"
#include "peers/tcp_publisher.h"
#include "support/tcp_socket.h"
#include "support/websocket_frame.h"
#include "throughput.h"

using namespace bench;

namespace {

const NatsStream kNats;
const MqttStream kMqtt;

std::string binary_frame(const std::string& payload) {
  return testing_support::encode_frame(
      {testing_support::Opcode::kBinary, payload, true, false, 0, {}});
}

std::string published(std::uint64_t number) {
  std::string body;
  EventText(200).append_published(body, number);
  return body;
}

std::string nats_message(const std::string& body) {
  return "MSG events 1 " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
}

std::string mqtt_publish(const std::string& body) {
  std::string packet;
  append_mqtt_publish(packet, "events", body);
  return packet;
}

struct Checked {
  std::uint64_t events = 0;
  std::string failure;
};

// What a checker says of `bytes` when they come `piece` at a time.
Checked check(const StreamSyntax& stream, const std::string& bytes, std::size_t piece) {
  SequenceRule rule;
  rule.stream = &stream;
  std::size_t hint = 0;
  FrameChecker checker(rule, nullptr, hint);
  std::string waiting;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    waiting += bytes.substr(at, piece);
    waiting.erase(0, checker.take(waiting, {}));
  }
  if (!waiting.empty() && checker.failure().empty()) return {checker.events(), "bytes were left"};
  return {checker.events(), checker.failure()};
}

// `text` in frames of `frame_bytes` each, wherever its messages end.
std::string in_frames(const std::string& text, std::size_t frame_bytes) {
  std::string frames;
  for (std::size_t at = 0; at < text.size(); at += frame_bytes) {
    frames += binary_frame(text.substr(at, frame_bytes));
  }
  return frames;
}

// Takes one connection.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_.descriptor(), generic, length) == 0);
    REQUIRE(::listen(socket_.descriptor(), 1) == 0);
    REQUIRE(::getsockname(socket_.descriptor(), generic, &length) == 0);
    port_ = ntohs(address.sin_port);
  }
  testing_support::TcpAddress address() const { return {"127.0.0.1", port_}; }
  testing_support::TcpSocket accept() {
    return testing_support::TcpSocket(
        ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }

 private:
  testing_support::TcpSocket socket_;
  std::uint16_t port_ = 0;
};

class PlainPublisher : public TcpPublisher {
 public:
  using TcpPublisher::TcpPublisher;

 protected:
  void take_answer(std::string_view) override {}
};

std::string error_of(const StreamSyntax& stream, std::string_view bytes) {
  return std::string(stream.front(bytes).error);
}

}  // namespace

TEST_CASE("nats: an error line, a size that is none and a body that is longer are failures") {
  CHECK(error_of(kNats, "-ERR 'Slow Consumer'\r\n") == "-ERR 'Slow Consumer'");
  CHECK_FALSE(error_of(kNats, "MSG events 1 x\r\n").empty());
  CHECK_FALSE(error_of(kNats, "MSG events 1 99999999\r\n").empty());
  CHECK_FALSE(error_of(kNats, "MSG events 1 2\r\nabc\r\n").empty());
  CHECK_FALSE(error_of(kNats, std::string(70'000, 'x')).empty());
}

TEST_CASE("nats: a message is taken when all of it is there, whatever its header holds") {
  const std::string message = "MSG events 1 reply.to 3\r\nabc\r\n";
  for (std::size_t bytes = 1; bytes < message.size(); ++bytes) {
    const auto got = kNats.front(std::string_view(message).substr(0, bytes));
    CHECK(got.bytes == 0);
    CHECK(got.error.empty());
  }
  CHECK(kNats.front(message + "PING\r\n").bytes == message.size());
  CHECK(kNats.front(message).event == "abc");
  CHECK(kNats.front("PING\r\n").event.empty());
  CHECK(kNats.front("PING\r\n").bytes == 6);
}

TEST_CASE("nats: what a client and a publisher say") {
  CHECK(nats_greeting_and_subscription("events").find("}\r\nSUB events 1\r\nPING\r\n") !=
        std::string::npos);
  std::string out;
  append_nats_publish(out, "events", "abc");
  CHECK(out == "PUB events 3\r\nabc\r\n");
}

TEST_CASE("mqtt: a length without an end and a packet shorter than its topic are failures") {
  CHECK_FALSE(error_of(kMqtt, "\x30\xff\xff\xff\xff\xff").empty());
  CHECK_FALSE(error_of(kMqtt, std::string_view("\x30\x03\x00\x09x", 5)).empty());
  CHECK_FALSE(error_of(kMqtt, std::string_view("\x30\x01\x00", 3)).empty());
  CHECK_FALSE(error_of(kMqtt, "\x30\xff\xff\xff\x7f").empty());
}

TEST_CASE("mqtt: packets as the standard has them, on both sides of a longer length") {
  CHECK(mqtt_connect("ab") == std::string("\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02"
                                          "ab",
                                          16));
  CHECK(mqtt_subscribe("t") == std::string("\x82\x06\x00\x01\x00\x01t\x00", 8));
  for (const std::size_t size : {0u, 119u, 120u, 16'375u, 16'376u}) {
    const std::string body(size, 'x');
    const std::string packet = mqtt_publish(body);
    CHECK(packet.size() == size + 8 + (size < 120 ? 2 : size < 16'376 ? 3 : 4));
    CHECK(kMqtt.front(packet).bytes == packet.size());
    CHECK(kMqtt.front(packet).event == body);
    CHECK(kMqtt.front(std::string_view(packet).substr(0, packet.size() - 1)).bytes == 0);
  }
  CHECK(kMqtt.front(kMqttSubscribed).bytes == kMqttSubscribed.size());
  CHECK(kMqtt.front(kMqttSubscribed).event.empty());
  // At QoS 1 an identifier stands before the body.
  CHECK(kMqtt.front(std::string_view("\x32\x07\x00\x01t\x00\x05hi", 9)).event == "hi");
}

TEST_CASE("checker: a stream's messages are counted once each, wherever frames and reads end") {
  std::string nats = "INFO {}\r\n";
  std::string mqtt(kMqttSubscribed);
  for (std::uint64_t number = 1; number <= 30; ++number) {
    nats += nats_message(published(number)) + (number % 7 == 0 ? "PING\r\n" : "");
    mqtt += mqtt_publish(published(number));
  }
  for (const std::size_t frame_bytes : {1u, 5u, 210u, 1000u, 100'000u}) {
    for (const std::size_t piece : {1u, 3u, 100u, 1000u, 100'000u}) {
      for (const auto& [stream, text] :
           {std::pair<const StreamSyntax*, std::string*>{&kNats, &nats},
            std::pair<const StreamSyntax*, std::string*>{&kMqtt, &mqtt}}) {
        const Checked checked = check(*stream, in_frames(*text, frame_bytes), piece);
        CHECK(checked.failure.empty());
        CHECK(checked.events == 30);
      }
    }
  }
}

TEST_CASE("checker: an event that a stream lacks, has twice or out of order is a failure") {
  const auto failure_of = [](std::uint64_t first, std::uint64_t second) {
    const std::string text = nats_message(published(first)) + nats_message(published(second));
    const std::string packets = mqtt_publish(published(first)) + mqtt_publish(published(second));
    const std::string failure = check(kNats, in_frames(text, 100), 64).failure;
    CHECK(check(kMqtt, binary_frame(packets), 64).failure == failure);
    return failure;
  };
  CHECK(failure_of(1, 3) == "expected event 2, got 3");
  CHECK(failure_of(1, 1) == "expected event 2, got 1");
  CHECK(failure_of(2, 1) == "expected event 1, got 2");
}

TEST_CASE("checker: a close between a stream's frames is a failure") {
  const std::string bytes =
      binary_frame(nats_message(published(1))) + std::string("\x88\x02\x03\xf0", 4);
  const Checked checked = check(kNats, bytes, 7);
  CHECK(checked.events == 1);
  CHECK(checked.failure == "closed with 1008");
}

TEST_CASE("tcp publisher: a message for which there was no room goes on where it stopped") {
  Listener listener;
  PlainPublisher publisher(listener.address());
  testing_support::TcpSocket server = listener.accept();
  std::string message;
  for (std::uint64_t number = 1; message.size() < 16'000'000; ++number)
    message += published(number);
  REQUIRE_FALSE(publisher.publish(message, testing_support::milliseconds{50}));
  std::string received;
  while (!publisher.publish(message, testing_support::milliseconds{1})) {
    REQUIRE(server.receive(received) == testing_support::TcpSocket::Read::kData);
  }
  while (received.size() < message.size()) {
    REQUIRE(server.receive(received) == testing_support::TcpSocket::Read::kData);
  }
  CHECK(received == message);
  server.close();
  CHECK_THROWS_AS((void)publisher.publish("x", testing_support::milliseconds{1000}),
                  std::runtime_error);
}

TEST_CASE("tcp publisher: all that it published arrives, though it ends with an answer unread") {
  Listener listener;
  std::string received;
  std::string message(3'000'000, 'x');
  testing_support::TcpSocket server;
  std::thread reads;
  {
    PlainPublisher publisher(listener.address());
    server = listener.accept();
    testing_support::milliseconds patience{50};
    while (!publisher.publish(message, patience)) {
      REQUIRE(server.receive(received) == testing_support::TcpSocket::Read::kData);
    }
    REQUIRE(server.send_all("an answer"));
    reads = std::thread([&] {
      while (server.receive(received) == testing_support::TcpSocket::Read::kData) continue;
      server.close();
    });
  }
  reads.join();
  CHECK(received == message);
}

TEST_CASE("peers: what is not installed is named, and so is a subject that is none") {
  CHECK_THROWS_WITH(installed_program("no-such-server", "some-package"),
                    "there is no no-such-server: install Debian's package some-package, or run "
                    "./dev bench --peers, which does");
  CHECK_THROWS_AS(require_file("/no/such/file", "how"), std::runtime_error);
  CHECK_THROWS_WITH(
      make_peer("kafka"),
      "no subject is called kafka; there are bridge, plain, raw, node, fastapi, nats, "
      "nchan, mosquitto");
  CHECK(is_peer("nats"));
  CHECK_FALSE(is_peer("bridge"));
}

TEST_CASE("peer ratios: the median of each round's own, the best peer being the one that counts") {
  const auto row = [](std::size_t clients, std::size_t batch, const char* subject,
                      const std::vector<double>& deliveries_per_s, const char* lost = "") {
    ThroughputRow result{clients, batch, subject, {}};
    for (const double figure : deliveries_per_s) {
      ThroughputRound round;
      round.deliveries_per_s = figure;
      round.lost = lost;
      result.rounds.push_back(round);
    }
    return result;
  };
  std::vector<ThroughputRow> rows{
      row(10, 100, "bridge", {50, 50, 50}),    row(10, 1, "nats", {50, 50, 50}),
      row(20, 100, "bridge", {100, 200, 600}), row(20, 1, "bridge", {50, 50, 50}),
      row(20, 1, "plain", {500, 500, 500}),    row(20, 1, "node", {10, 10, 10}),
      row(20, 1, "nats", {50, 100, 100}),      row(20, 1, "nchan", {900, 900, 900}, "a few")};
  const std::vector<PeerRatio> ratios = peer_ratios(rows);
  REQUIRE(ratios.size() == 7);
  CHECK(ratios[0].times == 1.0);
  CHECK(ratios[1].peer == "node");
  CHECK(ratios[1].times == 20.0);
  CHECK(ratios[2].times == 2.0);
  CHECK(ratios[3].times == 0.0);
  CHECK(ratios[4].batch == 1);
  CHECK(ratios[4].times == 5.0);
  CHECK(times_best_peer(rows) == 2.0);
  CHECK(times_best_peer({}) == 0.0);
}

TEST_CASE("peer ratios: a peer that lost something is no measure for a latency") {
  const auto row = [](const char* subject, double p99_ms, const char* lost = "") {
    LatencyRow result;
    result.subject = subject;
    result.p99_ms = p99_ms;
    result.lost = lost;
    return result;
  };
  CHECK(p99_of_best_peer({row("bridge", 1), row("node", 4), row("nats", 2), row("raw", 0.1)}) ==
        0.5);
  CHECK(p99_of_best_peer({row("bridge", 1), row("node", 4), row("nats", 2, "all")}) == 0.25);
  CHECK(p99_of_best_peer({row("node", 4)}) == 0.0);
}

TEST_CASE("peers: each that is installed hands three clients all that is published") {
  Options options;
  options.clients = {3};
  options.rounds = 1;
  options.seconds = 0.3;
  options.warmup_seconds = 0.0;
  options.window_events = 500;
  for (const std::string& name : peer_names()) {
    CAPTURE(name);
    try {
      (void)make_peer(name);
    } catch (const std::runtime_error& missing) {
      MESSAGE(name << " is left out: " << missing.what());
      continue;
    }
    options.subjects = {name};
    const std::vector<ThroughputRow> rows = measure_throughput(options);
    REQUIRE(rows.size() == 1);
    CHECK(rows.front().batch == 1);
    CHECK(rows.front().rounds.front().lost == "");
    CHECK(rows.front().rounds.front().deliveries_per_s > 0);
  }
}
