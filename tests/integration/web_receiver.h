// An HTTP server that stands in for whoever takes webhooks: it answers as it is told, or not at all.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/tcp_socket.h"

namespace testing_support {

class WebReceiver {
 public:
  // The answer to the nth request, from 1; "" = none, the connection stays open.
  using Answer = std::function<std::string(int n)>;

  WebReceiver() : WebReceiver([](int) { return status("200 OK"); }) {}
  explicit WebReceiver(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port for a server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~WebReceiver() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }

  static std::string status(const std::string& line, const std::string& headers = "") {
    return "HTTP/1.1 " + line + "\r\nContent-Length: 0\r\nConnection: close\r\n" + headers + "\r\n";
  }
  std::string url(const std::string& path = "/hook") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  // Whole requests that came, heads and all.
  std::vector<std::string> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }
  std::string body(std::size_t i) const {
    const std::string request = requests().at(i);
    return request.substr(request.find("\r\n\r\n") + 4);
  }

 private:
  struct Peer {
    TcpSocket socket;
    std::string text;
    bool asked = false;
  };

  static bool whole(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    const std::size_t length = text.find("Content-Length: ");
    return head != std::string::npos && length < head && text.size() >= head + 4 + std::stoul(text.substr(length + 16));
  }

  void serve() {
    std::vector<Peer> peers;
    while (!stop_) {
      pollfd waits{listener_, POLLIN, 0};
      if (::poll(&waits, 1, 5) == 1) {
        const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0) peers.push_back({TcpSocket(peer), "", false});
      }
      for (std::size_t i = 0; i < peers.size(); ++i) {
        Peer& peer = peers[i];
        bool gone = peer.socket.receive(peer.text, milliseconds{0}) == TcpSocket::Read::kEnd;
        if (!peer.asked && whole(peer.text)) {
          peer.asked = true;
          int n = 0;
          {
            const std::lock_guard<std::mutex> lock(mutex_);
            requests_.push_back(peer.text);
            n = static_cast<int>(requests_.size());
          }
          const std::string answer = answer_(n);
          if (!answer.empty()) gone = peer.socket.send_all(answer) || true;
        }
        if (!gone) continue;
        peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(i--));
      }
    }
  }

  const Answer answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace testing_support
