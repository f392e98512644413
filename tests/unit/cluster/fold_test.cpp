#include "cluster/fold.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::kPayloadMax;
using cluster_test::P;

// A fold that is given message after message.
struct Folding {
  Folding() : Folding(FoldLimits()) {}
  explicit Folding(FoldLimits limits) : fold(kPayloadMax, limits) {}
  const Folded& operator()(const std::string& bytes) { return folded = fold.apply(++seq, bytes); }
  const Folded& operator()(P& proposal) { return (*this)(proposal.bytes()); }
  Fold fold;
  Folded folded;
  std::uint64_t seq = 0;
};

}  // namespace

TEST_CASE("fold: what is no proposal changes nothing but the hash") {
  Folding a;
  Folding b;
  CHECK(a("hello").verdict == FoldVerdict::malformed);
  CHECK(b("hallo").verdict == FoldVerdict::malformed);
  CHECK(a.fold.last_seq() == 0);
  CHECK(a.fold.stream_seq() == 1);
  CHECK(a.fold.hash() != b.fold.hash());
}

TEST_CASE("fold: a message of a later format is not folded") {
  Folding fold;
  CHECK(fold("PPO3 {}").verdict == FoldVerdict::unknown_format);
  CHECK(fold.fold.stream_seq() == 0);
}

TEST_CASE("fold: proposals of a node count in the order of their numbers, each once") {
  Folding fold;
  CHECK(fold(P("n1", 2).uncounted()).verdict == FoldVerdict::out_of_order);
  CHECK(fold(P("n1", 1).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold(P("n1", 3).uncounted()).verdict == FoldVerdict::out_of_order);
  CHECK(fold(P("n1", 1).uncounted(5)).verdict == FoldVerdict::duplicate);
  CHECK(fold(P("n2", 1).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold(P("n1", 2).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold.fold.last_seq() == 3);
}

TEST_CASE("fold: a later process of a name takes the place of the one before, from its first proposal on") {
  Folding fold;
  CHECK(fold(P("n1", 1, 10).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold(P("n1", 2, 20).uncounted()).verdict == FoldVerdict::out_of_order);
  CHECK(fold(P("n1", 2, 10).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold(P("n1", 1, 20).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold(P("n1", 3, 10).uncounted()).verdict == FoldVerdict::replaced);
  CHECK(fold(P("n1", 2, 20).uncounted()).verdict == FoldVerdict::accepted);
  CHECK(fold.fold.chain_of("n1").started == 20);
  CHECK(fold.fold.chain_of("n2").started == 0);
}

TEST_CASE("fold: of a run what came before is trimmed, what is next accepted, what is ahead refused") {
  Folding fold;
  struct {
    std::uint64_t from, to;      // what is proposed
    std::uint64_t accepted;      // events of it
    std::size_t first_line;
    bool refused;
  } const rows[] = {
      {2, 5, 0, 0, true},   // never heard of: begins at 1
      {1, 3, 3, 0, false},
      {1, 3, 0, 0, false},
      {2, 6, 3, 2, false},
      {8, 9, 0, 0, true},
      {7, 9, 3, 0, false},
      {1, 10, 1, 9, false},
  };
  std::uint64_t no = 0;
  std::uint64_t seq = 0;
  for (const auto& row : rows) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    const std::uint64_t last = fold.fold.position_of("a", "r").value_or(0);
    const Folded& folded = fold(P("n1", ++no).events("a", "r", row.from, row.to));
    CHECK(folded.verdict == FoldVerdict::accepted);
    CHECK(folded.events == row.accepted);
    CHECK(folded.refused.size() == (row.refused ? 1 : 0));
    if (row.refused) CHECK(folded.refused[0].last == last);
    CHECK(folded.ranges.size() == (row.accepted != 0 ? 1 : 0));
    if (row.accepted == 0) continue;
    CHECK(folded.ranges[0].line == row.first_line);
    CHECK(folded.ranges[0].first_seq == seq + 1);
    seq += row.accepted;
    CHECK(fold.fold.position_of("a", "r") == row.to);
  }
  CHECK(fold.fold.last_seq() == 10);
}

TEST_CASE("fold: a loss counts where it is next, and not where somebody had the events after all") {
  Folding fold;
  fold(P("n1", 1).events("a", "r", 1, 3));
  CHECK(fold(P("n1", 2).lost("a", "r", 3, 5)).events == 0);
  const Folded& ahead = fold(P("n1", 3).lost("a", "r", 5, 6));
  CHECK(ahead.events == 0);
  CHECK(ahead.refused.size() == 1);
  CHECK(fold(P("n1", 4).lost("a", "r", 4, 6)).events == 1);
  CHECK(fold.fold.position_of("a", "r") == 6);
  CHECK(fold(P("n1", 5).lost("b", "r", 1, 6)).events == 1);
}

TEST_CASE("fold: a run may begin in its middle, once") {
  Folding fold;
  fold(P("n1", 1).begin("a", "r", 50).events("a", "r", 50, 51));
  CHECK(fold.folded.events == 2);
  fold(P("n2", 1).begin("a", "r", 40).events("a", "r", 40, 55));
  CHECK(fold.folded.events == 4);
  CHECK(fold.folded.trimmed == 12);
}

TEST_CASE("fold: a row is replaced, taken in hand by one node after the other, and dropped, each as its version says") {
  Folding fold;
  fold(P("n1", 1).keep("switch.a", 5, "{}").keep("switch.a", 6, R"({"x":1})"));
  CHECK(fold.folded.events == 0);  // a row is no event
  REQUIRE(fold.folded.rows.size() == 2);
  CHECK(fold.folded.rows[1].done);
  CHECK(fold.folded.rows[1].version == 2);
  const auto& rows = fold.fold.rows().rows();
  CHECK(rows.at("switch.a").value == R"({"x":1})");
  CHECK(rows.at("switch.a").number == 6);
  CHECK(fold(P("n2", 1).take("switch.a", 1)).events == 0);  // it was replaced
  CHECK_FALSE(fold.folded.rows[0].done);
  CHECK(fold(P("n2", 2).take("switch.a", 2)).events == 1);
  CHECK(rows.empty());
  const auto& taken = fold.fold.rows().taken();
  CHECK(taken.at("switch.a@2").node == "n2");
  // What is put anew under the key has nothing to do with it.
  fold(P("n1", 2).keep("switch.a", 7, "{}"));
  CHECK_FALSE(fold(P("n1", 3).take("switch.a", 2).claim("switch.a", 3)).rows[0].done);
  CHECK_FALSE(fold.folded.rows[1].done);
  CHECK(fold.folded.events == 0);
  CHECK(fold(P("n3", 1).claim("switch.a", 2)).rows[0].done);  // n2 may have died
  CHECK(fold(P("n1", 4).claim("switch.a", 2)).rows[0].done);
  CHECK(taken.at("switch.a@2").node == "n1");
  CHECK_FALSE(fold(P("n1", 5).claim("switch.a", 2)).rows[0].done);
  CHECK_FALSE(fold(P("n1", 6).drop("switch.a", 1)).rows[0].done);
  CHECK(fold(P("n1", 7).drop("switch.a", 2)).rows[0].done);
  CHECK(taken.empty());
  CHECK(rows.size() == 1);
  CHECK(fold(P("n1", 8).drop("switch.a", 0)).rows[0].done);
  CHECK(rows.empty());
  CHECK(fold(P("n1", 8).drop("switch.a", 0)).rows.empty());  // came before
}

TEST_CASE("fold: the rows of one table, each once, also where the one that is looked at goes") {
  FoldRows rows;
  for (const char* const key : {"alert.b", "run.a", "run.b", "switch.a"}) REQUIRE(rows.keep(key, 1, "n1", "{}"));
  std::vector<std::string> keys;
  const auto drop_it = [&](const std::string& key, const FoldRow& row) {
    keys.push_back(key);
    CHECK(rows.drop(key, row.version));
  };
  FoldRows::each(rows.rows(), "run.", drop_it);
  CHECK(keys == std::vector<std::string>{"run.a", "run.b"});
  FoldRows::each(rows.rows(), "run.", drop_it);
  CHECK(keys.size() == 2);
  CHECK(rows.rows().size() == 2);
}

TEST_CASE("fold: a word is told once, in its turn, and leaves nothing behind") {
  Folding fold;
  const std::string bytes = P("n1", 1).uncounted().word("run.set", R"({"a":1})").word("run.set", R"({"a":2})").bytes();
  fold(bytes);
  REQUIRE(fold.folded.words.size() == 2);
  CHECK(fold.folded.words[1].key == "run.set");
  CHECK(fold.fold.proposal().lines[fold.folded.words[1].line].data == R"({"a":2})");
  CHECK(fold.folded.rows.size() == 2);
  CHECK(fold.folded.events == 1);
  CHECK(fold.fold.rows().rows().empty());
  CHECK(fold(bytes).words.empty());
  CHECK(fold(P("n1", 3).word("run.set", "{}")).words.empty());
}

TEST_CASE("fold: rows are bounded, table by table, and what there is no room for is told") {
  Folding fold;
  std::uint64_t no = 0;
  for (std::size_t i = 0; i < kTableRowsMax; ++i) REQUIRE(fold(P("n1", ++no).keep("switch." + std::to_string(i), 1, "{}")).rows[0].done);
  CHECK_FALSE(fold(P("n1", ++no).keep("switch.more", 1, "{}")).rows[0].done);
  CHECK(fold(P("n1", ++no).keep("switch.7", 1, R"({"y":2})")).rows[0].done);
  CHECK(fold(P("n1", ++no).keep("alert.more", 1, "{}")).rows[0].done);
  const std::uint64_t version = fold.fold.rows().rows().at("switch.8").version;
  CHECK(fold(P("n1", ++no).take("switch.8", version)).rows[0].done);
  CHECK_FALSE(fold(P("n1", ++no).keep("switch.more", 1, "{}")).rows[0].done);  // it is there yet
  CHECK(fold(P("n1", ++no).drop("switch.8", version)).rows[0].done);
  CHECK(fold(P("n1", ++no).keep("switch.more", 1, "{}")).rows[0].done);

  const auto value = [](std::size_t bytes) { return R"({"x":")" + std::string(bytes - 8, 'x') + "\"}"; };
  const std::string large = value(kRowBytesMax);
  REQUIRE(fold(P("n1", ++no).keep("alert.x", 1, value(kRowBytesMax + 1))).rows.size() == 1);
  CHECK_FALSE(fold.folded.rows[0].done);
  int kept = 0;
  while (kept < 100 && fold(P("n1", ++no).keep("alert." + std::to_string(kept), 1, large)).rows[0].done) ++kept;
  CHECK(kept == static_cast<int>(kTableBytesMax / kRowBytesMax));
  CHECK(fold(P("n1", ++no).keep("alert.0", 1, large)).rows[0].done);  // in place of itself

  Fold other(kPayloadMax);
  REQUIRE(other.restore(fold.fold.save()));
  CHECK(other.save() == fold.fold.save());
  const std::string next = P("n1", ++no).keep("alert.y", 1, large).drop("alert.0", 0).take("switch.more", fold.fold.rows().rows().at("switch.more").version).bytes();
  fold(next);
  other.apply(fold.seq, next);
  CHECK(other.save() == fold.fold.save());
}

TEST_CASE("fold: stamps never decrease") {
  Folding fold;
  CHECK(fold(P("n1", 1).uncounted().stamp(500)).stamp_us == 500);
  CHECK(fold(P("n2", 1).uncounted().stamp(400)).stamp_us == 500);
  CHECK(fold(P("n2", 2).uncounted().stamp(600)).stamp_us == 600);
}

TEST_CASE("fold: the first event begins an epoch; a later one goes on ahead of what is numbered") {
  Folding fold;
  fold(P("n1", 1, 77).uncounted(3));
  REQUIRE(fold.folded.epochs.size() == 1);
  CHECK(fold.folded.epochs[0].name == "n1-77");
  CHECK(fold(P("n1", 2, 77).epoch("late", 3)).epochs.empty());
  const Folded& began = fold(P("n1", 3, 77).epoch("e2", 100).uncounted());
  REQUIRE(began.epochs.size() == 1);
  CHECK(began.ranges[0].first_seq == 100);
  CHECK(fold(P("n2", 1).epoch("e2", 100).uncounted()).epochs.empty());
  CHECK(fold.fold.last_seq() == 101);
}

TEST_CASE("fold: what is remembered is bounded, and who was heard of longest ago goes") {
  FoldLimits limits;
  limits.sources = 2;
  limits.runs_per_source = 2;
  limits.nodes = 2;
  limits.epochs = 2;
  Folding fold(limits);
  fold(P("n1", 1).events("a", "1", 1, 1));
  fold(P("n1", 2).events("b", "1", 1, 1));
  fold(P("n1", 3).events("a", "2", 1, 1));
  fold(P("n1", 4).events("c", "1", 1, 1));  // b goes
  CHECK(fold.fold.position_of("a", "1") == 1);
  CHECK_FALSE(fold.fold.position_of("b", "1"));
  const auto known = fold.fold.positions();
  REQUIRE(known.size() == 3);
  CHECK(known.front().run == "1");
  CHECK(known[1].run == "2");
  CHECK(known.back().source == "c");
  fold(P("n1", 5).events("a", "3", 1, 1));  // a's first run goes
  CHECK_FALSE(fold.fold.position_of("a", "1"));
  CHECK(fold.fold.position_of("a", "2") == 1);
  fold(P("n2", 1).uncounted());
  fold(P("n3", 1).uncounted());
  CHECK(fold.fold.chain_of("n1").no == 0);
  CHECK(fold.fold.chain_of("n2").no == 1);
  for (std::uint64_t i = 2; i < 9; ++i) fold(P("n2", i).epoch("e" + std::to_string(i), i * 100));
  CHECK(fold.fold.epochs().size() == 2);
}

TEST_CASE("fold: a writer that had made something else of the same messages is told") {
  Folding fold;
  fold(P("n1", 1).uncounted());
  const std::uint64_t hash = fold.fold.hash();
  CHECK_FALSE(fold(P("n2", 1).uncounted().at(1, hash)).diverged);
  CHECK(fold(P("n2", 2).uncounted().at(1, hash + 1)).diverged);
  CHECK_FALSE(fold(P("n2", 3).uncounted().at(9, hash)).diverged);  // nothing is known of that yet
}

TEST_CASE("fold: it is restored from what was saved, and from nothing else") {
  Folding fold;
  fold(P("n1", 1).events("a", "r", 1, 3).events("b", "r", 1, 3).stamp(9));
  fold(P("n2", 1).events("a", "r2", 1, 3));
  const std::string saved = fold.fold.save();
  Fold other(kPayloadMax);
  REQUIRE(other.restore(saved));
  CHECK(other.save() == saved);
  const std::string next = P("n1", 2).events("a", "r", 2, 5).bytes();
  fold(next);
  other.apply(fold.seq, next);
  CHECK(other.save() == fold.fold.save());

  Fold untouched(kPayloadMax);
  const std::string empty = untouched.save();
  for (std::size_t size = 0; size < saved.size(); ++size) {
    CAPTURE(size);
    // Cut where an epoch's line begins or within its number, it reads like another's.
    if (untouched.restore(saved.substr(0, size))) CHECK(untouched.save() == saved.substr(0, size));
  }
  Fold clean(kPayloadMax);
  for (const std::string& wrong : {std::string("PPOFOLD2 0 0 0 0\n"), saved + "x", saved + saved,
                                   std::string("PPOFOLD1 1 2 3 4\nnode b 1 1 1\nnode a 1 1 1\n"),
                                   std::string("PPOFOLD1 1 2 3 18446744073709551615\n"),
                                   std::string("PPOFOLD1 1 2 3 4\nsource a 1\n")}) {
    CHECK_FALSE(clean.restore(wrong));
  }
  CHECK(clean.save() == empty);
}

TEST_CASE("fold: full of the longest names it is saved in less than 1 MB") {
  Folding fold;
  for (std::uint64_t i = 0; i < 1030; ++i) {
    P proposal("n1", i + 1);
    for (std::uint64_t run = 0; run < 5; ++run) {
      std::string source = std::to_string(i);
      std::string name = std::to_string(run);
      source.resize(64, 's');
      name.resize(64, 'r');
      proposal.events(source, name, 1, 1);
    }
    fold(proposal);
  }
  CHECK(fold.fold.save().size() < 1'000'000);
}
