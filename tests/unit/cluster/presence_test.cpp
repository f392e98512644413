// Which sources the bridges of a cluster have, and who tells what becomes of them.

#include <doctest/doctest.h>

#include "nodes.h"

using namespace bridge;

TEST_CASE("presence: a source is told of by its own bridge, once, and known to all") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(3'000'000);
  CHECK(nodes.news() == "n2 t@r1 connected");
  const std::string list = nodes["n1"].bench.run("get_sources");
  CHECK(list.find(R"("source":"t","node":"n2","run":"r1","agents":["a1"])") != std::string::npos);
  CHECK(list.find(R"("state":"live","connected":true)") != std::string::npos);
  CHECK(nodes["n2"].bench.run("get_sources").find(R"("node":"n2")") != std::string::npos);
}

TEST_CASE("presence: of a source that two bridges have heard of the one is told that has it connected") {
  for (const char* home : {"n1", "n2"}) {
    Nodes nodes({"n1", "n2"});
    nodes[std::string(home) == "n1" ? "n2" : "n1"].bench.take(R"({"type":"_source","source":"t","run":"r1","data":{}})");
    nodes[home].connect("t", "r1");
    nodes.pass(2'000'000);
    for (const char* asked : {"n1", "n2"}) {
      CHECK(nodes[asked].bench.run("get_sources").find(R"("source":"t","node":")" + std::string(home) + '"') != std::string::npos);
    }
  }
}

TEST_CASE("presence: a source that goes to another bridge has not gone") {
  Nodes nodes({"n1", "n2"});
  nodes["n1"].connect("t", "r1");
  nodes.pass(2'000'000);
  CHECK(nodes.news() == "n1 t@r1 connected");
  nodes["n1"].disconnect("t-r1");
  nodes.pass(1'000'000);
  nodes["n2"].connect("t", "r1");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "");
  CHECK(nodes["n1"].bench.sources.find("t", "r1")->state == SourceState::gone);
  CHECK(nodes["n1"].bench.run("get_sources").find(R"("node":"n2","run":"r1")") != std::string::npos);
  // And back, and then it ends.
  nodes["n2"].disconnect("t-r1");
  nodes["n1"].connect("t", "r1");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "");
  nodes["n1"].disconnect("t-r1");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "n1 t@r1 stalled, n1 t@r1 gone");
}

TEST_CASE("presence: what a dead bridge had is stalled and then gone, as the live one with the smallest name tells") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n3"].connect("t", "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes["n3"].up = false;
  nodes.pass(3'250'000);
  CHECK(nodes.news() == "");
  nodes.pass(1'000'000);
  CHECK(nodes.news() == "n1 t@r1 stalled");
  nodes.pass(6'500'000);
  CHECK(nodes.news() == "n1 t@r1 gone");
  CHECK(nodes["n2"].bench.run("get_sources").find(R"("state":"gone")") != std::string::npos);
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  CHECK(nodes.news() == "n2 t@r1 connected");
}

TEST_CASE("presence: where who was to tell dies as well, the next one does") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n3"].connect("t", "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes["n3"].up = false;
  nodes.pass(3'000'000);
  nodes["n1"].up = false;
  nodes.pass(9'000'000);
  CHECK(nodes.news() == "n2 t@r1 stalled, n2 t@r1 gone");
}

TEST_CASE("presence: a source of a dead bridge that has come to another is told nothing of") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n3"].connect("t", "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes["n3"].up = false;
  nodes.pass(2'000'000);
  nodes["n2"].connect("t", "r1");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "");
}

TEST_CASE("presence: a bridge that is cut off tells nothing, and takes nobody's silence for an end") {
  Nodes nodes({"n1", "n2", "n3"});
  for (const char* name : {"n1", "n2", "n3"}) nodes[name].connect(std::string("t-") + name, "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes.cuts = {{"n1", "n2"}, {"n1", "n3"}};
  nodes["n1"].able = false;
  nodes.pass(12'000'000);
  CHECK(nodes.news() == "n2 t-n1@r1 stalled, n2 t-n1@r1 gone");
  // It hears again: first of all that the others are there.
  nodes.cuts.clear();
  nodes["n1"].able = true;
  nodes["n1"].look();
  CHECK(nodes.news() == "n1 t-n1@r1 connected");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "");
}

TEST_CASE("presence: a bridge that stood still takes nobody's silence for an end") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes["n1"].frozen = true;
  nodes.pass(12'000'000);
  nodes["n1"].frozen = false;
  nodes["n1"].inbox.clear();
  nodes["n1"].look();
  nodes.pass(5'000'000);
  CHECK(nodes.news() == "");
}

TEST_CASE("presence: a source that restarts at another bridge is told as one that restarts, and its old run as nothing") {
  Nodes nodes({"n1", "n2"});
  nodes["n1"].connect("t", "r1");
  nodes.pass(2'000'000);
  (void)nodes.news();
  nodes["n1"].disconnect("t-r1");
  nodes["n2"].connect("t", "r2");
  nodes.pass(15'000'000);
  CHECK(nodes.news() == "n2 t@r2 connected");
  nodes["n2"].disconnect("t-r2");
  nodes.pass(15'000'000);
  CHECK(nodes.news().find("t@r2 gone") != std::string::npos);
}

TEST_CASE("presence: what this node told counts until the log has it, and is told again where that loses it") {
  Bench bench;
  Peers peers([](auto, auto) { return std::nullopt; });
  Presence presence("n1", bench.sources, peers);
  REQUIRE(bench.hello("c", R"({"type":"_source","source":"t","run":"r","data":{}})"));
  const auto due = [&](std::int64_t now_us) { return presence.due("t", true, now_us).size(); };
  CHECK(presence.due("t", false, 0).empty());
  CHECK(due(1) == 1);
  CHECK(due(2) == 0);
  CHECK(due(kToldSoonUs + 1) == 1);
  presence.on_told("t", "r", SourceState::live, kToldSoonUs);
  CHECK(due(3 * kToldSoonUs) == 0);
  presence.on_told("t", "r", SourceState::gone, 3 * kToldSoonUs);  // by another that knew no better
  CHECK(due(3 * kToldSoonUs) == 1);
}

TEST_CASE("presence: of many sources each is looked at, a few at a time") {
  Nodes nodes({"n1", "n2"});
  for (int i = 0; i < 80; ++i) {
    REQUIRE(nodes["n1"].bench.hello("c" + std::to_string(i), R"({"type":"_source","source":"t)" + std::to_string(i) + R"(","run":"r","data":{}})"));
  }
  std::vector<Presence::Change> changes;
  Presence& presence = nodes["n1"].presence;
  CHECK_FALSE(presence.some_due(true, 1, &changes));
  CHECK(changes.size() == kLookedAtMax);
  CHECK(presence.some_due(true, 1, &changes));
  CHECK(changes.size() == 80);
  CHECK(presence.some_due(true, 1, &changes) == false);
  CHECK(changes.size() == 80);
}

TEST_CASE("presence: two processes of one name at two bridges are told of once, when that has lasted, and so is its end") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(1'000'000);
  nodes.news();
  nodes["n3"].connect("t", "r2");
  nodes.pass(1'000'000);
  CHECK(nodes.news() == "n3 t@r2 connected");
  nodes.pass(3'000'000);
  CHECK(nodes.news() == "n2 t@r1 conflict");
  CHECK(nodes.processes == 2);
  nodes.pass(20'000'000);
  CHECK(nodes.news() == "");
  nodes["n2"].disconnect("t-r1");
  nodes.pass(2'000'000);
  CHECK(nodes.news() == "n3 t@r2 conflict_over");
  // One that comes and goes is none yet.
  nodes["n2"].connect("t", "r3");
  nodes.pass(500'000);
  nodes["n2"].disconnect("t-r3");
  nodes.pass(8'000'000);
  CHECK(nodes.news() == "n2 t@r3 connected");
  // Of one bridge alone likewise.
  nodes["n3"].connect("t", "r4");
  nodes.pass(4'000'000);
  CHECK(nodes.news() == "n3 t@r4 connected, n3 t@r2 conflict");
}

TEST_CASE("peers: how far each is, and whether it agrees") {
  Nodes nodes({"n1", "n2"});
  Nodes::Node& n1 = nodes["n1"];
  const Peer& peer = *n1.peers.find("n2");
  CHECK(peer.state == SourceState::live);
  CHECK_FALSE(peer.agrees);
  std::optional<bool> agrees = true;
  n1.agrees = [&](std::uint64_t, std::uint64_t) { return agrees; };
  for (int i = 0; i < 3; ++i) n1.bench.event();
  nodes.pass(1'000'000);
  CHECK(peer.agrees == true);
  CHECK(peer.lag == 3);
  agrees.reset();
  nodes.pass(1'000'000);
  CHECK(peer.agrees == true);  // what is not known changes nothing
  agrees = false;
  nodes.pass(1'000'000);
  CHECK(peer.agrees == false);
  nodes["n2"].up = false;
  nodes.pass(4'000'000);
  CHECK(peer.state == SourceState::stalled);
  nodes.pass(7'000'000);
  CHECK(peer.state == SourceState::gone);
  nodes.pass(kPeerForgottenUs);
  CHECK(n1.peers.find("n2") == nullptr);
}

TEST_CASE("peers: nodes and their sources are bounded") {
  Peers peers([](auto, auto) { return std::nullopt; });
  const auto said = [](const std::string& node, std::size_t runs) {
    std::string text = R"({"node":")" + node + R"(","wall":1,"state":"running","able":true,"stream_seq":1,"hash":"0123456789abcdef","seq":1,"sources":[)";
    for (std::size_t i = 0; i < runs; ++i) {
      text += std::string(i == 0 ? "" : ",") + R"({"source":"s)" + std::to_string(i) + R"(","run":"r","state":"live","heard_ms":0})";
    }
    return text + "]}";
  };
  for (int i = 0; i < 9; ++i) {
    const std::string node = "n" + std::to_string(i);
    CHECK(peers.hear(node, said(node, kHeartbeatSourcesMax), 1, 1, 1) == "");
    CHECK(peers.find(node)->runs == (i < 8 ? kHeartbeatSourcesMax : 0));
  }
  CHECK(peers.counts().left_out == kHeartbeatSourcesMax);
  CHECK(peers.hear("n0", said("n0", 0), 1, 1, 1) == "");
  CHECK(peers.hear("n8", said("n8", kHeartbeatSourcesMax), 1, 1, 1) == "");
  CHECK(peers.find("n8")->runs == kHeartbeatSourcesMax);
  for (std::size_t i = 9; i < kPeersMax + 5; ++i) {
    const std::string node = "n" + std::to_string(i);
    (void)peers.hear(node, said(node, 0), 1, 1, 1);
  }
  CHECK(peers.nodes().size() == kPeersMax);
  CHECK(peers.counts().left_out == kHeartbeatSourcesMax + 5);
  // A malformed one is told once a node, and changes nothing.
  CHECK(peers.hear("n1", "{}", 1, 1, 1) != "");
  CHECK(peers.hear("n1", "{}", 1, 1, 1) == "");
  CHECK(peers.counts().malformed == 2);
  CHECK(peers.find("n1")->runs == kHeartbeatSourcesMax);
}
