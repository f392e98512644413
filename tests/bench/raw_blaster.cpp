// The floor of the machine: sockets that are given ready bytes as fast as their clients read.
//
// Does for each client what no bridge can do less than: send(). The bytes are framed events such as
// a bridge delivers, made once at the start and sent again and again. What comes in by ZeroMQ is
// only a number a message: up to which event it may send. One thread, one epoll.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>
#include <zmq.hpp>

#include "event_text.h"
#include "support/http.h"
#include "support/websocket_frame.h"

namespace {

using testing_support::encode_frame;
using testing_support::Opcode;

constexpr std::string_view kWelcome =
    R"({"type":"system_status","data":{"status":"connected","message":"raw-blaster"}})";
constexpr std::string_view kRegistered = R"({"status":"registered","action":"register"})";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string server_frame(std::string_view text) {
  return encode_frame({Opcode::kText, std::string(text), true, false, 0, {}});
}

struct Client {
  enum class State { kHandshake, kRegister, kBlast, kGone };
  int descriptor = -1;
  State state = State::kHandshake;
  bool waits_for_room = false;
  std::string received;
  std::uint64_t sent_bytes = 0;
};

class Blaster {
 public:
  // `ready_bytes` are `events` frames of one size.
  Blaster(std::string ready_bytes, std::uint64_t events)
      : ready_bytes_(std::move(ready_bytes)),
        event_bytes_(ready_bytes_.size() / events),
        allowance_(context_, zmq::socket_type::sub) {
    allowance_.set(zmq::sockopt::subscribe, "");
    allowance_.bind("tcp://127.0.0.1:*");
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (epoll_ < 0 || listener_ < 0 || ::bind(listener_, generic, length) != 0 ||
        ::listen(listener_, 1024) != 0 || ::getsockname(listener_, generic, &length) != 0) {
      fail("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
    watch(EPOLL_CTL_ADD, allowance_.get(zmq::sockopt::fd), EPOLLIN | EPOLLET, &allowance_mark_);
  }

  void print_ready() const {
    std::printf("ready ws=ws://127.0.0.1:%u/ws events_in=%s\n", unsigned{port_},
                allowance_.get(zmq::sockopt::last_endpoint).c_str());
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> ready;
    for (;;) {
      const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < count; ++i) {
        auto* client = static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr);
        if (client == nullptr) {
          accept();
        } else if (client != &allowance_mark_) {
          serve(*client);
        }
      }
      take_allowance();
    }
  }

 private:
  void watch(int operation, int descriptor, std::uint32_t events, Client* client) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = client;
    if (::epoll_ctl(epoll_, operation, descriptor, &event) != 0) fail("epoll_ctl");
  }

  void accept() {
    auto client = std::make_unique<Client>();
    client->descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client->descriptor < 0) return;
    const int on = 1;
    ::setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(EPOLL_CTL_ADD, client->descriptor, EPOLLIN, client.get());
    clients_.push_back(std::move(client));
  }

  void serve(Client& client) {
    if (client.state == Client::State::kBlast ? blast(client) : greet(client)) return;
    ::close(client.descriptor);  // which also takes it out of the epoll set
    client.state = Client::State::kGone;
  }

  // The newest number is the only one that counts; then every client that has room gets its bytes.
  void take_allowance() {
    zmq::message_t message;
    const std::uint64_t before = allowed_bytes_;
    while (allowance_.recv(message, zmq::recv_flags::dontwait)) {
      allowed_bytes_ = std::stoull(message.to_string()) * event_bytes_;
    }
    if (allowed_bytes_ == before) return;
    for (const auto& client : clients_) {
      if (client->state == Client::State::kBlast && !client->waits_for_room) serve(*client);
    }
  }

  // Sends until the allowance is used up or the socket is full. False when the client has gone.
  bool blast(Client& client) {
    bool full = false;
    while (client.sent_bytes < allowed_bytes_ && !full) {
      const auto position = static_cast<std::size_t>(client.sent_bytes % ready_bytes_.size());
      const std::size_t size = std::min<std::uint64_t>(ready_bytes_.size() - position,
                                                       allowed_bytes_ - client.sent_bytes);
      const ssize_t sent =
          ::send(client.descriptor, ready_bytes_.data() + position, size, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent > 0) client.sent_bytes += static_cast<std::uint64_t>(sent);
      full = sent < 0 && errno == EAGAIN;
    }
    if (full != client.waits_for_room) {
      watch(EPOLL_CTL_MOD, client.descriptor, full ? EPOLLOUT : 0u, &client);
      client.waits_for_room = full;
    }
    return true;
  }

  // The handshake, the welcome, and the answer to whatever the client says then.
  bool greet(Client& client) {
    std::array<char, 4096> chunk;
    const ssize_t got = ::recv(client.descriptor, chunk.data(), chunk.size(), 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    client.received.append(chunk.data(), static_cast<std::size_t>(got));
    std::string answer;
    if (client.state == Client::State::kHandshake) {
      const std::size_t end = client.received.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      answer = upgrade(client.received.substr(0, end)) + server_frame(kWelcome);
      client.received.erase(0, end + 4);
      client.state = Client::State::kRegister;
    } else {
      answer = server_frame(kRegistered);
      client.state = Client::State::kBlast;
      watch(EPOLL_CTL_MOD, client.descriptor, 0u, &client);
    }
    // A new connection's buffer takes so few bytes at once.
    return ::send(client.descriptor, answer.data(), answer.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(answer.size());
  }

  static std::string upgrade(const std::string& request) {
    constexpr std::string_view kKey = "Sec-WebSocket-Key: ";
    const std::size_t begin = request.find(kKey) + kKey.size();
    const std::string key = request.substr(begin, request.find("\r\n", begin) - begin);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           testing_support::websocket_accept(key) + "\r\n\r\n";
  }

  const std::string ready_bytes_;
  const std::size_t event_bytes_;
  zmq::context_t context_;
  zmq::socket_t allowance_;
  Client allowance_mark_;  // stands for the ZeroMQ socket in the epoll set
  std::uint64_t allowed_bytes_ = 0;
  int epoll_ = -1;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends ready bytes to every WebSocket client", "raw-blaster");
  std::size_t event_bytes = 200;
  std::uint64_t events = 1000;
  app.add_option("--event-bytes", event_bytes, "size of an event as published")
      ->capture_default_str();
  app.add_option("--events", events, "events that are made ready and repeated")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const bench::EventText text(event_bytes);
    std::string ready_bytes;
    for (std::uint64_t number = 1; number <= events; ++number) {
      std::string event;
      text.append_delivered(event, number, 1'000'000 + number);
      ready_bytes += server_frame(event);
    }
    Blaster blaster(std::move(ready_bytes), events);
    blaster.print_ready();
    blaster.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "raw-blaster: %s\n", error.what());
    return 1;
  }
}
