#include "base/address.h"

#include <doctest/doctest.h>

#include "net/origin.h"
#include "net/waiting_connections.h"

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

TEST_CASE("address: ZeroMQ endpoints are tcp or ipc, and some reach beyond loopback") {
  for (const char* own : {"tcp://127.0.0.1:*", "tcp://[::1]:5", "tcp://localhost:5", "ipc:///tmp/x"}) {
    CAPTURE(std::string(own));
    CHECK(check_zmq_endpoint(own).ok());
    CHECK_FALSE(is_beyond_loopback(own));
  }
  for (const char* beyond : {"tcp://*:5556", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://eth0:1", "tcp://10.0.0.7:1"}) {
    CAPTURE(std::string(beyond));
    CHECK(check_zmq_endpoint(beyond).ok());
    CHECK(is_beyond_loopback(beyond));
  }
  for (const char* bad : {"", "127.0.0.1:1", "udp://127.0.0.1:1", "ipc://", "inproc://x", "tcp://127.0.0.1"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(check_zmq_endpoint(bad).ok());
  }
}

TEST_CASE("origin: the bridge's own pages pass, other sites' do not") {
  WebSites sites{{"bridge.lab", "[2001:db8::7]"}, {"https://desk.example", "http://lab:8080"}};
  // What a request with this Origin and Host gets: whoever is asked for by another's name answers nothing.
  const auto own = [&](const char* origin, const char* host = "127.0.0.1:5178") {
    const Address listen{"127.0.0.1", 5178};
    return is_own_host(host, listen, sites) && is_own_origin(origin, host, listen, sites);
  };
  CHECK(own(""));
  CHECK(own("", ""));
  CHECK(own("http://127.0.0.1:5178"));
  CHECK(own("http://localhost:5178"));
  CHECK(own("http://[::1]:5178"));
  CHECK(own("HTTP://LocalHost:5178"));
  CHECK(own("http://localhost:9000", "localhost:9000"));  // through a tunnel
  CHECK(own("http://bridge.lab", "Bridge.lab"));
  CHECK(own("http://[2001:db8::7]:80", "[2001:db8::7]:80"));
  CHECK(own("https://desk.example", "bridge.lab"));
  CHECK(own("http://lab:8080"));
  for (const char* origin : {"http://localhost:9000", "http://evil.example", "http://evil.example:5178",
                             "http://127.0.0.1.evil.example:5178", "https://127.0.0.1:5178", "http://127.0.0.1",
                             "null", "http://", "http://bridge.lab", "https://desk.example:1", "http://desk.example",
                             "https://desk.example.evil.example", "*"}) {
    CAPTURE(std::string(origin));
    CHECK_FALSE(own(origin));
  }
  sites.secure = true;
  CHECK(own("https://127.0.0.1:5178"));
  CHECK(own("https://bridge.lab", "bridge.lab"));
  CHECK_FALSE(own("http://127.0.0.1:5178"));
  CHECK_FALSE(own("https://127.0.0.1"));
}

TEST_CASE("origin: whoever is asked for by a name of another site's is not meant") {
  const auto known = [](const char* host) { return is_own_host(host, {"::1", 5178}, {{"bridge.lab"}, {}}); };
  for (const char* host : {"", "localhost", "LOCALHOST:5178", "127.0.0.1", "127.3.2.1:1", "[::1]", "[::1]:80", "bridge.lab:443"}) {
    CAPTURE(std::string(host));
    CHECK(known(host));
  }
  for (const char* host : {"evil.example", "evil.example:5178", "bridge.lab.evil.example", "xbridge.lab", "127.0.0.1.nip.io",
                           "localhost.evil.example", "localhost, evil.example", "[::2]", "::1", "localhost:", "localhost:x",
                           "user@localhost", "localhost:99999", "0.0.0.0", "bridge.lab/"}) {
    CAPTURE(std::string(host));
    CHECK_FALSE(known(host));
  }
}

TEST_CASE("origin: what may stand in websocket.hosts and websocket.origins") {
  for (const char* good : {"bridge.lab", "10.0.0.7", "[2001:db8::7]"}) CHECK(check_site_host(good) == "");
  for (const char* bad : {"", "Bridge.lab", "bridge.lab:5178", "http://bridge.lab", "*"}) {
    CAPTURE(std::string(bad));
    CHECK(check_site_host(bad) != "");
  }
  for (const char* good : {"https://desk.example", "http://lab:8080", "http://[::1]"}) CHECK(check_site_origin(good) == "");
  for (const char* bad : {"", "null", "*", "https://", "https://*", "https://desk.example/", "https://Desk.example",
                          "ftp://desk.example", "desk.example", "https://me@desk.example"}) {
    CAPTURE(std::string(bad));
    CHECK(check_site_origin(bad) != "");
  }
}

TEST_CASE("waiting connections: who has most makes room") {
  WaitingConnections<int> waiting;
  int sockets[6] = {};
  const auto from = [](const char* address) { return peer_key(asio::ip::make_address(address)); };
  CHECK(from("2001:db8::1") == from("2001:db8::ffff:1"));  // one /64
  CHECK(from("2001:db8::1") != from("2001:db8:0:1::1"));
  CHECK(from("::ffff:10.0.0.1") != from("::ffff:10.0.0.2"));
  CHECK(peer_of("[::ffff:10.0.0.1]:5") == peer_of("10.0.0.1"));
  CHECK(peer_of("10.0.0.1:5") == from("10.0.0.1"));
  CHECK(peer_of("[2001:db8::1]:0") == from("2001:db8::2"));
  waiting.add(1, &sockets[0], from("10.0.0.1"));
  for (int i = 1; i < 5; ++i) waiting.add(static_cast<std::uint64_t>(i) + 1, &sockets[i], from("10.0.0.2"));
  CHECK(waiting.crowded_out() == &sockets[1]);
  waiting.erase(3);
  waiting.erase(3);  // it was told already
  CHECK(waiting.crowded_out() == &sockets[3]);
  CHECK(waiting.size() == 2);
}
