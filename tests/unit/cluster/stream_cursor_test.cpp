#include "cluster/stream_cursor.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::kMs;

std::string taken(StreamCursor& cursor) {
  std::string all;
  std::uint64_t seq = 0;
  std::string bytes;
  while (cursor.take(&seq, &bytes)) all += bytes;
  return all;
}

using Seqs = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("stream cursor: messages are given on in order, each once") {
  StreamCursor cursor(5);
  cursor.on_message(4, "x", 0);
  cursor.on_message(6, "b", 0);
  cursor.on_message(6, "b", 0);
  CHECK(taken(cursor) == "");
  cursor.on_message(5, "a", 0);
  CHECK(taken(cursor) == "ab");
  cursor.on_message(5, "a", 0);
  CHECK(taken(cursor) == "");
  CHECK(cursor.next_seq() == 7);
  CHECK(cursor.behind() == 0);
  CHECK(cursor.tick(kMs).fetch.empty());
}

TEST_CASE("stream cursor: a hole is asked for at once, and again where no answer comes or nobody has it yet") {
  StreamCursor cursor(1);
  cursor.on_message(1, "a", 0);
  taken(cursor);
  cursor.on_message(4, "d", 0);
  CHECK(cursor.tick(0).fetch == Seqs{2, 3});
  CHECK(cursor.tick(1 * kMs).fetch.empty());
  cursor.on_missing(2, 1 * kMs);
  CHECK(cursor.tick(20 * kMs).fetch.empty());
  CHECK(cursor.tick(22 * kMs).fetch == Seqs{2});
  cursor.on_message(2, "b", 30 * kMs);
  CHECK(taken(cursor) == "b");
  CHECK(cursor.tick(499 * kMs).fetch.empty());
  CHECK(cursor.tick(500 * kMs).fetch == Seqs{3});
  cursor.on_message(3, "c", 501 * kMs);
  CHECK(taken(cursor) == "cd");
}

TEST_CASE("stream cursor: the tail is asked for once it had time to come by itself") {
  StreamCursor cursor(1);
  cursor.on_reached(2, 10 * kMs);
  CHECK(cursor.behind() == 2);
  CHECK(cursor.tick(109 * kMs).fetch.empty());
  CHECK(cursor.tick(110 * kMs).fetch == Seqs{1, 2});
}

TEST_CASE("stream cursor: so many questions at a time, and no more") {
  StreamCursor cursor(1);
  cursor.on_reached(5000, 0);
  CHECK(cursor.tick(100 * kMs).fetch.size() == 64);
  CHECK(cursor.tick(101 * kMs).fetch.empty());
  for (std::uint64_t seq = 1; seq <= 10; ++seq) cursor.on_message(seq, "x", 102 * kMs);
  taken(cursor);
  CHECK(cursor.tick(300 * kMs).fetch.size() == 10);
}

TEST_CASE("stream cursor: who is far behind asks for all at once, and for each only where that ends early") {
  StreamCursor cursor(1);
  cursor.on_reached(30'000, 0);
  CHECK(cursor.tick(0).catch_up_from == 1);
  CHECK(cursor.tick(1000 * kMs).catch_up_from == 0);
  CHECK(cursor.tick(2000 * kMs).catch_up_from == 1);  // nothing came
  for (std::uint64_t seq = 1; seq <= 25'000; ++seq) {
    cursor.on_message(seq, "x", 2500 * kMs);
    taken(cursor);
  }
  cursor.on_message(30'001, "x", 2550 * kMs);  // live
  CHECK(cursor.tick(2599 * kMs).fetch.empty());
  CHECK(cursor.tick(2600 * kMs).fetch.size() == 64);
}

TEST_CASE("stream cursor: what came ahead is bounded, and the farthest is had again later") {
  StreamCursor cursor(1);
  const std::string large(10 << 20, 'x');
  for (std::uint64_t seq = 20; seq > 1; --seq) cursor.on_message(seq, large, 0);
  CHECK(cursor.ahead_bytes() <= 64u << 20);
  cursor.on_message(1, large, 0);
  CHECK(taken(cursor).size() == 7 * large.size());
  CHECK(cursor.next_seq() == 8);
  CHECK(cursor.ahead_bytes() == 0);
  CHECK(cursor.tick(100 * kMs).fetch.front() == 8);
}
