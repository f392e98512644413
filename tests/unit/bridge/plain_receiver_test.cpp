#include "net/plain_receiver.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "sources_fixture.h"
#include "support/scratch_directory.h"

using namespace bridge;
using namespace std::string_literals;

namespace {

constexpr std::size_t kMessageMax = 1 << 20;

struct PlainReceiving : Sources {
  PlainReceiving() {
    share.set_bound(3 * kMessageMax);  // two of them for large messages
    receiver.set_message_bytes_max(kMessageMax);
  }
  ~PlainReceiving() {
    receiver.stop(0, {});
    all.clear();
  }
  std::string listen(const std::string& endpoint = "tcp://127.0.0.1:*") {
    REQUIRE(receiver.takes(endpoint));
    auto bound = receiver.listen(endpoint);
    REQUIRE(bound.ok());
    return bound.value();
  }
  MemoryShare share;
  PlainReceiver receiver{io, guard, bench.intake, counters, bench.clock, share, [this] { ++batches; }};
  int batches = 0;
};

std::string raw_greeting(const std::string& mechanism = "NULL", const std::string& type = "PUB") {
  return "\xff\0\0\0\0\0\0\0\1\x7f\3\1"s + mechanism + std::string(20 - mechanism.size() + 32, '\0') +
         "\x04\x19\5READY\x0bSocket-Type\0\0\0\3"s + type;
}

// A source that says what it is told to, byte by byte.
struct Raw {
  explicit Raw(PlainReceiving& r, const std::string& endpoint, const std::string& first = raw_greeting())
      : receiving(r) {
    descriptor = begin_connecting(endpoint);
    REQUIRE(descriptor >= 0);
    say(first);
  }
  ~Raw() { ::close(descriptor); }
  static std::string head(std::size_t size, char flags = 0) {
    std::string bytes(1, static_cast<char>(flags | 2));
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
    return bytes;
  }
  // As far as the kernel takes it, with the loop running.
  void say(const std::string& bytes) {
    std::size_t said = 0;
    REQUIRE(receiving.run_until([&] {
      const ssize_t n = ::send(descriptor, bytes.data() + said, bytes.size() - said, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) said += static_cast<std::size_t>(n);
      return said == bytes.size();
    }));
  }
  bool is_closed() const {
    char byte = 0;
    while (true) {
      const ssize_t got = ::recv(descriptor, &byte, 1, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return true;
      if (got < 0) return false;
    }
  }
  PlainReceiving& receiving;
  int descriptor = -1;
};

}  // namespace

TEST_CASE("plain receiver: small events of one come as fast as others' large batches, byte by byte") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  constexpr int kFloods = 40;
  constexpr int kBatch = 500;  // events of some 300 bytes
  constexpr int kSmall = 200;
  std::vector<zmq::socket_t*> floods;
  for (int i = 0; i < kFloods; ++i) floods.push_back(&receiving.connect(endpoint));
  zmq::socket_t& small = receiving.connect(endpoint);
  receiving.receiver.pause();
  for (int i = 0; i < kFloods; ++i) {
    for (int message = 0; message < 2; ++message) {
      std::string batch;
      for (int n = 0; n < kBatch; ++n) batch += event_of("f" + std::to_string(i), message * kBatch + n, 250) + "\n";
      floods[static_cast<std::size_t>(i)]->send(zmq::buffer(batch));
    }
  }
  for (int n = 0; n < kSmall; ++n) small.send(zmq::buffer(event_of("small", n, 250)));
  receiving.run_for(std::chrono::milliseconds(300));
  CHECK(receiving.bench.log.last_seq() == 0);
  receiving.receiver.resume();
  REQUIRE(receiving.run_until_seq(kFloods * 2 * kBatch + kSmall));
  std::size_t others = 0, others_before_last_small = 0;
  for (const auto& [source, number] : receiving.events()) {
    if (source == "small") {
      others_before_last_small = others;
    } else {
      ++others;
    }
  }
  // An equal share and a round of the others (45 events of 16 KiB each) before and after; all that there are is 40,000.
  CHECK(others_before_last_small < kFloods * (kSmall + 3 * 45));
  CHECK(receiving.share.bytes() == 0);
}

TEST_CASE("plain receiver: the order of a connection stays, over pauses as well, and nothing is taken in meanwhile") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  zmq::socket_t& one = receiving.connect(endpoint);
  zmq::socket_t& other = receiving.connect(endpoint);
  check_order_over_pauses(receiving, one, [&](int n) {
    other.send(zmq::message_t("topic"s), zmq::send_flags::sndmore);
    other.send(zmq::buffer(event_of("other", n, n % 7 == 0 ? 100'000 : 3)));
  });
  CHECK(receiving.batches > 0);
}

TEST_CASE("plain receiver: what has come is taken in when it stops") {
  PlainReceiving receiving;
  zmq::socket_t& one = receiving.connect(receiving.listen());
  for (int n = 0; n < 2'000; ++n) one.send(zmq::buffer(event_of("one", n, 1'000)));
  receiving.receiver.stop(5'000'000, {});
  CHECK(receiving.bench.log.last_seq() == 2'000);
}

TEST_CASE("plain receiver: what has come is taken in until it is enough") {
  PlainReceiving receiving;
  zmq::socket_t& one = receiving.connect(receiving.listen());
  for (int n = 0; n < 2'000; ++n) one.send(zmq::buffer(event_of("one", n, 1'000)));
  receiving.receiver.stop(5'000'000, [&] { return receiving.bench.log.last_seq() > 500; });
  CHECK(receiving.bench.log.last_seq() > 500);
  CHECK(receiving.bench.log.last_seq() < 1'500);
}

TEST_CASE("plain receiver: sockets of other kinds are told apart by what they are") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  std::uint64_t broken = 0;
  for (const auto type : {zmq::socket_type::push, zmq::socket_type::dealer, zmq::socket_type::sub}) {
    zmq::socket_t other(receiving.theirs, type);
    other.set(zmq::sockopt::linger, 0);
    other.connect(endpoint);
    CHECK(receiving.run_until([&] { return receiving.counters.handshakes_broken > broken; }));
    broken = receiving.counters.handshakes_broken;
  }
}

TEST_CASE("plain receiver: over ipc, by a path or an abstract name, that nobody else has") {
  const testing_support::ScratchDirectory dir;
  for (const std::string& endpoint :
       {"ipc://" + dir.path() + "/events", "ipc://@events-" + std::to_string(::getpid())}) {
    PlainReceiving receiving;
    CHECK(receiving.listen(endpoint) == endpoint);
    struct stat found {};
    if (endpoint[6] != '@') {
      REQUIRE(::stat(endpoint.c_str() + 6, &found) == 0);
      CHECK((found.st_mode & 0777) == 0600);
    }
    receiving.connect(endpoint).send(zmq::buffer(event_of("one", 1)));
    CHECK(receiving.run_until_seq(1));
    PlainReceiving second;
    const auto refused = second.receiver.listen(endpoint);
    REQUIRE_FALSE(refused.ok());
    CHECK_FALSE(refused.error().message.empty());
    receiving.receiver.stop(0, {});
    CHECK(::stat(endpoint.c_str() + 6, &found) != 0);
    (void)second.listen(endpoint);
    // What another has put there since is his.
    if (endpoint[6] == '@') continue;
    REQUIRE(::unlink(endpoint.c_str() + 6) == 0);
    PlainReceiving third;
    (void)third.listen(endpoint);
    second.receiver.stop(0, {});
    CHECK(::stat(endpoint.c_str() + 6, &found) == 0);
  }
  const std::string file = dir.path() + "/file";
  std::ofstream(file) << "kept";
  PlainReceiving receiving;
  const auto refused = receiving.receiver.listen("ipc://" + file);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == file + " is there and is not a socket");
  const auto nowhere = receiving.receiver.listen("ipc:///no/such/folder/events");
  REQUIRE_FALSE(nowhere.ok());
  CHECK(nowhere.error().message == "No such file or directory");
}

TEST_CASE("plain receiver: a port that somebody has is refused, and what it does not take it says") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  const auto refused = receiving.receiver.listen(endpoint);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "Address already in use");
  CHECK(receiving.listen("tcp://localhost:0").substr(0, 16) == "tcp://127.0.0.1:");
  CHECK(receiving.listen("tcp://[::1]:*").substr(0, 12) == "tcp://[::1]:");
  for (const char* other :
       {"tcp://192.0.2.1:5556", "tcp://*:5556", "tcp://eth0:5556", "ipc://*", "ipc://", "inproc://x"}) {
    CHECK_FALSE(receiving.receiver.takes(other));
  }
}

TEST_CASE("plain receiver: it connects to sources that bind, whenever they are there") {
  PlainReceiving receiving;
  zmq::socket_t& source = receiving.make();
  source.bind("tcp://127.0.0.1:*");
  const std::string endpoint = source.get(zmq::sockopt::last_endpoint);
  source.close();
  receiving.receiver.connect(endpoint);
  receiving.run_for(std::chrono::milliseconds(150));
  for (int i = 1; i <= 3; ++i) {
    zmq::socket_t& again = receiving.make();
    again.bind(endpoint);
    REQUIRE(receiving.is_subscribed_to(again));
    again.send(zmq::buffer(event_of("one", i)));
    REQUIRE(receiving.run_until_seq(static_cast<std::uint64_t>(i)));
    again.close();
    receiving.run_for(std::chrono::milliseconds(20));
  }
}

TEST_CASE("plain receiver: a large message is taken in however slowly it comes, and holds what it is announced to be") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  Raw slow(receiving, endpoint);
  const std::string body = event_of("slow", 1, 400'000);
  slow.say(Raw::head(body.size()) + body.substr(0, 3));
  receiving.run_for(std::chrono::milliseconds(20));
  CHECK(receiving.share.bytes() == body.size() + 9);
  for (std::size_t at = 3; at < body.size(); at += 30'000) slow.say(body.substr(at, 30'000));
  CHECK(receiving.run_until_seq(1));
  CHECK(receiving.share.bytes() == 0);
  // Small ones hold what is there of them.
  slow.say("\0\x40{\"ty"s);
  receiving.run_for(std::chrono::milliseconds(20));
  CHECK(receiving.share.bytes() == 6);
}

TEST_CASE(
    "plain receiver: messages that never end keep others' large ones waiting for a while, small ones not at all") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  std::vector<std::unique_ptr<Raw>> liars;
  for (int i = 0; i < 2; ++i) {
    liars.push_back(std::make_unique<Raw>(receiving, endpoint));
    liars.back()->say(Raw::head(kMessageMax - 100) + "{");
  }
  zmq::socket_t& honest = receiving.connect(endpoint);
  honest.send(zmq::buffer(event_of("small", 1)));
  CHECK(receiving.run_until_seq(1));
  honest.send(zmq::buffer(event_of("large", 2, 500'000)));
  honest.send(zmq::buffer(event_of("small", 3)));
  Raw endless(receiving, endpoint);
  for (int i = 0; i < 9; ++i) endless.say(Raw::head(100'000, 1) + std::string(100'000, 't'));
  receiving.run_for(std::chrono::milliseconds(200));
  CHECK(receiving.bench.log.last_seq() == 1);
  CHECK(receiving.share.bytes() < receiving.share.bytes_max());
  CHECK_FALSE(endless.is_closed());
  // While nothing is taken in nobody can finish, so that time is nobody's.
  receiving.receiver.pause();
  receiving.bench.clock.advance_us(60'000'000);
  receiving.run_for(std::chrono::milliseconds(100));
  receiving.receiver.resume();
  receiving.run_for(std::chrono::milliseconds(100));
  CHECK_FALSE(liars[0]->is_closed());
  CHECK_FALSE(liars[1]->is_closed());
  receiving.bench.clock.advance_us(std::chrono::microseconds(PlainReceiver::kPatience).count() + 1);
  CHECK(receiving.run_until_seq(3));
  CHECK(liars[0]->is_closed());
  CHECK(liars[1]->is_closed());
  CHECK(receiving.share.refused() > 0);
  liars.clear();
  receiving.run_for(std::chrono::milliseconds(20));
  CHECK(receiving.share.bytes() == 0);
}

TEST_CASE("plain receiver: parts of messages are bounded all together, and those of small ones are nobody's loss") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  zmq::socket_t& honest = receiving.connect(endpoint);
  std::vector<std::unique_ptr<Raw>> liars;
  for (int i = 0; i < 60; ++i) {
    liars.push_back(std::make_unique<Raw>(receiving, endpoint));
    liars.back()->say(Raw::head(240'000) + std::string(230'000, ' '));
    receiving.run_for(std::chrono::milliseconds(2));
    CHECK(receiving.share.bytes() < receiving.share.bytes_max() + 2 * ReadBuffers::kBytes);
  }
  honest.send(zmq::buffer(event_of("small", 1, 10'000)));
  CHECK(receiving.run_until_seq(1));
  honest.send(zmq::buffer(event_of("large", 2, 200'000)));
  receiving.run_for(std::chrono::milliseconds(50));
  std::size_t gone = 0;
  for (const auto& liar : liars) gone += liar->is_closed() ? 1 : 0;
  CHECK(gone > 0);
  CHECK(gone < 50);
  for (int i = 0; i < 60 && receiving.bench.log.last_seq() < 2; ++i) {
    receiving.bench.clock.advance_us(std::chrono::microseconds(PlainReceiver::kPatience).count() + 1);
    receiving.run_for(std::chrono::milliseconds(50));
  }
  CHECK(receiving.bench.log.last_seq() == 2);
}

TEST_CASE("plain receiver: a byte at a time costs no copy of what is there of a large message") {
  PlainReceiving receiving;
  Raw slow(receiving, receiving.listen());
  const std::string body = event_of("slow", 1, 200'000);
  slow.say(Raw::head(body.size()) + body.substr(0, 190'000));
  receiving.run_for(std::chrono::milliseconds(20));
  CHECK(receiving.share.bytes() == body.size() + 9);
  for (std::size_t at = 190'000; at < body.size(); ++at) {
    slow.say(body.substr(at, 1));
    if (at % 1'000 == 0) receiving.run_for(std::chrono::milliseconds(1));
  }
  CHECK(receiving.run_until_seq(1));
}

TEST_CASE("plain receiver: a message beyond the limit ends its connection and no other") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  zmq::socket_t& honest = receiving.connect(endpoint);
  Raw liar(receiving, endpoint);
  liar.say(Raw::head(kMessageMax + 1));
  CHECK(receiving.run_until([&] { return liar.is_closed(); }));
  honest.send(zmq::buffer(event_of("honest", 1)));
  CHECK(receiving.run_until_seq(1));
  CHECK(receiving.counters.handshakes_broken == 0);
}

TEST_CASE("plain receiver: handshakes that fail are counted by why, and one that stalls ends") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  const auto is_sent_away = [&](const std::string& said) {
    Raw raw(receiving, endpoint, said);
    return receiving.run_until([&] { return raw.is_closed(); });
  };
  CHECK(is_sent_away("GET / HTTP/1.1\r\n\r\n"));
  CHECK(is_sent_away(raw_greeting("NULL", "SUB")));
  CHECK(receiving.counters.handshakes_broken == 2);
  CHECK(is_sent_away(raw_greeting("CURVE")));
  CHECK(receiving.counters.handshakes_without_key == 1);
  Raw stalls(receiving, endpoint, raw_greeting().substr(0, 40));
  Raw silent(receiving, endpoint, "");
  Raw ready(receiving, endpoint);
  receiving.run_for(std::chrono::milliseconds(50));
  CHECK_FALSE(stalls.is_closed());
  receiving.bench.clock.advance_us(5'000'001);
  CHECK(receiving.run_until([&] { return stalls.is_closed() && silent.is_closed(); }));
  CHECK_FALSE(ready.is_closed());
  CHECK(receiving.counters.handshakes_broken == 4);
}

TEST_CASE("plain receiver: connections come and go by the hundred, and leave nothing") {
  PlainReceiving receiving;
  const std::string endpoint = receiving.listen();
  int n = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Raw>> some;
    for (int i = 0; i < 20; ++i) {
      some.push_back(std::make_unique<Raw>(receiving, endpoint));
      const std::string body = event_of("x", ++n);
      some.back()->say("\0"s + static_cast<char>(body.size()) + body + "\0\x30{"s);
    }
    some.clear();
    REQUIRE(receiving.run_until_seq(static_cast<std::uint64_t>(n)));
  }
  receiving.run_for(std::chrono::milliseconds(20));
  CHECK(receiving.share.bytes() == 0);
}
