#include "net/local_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "net/zmq_watch.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

// As a bridge that was killed leaves it.
void leave_socket_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(descriptor);
}

}  // namespace

TEST_CASE("local socket: of those that start at one moment one gets the path, be it with libzmq") {
  const testing_support::ScratchDirectory scratch;
  zmq::context_t context;
  for (int round = 0; round < 40; ++round) {
    const std::string path = scratch.file("s" + std::to_string(round));
    leave_socket_at(path);
    std::atomic<int> ready{0}, got{0}, ended{0};
    std::vector<std::thread> starting;
    constexpr int kAll = 4;
    const auto start = [&](bool by_libzmq) {
      zmq::socket_t socket(context, zmq::socket_type::sub);
      ++ready;
      while (ready != kAll) std::this_thread::yield();
      if (by_libzmq) {
        try {
          (void)bind_socket(socket, "ipc://" + path);
          ++got;
        } catch (const zmq::error_t&) {
        }
        ++ended;
        while (ended != kAll) std::this_thread::yield();
        return;
      }
      const auto listener = LocalListener::listen("ipc://" + path, 0700);
      got += listener ? 1 : 0;
      ++ended;
      while (ended != kAll) std::this_thread::yield();
    };
    for (int i = 0; i < kAll; ++i) starting.emplace_back(start, i % 2 == 0);
    for (std::thread& thread : starting) thread.join();
    CAPTURE(round);
    CHECK(got == 1);
  }
}

TEST_CASE("local socket: a directory that somebody holds is waited for, and not for ever") {
  const testing_support::ScratchDirectory scratch;
  const IpcPathLock held("ipc://" + scratch.file("x"));
  const auto before = std::chrono::steady_clock::now();
  CHECK(LocalListener::listen("ipc://" + scratch.file("y"), 0700).ok());
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(took >= IpcPathLock::kWait);
  CHECK(took < 3 * IpcPathLock::kWait);
}
