// What one bridge makes of what others tell and of what the log has, at the edges of times and rooms.

#include <doctest/doctest.h>

#include "fixture.h"
#include "sources/peers.h"
#include "sources/presence.h"

using namespace bridge;

namespace {

// Bridge n1. Its sources are said by hand, others' by their heartbeats.
struct One {
  // "t@r1 connected, ...".
  std::string due(std::string_view source, std::int64_t now_us) {
    const char* const names[] = {"connected", "restarted", "stalled", "recovered", "gone", "conflict", "conflict_over"};
    std::string text;
    for (const Presence::Change& change : presence.due(source, true, now_us)) {
      text += (text.empty() ? "" : ", ") + change.run->source->name + "@" + change.run->id + " " + names[static_cast<int>(change.change)];
    }
    return text;
  }
  void hello(const std::string& source, const std::string& run) {
    REQUIRE(bench.hello(source + "-" + run, R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{}})"));
  }
  void ends(const std::string& source, const std::string& run) {
    bench.sources.disconnected(source + "-" + run);
    bench.sources.find(source, run)->state = SourceState::gone;
  }
  // Another node's heartbeat, with one connected run.
  void hears(const std::string& node, const std::string& source, const std::string& run, std::int64_t now_us) {
    const std::string one = R"({"source":")" + source + R"(","run":")" + run + R"(","state":"live","connected":true,"announces":true})";
    REQUIRE(peers.hear(node, R"({"node":")" + node + R"(","state":"running","able":true,"hash":"0123456789abcdef","sources":[)" + (source.empty() ? "" : one) + "]}",
                       1, 1, now_us) == "");
  }
  void logged(const std::string& source, const std::string& run, SourceState state, std::int64_t now_us = 0) { presence.on_told(source, run, state, now_us); }

  Bench bench;
  Peers peers{[](auto, auto) { return std::nullopt; }};
  Presence presence{"n1", bench.sources, peers};
};

}  // namespace

TEST_CASE("presence: a restart is told as one where the run before was told to be there, and of this name alone") {
  One one;
  one.hello("s", "r0");
  one.hello("u", "r0");
  one.logged("s", "r0", SourceState::live);
  one.logged("u", "r0", SourceState::live);
  one.hello("t", "r1");
  CHECK(one.due("t", 1) == "t@r1 connected");
  one.logged("t", "r1", SourceState::live);
  one.ends("t", "r1");
  one.hello("t", "r2");
  CHECK(one.due("t", 2) == "t@r2 restarted");
  one.logged("t", "r2", SourceState::live);
  // Of the first nothing is known any more: after an end that was told the next one is new.
  one.ends("t", "r2");
  CHECK(one.due("t", 3) == "t@r2 gone");
  one.logged("t", "r2", SourceState::gone);
  one.hello("t", "r3");
  CHECK(one.due("t", 4) == "t@r3 connected");
}

TEST_CASE("presence: what another bridge has just told of is let be for as long as its heartbeat may take") {
  One one;
  one.hears("n2", "t", "r1", 0);
  one.logged("t", "r1", SourceState::live, 1'000);
  for (std::int64_t now_us = 0; now_us <= 3'500'000; now_us += 500'000) one.peers.tick(true, now_us);
  CHECK(one.due("t", 1'000 + kStalledAfterUs - 1) == "");
  CHECK(one.due("t", 1'000 + kStalledAfterUs) == "t@r1 stalled");
}

TEST_CASE("presence: two processes are told of after a second and a half, and again after ten where the log loses it") {
  One one;
  one.hello("t", "r1");
  one.hello("t", "r2");
  CHECK(one.due("t", 0) == "t@r1 connected, t@r2 connected");
  CHECK(one.due("t", kConflictForUs - 1) == "");
  CHECK(one.due("t", kConflictForUs) == "t@r1 conflict");
  one.logged("t", "r1", SourceState::live);
  one.logged("t", "r2", SourceState::live);
  const std::int64_t lost_us = kConflictForUs + kToldSoonUs;
  CHECK(one.due("t", lost_us - 1) == "");
  CHECK(one.due("t", lost_us) == "");  // it is not so in the log, and that has to last, too
  CHECK(one.due("t", lost_us + kConflictForUs - 1) == "");
  CHECK(one.due("t", lost_us + kConflictForUs) == "t@r1 conflict");
  // What is on its way comes behind what another told before.
  one.presence.on_told_conflict("t", false);
  CHECK(one.due("t", lost_us + 2 * kConflictForUs) == "");
  CHECK(one.due("t", lost_us + 4 * kConflictForUs) == "");
  one.presence.on_told_conflict("t", true);
  // And is known then: what comes behind it counts at once.
  one.presence.on_told_conflict("t", false);
  CHECK(one.due("t", lost_us + 5 * kConflictForUs) == "");
  CHECK(one.due("t", lost_us + 6 * kConflictForUs) == "t@r1 conflict");
  one.presence.on_told_conflict("t", true);
  one.ends("t", "r1");
  CHECK(one.due("t", lost_us + 6 * kConflictForUs) == "t@r2 conflict_over");
  one.presence.on_told_conflict("t", false);
  CHECK(one.due("t", lost_us + 9 * kConflictForUs) == "");
}

TEST_CASE("presence: of the bridges that have one of the processes the first tells, if it works") {
  for (const bool works : {true, false}) {
    One one;
    one.hello("t", "r1");
    one.hears("n0", "t", "r2", 0);
    one.logged("t", "r1", SourceState::live);
    one.logged("t", "r2", SourceState::live);
    CHECK(one.due("t", 0) == "");
    if (!works) REQUIRE(one.peers.hear("n0", R"({"node":"n0","state":"running","able":false,"hash":"0123456789abcdef","sources":[{"source":"t","run":"r2","state":"live","connected":true,"announces":true}]})", 1, 1, 0) == "");
    CHECK(one.due("t", kConflictForUs) == (works ? "" : "t@r1 conflict"));
  }
}

TEST_CASE("presence: what was told is kept of so many runs, and those that are gone leave first") {
  One one;
  one.hello("t", "r1");
  one.logged("t", "r1", SourceState::live);
  const auto fill = [&](const char* name, std::size_t n, SourceState state) {
    for (std::size_t i = 0; i < n; ++i) one.logged(name, std::to_string(i), state);
  };
  fill("x", kToldMax - 1, SourceState::gone);
  one.logged("x", "0", SourceState::gone);  // which is known
  CHECK(one.due("t", 1) == "");
  fill("y", kToldMax - 1, SourceState::live);  // in the place of those that are gone
  CHECK(one.due("t", 2) == "");
  one.logged("y", "0", SourceState::live);
  CHECK(one.due("t", 3) == "");
  one.logged("y", "more", SourceState::live);  // no room: all is told once more
  CHECK(one.due("t", 4) == "t@r1 connected");
}

TEST_CASE("presence: conflicts of so many names are kept, and those that were none in the end are not") {
  One one;
  one.hello("t", "r1");
  one.hello("t", "r2");
  one.logged("t", "r1", SourceState::live);
  one.logged("t", "r2", SourceState::live);
  for (std::size_t i = 0; i < kToldMax - 1; ++i) one.presence.on_told_conflict("x" + std::to_string(i), true);
  // One that was over before it was told leaves its room.
  one.hello("u", "r1");
  one.hello("u", "r2");
  CHECK(one.due("u", 1) == "u@r1 connected, u@r2 connected");
  one.ends("u", "r2");
  CHECK(one.due("u", 2) == "");
  CHECK(one.due("t", 3) == "");
  CHECK(one.due("t", 3 + kConflictForUs) == "t@r1 conflict");
  one.hello("v", "r1");
  one.hello("v", "r2");
  CHECK(one.due("v", 4) == "v@r1 connected, v@r2 connected");
  CHECK(one.due("v", 4 + 2 * kConflictForUs) == "");  // no room
  one.presence.on_told_conflict("w", true);            // neither
  one.hello("w", "r1");
  one.logged("w", "r1", SourceState::live);
  CHECK(one.due("w", 5) == "");
}
