#include "net/zmq_receiver.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "sources_fixture.h"

using namespace bridge;

namespace {

struct Receiving : Sources {
  explicit Receiving(const std::string& endpoint) {
    ReceiverOptions options;
    options.bind = {endpoint};
    REQUIRE(receiver.start(options).ok());
  }
  ~Receiving() {
    receiver.stop(0, {});
    all.clear();
  }
  zmq::socket_t& source() { return connect(receiver.endpoints().front()); }
  // Until ZeroMQ has read so much of them; the loop stands still meanwhile.
  bool wait_received(std::uint64_t bytes) const {
    for (int i = 0; i < 4'000; ++i) {
      std::uint64_t received = 0;
      for (const ZmqPeer& peer : peers_of(receiver.endpoints())) received += peer.received;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (received >= bytes) return true;
    }
    return false;
  }

  TakenBytes taken;
  ZmqReceiver receiver{io, context, guard, bench.intake, counters, taken, [] {}};
};

}  // namespace

TEST_CASE("receiver: small events of one come as fast as others' large batches, byte by byte") {
  Receiving receiving("tcp://127.0.0.1:*");
  constexpr int kFloods = 3;
  constexpr int kBatch = 4'000;  // events of some 300 bytes
  constexpr int kSmall = 700;    // fewer than ZeroMQ holds of a peer
  std::vector<zmq::socket_t*> floods;
  for (int i = 0; i < kFloods; ++i) floods.push_back(&receiving.source());
  zmq::socket_t& small = receiving.source();
  receiving.run_for(std::chrono::milliseconds(50));
  std::uint64_t bytes = 0;
  for (int i = 0; i < kFloods; ++i) {
    for (int message = 0; message < 4; ++message) {
      std::string batch;
      for (int n = 0; n < kBatch; ++n)
        batch += event_of("flood" + std::to_string(i), message * kBatch + n, 250) + "\n";
      floods[static_cast<std::size_t>(i)]->send(zmq::buffer(batch));
      bytes += batch.size();
    }
  }
  for (int n = 0; n < kSmall; ++n) {
    const std::string one = event_of("small", n, 250);
    small.send(zmq::buffer(one));
    bytes += one.size();
  }
  REQUIRE(receiving.wait_received(bytes));
  constexpr std::size_t kAll = kFloods * 4 * kBatch + kSmall;
  REQUIRE(receiving.run_until_seq(kAll));

  std::size_t seen_of_others = 0, others_before_last_small = 0;
  std::vector<int> next(kFloods + 1, 0);
  for (const auto& [source, number] : receiving.events()) {
    const std::size_t who =
        source == "small" ? kFloods : static_cast<std::size_t>(source.back() - '0');
    REQUIRE(number == next[who]++);
    if (who == kFloods) {
      others_before_last_small = seen_of_others;
    } else {
      ++seen_of_others;
    }
  }
  // An equal share, the first turn (some 700 events), which may be one's alone, and a quantum (45)
  // or two of each. Read a message at a time, it would be all that there are.
  CHECK(others_before_last_small < kFloods * kSmall + 1'200);
}

TEST_CASE(
    "receiver: the order of a connection stays, over pauses as well, and nothing is taken in "
    "meanwhile") {
  Receiving receiving("tcp://127.0.0.1:*");
  zmq::socket_t& one = receiving.source();
  zmq::socket_t& other = receiving.source();
  check_order_over_pauses(receiving, one, [&](int n) { other.send(zmq::buffer(event_of("other", n))); });
}

TEST_CASE("receiver: what has come is taken in when it stops") {
  Receiving receiving("tcp://127.0.0.1:*");
  zmq::socket_t& one = receiving.source();
  for (int n = 0; n < 2'000; ++n) one.send(zmq::buffer(event_of("one", n, 1'000)));
  receiving.receiver.stop(5'000'000, {});
  CHECK(receiving.bench.log.last_seq() == 2'000);
}

TEST_CASE(
    "receiver: an address that somebody listens on is refused, also by another that would share "
    "its own") {
  Receiving receiving("tcp://127.0.0.1:*");
  ZmqReceiver second(receiving.io, receiving.context, receiving.guard, receiving.bench.intake,
                     receiving.counters, receiving.taken, [] {});
  ReceiverOptions options;
  options.bind = receiving.receiver.endpoints();
  const auto started = second.start(options);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message.find("Address already in use") != std::string::npos);
  second.stop(0, {});
}
