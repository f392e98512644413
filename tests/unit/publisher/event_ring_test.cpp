#include "event_ring.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using ppo::Batch;
using ppo::EventRing;

namespace {

// A body of exactly 20 bytes for types of one letter and n below 10.
std::string body(char type, int n) {
  return std::string(R"({"type":")") + type + R"(","n":)" + std::to_string(n) + "}  ";
}
constexpr std::size_t kBody = 20;

std::size_t push(EventRing& ring, char type, int n) {
  const std::string text = body(type, n);
  return ring.push({std::string_view(text).substr(0, 5), std::string_view(text).substr(5)});
}

// What the ring gives of these events.
std::string copied(const EventRing& ring, std::uint64_t from, std::uint64_t to,
                   std::size_t bytes_max = 1000) {
  std::string out;
  ring.copy(from, to, bytes_max, out);
  return out;
}

// Everything that waits, a string a message.
std::vector<std::string> drain(EventRing& ring) {
  std::vector<std::string> bodies;
  for (Batch batch = ring.take(); !batch.empty(); batch = ring.take()) {
    bodies.emplace_back(batch.body());
    ring.sent(std::move(batch));
  }
  return bodies;
}

}  // namespace

TEST_CASE("ring: nothing in it, nothing to take") {
  EventRing ring({10, 1000, 100});
  CHECK(ring.take().empty());
  CHECK(ring.put_back(Batch()) == 0);
  CHECK(ring.events() == 0);
}

TEST_CASE("ring: an event fits when it and its line break are within the bytes") {
  const EventRing ring({10, 100, 1000});
  CHECK(ring.fits(99));
  CHECK_FALSE(ring.fits(100));
}

TEST_CASE("ring: full by number, the oldest goes") {
  EventRing ring({3, 1000, 1000});
  for (int n = 1; n <= 3; ++n) CHECK(push(ring, 'a', n) == 0);
  CHECK(push(ring, 'a', 4) == 1);
  CHECK(push(ring, 'a', 5) == 1);
  CHECK(ring.events() == 3);
  CHECK(ring.bytes() == 3 * (kBody + 1));
  CHECK(drain(ring) ==
        std::vector<std::string>{body('a', 3) + '\n' + body('a', 4) + '\n' + body('a', 5)});
  CHECK(ring.bytes() == 0);
}

TEST_CASE("ring: full by bytes, as many of the oldest go as a large event needs") {
  EventRing ring({100, 5 * (kBody + 1), 1000});
  for (int n = 1; n <= 5; ++n) CHECK(push(ring, 'a', n) == 0);
  const std::string large = R"({"type":"b","x":"y"})" + std::string(kBody, ' ');
  CHECK(ring.push({large}) == 2);
  CHECK(ring.events() == 4);
  CHECK(ring.bytes() <= 5 * (kBody + 1));
}

TEST_CASE("ring: an event as large as the ring leaves only itself") {
  EventRing ring({100, 3 * (kBody + 1), 1000});
  for (int n = 1; n <= 3; ++n) push(ring, 'a', n);
  const std::string large = R"({"type":"b"})" + std::string(3 * (kBody + 1) - 13, ' ');
  REQUIRE(ring.fits(large.size()));
  CHECK(ring.push({large}) == 3);
  CHECK(drain(ring) == std::vector<std::string>{large});
}

TEST_CASE("ring: a message is no longer than its limit, but for a single event") {
  EventRing ring({100, 10000, 2 * kBody + 1});
  for (int n = 1; n <= 3; ++n) push(ring, 'a', n);
  const std::string large = R"({"type":"b"})" + std::string(200, ' ');
  ring.push({large});
  push(ring, 'a', 4);
  CHECK(drain(ring) == std::vector<std::string>{body('a', 1) + '\n' + body('a', 2), body('a', 3),
                                                large, body('a', 4)});
}

TEST_CASE("ring: the topic is the type that all events of a message share, or batch") {
  EventRing ring({100, 10000, 1000});
  const auto topic = [&ring] {
    Batch batch = ring.take();
    const std::string type(batch.topic_type());
    ring.sent(std::move(batch));
    return type;
  };
  push(ring, 'a', 1);
  CHECK(topic() == "a");
  push(ring, 'a', 1);
  push(ring, 'a', 2);
  CHECK(topic() == "a");
  push(ring, 'a', 1);
  push(ring, 'b', 2);
  push(ring, 'b', 3);
  CHECK(topic() == "batch");
}

TEST_CASE("ring: an event left alone in a mixed message has its own topic") {
  EventRing ring({1, 10000, 1000});
  push(ring, 'a', 1);
  push(ring, 'b', 2);
  CHECK(ring.take().topic_type() == "b");
}

TEST_CASE("ring: what is put back is the oldest again") {
  EventRing ring({100, 10000, 1000});
  push(ring, 'a', 1);
  push(ring, 'a', 2);
  Batch batch = ring.take();
  CHECK(batch.events() == 2);
  CHECK(ring.events() == 0);
  push(ring, 'a', 3);
  CHECK(ring.put_back(std::move(batch)) == 0);
  CHECK(ring.events() == 3);
  CHECK(drain(ring) == std::vector<std::string>{body('a', 1) + '\n' + body('a', 2), body('a', 3)});
}

TEST_CASE("ring: what is put back into a ring that filled up goes first") {
  EventRing ring({3, 10000, 1000});
  push(ring, 'a', 1);
  push(ring, 'a', 2);
  Batch batch = ring.take();
  push(ring, 'a', 3);
  push(ring, 'a', 4);
  CHECK(ring.put_back(std::move(batch)) == 1);
  CHECK(ring.events() == 3);
  CHECK(drain(ring) == std::vector<std::string>{body('a', 2), body('a', 3) + '\n' + body('a', 4)});
}

TEST_CASE("ring: a hundred thousand events through a small ring keep order and count") {
  EventRing ring({50, 100000, 300});
  std::size_t gone = 0;
  std::size_t taken = 0;
  int newest_seen = -1;
  for (int n = 0; n < 100'000; ++n) {
    gone += ring.push({R"({"type":"a","n":)", std::to_string(n), "}"});
    CHECK_FALSE(ring.events() > 50);
    if (n % 97 != 0) continue;
    Batch batch = ring.take();
    const std::string first(batch.body().substr(16, batch.body().find('}') - 16));
    if (std::stoi(first) <= newest_seen) FAIL("out of order at " << n);
    newest_seen = std::stoi(first) + static_cast<int>(batch.events()) - 1;
    if (n % 2 == 0) {
      taken += batch.events();
      ring.sent(std::move(batch));
    } else {
      newest_seen = std::stoi(first) - 1;
      gone += ring.put_back(std::move(batch));
    }
  }
  CHECK(taken + gone + ring.events() == 100'000);
}

TEST_CASE("ring: what was sent can be had again, beside what is in hand and what waits") {
  EventRing ring({100, 10000, 2 * kBody + 1});
  CHECK(ring.oldest_seq() == 1);
  CHECK(copied(ring, 1, 10).empty());
  for (int n = 1; n <= 6; ++n) push(ring, 'a', n);
  ring.sent(ring.take());
  Batch in_hand = ring.take();
  CHECK(ring.events() == 2);
  CHECK(ring.kept_events() == 2);
  CHECK(ring.oldest_seq() == 1);
  for (std::uint64_t from = 1; from <= 6; ++from) {
    for (std::uint64_t to = from; to <= 7; ++to) {
      std::string expected;
      for (std::uint64_t n = from; n <= std::min<std::uint64_t>(to, 6); ++n) {
        expected += (expected.empty() ? "" : ",") + body('a', static_cast<int>(n));
      }
      CHECK(copied(ring, from, to) == expected);
    }
  }
  CHECK(copied(ring, 7, 9).empty());
  CHECK(copied(ring, 5, 4).empty());
  ring.put_back(std::move(in_hand));
  CHECK(copied(ring, 3, 3) == body('a', 3));
}

TEST_CASE("ring: a copy ends at its limit, after one event at least") {
  EventRing ring({100, 10000, 1000});
  for (int n = 1; n <= 4; ++n) push(ring, 'a', n);
  std::string out;
  const auto two = ring.copy(1, 4, 2 * (kBody + 1), out);
  CHECK(two.events == 2);
  CHECK(two.next == 3);
  CHECK(out == body('a', 1) + ',' + body('a', 2));
  CHECK(ring.copy(3, 4, 1, out).next == 4);
  CHECK(out == body('a', 1) + ',' + body('a', 2) + ',' + body('a', 3));
}

TEST_CASE("ring: what was sent goes before what waits, one by one") {
  EventRing ring({4, 10000, 1000});
  for (int n = 1; n <= 3; ++n) push(ring, 'a', n);
  ring.sent(ring.take());
  for (int n = 4; n <= 6; ++n) CHECK(push(ring, 'a', n) == 0);
  CHECK(ring.kept_events() == 1);
  CHECK(ring.oldest_seq() == 3);
  CHECK(copied(ring, 1, 9) ==
        body('a', 3) + ',' + body('a', 4) + ',' + body('a', 5) + ',' + body('a', 6));
  push(ring, 'a', 7);
  CHECK(push(ring, 'a', 8) == 1);
  CHECK(ring.kept_events() == 0);
  CHECK(ring.oldest_seq() == 5);
}

TEST_CASE("ring: what a full ring let go while older events were in hand is missing in copies") {
  EventRing ring({2, 10000, 1000});
  push(ring, 'a', 1);
  push(ring, 'a', 2);
  Batch in_hand = ring.take();
  for (int n = 3; n <= 5; ++n) push(ring, 'a', n);
  CHECK(copied(ring, 1, 9) ==
        body('a', 1) + ',' + body('a', 2) + ',' + body('a', 4) + ',' + body('a', 5));
  ring.sent(std::move(in_hand));
  CHECK(copied(ring, 1, 9) == body('a', 4) + ',' + body('a', 5));
}

TEST_CASE("ring: events that were sent one by one share the memory of a message") {
  EventRing ring({1000, 1'000'000, 100 * (kBody + 1)});
  for (int i = 0; i < 1000; ++i) {
    push(ring, 'a', i % 10);
    ring.sent(ring.take());
  }
  CHECK(ring.kept_events() == 1000);
  CHECK(copied(ring, 1, 1000, 1'000'000).size() == 1000 * (kBody + 1) - 1);
  CHECK(copied(ring, 777, 778) == body('a', 6) + ',' + body('a', 7));
}

TEST_CASE("ring: what is abandoned waits no more, and can be had") {
  EventRing ring({100, 10000, 2 * kBody + 1});
  for (int n = 1; n <= 5; ++n) push(ring, 'a', n);
  ring.sent(ring.take());
  ring.abandon();
  CHECK(ring.events() == 0);
  CHECK(ring.bytes() == 0);
  CHECK(ring.take().empty());
  CHECK(ring.kept_events() == 5);
  CHECK(copied(ring, 2, 5).size() == 4 * (kBody + 1) - 1);
}
