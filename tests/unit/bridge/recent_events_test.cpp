#include "commands/recent_events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

// Looked for in steps of one, with the answers of `journal` in between.
rapidjson::Document recent(Bench& bench, const std::string& params, FakeJournal* journal = nullptr) {
  PastCache past(journal);
  int ready = 0;
  auto search = RecentEvents::of(bench.log, past, parse_json(params),
                                 [&] { ++ready; });
  REQUIRE(search.ok());
  std::uint64_t work = 0;
  for (auto state = LogWalk::State::more; state != LogWalk::State::ended;) {
    state = search.value()->step(1, &work);
    if (state != LogWalk::State::waiting) continue;
    REQUIRE(journal != nullptr);
    journal->answer();
    CHECK(ready-- == 1);
  }
  JsonWriter json;
  while (!search.value()->write(json, work + 1, &work)) {
  }
  return parse_json(json.take());
}

std::vector<std::uint64_t> seqs_of(const rapidjson::Document& result) {
  std::vector<std::uint64_t> out;
  for (const auto& event : result["events"].GetArray()) out.push_back(event["seq"].GetUint64());
  CHECK(result["count"].GetUint64() == out.size());
  return out;
}

std::string refusal_of_params(const std::string& params) {
  Bench bench;
  PastCache none(nullptr);
  const auto result = RecentEvents::of(bench.log, none, parse_json(params), {});
  return result ? "" : result.error().message;
}

void fill(Bench& bench, int n) {
  for (int i = 1; i <= n; ++i) {
    bench.event(i % 2 ? "odd" : "even", R"({"agent_id":"a)" + std::to_string(i % 3) +
                                            R"(","item":"i)" + std::to_string(i % 5) + "\"}");
  }
}

}  // namespace

TEST_CASE("recent: wrong parameters are named with their range") {
  CHECK(refusal_of_params(R"({"count":-1})") == "params.count is -1; must be an integer 0..10000");
  CHECK(refusal_of_params(R"({"count":10001})") ==
        "params.count is 10001; must be an integer 0..10000");
  CHECK(refusal_of_params(R"({"count":"5"})") ==
        R"(params.count is "5"; must be an integer 0..10000)");
  // The first two were one more than nothing, and so gave all events as new.
  for (const char* seq : {"18446744073709551615", "9223372036854775808", "1.5"}) {
    CHECK(refusal_of_params(std::string(R"({"since_seq":)") + seq + "}") ==
          std::string("params.since_seq is ") + seq +
              "; must be an integer 0..9223372036854775807");
  }
  CHECK(refusal_of_params(R"({"before_seq":0})") ==
        "params.before_seq is 0; must be an integer 1..9223372036854775807");
  CHECK(refusal_of_params(R"({"min_profit":"1"})") == "params.min_profit must be a number");
  CHECK(refusal_of_params(R"({"item":5})") == "params.item must be a string");
  CHECK(refusal_of_params(R"({"epoch":5})") == "params.epoch must be a string");
  std::string many = "\"a\"";
  for (int i = 0; i < 64; ++i) many += ",\"a\"";
  CHECK(refusal_of_params(R"({"type":[)" + many + "]}") ==
        "params.type must be a string or a list of at most 64");
  CHECK(refusal_of_params(R"({"type":["a",5]})") == "params.type must be a list of strings");
}

TEST_CASE("recent: the newest that match, oldest first") {
  Bench bench;
  fill(bench, 30);
  CHECK(seqs_of(recent(bench, R"({"count":3})")) == std::vector<std::uint64_t>{28, 29, 30});
  CHECK(seqs_of(recent(bench, R"({"count":2,"type":"odd"})")) ==
        std::vector<std::uint64_t>{27, 29});
  CHECK(seqs_of(recent(bench, R"({"count":2,"type":"o*","agent_id":"a0"})")) ==
        std::vector<std::uint64_t>{21, 27});
  const auto few = recent(bench, R"({"item":"i0","agent_id":"a0"})");
  CHECK(seqs_of(few) == std::vector<std::uint64_t>{15, 30});
  CHECK(few["complete"].GetBool());
  CHECK(seqs_of(recent(bench, R"({"count":0})")).empty());
  CHECK(seqs_of(recent(bench, "null")).size() == 30);
}

TEST_CASE("recent: of one source, run, agent and item, and of what made so much profit") {
  Bench bench;
  int n = 0;
  for (const char* source : {"s1", "s2"}) {
    for (const char* run : {"r1", "r2"}) {
      for (const char* agent : {R"("a1")", R"("a2")", "7"}) {
        bench.take(R"({"type":"t","source":")" + std::string(source) + R"(","run":")" + run +
                   R"(","data":{"agent_id":)" + agent + R"(,"item":"i)" + std::to_string(n % 2) +
                   R"(","profit":)" + std::to_string(n) + "}}");
        ++n;
      }
    }
  }
  bench.take(R"({"type":"t","data":{"profit":"12"}})");  // is no number, and names nobody
  using Seqs = std::vector<std::uint64_t>;
  CHECK(seqs_of(recent(bench, R"({"source":"s1"})")) == Seqs{1, 2, 3, 4, 5, 6});
  CHECK(seqs_of(recent(bench, R"({"run":"r2"})")) == Seqs{4, 5, 6, 10, 11, 12});
  CHECK(seqs_of(recent(bench, R"({"agent_id":"a2"})")) == Seqs{2, 5, 8, 11});
  CHECK(seqs_of(recent(bench, R"({"agent_id":"7"})")).empty());
  CHECK(seqs_of(recent(bench, R"({"item":"i1","source":"s2"})")) == Seqs{8, 10, 12});
  CHECK(seqs_of(recent(bench, R"({"min_profit":10})")) == Seqs{11, 12});
  CHECK(seqs_of(recent(bench, R"({"min_profit":10.5})")) == Seqs{12});
}

TEST_CASE("recent: before_seq pages backward, beside since_seq too") {
  Bench bench;
  fill(bench, 10);
  CHECK(seqs_of(recent(bench, R"({"before_seq":4,"count":2})")) == std::vector<std::uint64_t>{2, 3});
  CHECK(seqs_of(recent(bench, R"({"before_seq":1})")).empty());
  CHECK(seqs_of(recent(bench, R"({"before_seq":9223372036854775807,"count":1})")) ==
        std::vector<std::uint64_t>{10});
  const auto between = recent(bench, R"({"since_seq":4,"before_seq":7})");
  CHECK(seqs_of(between) == std::vector<std::uint64_t>{5, 6});
  CHECK(between["complete"].GetBool());
}

TEST_CASE("recent: a search counts for itself, the names that it looks for and what it has found") {
  Bench bench;
  PastCache past(nullptr);
  const auto bytes = [&](const std::string& params) {
    return RecentEvents::of(bench.log, past, parse_json(params), {}).value()->bytes();
  };
  const std::size_t none = bytes("{}");
  CHECK(none == sizeof(RecentEvents));
  const std::string name(1000, 'x');
  CHECK(bytes(R"({"type":")" + name + "\"}") == none + sizeof(std::string) + 1000);
  for (const char* field : {"epoch", "source", "agent_id", "item", "run"}) {
    CHECK(bytes("{\"" + std::string(field) + "\":\"" + name + "\"}") == none + 1000);
  }
  for (int i = 0; i < 100; ++i) bench.event("t", R"({"x":")" + name + "\"}");
  const auto search = RecentEvents::of(bench.log, past, parse_json(R"({"count":80})"), {}).value();
  std::uint64_t work = 0;
  while (search->step(1, &work) != LogWalk::State::ended) {
  }
  std::size_t found = 0;
  bench.log.seal();
  for (const BlockPtr& block : bench.log.history().blocks()) {
    for (std::size_t i = 0; i < block->size(); ++i) found += block->seq(i) > 20 ? block->json(i).size() : 0;
  }
  CHECK(search->bytes() >= none + found + 80 * sizeof(std::string));
  CHECK(search->bytes() <= none + found + 80 * 2 * sizeof(std::string));
  JsonWriter json;
  work = 0;
  while (!search->write(json, work + 1, &work)) {
  }
  CHECK(search->bytes() == none);
  CHECK(work >= 80 + 80 * (1000 / kCopiedBytesPerWork));
}

TEST_CASE("recent: since_seq pages forward and says when there is more") {
  Bench bench;
  fill(bench, 10);
  const auto first = recent(bench, R"({"since_seq":4,"count":3})");
  CHECK(seqs_of(first) == std::vector<std::uint64_t>{5, 6, 7});
  CHECK_FALSE(first["complete"].GetBool());
  const auto rest = recent(bench, R"({"since_seq":7,"count":3})");
  CHECK(seqs_of(rest) == std::vector<std::uint64_t>{8, 9, 10});
  CHECK(rest["complete"].GetBool());
  CHECK(recent(bench, R"({"since_seq":10})")["complete"].GetBool());
  CHECK_FALSE(recent(bench, R"({"since_seq":11})")["complete"].GetBool());
}

TEST_CASE("recent: before_seq pages back and says when there is more") {
  Bench bench;
  fill(bench, 10);
  const auto newest = recent(bench, R"({"count":4})");
  CHECK(seqs_of(newest) == std::vector<std::uint64_t>{7, 8, 9, 10});
  CHECK(newest["more"].GetBool());
  CHECK(newest["complete"].GetBool());  // all four that were asked for
  CHECK(recent(bench, R"({"count":4,"before_seq":7})")["more"].GetBool());
  const auto last = recent(bench, R"({"count":2,"before_seq":3})");
  CHECK(seqs_of(last) == std::vector<std::uint64_t>{1, 2});
  CHECK_FALSE(last["more"].GetBool());
  CHECK_FALSE(recent(bench, R"({"count":4,"before_seq":3})")["more"].GetBool());
  CHECK_FALSE(recent(bench, R"({"count":0})")["more"].GetBool());
  // What is before them was not looked at, and may be none of these.
  CHECK(recent(bench, R"({"count":1,"type":"even","before_seq":3})")["more"].GetBool());
}

TEST_CASE("recent: of several types, and which of two reasons an answer is not complete") {
  Bench bench({10, 1 << 30});
  fill(bench, 12);
  bench.event("third", "{}");
  const auto two = recent(bench, R"({"since_seq":8,"type":["odd","th*"]})");
  CHECK(seqs_of(two) == std::vector<std::uint64_t>{9, 11, 13});
  CHECK(two["complete"].GetBool());
  CHECK(seqs_of(recent(bench, R"({"since_seq":8,"type":[]})")).empty());
  const auto cut = recent(bench, R"({"since_seq":8,"count":1})");
  CHECK(cut["more"].GetBool());
  CHECK(cut["recovered"].GetBool());
  CHECK(cut["missed"].GetUint64() == 0);
  const auto lost = recent(bench, R"({"since_seq":1,"type":"third"})");
  CHECK_FALSE(lost["more"].GetBool());
  CHECK_FALSE(lost["recovered"].GetBool());
  CHECK(lost["missed"].GetUint64() == 2);
}

TEST_CASE("recent: a place in another numbering goes on behind what both share") {
  const auto since = [](Bench& bench, const std::string& epoch) {
    return recent(bench, R"({"since_seq":8,"epoch":")" + epoch + "\"}");
  };
  Bench bench({10, 1 << 30});
  fill(bench, 10);
  CHECK(seqs_of(since(bench, bench.log.epoch())) == std::vector<std::uint64_t>{9, 10});
  const auto unknown = since(bench, "never");
  CHECK(seqs_of(unknown).size() == 10);
  CHECK_FALSE(unknown["recovered"].GetBool());
  CHECK(unknown["missed"].GetUint64() == 0);
  CHECK(unknown["epoch"].GetString() == bench.log.epoch());
  fill(bench, 10);
  const auto evicted = since(bench, "never");
  CHECK(evicted["missed"].GetUint64() == seqs_of(evicted).front() - 1);
  bench.log.learn_epochs({{"old", 1, false, 0}});
  CHECK(seqs_of(since(bench, "old")) == seqs_of(evicted));
}

TEST_CASE("recent: a clock's step back begins another numbering, and costs nobody who pages anything") {
  Bench bench({100, 1 << 30});
  fill(bench, 5);
  const std::string before = bench.log.epoch();
  bench.clock.step_wall_us(-3'600'000'000);
  fill(bench, 5);
  REQUIRE(bench.log.epoch() != before);
  const auto rest = recent(bench, R"({"since_seq":3,"epoch":")" + before + "\"}");
  CHECK(seqs_of(rest) == std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9, 10});
  CHECK(rest["complete"].GetBool());
}

TEST_CASE("recent: what the history has let go makes the answer incomplete") {
  Bench bench({10, 1 << 30});
  fill(bench, 100);
  CHECK_FALSE(recent(bench, R"({"since_seq":5})")["complete"].GetBool());
  CHECK_FALSE(recent(bench, R"({"count":50})")["complete"].GetBool());
  CHECK(recent(bench, R"({"count":3})")["complete"].GetBool());
}

TEST_CASE("recent: what memory has let go comes from the journal, forward, backward and filtered") {
  Bench bench({10, 1 << 30});
  FakeJournal journal;
  bench.log.add_on_seal([&](const BlockPtr& block) { journal.blocks.push_back(block); });
  fill(bench, 100);
  const auto forward = recent(bench, R"({"since_seq":5,"count":1000})", &journal);
  CHECK(seqs_of(forward).front() == 6);
  CHECK(seqs_of(forward).size() == 95);
  CHECK(forward["complete"].GetBool());
  const auto newest = recent(bench, R"({"count":50})", &journal);
  CHECK(seqs_of(newest).front() == 51);
  CHECK(newest["complete"].GetBool());
  // Paged across the boundary, each event once.
  std::vector<std::uint64_t> paged;
  for (std::uint64_t since = 0; since < 100;) {
    const auto page =
        recent(bench, R"({"count":7,"type":"odd","since_seq":)" + std::to_string(since) + "}", &journal);
    const auto seqs = seqs_of(page);
    CHECK(page["complete"].GetBool() == (since >= 85));  // seven are left, or fewer
    if (seqs.empty()) break;
    paged.insert(paged.end(), seqs.begin(), seqs.end());
    since = seqs.back();
  }
  CHECK(paged.size() == 50);
  CHECK(std::adjacent_find(paged.begin(), paged.end(), std::greater_equal<>()) == paged.end());
  const auto few = recent(bench, R"({"item":"i0","agent_id":"a0"})", &journal);
  CHECK(seqs_of(few) == std::vector<std::uint64_t>{15, 30, 45, 60, 75, 90});
  CHECK(few["complete"].GetBool());
  // What neither has, and what cannot be read, is not there.
  journal.blocks.erase(journal.blocks.begin(), journal.blocks.begin() + 3);
  CHECK_FALSE(recent(bench, R"({"count":1000})", &journal)["complete"].GetBool());
  CHECK(recent(bench, R"({"count":20})", &journal)["complete"].GetBool());
  journal.unreadable = true;
  CHECK_FALSE(recent(bench, R"({"count":50})", &journal)["complete"].GetBool());
}

TEST_CASE("recent: a range of time, in memory, in the journal and over both") {
  CHECK(refusal_of_params(R"({"from_time":-1})") == "params.from_time is -1; must be a number 0..100000000000");
  CHECK(refusal_of_params(R"({"to_time":"x"})") == R"(params.to_time is "x"; must be a number 0..100000000000)");
  CHECK(refusal_of_params(R"({"from_time":2,"to_time":1})") == "params.from_time must not be beyond to_time");
  CHECK(refusal_of_params(R"({"from_time":2,"to_time":2})") == "");
  Bench bench({10, 1 << 30});
  FakeJournal journal;
  bench.log.add_on_seal([&](const BlockPtr& block) { journal.blocks.push_back(block); });
  const std::int64_t began = bench.clock.wall_us();
  for (int i = 1; i <= 100; ++i) {
    bench.clock.advance_us(1'000'000);
    bench.event(i % 2 ? "odd" : "even");
  }
  const auto between = [&](double from, double to, const std::string& more = "") {
    const auto at = [&](double s) { return std::to_string(static_cast<double>(began) / 1e6 + s); };
    const auto got = recent(bench, R"({"count":1000,"from_time":)" + at(from) + R"(,"to_time":)" + at(to) + more + "}", &journal);
    CHECK(got["complete"].GetBool());
    return seqs_of(got);
  };
  using Seqs = std::vector<std::uint64_t>;
  CHECK(between(95, 97) == Seqs{95, 96, 97});  // in memory
  CHECK(between(10, 12.5) == Seqs{10, 11, 12});
  CHECK(between(9.5, 12, R"(,"type":"odd")") == Seqs{11});
  CHECK(between(50, 99).size() == 50);
  CHECK(between(50, 99, R"(,"since_seq":97)") == Seqs{98, 99});
  CHECK(between(50, 99, R"(,"before_seq":52)") == Seqs{50, 51});
  CHECK(between(-10, 0.5).empty());
  CHECK(between(101, 200).empty());
  CHECK(between(-10, 1e6).size() == 100);
  // Of what is in memory the journal is asked nothing, and of the rest it is read no more than is of that time.
  const auto reads = [&](double from, double to) {
    journal.reads = journal.searches = 0;
    (void)between(from, to);
    CHECK((journal.searches != 0) == (from < 90));
    return journal.reads;
  };
  CHECK(reads(95, 97) == 0);
  CHECK(reads(80, 200) < 25);
  CHECK(reads(10, 20) < 25);
  // Without a journal what is gone counts as missed where the range goes back so far, and only there.
  CHECK(recent(bench, R"({"from_time":)" + std::to_string(static_cast<double>(began) / 1e6 + 95) + "}")["complete"].GetBool());
  CHECK_FALSE(recent(bench, R"({"from_time":0})")["complete"].GetBool());
}

TEST_CASE("recent: a command that waits for the journal is answered once, and dropped with who asked") {
  Bench bench({10, 1 << 30});
  FakeJournal journal;
  bench.log.add_on_seal([&](const BlockPtr& block) { journal.blocks.push_back(block); });
  fill(bench, 100);
  PastCache past(&journal);
  std::vector<std::function<void()>> posted;
  WorkQueue work{[&](std::function<void()> f) { posted.push_back(std::move(f)); }, bench.clock};
  OwnCommands commands{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters,
                        bench.clock, bench.limits, 10, "0", nullptr, &work, &past}};
  const auto settle = [&] {
    for (int i = 0; i < 100; ++i) {
      journal.answer();
      for (const auto& f : std::exchange(posted, {})) f();
    }
  };
  const auto ask = [&](const std::shared_ptr<RequestBudget>& asker, std::vector<std::string>* answers) {
    commands.run("get_recent_events", parse_json(R"({"since_seq":0,"count":1000})"), asker,
                 [answers](const Result<std::string, RequestError>& result) {
                   answers->push_back(result ? result.value() : result.error().message);
                 });
  };
  std::vector<std::string> answers;
  auto asker = std::make_shared<RequestBudget>(bench.clock, 1000);
  ask(asker, &answers);
  CHECK(answers.empty());
  settle();
  REQUIRE(answers.size() == 1);
  CHECK(seqs_of(parse_json(answers[0])).size() == 100);
  // The place is kept in the cache now: a new one has to wait again.
  PastCache fresh(&journal);
  OwnCommands others{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters,
                      bench.clock, bench.limits, 10, "0", nullptr, &work, &fresh}};
  std::vector<std::string> none;
  others.run("get_recent_events", parse_json(R"({"since_seq":0})"), asker,
             [&](const Result<std::string, RequestError>&) { none.emplace_back(); });
  asker.reset();
  settle();
  CHECK(none.empty());
  // So many may wait, and no more.
  PastCache silent(&journal);
  OwnCommands busy{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters,
                    bench.clock, bench.limits, 10, "0", nullptr, &work, &silent}};
  asker = std::make_shared<RequestBudget>(bench.clock, 1000);
  for (int i = 0; i < 33; ++i) {
    busy.run("get_recent_events", parse_json(R"({"since_seq":0})"), asker,
             [&](const Result<std::string, RequestError>& result) {
               if (!result) none.push_back(result.error().message);
             });
  }
  CHECK(none == std::vector<std::string>{"too many requests wait already; try later"});
  settle();
}

TEST_CASE("recent: a reply is bounded in bytes") {
  Bench bench;
  const std::string data = R"({"a":")" + std::string(500'000, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) bench.event("t", data);
  const auto newest = recent(bench, "{}");
  CHECK(newest["count"].GetUint64() == 8);
  CHECK_FALSE(newest["complete"].GetBool());
  CHECK(newest["events"][7]["seq"].GetUint64() == 20);
  CHECK(recent(bench, R"({"since_seq":0})")["events"][0]["seq"].GetUint64() == 1);
}
