// The threads that read all clients: whatever they miss, no measurement would see.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "before_and_while.h"
#include "event_text.h"
#include "fan_reader.h"
#include "load.h"
#include "subject.h"

using namespace bench;

namespace {

const Options reader_options = [] {
  Options o;
  o.programs_directory = PPO_BENCH_PROGRAMS;
  o.bridge_program = PPO_BENCH_BRIDGE;
  return o;
}();

std::unique_ptr<Subject> started(const char* kind) {
  auto subject = make_subject(kind, reader_options);
  subject->start();
  return subject;
}

// A subject whose clients are read.
struct Reading {
  Reading(const char* kind, std::size_t clients, EventListener* on_event = nullptr, std::size_t threads = 0)
      : subject(started(kind)), reader(connect_clients(*subject, clients, 0), {subject->sequence_rule()}, on_event, threads) {
    reader.start();
  }

  // Publishes until every client has so many events, and reads the rest. How many there were.
  std::uint64_t load(std::uint64_t events_min, std::size_t batch, std::uint64_t window) {
    const EventText events(200);
    ClosedLoopLoad load(*subject, events, batch, window, reader);
    CHECK(testing_support::wait_until([&] { return reader.slowest() >= events_min; }));
    const std::uint64_t published = load.published();
    CHECK(published <= reader.slowest() + window);
    load.stop();
    CHECK(wait_drained(reader, load.published()));
    return load.published();
  }

  const std::unique_ptr<Subject> subject;
  FanReader reader;
};

}  // namespace

TEST_CASE("reader: reads all that a load publishes, from every client, within the window") {
  Reading all("plain", 20);
  const std::uint64_t published = all.load(5000, 10, 500);
  all.reader.stop();
  CHECK(all.reader.failure().empty());
  CHECK(all.reader.deliveries() == 20 * published);
}

TEST_CASE("reader: a client whose handshake is refused is a failure") {
  const auto subject = started("raw");
  std::vector<Connection> one(1);
  one[0].socket = testing_support::TcpSocket::connect(subject->websocket());
  one[0].unread = "HTTP/1.1 403 Forbidden\r\n\r\n";
  one[0].handshaking = true;
  FanReader reader(std::move(one), SequenceRule{}, nullptr);
  reader.start();
  CHECK(testing_support::wait_until([&] { return reader.failed(); }));
  reader.stop();
  CHECK(reader.failure() == "client 0: refused: HTTP/1.1 403 Forbidden");
}

TEST_CASE("reader: what comes before and while is counted by turns, on each thread") {
  const auto begin = std::chrono::steady_clock::now();
  BeforeAndWhile latencies(begin, 1000.0);
  latencies.on_event(1, begin);  // belongs to none
  latencies.set_phase(Phase::kBefore);
  latencies.on_event(1, begin);
  latencies.set_phase(Phase::kWhile);
  latencies.of_thread(1).on_event(1, begin);
  latencies.on_event(2, begin);
  latencies.set_phase(Phase::kNone);
  latencies.on_event(3, begin);
  latencies.set_phase(Phase::kBefore);
  latencies.of_thread(1).on_event(3, begin);
  const auto turns = latencies.turns();
  REQUIRE(turns.size() == 2);
  CHECK(turns[0].before.count() == 1);
  CHECK(turns[0].meanwhile.count() == 2);
  CHECK(turns[1].before.count() == 1);
  CHECK(turns[1].meanwhile.count() == 0);
  CHECK(latencies.before().count() == 2);
  CHECK(latencies.meanwhile().count() == 2);
}

TEST_CASE("reader: several threads read all clients, tell of each event once, and name who failed by its place among all") {
  BeforeAndWhile latencies(std::chrono::steady_clock::now(), 1000.0);
  latencies.set_phase(Phase::kBefore);
  Reading all("raw", 10, &latencies, 3);
  CHECK(all.reader.threads() == 3);
  const std::uint64_t published = all.load(10'000, 1, 1000);
  CHECK(all.reader.deliveries() == 10 * published);
  CHECK(all.reader.cpu_seconds() > 0);
  all.reader.stop();
  CHECK(all.reader.failure() == "");
  CHECK(latencies.before().count() == all.reader.deliveries());
  CHECK(latencies.meanwhile().count() == 0);

  std::vector<Connection> refused = connect_clients(*all.subject, 5, 0);
  refused[4].unread = "HTTP/1.1 403 Forbidden\r\n\r\n";
  refused[4].handshaking = true;
  FanReader one_fails(std::move(refused), {all.subject->sequence_rule()}, nullptr, 3);
  one_fails.start();
  CHECK(testing_support::wait_until([&] { return one_fails.failed(); }));
  one_fails.stop();
  CHECK(one_fails.failure() == "client 4: refused: HTTP/1.1 403 Forbidden");
  CHECK(reading_threads(1) == 1);
  CHECK(reading_threads(100'000) >= 1);
  CHECK(reading_threads(100'000) <= 8);
}

TEST_CASE("reader: a server that goes away is a failure") {
  Reading all("raw", 3);
  all.load(10'000, 1, 1000);
  all.subject->stop();
  CHECK(testing_support::wait_until([&] { return all.reader.failed(); }));
  all.reader.stop();
  CHECK(all.reader.failure().find("the connection ended") != std::string::npos);
}
