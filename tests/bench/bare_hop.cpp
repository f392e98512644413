// The floor of a lone event's way: a ZeroMQ hop and a TCP hop, and nothing done in between.
//
// The main thread blocks until a message comes and sends it as it is, in a WebSocket frame, to whoever
// is connected. Another one lets clients in.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "support/websocket_frame.h"

namespace {

using testing_support::encode_frame;
using testing_support::Opcode;

constexpr std::string_view kWelcome =
    R"({"type":"system_status","data":{"status":"connected","message":"bare-hop"}})";
constexpr std::string_view kRegistered = R"({"status":"registered","action":"register"})";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string server_frame(std::string_view text) {
  return encode_frame({Opcode::kText, std::string(text), true, false, 0, {}});
}

// The connected sockets. Any thread.
class Clients {
 public:
  void add(int descriptor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    descriptors_.push_back(descriptor);
  }

  void send(std::string_view bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto gone = [bytes](int descriptor) {
      const bool sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                        static_cast<ssize_t>(bytes.size());
      if (!sent) ::close(descriptor);
      return !sent;
    };
    descriptors_.erase(std::remove_if(descriptors_.begin(), descriptors_.end(), gone),
                       descriptors_.end());
  }

 private:
  std::mutex mutex_;
  std::vector<int> descriptors_;
};

bool send_all(int descriptor, const std::string& bytes) {
  return ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

// The handshake, the welcome, and the answer to whatever the client says then.
bool greet(int descriptor) {
  std::array<char, 4096> chunk;
  std::string request;
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(descriptor, chunk.data(), chunk.size(), 0);
    if (got <= 0) return false;
    request.append(chunk.data(), static_cast<std::size_t>(got));
  }
  constexpr std::string_view kKey = "Sec-WebSocket-Key: ";
  const std::size_t begin = request.find(kKey) + kKey.size();
  const std::string key = request.substr(begin, request.find("\r\n", begin) - begin);
  return send_all(descriptor,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                      testing_support::websocket_accept(key) + "\r\n\r\n" +
                      server_frame(kWelcome)) &&
         ::recv(descriptor, chunk.data(), chunk.size(), 0) > 0 &&
         send_all(descriptor, server_frame(kRegistered));
}

void let_in(int listener, Clients& clients) {
  for (;;) {
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (greet(descriptor)) {
      clients.add(descriptor);
    } else {
      ::close(descriptor);
    }
  }
}

int listen_anywhere(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || ::bind(listener, generic, length) != 0 || ::listen(listener, 64) != 0 ||
      ::getsockname(listener, generic, &length) != 0) {
    fail("cannot listen");
  }
  port = ntohs(address.sin_port);
  return listener;
}

[[noreturn]] void hop(zmq::socket_t& events, Clients& clients) {
  std::string frame;
  zmq::message_t message;
  for (;;) {
    if (!events.recv(message)) continue;
    frame = server_frame(message.to_string_view());
    clients.send(frame);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Hands each ZeroMQ message to its WebSocket clients, as it is", "bare-hop");
  CLI11_PARSE(app, argc, argv);
  try {
    zmq::context_t context;
    zmq::socket_t events(context, zmq::socket_type::sub);
    events.set(zmq::sockopt::subscribe, "");
    events.bind("tcp://127.0.0.1:*");
    std::uint16_t port = 0;
    const int listener = listen_anywhere(port);
    Clients clients;
    std::thread([listener, &clients] { let_in(listener, clients); }).detach();
    std::printf("ready ws=ws://127.0.0.1:%u/ws events_in=%s\n", unsigned{port},
                events.get(zmq::sockopt::last_endpoint).c_str());
    std::fflush(stdout);
    hop(events, clients);  // until a signal ends the process
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare-hop: %s\n", error.what());
    return 1;
  }
}
