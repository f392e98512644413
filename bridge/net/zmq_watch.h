// A ZeroMQ socket on the Asio loop.
//
// ZeroMQ's descriptor tells of changes, not of messages waiting: it is edge-triggered, and any call
// on the socket, a send as well, may take the edge away. So each wake-up reads until nothing is
// left, or gives way to the other sockets and goes on after them; and who has sent asks to look
// again.
//
// A socket takes from its peers in rotation, a message of each, but only from those of whom it
// knows that they have sent; and as long as there is always something to read it looks for others
// once in a hundred messages. Of a peer that floods with batches that is many megabytes. So it is
// made to look each turn.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <zmq.hpp>

namespace bridge {

// What is left: nothing; something, which is read on the next turn; or whoever reads goes on by
// himself, and calls wait() when nothing is left.
enum class Turn { drained, more, by_himself };

// Lives on the loop's thread. The socket must outlive it.
class ZmqWatch {
 public:
  // `turn` reads what has come, at most a turn's worth, and tells whether it read all.
  ZmqWatch(asio::io_context& io, zmq::socket_t& socket, std::function<Turn()> turn)
      : io_(io),
        socket_(socket),
        turn_(std::move(turn)),
        readable_(
            std::make_shared<asio::posix::stream_descriptor>(io, socket.get(zmq::sockopt::fd))) {
    look_again();
  }
  ~ZmqWatch() { readable_->release(); }  // the descriptor is ZeroMQ's
  ZmqWatch(const ZmqWatch&) = delete;
  ZmqWatch& operator=(const ZmqWatch&) = delete;

  // Asking for its events has a socket take up what its peers have told it meanwhile. Done before
  // each turn.
  void look_for_peers() {
    try {
      (void)socket_.get(zmq::sockopt::events);
    } catch (const zmq::error_t&) {
      // The context is going down: the turn finds out.
    }
  }

  // Takes a turn when something has changed.
  void wait() {
    if (std::exchange(waiting_, true)) return;
    readable_->async_wait(
        asio::posix::stream_descriptor::wait_read,
        [this, alive = std::weak_ptr<void>(readable_)](const asio::error_code& ec) {
          if (ec || alive.expired()) return;
          waiting_ = false;
          run();
        });
  }

  // Takes a turn soon. Call after sending.
  void look_again() {
    if (posted_) return;
    posted_ = true;
    asio::post(io_, [this, alive = std::weak_ptr<void>(readable_)] {
      if (alive.expired()) return;
      posted_ = false;
      run();
    });
  }

 private:
  void run() {
    look_for_peers();
    const Turn turn = turn_();
    if (turn == Turn::more) look_again();
    if (turn == Turn::drained) wait();
  }

  asio::io_context& io_;
  zmq::socket_t& socket_;
  const std::function<Turn()> turn_;
  const std::shared_ptr<asio::posix::stream_descriptor> readable_;
  bool posted_ = false;
  bool waiting_ = false;
};

// Binds with IPv6 only where the endpoint is IPv6 (with it ZeroMQ reports 127.0.0.1 as
// [::ffff:127.0.0.1]) and returns where it is bound. An ipc path must be free, or a socket that
// nobody listens on. Throws zmq::error_t.
std::string bind_socket(zmq::socket_t& socket, const std::string& endpoint);
void connect_socket(zmq::socket_t& socket, const std::string& endpoint);

}  // namespace bridge
