// NATS: trainers publish by its core protocol over TCP, clients read the same inside WebSocket
// frames.
#include <algorithm>
#include <stdexcept>

#include "nats_protocol.h"
#include "peers.h"
#include "server_peer.h"
#include "tcp_publisher.h"

namespace bench {
namespace {

constexpr const char* kSubject = "events";

class NatsPublisher : public TcpPublisher {
 public:
  explicit NatsPublisher(const testing_support::TcpAddress& address) : TcpPublisher(address) {
    ask(nats_greeting(), kNatsPong);
  }

 protected:
  void take_answer(std::string_view bytes) override {
    if (bytes.find("-ERR") != std::string_view::npos) {
      throw std::runtime_error("nats-server: " + std::string(bytes));
    }
  }
};

class NatsPeer : public ServerPeer {
 public:
  NatsPeer() : ServerPeer("nats"), program_(installed_program("nats-server", "nats-server")) {}

  std::string path() const override { return "/"; }

  std::unique_ptr<Publisher> connect_publisher() const override {
    return std::make_unique<NatsPublisher>(testing_support::parse_address(events_in()));
  }

  void subscribe(testing_support::RawWebSocket& client) override {
    client.send_binary(nats_greeting_and_subscription(kSubject));
    std::string answer;
    while (answer.find(kNatsPong) == std::string::npos) {
      const auto frame = client.receive_message();
      if (!frame) throw std::runtime_error("nats-server did not answer a client, only: " + answer);
      answer += frame->payload;
    }
  }

  SequenceRule sequence_rule() const override {
    static const NatsStream stream;
    SequenceRule rule;
    rule.stream = &stream;
    return rule;
  }

  // Short of what it cuts slow clients off for, and of 250 MB for all clients together: beyond
  // these it was no faster.
  std::uint64_t window_events_max(std::size_t clients) const override {
    return std::clamp<std::uint64_t>(1'000'000 / clients, 64, 10'000);
  }

  void append_message(std::string& out, const EventText& events, std::uint64_t first,
                      std::uint64_t last) const override {
    std::string body;
    for (std::uint64_t number = first; number <= last; ++number) {
      body.clear();
      events.append_published(body, number);
      append_nats_publish(out, kSubject, body);
    }
  }

 protected:
  // It cuts off clients of which it has too much in hand, so that is made large. Pings are put off
  // until after any measurement: neither side of the bench answers them.
  std::vector<std::string> prepare(const testing_support::ScratchDirectory& directory) override {
    const std::string file = directory.file("nats.conf");
    write_file(file, "listen: 127.0.0.1:" + std::to_string(publisher_port()) +
                         "\n"
                         "websocket { listen: \"127.0.0.1:" +
                         std::to_string(client_port()) +
                         "\", no_tls: true, compression: false }\n"
                         "max_connections: 100000\n"
                         "max_pending: 1GB\n"
                         "write_deadline: \"60s\"\n"
                         "ping_interval: \"24h\"\n");
    return {program_, "-c", file};
  }

 private:
  const std::string program_;
};

}  // namespace

std::unique_ptr<Subject> make_nats_peer() {
  return std::make_unique<NatsPeer>();
}

}  // namespace bench
