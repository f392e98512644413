// Who connects to addresses of this machine, and whom the bridge connects to there.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

#include "base/result.h"
#include "net/local_socket.h"

namespace bridge {

// Connections, until they are somebody else's. Lives on the loop's thread.
class LocalPeers {
 public:
  static constexpr std::size_t kCame = SIZE_MAX;  // in place of a number: it was they who connected
  // The descriptor, whose owner this becomes; one that was connected to may be so only once it can be written to.
  // `endpoint` is ours, or that of the other end, and `number` what connect() returned.
  using OnPeer = std::function<void(int descriptor, const std::string& endpoint, std::size_t number)>;

  LocalPeers(asio::io_context& io, OnPeer on_peer) : io_(io), on_peer_(std::move(on_peer)), later_(io) {}

  // REQUIRES: is_local_endpoint(). Where it is bound, with the real port; the failure is the reason alone.
  Result<std::string> listen(const std::string& endpoint, mode_t ipc_mode);

  // Connects, and tries again until it can. REQUIRES: is_local_endpoint().
  std::size_t connect(const std::string& endpoint);
  // Once more, soon: the connection has ended.
  void connect_again(std::size_t number);

  // Nobody comes any more.
  void close();

 private:
  struct Listening {
    Listening(asio::io_context& io, LocalListener l) : listener(std::move(l)), descriptor(io, listener.descriptor()) {}
    ~Listening() { descriptor.release(); }  // the listener closes it
    const LocalListener listener;
    asio::posix::stream_descriptor descriptor;
  };
  struct Dialed {
    Dialed(asio::io_context& io, std::string e) : endpoint(std::move(e)), timer(io) {}
    const std::string endpoint;
    asio::steady_timer timer;
  };

  void wait(Listening& listening);
  void accept_some(Listening& listening);
  void dial(std::size_t number);

  asio::io_context& io_;
  const OnPeer on_peer_;
  std::vector<std::unique_ptr<Listening>> listening_;
  std::vector<std::unique_ptr<Dialed>> dialed_;
  asio::steady_timer later_;  // to accept again, once descriptors may be free
};

}  // namespace bridge
