#include "cluster/proposer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::event_of;
using cluster_test::kMs;
using cluster_test::kPayloadMax;
using cluster_test::own_event;
using cluster_test::P;

// A proposer and the log that it proposes to.
struct Proposing {
  Proposing() { proposer.start(10); }
  std::vector<std::uint64_t> tick(std::int64_t now_us) {
    std::vector<std::uint64_t> numbers;
    for (const Proposer::Outgoing& out : proposer.tick(fold, now_us)) {
      numbers.push_back(out.no);
      sent.emplace_back(out.bytes);
    }
    return numbers;
  }
  std::vector<Folded::Refused> commit(const std::string& bytes) {
    folded = fold.apply(fold.stream_seq() + 1, bytes);
    return proposer.on_folded(fold, folded);
  }
  void fill() {
    for (const std::size_t before = proposer.bytes(); proposer.bytes() < before + kProposalBytesFull + 100;) {
      proposer.add(own_event(), 0);
    }
  }
  Fold fold{kPayloadMax};
  Folded folded;
  Proposer proposer{"n1"};
  std::vector<std::string> sent;
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("proposer: a lone event leaves at once, what follows gathers until it is folded") {
  Proposing p;
  CHECK(p.tick(0).empty());
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(0) == Numbers{1});
  p.proposer.add(own_event(), 0);
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(5 * kMs).empty());
  p.commit(p.sent[0]);
  CHECK(p.tick(5 * kMs) == Numbers{2});
  p.commit(p.sent[1]);
  CHECK(p.fold.last_seq() == 3);
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(5 * kMs + 500).empty());  // hardly a millisecond later
  CHECK(p.tick(6 * kMs) == Numbers{3});
}

TEST_CASE("proposer: full ones go out beside those under way, four at most") {
  Proposing p;
  for (int i = 0; i < 6; ++i) p.fill();
  CHECK(p.tick(0) == Numbers{1, 2, 3, 4});
  CHECK(p.tick(1 * kMs).empty());
  p.commit(p.sent[0]);
  CHECK(p.tick(1 * kMs) == Numbers{5});
}

TEST_CASE("proposer: what is not folded is sent again, all of it, in order, the very same bytes") {
  Proposing p;
  for (int i = 0; i < 2; ++i) p.fill();
  CHECK(p.tick(0) == Numbers{1, 2});
  p.proposer.add(own_event(), 0);
  p.proposer.on_ack(2, 100 * kMs);
  CHECK(p.tick(499 * kMs).empty());
  CHECK(p.tick(500 * kMs) == Numbers{1, 2});
  CHECK(p.sent[2] == p.sent[0]);
  CHECK(p.sent[3] == p.sent[1]);
  // The next one later, and later where it was acknowledged.
  CHECK(p.tick(1499 * kMs).empty());
  p.proposer.on_ack(1, 1499 * kMs);
  CHECK(p.tick(2998 * kMs).empty());
  CHECK(p.tick(2999 * kMs) == Numbers{1, 2});
}

TEST_CASE("proposer: an acknowledgement is no progress") {
  Proposing p;
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(0) == Numbers{1});
  p.proposer.on_ack(1, 1 * kMs);
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(2 * kMs).empty());
  CHECK_FALSE(p.proposer.idle());
  p.commit(p.sent[0]);
  CHECK(p.tick(3 * kMs) == Numbers{2});
}

TEST_CASE("proposer: where nobody takes it, it waits longer each time") {
  Proposing p;
  p.proposer.add(own_event(), 0);
  CHECK(p.tick(0) == Numbers{1});
  std::vector<std::int64_t> sent_ms;
  p.proposer.on_no_leader(0);
  for (std::int64_t ms = 0; ms < 4000; ++ms) {
    if (p.tick(ms * kMs).empty()) continue;
    sent_ms.push_back(ms);
    p.proposer.on_no_leader(ms * kMs);
  }
  CHECK(sent_ms == std::vector<std::int64_t>{100, 300, 700, 1500, 2500, 3500});
}

TEST_CASE("proposer: one whose copy came out of order goes out again once those before it are folded") {
  Proposing p;
  for (int i = 0; i < 2; ++i) p.fill();
  CHECK(p.tick(0) == Numbers{1, 2});
  p.commit(p.sent[1]);
  CHECK(p.tick(1 * kMs).empty());
  p.commit(p.sent[0]);
  CHECK(p.tick(2 * kMs).front() == 2);
}

TEST_CASE("proposer: what was refused of a run is named once, whatever else of it was under way") {
  Proposing p;
  for (std::uint64_t i = 5; p.proposer.bytes() < 2 * kProposalBytesFull; ++i) p.proposer.add(event_of("a", "r", i), 0);
  CHECK(p.tick(0) == Numbers{1});
  CHECK(p.tick(1 * kMs).empty());
  const auto refused = p.commit(p.sent[0]);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].last == 0);
  p.proposer.add(event_of("a", "r", 1), 0);
  CHECK(p.tick(2 * kMs) == Numbers{2});
  CHECK(p.commit(p.sent[1]).empty());
  CHECK(p.tick(4 * kMs) == Numbers{3});
  CHECK(p.commit(p.sent[2]).empty());
  CHECK(p.fold.last_seq() == 1);
  // The next time it is news again.
  p.proposer.add(event_of("a", "r", 9), 0);
  p.tick(9 * kMs);
  CHECK(p.commit(p.sent[3]).size() == 1);
}

TEST_CASE("proposer: once a later process of its name is there it proposes no more") {
  Proposing p;
  p.proposer.add(own_event(), 0);
  p.commit(P("n1", 1, 11).uncounted().bytes());
  CHECK(p.proposer.replaced());
  CHECK(p.tick(0).empty());
}
