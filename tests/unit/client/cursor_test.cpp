#include "feed/cursor.h"

#include <string>

#include <doctest/doctest.h>

#include "fake_bridge.h"

using client_tests::event;
using feed::Cursor;
using feed::Position;
using feed::Since;

namespace {

feed::Envelope envelope(std::uint64_t seq, const std::string& source = "",
                        std::uint64_t source_seq = 0) {
  return *feed::read_envelope(event(seq, source, source_seq));
}

std::string asked(const Cursor& cursor, const std::string& epoch = "now") {
  return feed::since_json(cursor.next_since(), epoch);
}

}  // namespace

TEST_CASE("cursor: a live client asks for nothing first, and then for what came after it") {
  Cursor cursor{Since()};
  CHECK(asked(cursor).empty());
  CHECK_FALSE(cursor.on_registered("k3f", 812));
  CHECK(asked(cursor) == R"({"epoch":"k3f","seq":812})");
  CHECK(cursor.admit(envelope(813)));
  CHECK(cursor.admit(envelope(820)));
  CHECK(asked(cursor) == R"({"epoch":"k3f","seq":820})");
}

TEST_CASE("cursor: what a user asked for is asked again until the first event") {
  Cursor cursor{Since(feed::SinceLast{100})};
  CHECK(asked(cursor) == R"({"last":100})");
  cursor.on_registered("k3f", 812);
  CHECK(asked(cursor) == R"({"last":100})");
  CHECK(cursor.admit(envelope(713)));
  CHECK(asked(cursor) == R"({"epoch":"k3f","seq":713})");
}

TEST_CASE("cursor: a bare seq is one of the epoch in which it was asked, also in a later one") {
  Cursor cursor{Since(feed::SinceSeq{42})};
  CHECK(asked(cursor, "k3f") == R"({"epoch":"k3f","seq":42})");
  cursor.on_registered("k3f", 812);
  CHECK(asked(cursor, "other") == R"({"epoch":"k3f","seq":42})");
}

TEST_CASE("cursor: seconds keep their fraction") {
  CHECK(asked(Cursor{Since(feed::SinceSeconds{300})}) == R"({"seconds":300})");
  CHECK(asked(Cursor{Since(feed::SinceSeconds{0.25})}) == R"({"seconds":0.25})");
}

TEST_CASE("cursor: what was handed over is not handed over again") {
  Cursor cursor{Since()};
  cursor.on_registered("k3f", 0);
  CHECK(cursor.admit(envelope(1)));
  CHECK(cursor.admit(envelope(2)));
  CHECK_FALSE(cursor.admit(envelope(2)));
  cursor.on_registered("k3f", 5);
  CHECK_FALSE(cursor.admit(envelope(1)));
  CHECK_FALSE(cursor.admit(envelope(2)));
  CHECK(cursor.admit(envelope(3)));
}

TEST_CASE("cursor: within an epoch a source may count as it likes") {
  Cursor cursor{Since()};
  cursor.on_registered("k3f", 0);
  CHECK(cursor.admit(envelope(1, "a", 1)));
  CHECK(cursor.admit(envelope(2, "a", 1)));
}

TEST_CASE("cursor: after a change of epoch the sources' numbers tell what was seen") {
  Cursor cursor{Since()};
  cursor.on_registered("old", 0);
  CHECK(cursor.admit(envelope(1, "a", 1)));
  CHECK(cursor.admit(envelope(2, "b", 1)));
  CHECK(cursor.admit(envelope(3, "a", 2)));
  CHECK(cursor.admit(envelope(4)));
  CHECK(cursor.on_registered("new", 7));
  CHECK(asked(cursor) == R"({"epoch":"old","seq":4})");
  CHECK_FALSE(cursor.admit(envelope(1, "a", 1)));
  CHECK_FALSE(cursor.admit(envelope(2, "a", 2)));
  CHECK(cursor.admit(envelope(3, "a", 3)));
  CHECK_FALSE(cursor.admit(envelope(4, "b", 1)));
  CHECK(cursor.admit(envelope(5)));
  CHECK(asked(cursor) == R"({"epoch":"new","seq":5})");
  CHECK_FALSE(cursor.on_registered("new", 9));
  CHECK_FALSE(cursor.admit(envelope(5)));
}

TEST_CASE("cursor: a gap that a reconnection repeats is told once") {
  Cursor cursor{Since()};
  cursor.on_registered("k3f", 0);
  const feed::Gap gap = feed::read_gap(client_tests::gap(1, 9, "evicted"));
  const feed::Gap longer = feed::read_gap(client_tests::gap(1, 12, "evicted"));
  CHECK(cursor.admit(gap));
  CHECK_FALSE(cursor.admit(gap));
  CHECK(cursor.admit(longer));
  CHECK(cursor.admit(envelope(13)));
  CHECK(cursor.admit(longer));
}

TEST_CASE("cursor: a user who begins elsewhere sees again what was seen") {
  Cursor cursor{Since()};
  cursor.on_registered("k3f", 0);
  CHECK(cursor.admit(envelope(1, "a", 1)));
  cursor.restart(Since(Position{"k3f", 0}));
  cursor.on_registered("k3f", 1);
  CHECK(asked(cursor) == R"({"epoch":"k3f","seq":0})");
  CHECK(cursor.admit(envelope(1, "a", 1)));
}

TEST_CASE("cursor: an event without a number is always handed over") {
  Cursor cursor{Since()};
  cursor.on_registered("", 0);
  const auto bare = feed::read_envelope(R"({"type":"x","data":{}})");
  CHECK(cursor.admit(*bare));
  CHECK(cursor.admit(*bare));
  CHECK(asked(cursor).empty());
}
