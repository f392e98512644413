#include "base/address.h"

#include <doctest/doctest.h>

#include "net/origin.h"

using namespace bridge;

TEST_CASE("address: HOST:PORT in its forms") {
  for (const char* bad : {"", "host", ":80", "host:", "host:x", "host:65536", "host:-1", "::1:80",
                          "[::1:80", "host:80x"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(parse_address(bad).ok());
  }
  CHECK(parse_address("127.0.0.1:5178").value().port == 5178);
  CHECK(parse_address("localhost:*").value().port == 0);
  CHECK(parse_address("[::1]:80").value().host == "::1");
  CHECK(to_string(parse_address("[::1]:80").value()) == "[::1]:80");
}

TEST_CASE("address: only the loopback is the loopback") {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) CHECK(is_loopback(host));
  for (const char* host : {"0.0.0.0", "*", "10.0.0.1", "127.evil.example", "127.0.0.1.evil.example",
                           "localhost.evil.example", "", "::"}) {
    CAPTURE(std::string(host));
    CHECK_FALSE(is_loopback(host));
  }
}

TEST_CASE("address: ZeroMQ endpoints are loopback tcp or ipc") {
  CHECK(check_zmq_endpoint("tcp://127.0.0.1:*").ok());
  CHECK(check_zmq_endpoint("ipc:///tmp/x").ok());
  for (const char* bad : {"", "127.0.0.1:1", "tcp://*:5556", "tcp://0.0.0.0:1", "udp://127.0.0.1:1",
                          "ipc://", "inproc://x", "tcp://eth0:1"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(check_zmq_endpoint(bad).ok());
  }
}

TEST_CASE("origin: the bridge's own pages pass, other sites' do not") {
  const auto own = [](const char* origin, const char* host = "127.0.0.1:5178") {
    return is_own_origin(origin, host, 5178);
  };
  CHECK(own(""));
  CHECK(own("http://127.0.0.1:5178"));
  CHECK(own("http://localhost:5178"));
  CHECK(own("http://[::1]:5178"));
  CHECK(own("HTTP://LocalHost:5178"));
  CHECK(own("http://localhost:9000", "localhost:9000"));  // through a tunnel
  CHECK_FALSE(own("http://localhost:9000"));
  CHECK_FALSE(own("http://evil.example"));
  CHECK_FALSE(own("http://evil.example:5178"));
  CHECK_FALSE(own("http://evil.example:5178", "evil.example:5178"));  // DNS rebinding
  CHECK_FALSE(own("http://127.0.0.1.evil.example:5178"));
  CHECK_FALSE(own("https://127.0.0.1:5178"));
  CHECK_FALSE(own("http://127.0.0.1"));
  CHECK_FALSE(own("null"));
  CHECK_FALSE(own("http://"));
}
