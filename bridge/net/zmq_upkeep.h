// What looks after ZeroMQ's peers and takes milliseconds, done so that the loop is not held up.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

#include "net/zmq_peers.h"

namespace bridge {

// Has a thread for long system calls. All is called on the loop's thread, and calls back there. Must outlive who
// waits for an answer, or the loop must have ended.
class ZmqUpkeep {
 public:
  explicit ZmqUpkeep(asio::io_context& io);

  // Runs `job`, which touches nothing of the loop's, on that thread, and then `done` with what it returned.
  template <class Job, class Done>
  void run(Job job, Done done) {
    asio::post(thread_, [this, job = std::move(job), done = std::move(done)]() mutable {
      asio::post(io_, [result = job(), done = std::move(done)]() mutable { done(std::move(result)); });
    });
  }
  // `done` gets peers_of(endpoints).
  void find(std::vector<std::string> endpoints, std::function<void(std::vector<ZmqPeer>)> done);
  // Ends the connections of these, some a turn. `on_cut` is called with the descriptor of each that was there still,
  // `done` with how many they were.
  void cut(std::vector<ZmqPeer> peers, std::function<void(int)> on_cut, std::function<void(std::size_t)> done);

 private:
  struct Cut;
  void cut_some(const std::shared_ptr<const Cut>& what, std::size_t next, std::size_t count);

  asio::io_context& io_;
  asio::thread_pool thread_{1};
};

}  // namespace bridge
