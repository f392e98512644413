#include "ppo-client/log_check.h"

#include <string>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "ppo-client/cluster_text.h"

using client::LogCheck;

namespace {

std::string take(LogCheck& check, std::size_t bridge, const std::string& text) {
  return check.event(bridge, *feed::read_envelope(text), text);
}

std::string take(LogCheck& check, std::size_t bridge, std::uint64_t seq, std::uint64_t source_seq = 0) {
  return take(check, bridge, client_tests::event(seq, source_seq == 0 ? "" : "s", source_seq));
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("log check: equal logs are equal however far apart they come, and from wherever each begins") {
  LogCheck check({"a", "b", "c"});
  CHECK(check.connected(0, "e", 5).empty());
  CHECK(check.connected(1, "e", 3).empty());
  for (std::uint64_t seq = 5; seq <= 100; ++seq) CHECK(take(check, 0, seq, seq).empty());
  CHECK(check.connected(2, "e", 0).empty());
  for (std::uint64_t seq = 7; seq <= 100; ++seq) CHECK(take(check, 2, seq, seq).empty());
  for (std::uint64_t seq = 3; seq <= 100; ++seq) CHECK(take(check, 1, seq, seq).empty());
  CHECK(check.compared() == 94);
  CHECK(check.not_compared() == 0);
  CHECK(check.last(1) == 100);
  CHECK(check.connected(1, "e", 200).empty());  // again: it goes on where it was
  CHECK(says(take(check, 1, 102), "b leaves out events 101 to 101"));
}

TEST_CASE("log check: what differs, is missing, or is there twice") {
  LogCheck check({"a", "b"});
  CHECK(check.connected(0, "e", 1).empty());
  CHECK(says(check.connected(1, "f", 1), "b numbers in epoch f and a in epoch e"));
  CHECK(check.connected(1, "e", 1).empty());
  CHECK(take(check, 0, 1, 1).empty());
  CHECK(says(take(check, 1, 1, 2), "event 1 is another one in b than in a"));
  CHECK(says(take(check, 1, 1, 2), "b sends event 1 after event 1"));
  CHECK(says(take(check, 0, 4, 4), "a leaves out events 2 to 3"));
  CHECK(says(take(check, 0, 5, 1), "event 5 is number 1 of s (run r1), which was there before"));
  CHECK(says(take(check, 0, 6, 9), "are in no log"));
  CHECK(take(check, 0, 7, 10).empty());
}

TEST_CASE("log check: remembers no more than its window, and says how much it could not compare") {
  LogCheck check({"a", "b"}, 10);
  CHECK(check.connected(0, "e", 1).empty());
  CHECK(check.connected(1, "e", 1).empty());
  for (std::uint64_t seq = 1; seq <= 30; ++seq) CHECK(take(check, 0, seq).empty());
  CHECK(check.not_compared() == 20);
  for (std::uint64_t seq = 1; seq <= 30; ++seq) CHECK(take(check, 1, seq).empty());
  CHECK(check.compared() == 10);
}

TEST_CASE("cluster: what a bridge knows of it, as text") {
  CHECK(client::cluster_text("", {}).empty());
  CHECK(client::cluster_text("null", {}).empty());
  CHECK_FALSE(client::cluster_text("{}", {}).empty());
  CHECK_FALSE(client::cluster_text(R"({"nodes":[{}],"stalls":{},"warnings":[1]})", {}).empty());
  const std::string text = client::cluster_text(
      R"({"name":"ppo","node":"n1","problem":null,"leader":"s2","stream_seq":90411,"seq":90812,"behind":3,"proposed_bytes":0,)"
      R"("stalls":{"count":1,"longest_ms":4210.300,"now_ms":1500.0},"warnings":["one replica"],"nodes":[)"
      R"({"node":"n1","here":true,"state":"live","heard_ms":0.000,"seq":90812,"lag":0,"agrees":null,"clock_ahead_ms":0.0,"sources":2},)"
      R"({"node":"n2","here":false,"state":"gone","heard_ms":412.700,"seq":809,"lag":7,"agrees":false,"clock_ahead_ms":-0.21,"sources":1}]})",
      {});
  for (const char* part : {"cluster ppo, as n1 knows it", "leader", "s2", "1, the longest 4.2 s; the log has stood still for 1.5 s",
                           "event 90,812, 3 messages behind", "one replica", "n1 (asked)", "gone", "412.7 ms", "-0.2 ms", "no"}) {
    CHECK_MESSAGE(says(text, part), text);
  }
}
