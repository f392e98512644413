#include "net/bot_door.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "support/scratch_directory.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

// One that listens, as libzmq would, and who connects to it.
struct Listening {
  Listening(int family, const void* where, socklen_t where_size) : size(where_size) {
    std::memcpy(&address, where, where_size);
    descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int reuse = 1;
    REQUIRE(::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0);
    REQUIRE(::bind(descriptor, whole(), size) == 0);
    REQUIRE(::listen(descriptor, 100) == 0);
    REQUIRE(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  }
  ~Listening() {
    for (const int connection : connections) ::close(connection);
    ::close(descriptor);
  }
  const sockaddr* whole() const { return reinterpret_cast<const sockaddr*>(&address); }

  int connect() {
    connections.push_back(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(connections.back(), whole(), size) == 0);
    return connections.back();
  }
  // Whether it has got a connection.
  bool accepts() {
    const int one = ::accept(descriptor, nullptr, nullptr);
    if (one >= 0) connections.push_back(one);
    return one >= 0;
  }

  sockaddr_storage address{};
  socklen_t size;
  int descriptor;
  std::vector<int> connections;
};

bool was_sent_away(int connection) {
  char byte = 0;
  const auto got = ::recv(connection, &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

void check_door(Listening& listening) {
  BotDoor door(listening.descriptor);
  const int before = listening.connect();
  CHECK(listening.accepts());
  for (int round = 0; round < 3; ++round) {
    REQUIRE(door.shut());
    CHECK(door.shut());
    const int comes = listening.connect();
    CHECK_FALSE(listening.accepts());
    CHECK_FALSE(was_sent_away(comes));
    door.send_away();
    CHECK(was_sent_away(comes));
    const int waits = listening.connect();
    door.open();
    CHECK(was_sent_away(waits));
    door.open();
    (void)listening.connect();
    CHECK(listening.accepts());
    CHECK_FALSE(listening.accepts());
  }
  CHECK_FALSE(was_sent_away(before));
  REQUIRE(door.shut());
  door.end();
  (void)listening.connect();
  CHECK(listening.accepts());
  CHECK_FALSE(door.shut());
}

sockaddr_un path_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

}  // namespace

TEST_CASE("bot door: while it is shut who comes over TCP is sent away, and the one that listens has nobody") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Listening listening(AF_INET, &v4, sizeof v4);
  check_door(listening);
}

TEST_CASE("bot door: also over IPv6 at all addresses") {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  Listening listening(AF_INET6, &v6, sizeof v6);
  check_door(listening);
}

TEST_CASE("bot door: who did not ask to share the port does not get it, shut or not") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Listening listening(AF_INET, &v4, sizeof v4);
  BotDoor door(listening.descriptor);
  const auto other_can_bind = [&] {
    const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int reuse = 1;
    ::setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    const bool bound = ::bind(other, listening.whole(), listening.size) == 0;
    ::close(other);
    return bound;
  };
  CHECK_FALSE(other_can_bind());
  REQUIRE(door.shut());
  CHECK_FALSE(other_can_bind());
  door.open();
  CHECK_FALSE(other_can_bind());
}

TEST_CASE("bot door: over ipc the path is somebody's all along, with its mode, and nothing is left beside it") {
  const ScratchDirectory directory;
  const std::string path = directory.file("bots");
  const sockaddr_un address = path_address(path);
  Listening listening(AF_UNIX, &address, sizeof address);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  check_door(listening);
  struct stat was {}, is {};
  REQUIRE(::stat(path.c_str(), &was) == 0);
  BotDoor door(listening.descriptor);
  for (int killed = 0; killed < 2; ++killed) {
    REQUIRE(door.shut());
    REQUIRE(::stat(path.c_str(), &is) == 0);
    CHECK(is.st_ino != was.st_ino);
    CHECK((is.st_mode & 0777) == 0600);
    door.open();
    REQUIRE(::stat(path.c_str(), &is) == 0);
    CHECK(is.st_ino == was.st_ino);
    CHECK(::access((path + ".shut").c_str(), F_OK) != 0);
    // What one that was killed has left does not keep the door open.
    REQUIRE(::mknod((path + ".shut").c_str(), S_IFREG | 0600, 0) == 0);
  }
}

TEST_CASE("bot door: where it cannot be shut everybody gets in") {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "ppo-door-" + std::to_string(::getpid());
  std::memcpy(address.sun_path + 1, name.c_str(), name.size());
  Listening listening(AF_UNIX, &address, static_cast<socklen_t>(sizeof(sa_family_t) + 1 + name.size()));
  BotDoor door(listening.descriptor);
  CHECK_FALSE(door.shut());
  door.send_away();
  door.open();
  (void)listening.connect();
  CHECK(listening.accepts());
}
