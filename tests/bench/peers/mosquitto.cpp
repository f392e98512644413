// Mosquitto: MQTT 3.1.1 at QoS 0, over TCP from the publisher and inside WebSocket frames to
// clients.
#include <atomic>
#include <stdexcept>

#include "mqtt_protocol.h"
#include "peers.h"
#include "server_peer.h"
#include "tcp_publisher.h"

namespace bench {
namespace {

constexpr const char* kTopic = "events";

class MqttPublisher : public TcpPublisher {
 public:
  explicit MqttPublisher(const testing_support::TcpAddress& address) : TcpPublisher(address) {
    ask(mqtt_connect("publisher"), kMqttConnected);
  }

 protected:
  void take_answer(std::string_view) override {}  // QoS 0 has none
};

class MosquittoPeer : public ServerPeer {
 public:
  MosquittoPeer()
      : ServerPeer("mosquitto"), program_(installed_program("mosquitto", "mosquitto")) {}

  std::string path() const override { return "/"; }
  testing_support::HttpHeaders handshake_headers() const override {
    return {{"Sec-WebSocket-Protocol", "mqtt"}};
  }

  std::unique_ptr<Publisher> connect_publisher() const override {
    return std::make_unique<MqttPublisher>(testing_support::parse_address(events_in()));
  }

  void subscribe(testing_support::RawWebSocket& client) override {
    ask(client, mqtt_connect("client-" + std::to_string(++clients_)), kMqttConnected);
    ask(client, mqtt_subscribe(kTopic), kMqttSubscribed);
  }
  // Where nothing else happens it looks at its WebSockets ten times a second.
  std::size_t connects_at_once() const override { return 100; }

  SequenceRule sequence_rule() const override {
    static const MqttStream stream;
    SequenceRule rule;
    rule.stream = &stream;
    return rule;
  }

  // It keeps a copy an event a client of all that it has not written yet. It is as fast with any.
  std::uint64_t window_events_max(std::size_t clients) const override {
    return std::clamp<std::uint64_t>(400'000 / clients, 64, 1'000);
  }

  void append_message(std::string& out, const EventText& events, std::uint64_t first,
                      std::uint64_t last) const override {
    std::string body;
    for (std::uint64_t number = first; number <= last; ++number) {
      body.clear();
      events.append_published(body, number);
      append_mqtt_publish(out, kTopic, body);
    }
  }

 protected:
  std::vector<std::string> prepare(const testing_support::ScratchDirectory& directory) override {
    const std::string file = directory.file("mosquitto.conf");
    write_file(file, "listener " + std::to_string(client_port()) +
                         " 127.0.0.1\n"
                         "protocol websockets\n"
                         "listener " +
                         std::to_string(publisher_port()) +
                         " 127.0.0.1\n"
                         "allow_anonymous true\n"
                         "set_tcp_nodelay true\n"
                         "max_queued_messages 0\n"
                         "max_inflight_messages 0\n"
                         "log_type error\n"
                         "log_dest stderr\n");
    return {program_, "-c", file};
  }

 private:
  static void ask(testing_support::RawWebSocket& client, std::string_view packet,
                  std::string_view wanted) {
    client.send_binary(packet);
    const auto answer = client.receive_message();
    if (!answer || answer->payload != wanted) {
      throw std::runtime_error("mosquitto refused a client");
    }
  }

  const std::string program_;
  std::atomic<std::uint64_t> clients_{0};
};

}  // namespace

std::unique_ptr<Subject> make_mosquitto_peer() {
  return std::make_unique<MosquittoPeer>();
}

}  // namespace bench
