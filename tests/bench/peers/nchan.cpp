// nchan: nginx hands what is posted to one location to the WebSocket clients of another.
#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "peers.h"
#include "server_peer.h"
#include "tcp_publisher.h"

namespace bench {
namespace {

using testing_support::milliseconds;

constexpr const char* kModule = "/usr/lib/nginx/modules/ngx_nchan_module.so";

// Posts one after the other on one connection without waiting for the answers in between (HTTP/1.1
// pipelining). nchan numbers the messages of a channel within each second with 15 bits and stops
// delivering where these run over, so no more are posted a second than it has numbers for.
class HttpPublisher : public TcpPublisher {
 public:
  explicit HttpPublisher(const testing_support::TcpAddress& address) : TcpPublisher(address) {}

  // nginx lets go of what it has not looked at yet when its client ends the connection.
  ~HttpPublisher() override {
    try {
      (void)wait_answers([this] { return answered_ >= posted_; }, kLinger);
    } catch (const std::exception&) {
      // It has gone: the clients will tell.
    }
  }

  bool publish(std::string_view message, milliseconds timeout) override {
    if (!TcpPublisher::publish(message, timeout)) return false;
    for (std::size_t at = 0; (at = message.find(kPost, at)) != std::string_view::npos; ++at) {
      ++posted_;
    }
    return true;
  }

 protected:
  // Each answer's status must be one of success; what else it says is let go.
  void take_answer(std::string_view bytes) override {
    answers_ += bytes;
    std::size_t at = 0;
    for (;;) {
      const std::size_t status = answers_.find(kStatus, at);
      if (status == std::string::npos || answers_.size() < status + kStatus.size() + 3) break;
      at = status + kStatus.size();
      if (answers_[at] != '2') throw std::runtime_error("nchan: " + answers_.substr(status, 200));
      ++answered_;
    }
    const std::size_t kept =
        std::max(at, answers_.size() - std::min(answers_.size(), kStatus.size() + 3));
    answers_.erase(0, kept);
  }

  bool must_wait() override {
    const auto now = std::chrono::system_clock::now();
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (second != second_) {
      second_ = second;
      posted_before_ = posted_;
    }
    return posted_ - answered_ > kUnansweredMax || posted_ - posted_before_ > kPostsPerSecondMax;
  }

 private:
  static constexpr std::string_view kPost = "POST /publish ";
  static constexpr std::string_view kStatus = "HTTP/1.1 ";
  static constexpr milliseconds kLinger{5000};
  static constexpr std::uint64_t kUnansweredMax = 1'000;
  static constexpr std::uint64_t kPostsPerSecondMax = 30'000;

  std::string answers_;
  std::uint64_t posted_ = 0;
  std::uint64_t answered_ = 0;
  std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds> second_{};
  std::uint64_t posted_before_ = 0;  // that second
};

class NchanPeer : public ServerPeer {
 public:
  NchanPeer() : ServerPeer("nchan"), program_(installed_program("nginx", "nginx")) {
    require_file(kModule, debian_package("libnginx-mod-nchan"));
  }

  std::unique_ptr<Publisher> connect_publisher() const override {
    return std::make_unique<HttpPublisher>(testing_support::parse_address(events_in()));
  }

  void subscribe(testing_support::RawWebSocket&) override {}  // the handshake says it all

  // What its clients have not read yet it keeps for each of them.
  std::uint64_t window_events_max(std::size_t clients) const override {
    return std::clamp<std::uint64_t>(400'000 / clients, 64, 1'000);
  }

  void append_message(std::string& out, const EventText& events, std::uint64_t first,
                      std::uint64_t last) const override {
    std::string body;
    for (std::uint64_t number = first; number <= last; ++number) {
      body.clear();
      events.append_published(body, number);
      out.append("POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: ");
      out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    }
  }

 protected:
  // As many workers as cores, as Debian has it. What is kept of a channel is more than any window.
  std::vector<std::string> prepare(const testing_support::ScratchDirectory& directory) override {
    std::string text = std::string("load_module ") + kModule + ";\n";
    text += "daemon off;\nworker_processes auto;\nworker_rlimit_nofile 20000;\n";
    text += "pid " + directory.file("pid") + ";\nerror_log stderr error;\n";
    text += "events { worker_connections 19000; }\nhttp {\naccess_log off;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      text += std::string(kind) + "_temp_path " + directory.file(kind) + ";\n";
    }
    text += "tcp_nodelay on;\nkeepalive_requests 1000000000;\nkeepalive_timeout 1h;\n";
    text += "client_body_buffer_size 128k;\nnchan_shared_memory_size 512m;\n";
    text += "nchan_message_timeout 1h;\nnchan_message_buffer_length 5000;\nserver {\n";
    for (const std::uint16_t port : {client_port(), publisher_port()}) {
      text += "listen 127.0.0.1:" + std::to_string(port) + " backlog=4096;\n";
    }
    text += "location = /ws { nchan_subscriber websocket; nchan_channel_id events; }\n";
    text += "location = /publish { nchan_publisher http; nchan_channel_id events; }\n}\n}\n";
    const std::string file = directory.file("nginx.conf");
    write_file(file, text);
    return {program_, "-e", "stderr", "-p", directory.path(), "-c", file};
  }

 private:
  const std::string program_;
};

}  // namespace

std::unique_ptr<Subject> make_nchan_peer() {
  return std::make_unique<NchanPeer>();
}

}  // namespace bench
