// Whatever the messages of several nodes go through on their way: each event once and in order, and the same for
// whoever folds them.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cluster/fold.h"
#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::kPayloadMax;
using cluster_test::P;

struct Storm {
  explicit Storm(unsigned seed) : random(seed) {}
  std::uint64_t below(std::uint64_t n) { return random() % n; }

  // What each of three nodes has to say: pieces of three sources' events, some of them said by two nodes.
  void propose() {
    for (std::size_t node = 0; node < 3; ++node) {
      std::vector<std::string>& said = proposals[node];
      std::map<std::string, std::uint64_t> at;
      for (std::uint64_t no = 1; no <= 12; ++no) {
        P proposal("n" + std::to_string(node), no);
        for (std::uint64_t i = below(3); i < 3; ++i) {
          const std::string source(1, static_cast<char>('a' + (node + below(2)) % 3));
          std::uint64_t& last = at[source];
          const std::uint64_t from = last + 1 - std::min<std::uint64_t>(last, below(3));
          last = from + below(4);
          proposal.events(source, "r", from, last);
          if (below(4) == 0) proposal.uncounted();
        }
        said.push_back(proposal.uncounted().bytes());
      }
    }
  }

  // Sends, loses, doubles and reorders until all is accepted.
  void send() {
    Fold witness(kPayloadMax);
    std::vector<std::pair<std::size_t, std::size_t>> under_way;
    for (int round = 0; round < 10'000; ++round) {
      bool done = true;
      for (std::size_t node = 0; node < 3; ++node) {
        const std::size_t no = static_cast<std::size_t>(witness.chain_of("n" + std::to_string(node)).no);
        done = done && no == proposals[node].size();
        for (std::size_t i = no; i < std::min(no + 3, proposals[node].size()); ++i) {
          if (below(3) != 0) under_way.emplace_back(node, i);
        }
      }
      if (done) return;
      while (under_way.size() > 4) {
        const auto which = under_way.begin() + static_cast<std::ptrdiff_t>(below(under_way.size()));
        const std::string& message = proposals[which->first][which->second];
        if (below(8) != 0) under_way.erase(which);  // else it comes again, some time
        if (below(5) == 0) continue;                // lost
        log.push_back(message);
        witness.apply(log.size(), message);
      }
    }
    FAIL("it never ends");
  }

  std::mt19937 random;
  std::vector<std::string> proposals[3];
  std::vector<std::string> log;
};

}  // namespace

TEST_CASE("fold: whatever is lost, doubled and out of order, each event is there once, in order, for everybody") {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Storm storm(seed);
    storm.propose();
    storm.send();

    Fold one(kPayloadMax);
    Fold two(kPayloadMax);
    std::map<std::string, std::uint64_t> last;
    std::uint64_t seq = 0;
    std::uint64_t uncounted = 0;
    for (std::size_t i = 0; i < storm.log.size(); ++i) {
      const Folded& folded = one.apply(i + 1, storm.log[i]);
      for (const Folded::Range& range : folded.ranges) {
        REQUIRE(range.first_seq == seq + 1);
        for (std::size_t line = range.line; line < range.line + range.lines; ++line) {
          ++seq;
          const EventLine& event = one.proposal().lines[line];
          if (!event.tracked()) {
            ++uncounted;
            continue;
          }
          REQUIRE(event.source_seq == ++last[std::string(event.source)]);
        }
      }
      two.apply(i + 1, storm.log[i]);
      // A restart in the middle is none.
      if (storm.below(20) == 0) {
        Fold restored(kPayloadMax);
        REQUIRE(restored.restore(two.save()));
        two = std::move(restored);
      }
    }
    CHECK(one.save() == two.save());
    CHECK(one.last_seq() == seq);
    // Whatever nodes said of a source they said from its beginning on, so the furthest is what there is of it.
    std::map<std::string, std::uint64_t> furthest;
    std::uint64_t said_uncounted = 0;
    ProposalReader reader;
    for (const auto& said : storm.proposals) {
      for (const std::string& message : said) {
        REQUIRE(reader.read(message, kPayloadMax) == ProposalProblem::none);
        for (const EventLine& event : reader.proposal().lines) {
          if (!event.tracked()) {
            ++said_uncounted;
          } else {
            std::uint64_t& most = furthest[std::string(event.source)];
            most = std::max(most, event.source_seq);
          }
        }
      }
    }
    CHECK(last == furthest);
    CHECK(uncounted == said_uncounted);
  }
}
