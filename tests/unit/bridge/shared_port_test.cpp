#include "net/shared_port.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cstddef>
#include <vector>

using namespace bridge;

namespace {

// One that listens as if it were alone, and those that share its port.
struct Listening {
  Listening() {
    const int first = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(first, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(first, 100) == 0);
    REQUIRE(::getsockname(first, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    all.push_back(first);
  }
  ~Listening() {
    for (const std::vector<int>* const descriptors : {&all, &connections}) {
      for (const int descriptor : *descriptors) ::close(descriptor);
    }
  }

  // So many connections; how many of them each has got.
  std::vector<int> connect(int count) {
    for (int i = 0; i < count; ++i) {
      connections.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(::connect(connections.back(), reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0);
    }
    std::vector<int> got;
    for (const int listener : all) {
      got.push_back(0);
      for (int one = 0; (one = ::accept(listener, nullptr, nullptr)) >= 0; ++got.back())
        connections.push_back(one);
    }
    return got;
  }

  sockaddr_in address{};
  std::vector<int> all, connections;
};

}  // namespace

TEST_CASE("shared port: connections come to whom they are steered, and to nobody else") {
  Listening listening;
  SharedPort port(listening.all.front());
  for (int i = 1; i < 8; ++i) {
    listening.all.push_back(port.listen_too());
    REQUIRE(listening.all.back() >= 0);
  }
  REQUIRE(port.count() == 8);
  for (std::size_t one = 0; one < 8; ++one) {
    REQUIRE(port.steer_to({one}));
    std::vector<int> expected(8, 0);
    expected[one] = 5;
    CHECK(listening.connect(5) == expected);
  }
  REQUIRE(port.steer_to({3, 6}));
  const std::vector<int> got = listening.connect(60);
  CHECK(got[3] + got[6] == 60);
  CHECK(got[3] > 5);
  CHECK(got[6] > 5);
}

TEST_CASE("shared port: nobody to steer to changes nothing") {
  Listening listening;
  const SharedPort port(listening.all.front());
  CHECK_FALSE(port.steer_to({}));
}
