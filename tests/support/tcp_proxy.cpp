#include "tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace testing_support {
namespace {

constexpr int kLookAroundMs = 5;  // for an end, and for connections made meanwhile

}  // namespace

TcpProxy::TcpProxy(TcpAddress server) : server_(std::move(server)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, plain, length) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, plain, &length) != 0) {
    const int error = errno;
    if (listener_ >= 0) ::close(listener_);
    throw std::system_error(error, std::generic_category(), "TcpProxy");
  }
  endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  thread_.join();
  ::close(listener_);
}

void TcpProxy::cut() {
  const std::lock_guard lock(mutex_);
  for (Pair& pair : pairs_) {
    pair.near.reset();
    pair.far.reset();
  }
  pairs_.clear();
}

void TcpProxy::run() {
  while (!stop_) {
    std::vector<pollfd> watched{{listener_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const Pair& pair : pairs_) {
        watched.push_back({pair.near.descriptor(), POLLIN, 0});
        watched.push_back({pair.far.descriptor(), POLLIN, 0});
      }
    }
    ::poll(watched.data(), watched.size(), kLookAroundMs);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < pairs_.size();) {
      Pair& pair = pairs_[i];
      if (pass(pair.near, pair.far, true) && pass(pair.far, pair.near, false)) {
        ++i;
      } else {
        pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) continue;
    TcpSocket near(accepted);
    try {
      pairs_.push_back({std::move(near), TcpSocket::connect(server_, milliseconds{1000})});
    } catch (const std::exception&) {
      // Nobody there: whoever connected finds itself disconnected, and tries again.
    }
  }
}

// False once either end is gone.
bool TcpProxy::pass(TcpSocket& from, TcpSocket& to, bool outwards) {
  std::string bytes;
  switch (from.receive(bytes, milliseconds{0})) {
    case TcpSocket::Read::kEnd:
      return false;
    case TcpSocket::Read::kTimeout:
      return true;
    case TcpSocket::Read::kData:
      break;
  }
  if (outwards && swallowing_) {
    swallowed_ += bytes.size();
    return true;
  }
  return to.send_all(bytes);
}

}  // namespace testing_support
