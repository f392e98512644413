// What is kept of the other bridges, at its edges.

#include "sources/peers.h"

#include <doctest/doctest.h>

#include <string>

using namespace bridge;

namespace {

std::string run_of(const std::string& source, const std::string& state, const std::string& id = "r") {
  return R"({"source":")" + source + R"(","run":")" + id + R"(","state":")" + state + R"(","heard_ms":0})";
}
std::string heartbeat_of(const std::string& node, const std::string& runs = "", std::size_t bytes = 0, const std::string& seq = "1") {
  std::string text = R"({"node":")" + node + R"(","wall":5,"state":"running","able":true,"hash":"0123456789abcdef","seq":)" + seq + R"(,"sources":[)" + runs + "]}";
  if (text.size() < bytes) text.append(bytes - text.size(), ' ');
  return text;
}
std::optional<bool> undecided(std::uint64_t, std::uint64_t) { return std::nullopt; }

// Ticks as a bridge does that never stands still, up to and with that time.
void tick_until(Peers& peers, std::int64_t from_us, std::int64_t to_us) {
  for (std::int64_t now_us = from_us; now_us < to_us; now_us += 500'000) peers.tick(true, now_us);
  peers.tick(true, to_us);
}

}  // namespace

TEST_CASE("peers: a node's clock is told from the heartbeat that was quickest, of the last 128") {
  PeerClock clock;
  CHECK_FALSE(clock.steady_of(5));
  clock.heard(1'000, 1'500);
  CHECK(clock.steady_of(2'000) == 2'500);
  clock.heard(2'000, 2'100);
  clock.heard(3'000, 3'900);
  CHECK(clock.steady_of(5'000) == 5'100);
  for (int i = 0; i < 126; ++i) clock.heard(10'000, 10'700);
  CHECK(clock.steady_of(5'000) == 5'100);
  clock.heard(10'000, 10'700);
  CHECK(clock.steady_of(5'000) == 5'700);
}

TEST_CASE("peers: what a heartbeat says of its node") {
  Peers peers(undecided);
  const std::string text = heartbeat_of("n2", run_of("a", "live") + "," + run_of("b", "stalled") + "," + run_of("c", "gone"), 0, "7");
  REQUIRE(peers.hear("n2", text, 10, 4'000'000, 9) == "");
  const Peer& peer = *peers.find("n2");
  CHECK(peer.live_sources() == 2);
  CHECK(peer.runs == 3);
  CHECK(peer.bytes == text.size());
  CHECK(peer.lag == 3);
  CHECK(peer.clock_ahead_us == 1'000'000);
  CHECK(peer.heard_us == 9);
  REQUIRE(peers.hear("n2", heartbeat_of("n2", run_of("a", "live"), 0, "10"), 3, 6'000'000, 10) == "");
  CHECK(peer.live_sources() == 1);
  CHECK(peer.bytes == heartbeat_of("n2", run_of("a", "live"), 0, "10").size());
  CHECK(peer.lag == 0);
  CHECK(peer.clock_ahead_us == -1'000'000);
  REQUIRE(peers.hear("n2", heartbeat_of("n2"), 3, 6'000'000, 11) == "");
  CHECK(peer.bytes == 0);
  CHECK(peers.works("n2"));
  CHECK_FALSE(peers.works("n3"));
  CHECK(peers.is_first("n2"));
  CHECK(peers.is_first("n1"));
  CHECK_FALSE(peers.is_first("n3"));
}

TEST_CASE("peers: who falls silent is stalled, gone and forgotten to the microsecond, and its sources with it") {
  Peers peers(undecided);
  REQUIRE(peers.hear("n2", heartbeat_of("n2", run_of("a", "live") + "," + run_of("b", "gone")), 1, 1, 0) == "");
  const Peer& peer = *peers.find("n2");
  const auto state = [&](const char* source) { return peer.sources.at(source)->runs.at(0)->state; };
  tick_until(peers, 0, kStalledAfterUs - 1);
  CHECK(peer.state == SourceState::live);
  CHECK(state("a") == SourceState::live);
  peers.tick(true, kStalledAfterUs);
  CHECK(peer.state == SourceState::stalled);
  CHECK(state("a") == SourceState::stalled);
  CHECK(state("b") == SourceState::gone);
  tick_until(peers, kStalledAfterUs, kLiveUs - 1);
  CHECK(peer.state == SourceState::stalled);
  CHECK(state("a") == SourceState::stalled);
  peers.tick(true, kLiveUs);
  CHECK(peer.state == SourceState::gone);
  CHECK(state("a") == SourceState::gone);
  peers.tick(true, kPeerForgottenUs - 1);
  CHECK(peers.find("n2") != nullptr);
  peers.tick(true, kPeerForgottenUs);
  CHECK(peers.find("n2") == nullptr);
}

TEST_CASE("peers: a tick that comes late counts nobody's silence before it") {
  for (const bool late : {false, true}) {
    Peers peers(undecided);
    peers.tick(true, 0);
    REQUIRE(peers.hear("n2", heartbeat_of("n2", run_of("a", "live")), 1, 1, 0) == "");
    std::int64_t now_us = 1'000'000 + (late ? 1 : 0);  // in time, and a microsecond too late
    peers.tick(true, now_us);
    for (; now_us < kStalledAfterUs; now_us += 500'000) peers.tick(true, now_us);
    peers.tick(true, kStalledAfterUs);
    CHECK(peers.find("n2")->state == SourceState::stalled);
    CHECK(peers.find("n2")->sources.at("a")->runs.at(0)->state == (late ? SourceState::live : SourceState::stalled));
  }
}

TEST_CASE("peers: all heartbeats together have their bytes, to the last") {
  Peers peers(undecided);
  const std::size_t nodes = kPeerBytesMax / kHeartbeatBytesMax;
  const auto node = [](std::size_t i) { return "n" + std::to_string(1'000 + i); };
  for (std::size_t i = 0; i < nodes; ++i) {
    REQUIRE(peers.hear(node(i), heartbeat_of(node(i), run_of("s", "live"), kHeartbeatBytesMax), 1, 1, 0) == "");
    CHECK(peers.find(node(i))->runs == 1);
  }
  REQUIRE(peers.hear("more", heartbeat_of("more", run_of("s", "live")), 1, 1, 0) == "");
  CHECK(peers.find("more")->runs == 0);
  CHECK(peers.counts().left_out == 1);
  // Who is forgotten has left its room.
  for (std::size_t i = 1; i < nodes; ++i) REQUIRE(peers.hear(node(i), heartbeat_of(node(i), run_of("s", "live"), kHeartbeatBytesMax), 1, 1, 1) == "");
  peers.tick(true, kPeerForgottenUs);
  CHECK(peers.find(node(0)) == nullptr);
  REQUIRE(peers.hear("more", heartbeat_of("more", run_of("s", "live"), kHeartbeatBytesMax), 1, 1, 1) == "");
  CHECK(peers.find("more")->runs == 1);
}

TEST_CASE("peers: so many nodes are told once of what is wrong with their heartbeats") {
  Peers peers(undecided);
  for (std::size_t i = 0; i < kPeersMax; ++i) CHECK(peers.hear("n" + std::to_string(i), "{}", 1, 1, 1) != "");
  CHECK(peers.hear("more", "{}", 1, 1, 1) == "");
  CHECK(peers.counts().malformed == kPeersMax + 1);
}
