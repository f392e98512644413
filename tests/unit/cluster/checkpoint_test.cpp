#include "cluster/checkpoint.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cluster/checkpoints.h"
#include "cluster/join_search.h"
#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::kMs;
using cluster_test::kPayloadMax;
using cluster_test::P;

constexpr CheckpointPace kPace{1000 * kMs, 100, 1 << 20, 100 * kMs};

// A log of one's own, and a fold of it.
struct Log final : SharedLog {
  std::map<std::uint64_t, std::string> messages;
  std::uint64_t first = 1;
  std::uint64_t newest = 0;  // checkpoint message
  Fold fold{kPayloadMax};
  std::vector<std::uint64_t> fetched;
  bool asked_newest = false;

  std::uint64_t put(const std::string& bytes) {
    const std::uint64_t seq = messages.size() + 1;
    messages[seq] = bytes;
    fold.apply(seq, bytes);
    return seq;
  }
  // All that `checkpoints` has to say, and what that comes to.
  void run(Checkpoints& checkpoints, std::int64_t now_us) {
    for (std::string out = checkpoints.tick(fold, true, now_us); !out.empty(); out = checkpoints.tick(fold, true, now_us)) {
      newest = put(out);
      checkpoints.on_folded(newest, messages[newest], fold, now_us);
    }
  }
  void publish(std::uint64_t, std::string_view) override {}
  void publish_checkpoint(std::string_view) override {}
  void catch_up(std::uint64_t) override {}
  void fetch(std::uint64_t seq) override { fetched.push_back(seq); }
  void ask_end(std::uint64_t) override {}
  void find_checkpoint() override { asked_newest = true; }
};

Checkpoints knowing(const std::string& node) {
  Checkpoints checkpoints(node, kPace);
  checkpoints.on_none(0);
  checkpoints.on_none(kNoCheckpointForUs);
  return checkpoints;
}

// What a bridge begins with that comes to this log.
std::string begins(Log& log, JoinFrom from, bool* behind = nullptr) {
  JoinSearch search(std::move(from), log, Fold(kPayloadMax));
  std::int64_t now_us = 0;
  for (; !search.done() && now_us < 60'000 * kMs; now_us += 100 * kMs) {
    log.fetched.clear();
    log.asked_newest = false;
    search.tick(now_us);
    search.on_end(0, log.first, log.messages.size(), now_us);
    for (std::uint64_t n = 0; (log.asked_newest || !log.fetched.empty()) && !search.done() && n < 50; ++n) {
      const auto fetched = std::exchange(log.fetched, {});
      if (std::exchange(log.asked_newest, false)) {
        log.newest >= log.first ? search.on_checkpoint(log.newest, log.messages[log.newest], now_us) : search.on_no_checkpoint(now_us);
      }
      for (const std::uint64_t seq : fetched) {
        seq >= log.first ? search.on_message(seq, log.messages[seq], now_us) : search.on_missing(seq, now_us);
      }
    }
  }
  REQUIRE(search.done());
  if (behind != nullptr) *behind = search.behind();
  return search.saved();
}

}  // namespace

TEST_CASE("checkpoint: a message has one spelling, and what no writer writes is none") {
  CheckpointMessage part;
  part.node = "n1";
  part.at = 7;
  part.seq = 3;
  part.bytes = 5;
  part.part = part.parts = 1;
  part.body = "state";
  const std::string text = write_checkpoint_message(part);
  CheckpointMessage read;
  REQUIRE(read_checkpoint_message(text, &read));
  CHECK(write_checkpoint_message(read) == text);
  CHECK(read.is_last());
  const auto with = [&text](const std::string& from, const std::string& to) {
    std::string other = text;
    return other.replace(other.find(from), from.size(), to);
  };
  for (const std::string& wrong : {std::string(), std::string("CHECK2"), with("CHECK1", "CHECK2"), with("\"n1\"", "\"a.b\""), with("\"at\":7", "\"at\":0"),
                                   with("\"part\":1", "\"part\":2"), with("\"part\":1", "\"part\":01"), with("\"before\":0", "\"before\":4"),
                                   with("\"packed\":0", "\"packed\":2"), with("\nstate", "\n"), with("\"parts\":1", "\"parts\":2"),
                                   with("\"bytes\":5", "\"bytes\":99999999")}) {
    CHECK_FALSE(read_checkpoint_message(wrong, &read));
  }
  // A fold passes over it, as one does that knows of none.
  Fold fold(kPayloadMax);
  CHECK(fold.apply(1, text).verdict == FoldVerdict::malformed);
}

TEST_CASE("checkpoint: it holds what was folded up to its mark, and nothing behind") {
  Log log;
  Checkpoints checkpoints = knowing("n1");
  CHECK(checkpoints.tick(log.fold, true, 0).empty());  // nothing is there
  log.put(P("n1", 1).events("a", "r", 1, 3).bytes());
  CHECK(checkpoints.tick(log.fold, false, 2000 * kMs).empty());  // another makes them
  const std::string mark = checkpoints.tick(log.fold, true, 2000 * kMs);
  CHECK(checkpoints.tick(log.fold, true, 2001 * kMs).empty());
  log.put(P("n1", 2).events("a", "r", 4, 4).bytes());  // before the mark came into the log
  const std::uint64_t at = log.put(mark);
  checkpoints.on_folded(at, mark, log.fold, 2002 * kMs);
  const std::string behind_mark = log.fold.save();
  log.put(P("n1", 3).events("a", "r", 5, 9).bytes());
  const std::string part = checkpoints.tick(log.fold, true, 2003 * kMs);
  CheckpointMessage read;
  REQUIRE(read_checkpoint_message(part, &read));
  CHECK(read.at == at);
  CHECK(read.seq == 4);
  CHECK(checkpoint_state(read, read.body, Fold(kPayloadMax)) == behind_mark);
  CHECK(checkpoints.newest().last == 0);
  const std::uint64_t last = log.put(part);
  checkpoints.on_folded(last, part, log.fold, 2004 * kMs);
  CHECK(checkpoints.newest().last == last);
  CHECK(checkpoints.newest().at == at);
}

TEST_CASE("checkpoint: another node's is compared with what this one has made of the log") {
  Log log;
  log.put(P("n1", 1).events("a", "r", 1, 3).bytes());
  Log other;
  other.put(P("n1", 1).events("a", "r", 1, 2).bytes());  // it read another history
  Checkpoints here = knowing("n1"), same = knowing("n2"), strange = knowing("n3");
  CHECK(here.tick(log.fold, true, 0).empty());
  const std::string mark = here.tick(log.fold, true, 1000 * kMs);
  log.put(mark);
  other.put(mark);
  here.on_folded(2, mark, log.fold, 0);
  same.on_folded(2, mark, log.fold, 0);
  strange.on_folded(2, mark, other.fold, 0);
  const std::string part = here.tick(log.fold, true, 1001 * kMs);
  log.put(part);
  CHECK_FALSE(same.on_folded(3, part, log.fold, 0)->differs);
  CHECK(same.newest().at == 2);
  const auto compared = strange.on_folded(3, part, log.fold, 0);
  CHECK(compared->differs);
  CHECK(compared->node == "n1");
  CHECK(strange.newest().at == 0);
}

TEST_CASE("checkpoint: one is due by time, by events, before the log lets go of the last, and where that is hidden") {
  Log log;
  Checkpoints checkpoints = knowing("n1");
  (void)checkpoints.tick(log.fold, true, 0);
  log.put(P("n1", 1).events("a", "r", 1, 1).bytes());
  CHECK(checkpoints.tick(log.fold, true, 999 * kMs).empty());
  log.run(checkpoints, 1000 * kMs);
  CHECK(checkpoints.newest().at == 2);
  CHECK(checkpoints.tick(log.fold, true, 9000 * kMs).empty());  // nothing has come since
  log.put(P("n1", 2).events("a", "r", 2, 101).bytes());
  CHECK_FALSE(checkpoints.tick(log.fold, true, 1100 * kMs).empty());
  Checkpoints other = knowing("n1");
  log.run(other, 1200 * kMs);
  CHECK(other.newest().at == 0);
  other.on_end(2, 4);
  log.run(other, 1300 * kMs);
  CHECK(other.newest().at == 5);
  other.on_end(6, 6);
  log.run(other, 2000 * kMs);
  CHECK(other.newest().at == 5);  // what follows it is there
  other.on_end(7, 6);
  log.run(other, 2100 * kMs);
  CHECK(other.newest().at == 7);  // though nothing has come
  // One that was never finished comes late: who looks for the newest finds that.
  const std::string late = R"(CHECK1 {"node":"n2","mark":"0000000000000001","older":0})" "\n";
  other.on_folded(log.put(late), late, log.fold, 2200 * kMs);
  CHECK(other.tick(log.fold, true, 2250 * kMs).empty());
  log.run(other, 2300 * kMs);
  CHECK(other.newest().at == 10);
}

TEST_CASE("checkpoint: none is made before it is known what is there, and one that the log does not take is given up") {
  Log log;
  log.put(P("n1", 1).events("a", "r", 1, 3).bytes());
  log.put(P("n1", 2).events("a", "r", 4, 4).bytes());
  Checkpoints checkpoints("n1", kPace);
  (void)checkpoints.tick(log.fold, true, 0);
  CHECK(checkpoints.tick(log.fold, true, 5000 * kMs).empty());
  CHECK(checkpoints.asks(0));
  CHECK_FALSE(checkpoints.asks(100 * kMs));
  checkpoints.on_found(1, R"(CHECK1 {"node":"n2","mark":"0000000000000001","older":1})" "\n", 5000 * kMs);
  CHECK_FALSE(checkpoints.asks(9000 * kMs));
  const std::string mark = checkpoints.tick(log.fold, true, 9000 * kMs);
  CHECK(mark.find("\"older\":1}") != std::string::npos);
  CHECK(checkpoints.tick(log.fold, true, 10'000 * kMs) == mark);
  CHECK(checkpoints.given_up() == 0);
  CHECK(checkpoints.tick(log.fold, true, 14'000 * kMs) != mark);
  CHECK(checkpoints.given_up() == 1);
}

TEST_CASE("join search: one's own fold where the log has what follows, else all of the log, else a checkpoint, else it says so") {
  Log log;
  Checkpoints checkpoints = knowing("n1");
  (void)checkpoints.tick(log.fold, true, 0);
  log.put(P("n1", 1).events("a", "r", 1, 3).bytes());
  const std::string own = log.fold.save();
  log.run(checkpoints, 1000 * kMs);
  const std::string state = log.fold.save();
  CHECK(begins(log, {own, 3, false}) == own);
  CHECK(begins(log, {own, 2, false}).empty());  // it is ahead of the journal
  CHECK(begins(log, {"", 0, false}).empty());
  const std::string fresh = begins(log, {"", 0, true});
  Fold fold(kPayloadMax);
  REQUIRE(fold.restore(fresh));
  CHECK(fold.last_seq() == 3);
  CHECK(fold.stream_seq() == 2);
  CHECK(begins(log, {"", 3, true}).empty());  // a journal that has something goes on
  log.first = 2;
  CHECK(begins(log, {own, 3, false}) == own);
  log.first = 3;
  CHECK(begins(log, {own, 3, false}) == fresh);
  CHECK(begins(log, {"", 0, false}) == fresh);
  bool behind = false;
  log.first = 4;  // so is what follows it, but for the checkpoint itself
  log.put(log.messages[3]);
  log.newest = 4;
  CHECK(begins(log, {"", 0, false}, &behind).empty());
  CHECK(behind);
  log.newest = 0;
  CHECK(begins(log, {"", 0, false}, &behind).empty());
  CHECK(behind);
}

TEST_CASE("join search: the newest that is not ahead of the journal, and none that is not what it says") {
  Log log;
  Checkpoints checkpoints = knowing("n1");
  (void)checkpoints.tick(log.fold, true, 0);
  std::vector<std::string> states;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    log.put(P("n1", i).events("a", "r", i, i).bytes());
    log.run(checkpoints, static_cast<std::int64_t>(i) * 2000 * kMs);
    states.push_back(begins(log, {"", 0, true}));
  }
  log.first = 2;
  CHECK(begins(log, {"", 0, false}) == states[2]);
  CHECK(begins(log, {"", 3, false}) == states[2]);
  CHECK(begins(log, {"", 2, false}) == states[1]);
  CHECK(begins(log, {"", 1, false}) == states[0]);
  log.first = 5;  // the first is gone, and it would leave out less
  CHECK(begins(log, {"", 1, false}) == states[2]);
  log.first = 2;
  log.messages[log.newest].back() ^= 1;
  CHECK(begins(log, {"", 0, false}) == states[1]);
  log.messages[log.newest] = "what nobody wrote";
  bool behind = false;
  CHECK(begins(log, {"", 0, false}, &behind).empty());
  CHECK(behind);
}

TEST_CASE("join search: a checkpoint of several messages is whole or none") {
  Log log;
  std::uint64_t no = 0;
  // Texts that do not get smaller.
  std::uint64_t random = 1;
  for (int i = 0; i < 60; ++i) {
    std::string value = R"({"x":")";
    while (value.size() < 16'000) append_number(value, random = random * 6364136223846793005u + 1442695040888963407u);
    log.put(P("n1", ++no).keep("switch." + std::to_string(i), 1, value + "\"}").bytes());
  }
  log.put(P("n1", ++no).uncounted().bytes());
  Checkpoints checkpoints = knowing("n1");
  checkpoints.on_end(2, 61);
  log.run(checkpoints, 2000 * kMs);
  CheckpointMessage last;
  REQUIRE(read_checkpoint_message(log.messages[log.newest], &last));
  CHECK(last.parts > 1);
  CHECK(last.part == last.parts);
  log.first = 30;
  Fold fold(kPayloadMax);
  REQUIRE(fold.restore(begins(log, {"", 0, false})));
  CHECK(fold.stream_seq() == last.at);
  CHECK(fold.rows().rows().size() == 60);
  log.messages.erase(last.before);
  bool behind = false;
  CHECK(begins(log, {"", 0, false}, &behind).empty());
  CHECK(behind);
}
