// A journal whose old events are packed answers as one whose are not, whatever is asked.

#include "runs/packed_events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "runs/run_queries.h"
#include "store/journal_backup.h"
#include "store/journal_file.h"
#include "store/journal_thread.h"
#include "support/scratch_directory.h"
#include "support/sqlar.h"
#include "support/wait.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

constexpr std::int64_t kPackedNow = 1'619'395'200'000'000;
constexpr std::int64_t kEventUs = 1'003;

std::vector<std::string> rows_of(const std::string& path, const std::string& sql) {
  Database db(path, Database::Mode::read);
  testing_support::add_sqlar(db.handle());
  std::vector<std::string> out;
  Statement rows(db, sql.c_str());
  while (rows.step()) out.emplace_back(rows.text(0));
  return out;
}

std::string every_column() {
  std::string sql;
  for (const char* column : {"seq", "timestamp", "type", "source", "run", "source_seq", "agent_id", "item", "data_bytes", "body"}) {
    sql += std::string(sql.empty() ? "SELECT " : "||'|'||") + "typeof(" + column + ")||quote(" + column + ")";
  }
  return sql + " FROM events ORDER BY seq";
}

// Trades, portfolios, curves, odd texts and large ones, of several sources, with gaps in what is told of them.
std::string body_of(std::uint64_t seq) {
  const std::string n = std::to_string(seq);
  const std::string agent = R"("agent_id":"agent_)" + std::to_string(seq % 3) + "\"";
  const std::string from = R"(,"source":"trainer-)" + std::to_string(seq % 2) + R"(","run":"r)" + std::to_string(seq / 2500) +
                           R"(","source_seq":)" + n + "}";
  switch (seq % 11) {
    case 0: return R"({"type":"odd","data":{"a" : "x\ty\n \"q\" \\ \/ \u00e9\u0001 é 😀",)" + agent + "\t,\n\"item\":\"Pot \\\"of\\\" é\" }" + from;
    case 1: return R"({"type":"bare","data":{}})";
    case 2: return R"({"type":"scalar","data":{)" + agent + R"(,"tag":"loss","value":0.)" + n + R"(,"step":)" + n + "}" + from;
    case 3: return R"({"type":"portfolio_update","data":{)" + agent + R"(,"total_value":)" + n + ".5}" + from;
    case 4: return R"({"type":"agents","data":{"agent_id":5,"item":null,"n":1.50e3}})";
    case 5: return R"({"type":"texts","data":{"agent_id":"","item":""},"source":"only"})";
    case 6: return seq % 500 == 6 ? R"({"type":"big","data":{"text":")" + std::string(300'000, 'x') + n + "\"}" + from
                                  : R"({"type":"small","data":{"text":")" + n + "\"}" + from;
    default:
      return R"({"type":"trade_executed","data":{)" + agent + R"(,"action_type":"sell_all","item":"Abyssal whip","price":1670794,"quantity":12,"profit":)" +
             (seq % 2 != 0 ? "-" : "") + n + R"(.25,"total_value":20049528})" + from;
  }
}

struct Kept {
  explicit Kept(std::int64_t compress_after_us) {
    options.path = directory.file("journal.sqlite");
    options.age_max_us *= 10'000;  // these are of 2021
    options.compress_after_us = compress_after_us;
    options.runs.window_events = 700;
    open();
    REQUIRE(file->begin_epoch({"one", 1}, kPackedNow).ok());
  }
  void open() {
    file.reset();
    auto opened = JournalFile::open(options);
    REQUIRE_MESSAGE(opened.ok(), opened.error().message);
    file = std::move(opened.value());
    while (file->past_is_behind()) REQUIRE(file->fold_past().ok());
  }
  void append(std::uint64_t first, std::uint64_t last) {
    BlockBuilder builder;
    EnvelopeParser parser(1 << 21);
    for (std::uint64_t seq = first; seq <= last; ++seq) {
      const std::string body = body_of(seq);
      REQUIRE_MESSAGE(parser.parse(body) == Reject::none, body);
      builder.add(parser.envelope(), seq, kPackedNow + static_cast<std::int64_t>(seq) * kEventUs);
      if (builder.size() < 300 && seq != last) continue;
      JournalItem item;
      item.block = builder.seal();
      REQUIRE(file->append({item}, kPackedNow).ok());
    }
  }
  void note_hole(std::uint64_t from, std::uint64_t to) {
    JournalItem item;
    item.hole = {from, to};
    item.reason = "test";
    REQUIRE(file->append({item}, kPackedNow).ok());
  }
  // All that is complete, whatever its age.
  std::uint64_t pack() {
    std::uint64_t turns = 0;
    for (; file->pack(INT64_MAX / 2).value(); ++turns) REQUIRE(turns < 1000);
    return turns;
  }
  void run(const std::string& sql) {
    Database db(options.path);
    db.run(sql);
  }
  std::vector<std::string> rows() { return rows_of(options.path, every_column()); }
  // Events from `from` on, or back from it, as clients get them.
  std::vector<std::string> read(std::uint64_t from, bool back) {
    std::vector<std::string> out;
    for (;;) {
      const auto blocks = back ? file->read_back(from) : file->read(from, 1 + from % 3);
      REQUIRE(blocks.ok());
      if (blocks.value().empty()) return out;
      std::vector<std::string> part;
      for (const BlockPtr& block : blocks.value()) {
        for (std::size_t i = 0; i < block->size(); ++i) {
          if (back ? block->seq(i) > from : block->seq(i) < from) continue;
          part.emplace_back(block->frame(i));
          part.back() += "|" + std::to_string(block->entry(i).timestamp_us) + "|" + std::to_string(block->entry(i).source_seq);
        }
      }
      if (back) std::reverse(part.begin(), part.end());
      out.insert(out.end(), part.begin(), part.end());
      const std::uint64_t end = back ? blocks.value().front()->first_seq() : blocks.value().back()->last_seq();
      if (back && end <= 1) return out;
      from = back ? end - 1 : end + 1;
    }
  }
  std::string tallies(std::optional<std::uint64_t> at) {
    REQUIRE(file->flush_runs().ok());
    Database db(options.path, Database::Mode::read);
    const auto answer = answer_query(db, TalliesQuery{at}, [] { return false; }, nullptr);
    return answer ? answer.value().members : answer.error().message;
  }
  // Where a search for the type stops, and how many events it passes over.
  std::vector<std::uint64_t> places(const std::string& type, std::uint64_t from, std::uint64_t to) {
    TypeSearch search{{type}, from, to, from > to, {}};
    TypeStretch found;
    while (!file->find_types(&search, &found).value()) {
    }
    return {found.from, found.to, found.held};
  }

  ScratchDirectory directory;
  JournalFileOptions options;
  std::unique_ptr<JournalFile> file;
};

constexpr std::uint64_t kLast = 7000;

// One plain and one that packs: the same events, a hole within a block and one over several, and a second numbering.
struct Both {
  Both() {
    for (Kept* kept : {&plain, &packed}) {
      kept->append(1, 1500);
      kept->note_hole(1501, 1510);
      kept->append(1511, 2400);
      REQUIRE(kept->file->begin_epoch({"two", 2401, true}, kPackedNow + 2401 * kEventUs).ok());
      kept->append(2401, 3000);
      kept->note_hole(3001, 5000);
      kept->append(5001, kLast);
    }
  }
  Kept plain{0}, packed{1};
};

void check_same(Both& both) {
  CHECK(both.packed.file->first_seq() == both.plain.file->first_seq());
  CHECK(both.packed.file->last_row_seq() == both.plain.file->last_row_seq());
  CHECK(both.packed.file->rows() == both.plain.file->rows());
  CHECK((both.packed.rows() == both.plain.rows()));
  for (const std::uint64_t from : {1, 2, 700, 1024, 1025, 1499, 1500, 1501, 1505, 1511, 2048, 2049, 2999, 3000, 3001, 4500, 5001, 6144, 6145, 6999, 7000, 7001}) {
    CAPTURE(from);
    CHECK((both.packed.read(from, false) == both.plain.read(from, false)));
    CHECK((both.packed.read(from, true) == both.plain.read(from, true)));
  }
  for (std::uint64_t n = 0; n <= kLast + 10; n += 37) {
    for (const std::int64_t beside : {-1, 0, 1}) {
      const std::int64_t us = kPackedNow + static_cast<std::int64_t>(n) * kEventUs + beside;
      CAPTURE(n);
      CHECK(both.packed.file->first_seq_since(us).value() == both.plain.file->first_seq_since(us).value());
    }
  }
  for (const char* type : {"big", "odd", "trade_executed", "none", "b*"}) {
    for (const std::uint64_t at : {1, 1024, 1025, 2049, 5121, 6145}) {
      CHECK(both.packed.places(type, at, kLast) == both.plain.places(type, at, kLast));
      CHECK(both.packed.places(type, at == 1 ? kLast : at - 1, 1) == both.plain.places(type, at == 1 ? kLast : at - 1, 1));
    }
  }
  for (std::uint64_t at = 0; at <= kLast; at += 333) {
    CAPTURE(at);
    CHECK(both.packed.tallies(at) == both.plain.tallies(at));
  }
  CHECK(both.packed.tallies({}) == both.plain.tallies({}));
  CHECK(both.packed.file->find_position("trainer-1", "r1").value() == both.plain.file->find_position("trainer-1", "r1").value());
}

std::vector<std::string> tables_of(const Kept& kept) {
  std::vector<std::string> all;
  for (const char* sql : {"SELECT block||' '||events||' '||types FROM types ORDER BY 1", "SELECT source||run||agent_id||state||coalesce(steps,'') FROM runs ORDER BY 1",
                          "SELECT run||' '||trades||' '||wins||' '||closed||' '||profit||' '||volume||coalesce(value,'') FROM tallies ORDER BY 1",
                          "SELECT run||tag||points FROM curves ORDER BY 1", "SELECT at||' '||run||' '||trades FROM tallies_before ORDER BY 1"}) {
    for (std::string& row : rows_of(kept.options.path, sql)) all.push_back(std::move(row));
  }
  for (std::string& row : all) std::sort(row.begin(), row.end());  // types come in any order
  return all;
}

}  // namespace

TEST_CASE("packed events: every way to read gives what rows give, before and after the file is opened again") {
  Both both;
  check_same(both);
  CHECK(both.packed.pack() > 6);
  CHECK(both.plain.pack() == 0);
  const auto sums = both.packed.file->packed_sums();
  CHECK(sums.events == 1500 + 890 + 600 + 1144);  // up to the last multiple of 1,024
  CHECK(sums.packed_bytes < sums.text_bytes / 5);
  CHECK(rows_of(both.packed.options.path, "SELECT min(seq) FROM event_rows") == std::vector<std::string>{"6145"});
  CHECK(rows_of(both.packed.options.path, "SELECT max(bytes)<700000 FROM packed")[0] == "1");
  check_same(both);
  both.packed.open();
  both.plain.open();
  check_same(both);
  // Nobody sets the key any more: nothing more is packed, and what is stays.
  both.packed.options.compress_after_us = 0;
  both.packed.open();
  CHECK(both.packed.pack() == 0);
  check_same(both);
  CHECK(both.packed.file->packed_sums().events == sums.events);
}

TEST_CASE("packed events: runs and types that are made anew are the same") {
  Both both;
  both.packed.pack();
  for (Kept* kept : {&both.plain, &both.packed}) {
    kept->file.reset();
    kept->run("DROP TABLE types; DROP TABLE runs; DROP TABLE tallies; DROP TABLE tallies_before; DROP TABLE curves; "
              "DROP TABLE chunks; DROP TABLE samples; DROP TABLE marks; DROP TABLE runs_state");
    kept->open();
    REQUIRE(kept->file->flush_runs().ok());
  }
  const auto made = tables_of(both.plain);
  CHECK(made.size() > 30);
  CHECK((tables_of(both.packed) == made));
  check_same(both);
}

TEST_CASE("packed events: only whole blocks that are old enough, and never the newest event") {
  Kept kept(1'000'000);
  kept.append(1, 2048);
  const auto stamp = [](std::int64_t seq) { return kPackedNow + seq * kEventUs; };
  CHECK_FALSE(kept.file->pack(stamp(1024) + 999'999).value());
  CHECK(kept.file->packed_sums().events == 0);
  while (kept.file->pack(stamp(1024) + 1'000'000).value()) {
  }
  CHECK(kept.file->packed_sums().events == 1024);
  CHECK_FALSE(kept.file->pack(stamp(9000)).value());  // 2048 is the newest
  kept.append(2049, 2049);
  while (kept.file->pack(stamp(9000)).value()) {
  }
  CHECK(kept.file->packed_sums().events == 2048);
  JournalLimits off;
  off.bytes_max = 1 << 30;
  off.age_max_us = INT64_MAX / 2;
  kept.append(2050, 4000);
  kept.file->set_limits(off);
  CHECK(kept.pack() == 0);
  off.compress_after_us = 1;
  kept.file->set_limits(off);
  CHECK(kept.pack() > 0);
}

TEST_CASE("packed events: a file for which it was never set is as it was, and newer versions are refused") {
  Kept kept(0);
  kept.append(1, 3000);
  CHECK(rows_of(kept.options.path, "SELECT type FROM sqlite_master WHERE name='events'") == std::vector<std::string>{"table"});
  CHECK(rows_of(kept.options.path, "PRAGMA user_version") == std::vector<std::string>{"1"});
  kept.options.compress_after_us = 1;
  kept.open();
  CHECK(rows_of(kept.options.path, "SELECT type FROM sqlite_master WHERE name='events'") == std::vector<std::string>{"view"});
  CHECK(rows_of(kept.options.path, "PRAGMA user_version") == std::vector<std::string>{"2"});
  CHECK(kept.pack() > 0);
  kept.file.reset();
  const auto looked = JournalFile::look(kept.options.path);
  REQUIRE(looked);
  CHECK(looked->first_seq == 1);
  CHECK(looked->last_seq == 3000);
  CHECK(looked->last_stamp_us == kPackedNow + 3000 * kEventUs);
  kept.run("PRAGMA user_version=3");
  const auto refused = JournalFile::open(kept.options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("it is of version 3, written by a newer bridge; this one knows version 2") != std::string::npos);
}

TEST_CASE("packed events: what is too old or too much goes with whole pieces, down to the newest event") {
  Both both;
  both.packed.pack();
  const auto trim_all = [](Kept& kept, std::int64_t now_us) {
    std::uint64_t gone = 0;
    while (const std::uint64_t some = kept.file->trim(1000, now_us).value()) gone += some;
    return gone;
  };
  for (const std::uint64_t seq : {200, 1300, 1600, 2500, 4000, 5200, 6500, 6900}) {
    CAPTURE(seq);
    const std::int64_t now_us = kPackedNow + static_cast<std::int64_t>(seq) * kEventUs;
    std::uint64_t gone = 0;
    for (Kept* kept : {&both.plain, &both.packed}) {
      const std::uint64_t before = kept->file->rows();
      JournalLimits limits;
      limits.bytes_max = 1ull << 40;
      limits.age_max_us = 1;
      limits.compress_after_us = kept == &both.packed ? 1 : 0;
      kept->file->set_limits(limits);
      gone = trim_all(*kept, now_us);
      CHECK(kept->file->rows() == before - gone);
    }
    // No more than the rest of a piece stays.
    const std::uint64_t exact = both.plain.file->first_seq(), kept = both.packed.file->first_seq();
    CHECK(kept <= exact);
    CHECK(exact - kept < 1024);
    if (exact > 6145) CHECK(kept == exact);
    CHECK((both.packed.read(exact, false) == both.plain.read(exact, false)));
    CHECK(both.packed.rows().size() == both.packed.file->rows());
    const auto found = both.packed.file->read(1, 1);
    CHECK(found.value().at(0)->first_seq() == kept);
  }
  JournalLimits limits;
  limits.bytes_max = 1;
  limits.age_max_us = INT64_MAX / 2;
  both.packed.file->set_limits(limits);
  trim_all(both.packed, kPackedNow);
  CHECK(both.packed.file->first_seq() == kLast);
  const auto sums = both.packed.file->packed_sums();
  CHECK(sums.pieces + sums.events + sums.text_bytes + sums.packed_bytes == 0);
}

TEST_CASE("packed events: by size the oldest pieces go, at most so many at a time") {
  Kept kept(1);
  kept.append(1, 7000);
  kept.pack();
  JournalLimits limits;
  limits.bytes_max = 1;
  limits.age_max_us = INT64_MAX / 2;
  kept.file->set_limits(limits);
  CHECK(kept.file->trim(10, kPackedNow).value() <= 1024);
  const std::uint64_t first = kept.file->first_seq();
  CHECK(first > 1);
  CHECK(first <= 1025);
  const std::uint64_t gone = kept.file->trim(250, kPackedNow).value();
  CHECK(gone > 250);
  CHECK(gone <= 2000);
  CHECK(kept.rows().size() == kept.file->rows());
}

TEST_CASE("packed events: where packing breaks off everything is a row as before, and it is tried no further there") {
  Both both;
  both.packed.run("CREATE TRIGGER stop BEFORE DELETE ON event_rows WHEN old.seq=700 BEGIN SELECT RAISE(ABORT,'no'); END");
  const auto failed = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto more = both.packed.file->pack(INT64_MAX / 2);
      if (!more) return more.error().message;
      if (!more.value()) break;
    }
    return std::string("nothing failed");
  }();
  CHECK(failed.find(": no") != std::string::npos);
  check_same(both);
  both.packed.pack();  // the block after it
  CHECK(rows_of(both.packed.options.path, "SELECT count(*) FROM event_rows WHERE seq=700")[0] == "1");
  CHECK(both.packed.file->packed_sums().events > 2000);
  check_same(both);
  both.packed.run("DROP TRIGGER stop");
  both.packed.open();
  both.packed.pack();
  check_same(both);
}

TEST_CASE("packed events: a row that nobody but a bridge wrote, or that could not be told exactly, stays a row") {
  Both both;
  both.packed.file.reset();
  both.packed.run(
      "UPDATE event_rows SET timestamp=0.1234567 WHERE seq=100; UPDATE event_rows SET body=CAST(x'7bff7d' AS TEXT) WHERE seq=200;"
      "UPDATE event_rows SET item='a'||char(0)||'b' WHERE seq=300; UPDATE event_rows SET run=x'00' WHERE seq=400;"
      "UPDATE event_rows SET source_seq='x' WHERE seq=500; UPDATE event_rows SET body='no event' WHERE seq=600;"
      "UPDATE event_rows SET source_seq=-5 WHERE seq=601");
  both.packed.open();
  const auto before = both.packed.rows();
  const auto read = both.packed.read(1, false);
  both.packed.pack();
  CHECK((both.packed.rows() == before));
  CHECK((both.packed.read(1, false) == read));
  CHECK(rows_of(both.packed.options.path, "SELECT group_concat(seq) FROM event_rows WHERE seq<6145")[0] == "100,200,300,400,500");
  CHECK(both.packed.read(kLast, true).size() == read.size());
}

TEST_CASE("packed events: a piece that is damaged is told and passed over, and nothing else is lost") {
  for (const char* damage : {"data=zeroblob(length(data))", "data=substr(data,1,length(data)-9)", "bytes=bytes-1", "bytes=1<<40", "data=x''",
                             "data=CAST('[[1]]' AS BLOB),bytes=5"}) {
    CAPTURE(damage);
    Both both;
    both.packed.pack();
    both.packed.file.reset();
    both.packed.run(std::string("UPDATE packed SET ") + damage + " WHERE first_seq=(SELECT max(first_seq) FROM packed WHERE first_seq<=1300)");
    const std::string range = rows_of(both.packed.options.path, "SELECT first_seq||' to '||last_seq FROM packed WHERE 1300 BETWEEN first_seq AND last_seq")[0];
    const std::uint64_t first = std::stoull(range), last = std::stoull(range.substr(range.find("to ") + 3));
    both.packed.open();
    const auto failed = both.packed.file->read(1300, 1);
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().message.find("packed events " + range) != std::string::npos);
    // By the journal's thread, as clients get them.
    const SystemClock clock;
    const std::uint64_t rows = both.plain.file->rows();
    JournalThread thread(both.packed.options, clock, {[](std::function<void()> f) { f(); }, [](const JournalProgress&) {}});
    thread.start(std::move(both.packed.file), {"two", 2401}, kLast, "");
    for (const bool back : {false, true}) {
      std::uint64_t seq = back ? kLast : 1, got = 0, unreadable = 0;
      for (;;) {
        std::mutex mutex;
        std::optional<PastReader::Slice> slice;
        thread.read(seq, back, [&](PastReader::Slice s) {
          const std::lock_guard<std::mutex> lock(mutex);
          slice = std::move(s);
        });
        REQUIRE(testing_support::wait_until([&] {
          const std::lock_guard<std::mutex> lock(mutex);
          return slice.has_value();
        }));
        unreadable += slice->unreadable;
        if (slice->blocks.empty()) break;
        for (const BlockPtr& block : slice->blocks) {
          for (std::size_t i = 0; i < block->size(); ++i) got += back ? block->seq(i) <= seq : block->seq(i) >= seq;
        }
        const std::uint64_t end = back ? slice->blocks.front()->first_seq() : slice->blocks.back()->last_seq();
        if (back ? end == 1 : end == kLast) break;
        seq = back ? end - 1 : end + 1;
      }
      CHECK(got == rows - (last + 1 - first));
      CHECK(unreadable > 0);
    }
    REQUIRE(testing_support::wait_until([&] { return thread.status().errors > 0; }));  // told once a second
    CHECK(thread.status().problem.empty());
    thread.stop(kLast, 1'000'000);
    // Runs that are folded again, and types looked through, go on behind it.
    both.packed.run("DROP TABLE types; DROP TABLE runs_state");
    both.packed.open();
    CHECK(both.packed.places("trade_executed", 1, kLast)[0] <= 1);
  }
}

TEST_CASE("packed events: a copy holds them all") {
  Both both;
  both.packed.pack();
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  std::optional<Result<BackupDone>> done;
  JournalBackup backup(both.packed.options.path, "", [&](std::function<void()> f) {
    const std::lock_guard<std::mutex> lock(mutex);
    posted.push_back(std::move(f));
  });
  backup.begin(backup.path_of("copy").value(), [&](const Result<BackupDone>& result) { done = result; });
  REQUIRE(testing_support::wait_until([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const auto& f : posted) f();
    posted.clear();
    return done.has_value();
  }));
  REQUIRE(done->ok());
  CHECK(done->value().last_seq == kLast);
  CHECK((rows_of(done->value().file, every_column()) == both.plain.rows()));
  both.packed.options.path = done->value().file;
  both.packed.open();
  check_same(both);
}

TEST_CASE("packed events: the journal's thread packs by itself, beside what is written and read") {
  ScratchDirectory directory;
  JournalFileOptions options;
  options.path = directory.file("j");
  options.compress_after_us = 1;
  auto file = JournalFile::open(options);
  REQUIRE(file.ok());
  REQUIRE(file.value()->begin_epoch({"one", 1}, kPackedNow).ok());
  const SystemClock clock;
  JournalThread thread(options, clock, {[](std::function<void()> f) { f(); }, [](const JournalProgress&) {}});
  thread.start(std::move(file.value()), {"one", 1}, 0, "");
  Envelope event;
  event.type = "t";
  event.data = R"({"x":1})";
  const std::int64_t wall = clock.wall_us() - 3'600'000'000;
  BlockBuilder builder;
  for (std::uint64_t seq = 1; seq <= 20'000; ++seq) {
    builder.add(event, seq, wall + static_cast<std::int64_t>(seq));
    if (builder.size() < 500) continue;
    REQUIRE(thread.push(builder.seal(), 0));
  }
  REQUIRE(testing_support::wait_until([&] { return thread.status().packed.events == 19'456; }));
  const JournalStatus status = thread.status();
  CHECK(status.pieces_packed == status.packed.pieces);
  CHECK(status.packing_us > 0);
  CHECK(status.problem.empty());
  thread.stop(20'000, 1'000'000);
  CHECK(rows_of(options.path, "SELECT count(*)||' '||min(seq)||' '||max(seq) FROM events")[0] == "20000 1 20000");
}
