#include "net/local_peers.h"

#include <cerrno>
#include <utility>

namespace bridge {
namespace {

constexpr int kAcceptedPerTurn = 16;
constexpr auto kRedial = std::chrono::milliseconds(100);  // as libzmq does (ZMQ_RECONNECT_IVL)
constexpr auto kShortOfDescriptors = std::chrono::milliseconds(100);

}  // namespace

Result<std::string> LocalPeers::listen(const std::string& endpoint, mode_t ipc_mode) {
  auto listener = LocalListener::listen(endpoint, ipc_mode);
  if (!listener) return listener.error();
  listening_.push_back(std::make_unique<Listening>(io_, std::move(listener.value())));
  wait(*listening_.back());
  return listening_.back()->listener.endpoint();
}

void LocalPeers::wait(Listening& listening) {
  listening.descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [this, &listening](const asio::error_code& ec) {
                                    if (!ec) accept_some(listening);
                                  });
}

void LocalPeers::accept_some(Listening& listening) {
  for (int i = 0; i < kAcceptedPerTurn; ++i) {
    const int descriptor = listening.listener.accept();
    if (descriptor >= 0) {
      on_peer_(descriptor, listening.listener.endpoint(), kCame);
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno == EAGAIN) break;
    // There is no descriptor or no memory for it: it waits in the kernel.
    later_.expires_after(kShortOfDescriptors);
    later_.async_wait([this](const asio::error_code& ec) {
      if (ec) return;
      for (const auto& each : listening_) {
        each->descriptor.cancel();
        wait(*each);
      }
    });
    return;
  }
  wait(listening);
}

std::size_t LocalPeers::connect(const std::string& endpoint) {
  dialed_.push_back(std::make_unique<Dialed>(io_, endpoint));
  dial(dialed_.size() - 1);
  return dialed_.size() - 1;
}

void LocalPeers::dial(std::size_t number) {
  const int descriptor = begin_connecting(dialed_[number]->endpoint);
  if (descriptor < 0) return connect_again(number);
  on_peer_(descriptor, dialed_[number]->endpoint, number);
}

void LocalPeers::connect_again(std::size_t number) {
  if (number >= dialed_.size()) return;
  dialed_[number]->timer.expires_after(kRedial);
  dialed_[number]->timer.async_wait([this, number](const asio::error_code& ec) {
    if (!ec) dial(number);
  });
}

void LocalPeers::close() {
  listening_.clear();
  dialed_.clear();
  later_.cancel();
}

}  // namespace bridge
