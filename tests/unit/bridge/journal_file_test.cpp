#include "store/journal_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <sys/stat.h>
#include <fstream>
#include <mutex>

#include "fixture.h"
#include "store/journal_thread.h"
#include "support/scratch_directory.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

constexpr std::int64_t kJournalNow = 1'619'395'200'000'000;

JournalFileOptions file_options(const ScratchDirectory& directory) {
  JournalFileOptions o;
  o.path = directory.file("journal.sqlite");
  return o;
}

std::unique_ptr<JournalFile> open_file(const JournalFileOptions& o) {
  auto file = JournalFile::open(o);
  REQUIRE_MESSAGE(file.ok(), file.error().message);
  return std::move(file.value());
}

std::string refusal(const JournalFileOptions& o) {
  const auto file = JournalFile::open(o);
  REQUIRE_FALSE(file.ok());
  return file.error().message;
}

// Events first..last of a log, one body each.
BlockPtr block_of(std::uint64_t first, std::uint64_t last, std::int64_t from_us = kJournalNow,
                  const std::string& data = R"({"item":"Coal","agent_id":"a"})") {
  BlockBuilder builder;
  EnvelopeParser parser(1 << 21);
  for (std::uint64_t seq = first; seq <= last; ++seq) {
    const std::string body = R"({"type":"t","data":)" + data +
                             R"(,"source":"s","run":"r","source_seq":)" + std::to_string(seq) + "}";
    REQUIRE(parser.parse(body) == Reject::none);
    builder.add(parser.envelope(), seq, from_us + static_cast<std::int64_t>(seq));
  }
  return builder.seal();
}

JournalItem item_of(BlockPtr block) {
  JournalItem i;
  i.block = std::move(block);
  return i;
}

void append_block(JournalFile& file, BlockPtr block) {
  REQUIRE(file.append({item_of(std::move(block))}, kJournalNow).ok());
}

std::vector<BlockPtr> read_back(JournalFile& file, std::uint64_t from) {
  auto blocks = file.read(from, 1000);
  REQUIRE(blocks.ok());
  return std::move(blocks.value());
}

void run_sql(const std::string& path, const std::string& sql) {
  Database db(path);
  db.run(sql);
}

}  // namespace

TEST_CASE("journal file: events come back byte for byte, and with all that filters look at") {
  ScratchDirectory directory;
  BlockBuilder builder;
  EnvelopeParser parser(1 << 21);
  const std::vector<std::string> bodies = {
      R"({"type":"trade","data":{"p": 1.50e3,"agent_id":"a","item":"Pot \u00e9\"\\"},"timestamp":1619395200.25,"source":"s","run":"r","source_seq":42,"note":{"timestamp":1,"seq":2}})",
      R"({"type":"t","data":{}})",
      R"({"type":"t","data":{"agent_id":5,"item":null,"x":",\"timestamp\":1,\"seq\":2"},"source":"only"})",
      R"({"type":"big","data":{"agent_id":"é","text":")" + std::string(70'000, 'x') + "\"}}"};
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    REQUIRE(parser.parse(bodies[i]) == Reject::none);
    builder.add(parser.envelope(), i + 1, kJournalNow + 251'003 + static_cast<std::int64_t>(i));
  }
  const BlockPtr block = builder.seal();
  auto file = open_file(file_options(directory));
  append_block(*file, block);
  const auto blocks = read_back(*file, 1);
  REQUIRE(blocks.size() == 1);
  const Block& back = *blocks[0];
  CHECK(back.first_seq() == 1);
  CHECK(back.frames() == block->frames());
  REQUIRE(back.size() == block->size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    CAPTURE(i);
    const EventEntry& a = block->entry(i);
    const EventEntry& b = back.entry(i);
    CHECK(block->text(a.type) == back.text(b.type));
    CHECK(block->text(a.data) == back.text(b.data));
    CHECK(block->text(a.source) == back.text(b.source));
    CHECK(block->text(a.run) == back.text(b.run));
    CHECK(a.timestamp_us == b.timestamp_us);
    CHECK(a.source_seq == b.source_seq);
  }
  for (const char* filter :
       {R"({"filter":{"agent_id":"a"}})", R"({"filter":{"agent_id":5}})",
        R"({"filter":{"agent_id":null}})", R"({"filter":{"item":"Pot é\"\\"}})",
        R"({"filter":{"p":{"min":1500,"max":1500}}})", R"({"filter":{"source":"only"}})"}) {
    const Subscription wants = subscription(filter);
    for (std::size_t i = 0; i < back.size(); ++i) {
      CAPTURE(filter);
      CAPTURE(i);
      CHECK(wants.matches(*block, i) == wants.matches(back, i));
    }
  }
}

TEST_CASE("journal file: a column is what its event says, whatever the rows before it had") {
  ScratchDirectory directory;
  const JournalFileOptions options = file_options(directory);
  auto file = open_file(options);
  // As the column would be told: nothing, an empty text, the same again, and others.
  const std::vector<std::string> agents = {"null", R"("")", R"("")", R"("a")", R"("a")", "null", "null",
                                           R"("b")", R"("a")", "5",     R"("a")"};
  BlockBuilder builder;
  EnvelopeParser parser(1 << 20);
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const std::string source = i % 4 == 3 ? "" : R"(,"source":"s)" + std::to_string(i / 4) + "\"";
    const std::string body = R"({"type":"t)" + std::to_string(i / 2) + R"(","data":{"agent_id":)" + agents[i] + "}" +
                             source + "}";
    REQUIRE(parser.parse(body) == Reject::none);
    builder.add(parser.envelope(), i + 1, kJournalNow);
  }
  append_block(*file, builder.seal());
  file.reset();
  Database db(options.path);
  Statement rows(db, "SELECT type, source, quote(agent_id) FROM events ORDER BY seq");
  for (std::size_t i = 0; i < agents.size(); ++i) {
    CAPTURE(i);
    REQUIRE(rows.step());
    CHECK(rows.text(0) == "t" + std::to_string(i / 2));
    CHECK(rows.is_null(1) == (i % 4 == 3));
    if (i % 4 != 3) CHECK(rows.text(1) == "s" + std::to_string(i / 4));
    std::string told = agents[i] == "null" || agents[i] == "5" ? "NULL" : agents[i];
    std::replace(told.begin(), told.end(), '"', '\'');
    CHECK(rows.text(2) == told);
  }
}

TEST_CASE("journal: a look back ends where it is answered, at the file's start, or with its asker") {
  ScratchDirectory directory;
  constexpr std::uint64_t kJump = 1'800'000'000'000'000;
  JournalFileOptions options = file_options(directory);
  options.age_max_us *= 10'000;  // these are of 2021
  auto file = open_file(options);
  append_block(*file, block_of(1, 2000));
  append_block(*file, block_of(kJump, kJump + 2000));
  const SystemClock clock;
  std::mutex mutex;
  std::condition_variable told;
  std::deque<std::pair<std::uint64_t, bool>> answers;
  JournalThread thread(options, clock,
                       {[](std::function<void()> f) { f(); }, [](const JournalProgress&) {}});
  thread.start(std::move(file), {"e", 1}, kJump + 2000, "");
  const auto look = [&](const char* filter, std::uint64_t count, std::shared_ptr<int> asker) {
    thread.find_last({std::make_shared<const Subscription>(subscription(filter)), count,
                      kJump + 2001, asker},
                     [&](std::uint64_t after, bool reached) {
                       const std::lock_guard<std::mutex> lock(mutex);
                       answers.emplace_back(after, reached);
                       told.notify_one();
                     });
    asker.reset();
    std::unique_lock<std::mutex> lock(mutex);
    REQUIRE(told.wait_for(lock, std::chrono::seconds(60), [&] { return !answers.empty(); }));
    const auto answer = answers.front();
    answers.pop_front();
    return answer;
  };
  const auto asker = std::make_shared<int>();
  using Answer = std::pair<std::uint64_t, bool>;
  CHECK(look(R"({"filter":{"item":"Coal"}})", 2011, asker) == Answer{1990, true});
  CHECK(look(R"({"filter":{"item":"Iron"}})", 1, asker) == Answer{0, false});
  const std::uint64_t read = thread.status().blocks_read;
  CHECK(look(R"({"filter":{"item":"Iron"}})", 1, nullptr).second == false);
  CHECK(thread.status().blocks_read == read);
  thread.stop(kJump + 2000, 1'000'000);
}

TEST_CASE("journal file: a source's loss comes back with its gap in front of it") {
  ScratchDirectory directory;
  const std::string data =
      R"({"status":"source_lost","source":"s","run":"r","from_source_seq":5,"to_source_seq":9})";
  Envelope lost;
  lost.type = "system_status";
  lost.source = kOwnSource;
  lost.data = data;
  BlockBuilder builder;
  builder.add(lost, 1, kJournalNow);
  const BlockPtr block = builder.seal();
  REQUIRE(block->gaps() == 1);
  auto file = open_file(file_options(directory));
  append_block(*file, block);
  const auto blocks = read_back(*file, 1);
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0]->gaps() == 1);
  CHECK(blocks[0]->frames() == block->frames());
  CHECK(blocks[0]->gap_frame(0) == block->gap_frame(0));
  CHECK(blocks[0]->json(0) == block->json(0));
  CHECK(blocks[0]->text(blocks[0]->entry(0).data) == data);
}

TEST_CASE("journal file: a file that cannot be one is refused with its name and the reason") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  const auto says = [&o](const std::string& what) {
    const std::string message = refusal(o);
    CAPTURE(message);
    CHECK(message.find(o.path) == 0);
    CHECK(message.find(what) != std::string::npos);
  };
  o.path = directory.file("missing/journal.sqlite");
  says("there is no directory " + directory.file("missing"));
  o.path = directory.path();
  says("it is a directory");
  o.path = directory.file("fifo");
  REQUIRE(::mkfifo(o.path.c_str(), 0600) == 0);
  says("it is a FIFO, not a file");
  CHECK_FALSE(JournalFile::look(o.path));
  o.path = "/dev/null";
  says("it is a device, not a file");
  o.path = directory.file("text");
  std::ofstream(o.path) << std::string(10'000, 'x');
  says("no SQLite file, or damaged");
  o.path = directory.file("other");
  run_sql(o.path, "CREATE TABLE t(x)");
  says("another program's database");
  o.path = directory.file("newer");
  open_file(o).reset();
  run_sql(o.path, "PRAGMA user_version=3");
  says("of version 3, written by a newer bridge");
}

TEST_CASE("journal file: a directory is made where that is asked for") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.path = directory.file("a/b/journal.sqlite");
  o.make_directory = true;
  open_file(o);
  CHECK(std::filesystem::exists(o.path));
}

TEST_CASE("journal file: one bridge at a time, by whatever name; everybody may read") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  auto file = open_file(o);
  append_block(*file, block_of(1, 10));
  std::filesystem::create_symlink(o.path, directory.file("link"));
  JournalFileOptions link = o;
  link.path = directory.file("link");
  CHECK(refusal(link).find("in use by another bridge") != std::string::npos);
  Database reader(o.path);
  CHECK(reader.number("SELECT count(*) FROM events") == 10);
  append_block(*file, block_of(11, 20));
  CHECK(reader.number("SELECT count(*) FROM events") == 20);
  file.reset();
  open_file(link);
}

TEST_CASE("journal file: an epoch that was ended is clean, one that was not is not") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  {
    auto file = open_file(o);
    CHECK(file->contents().epochs.empty());
    REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());
    append_block(*file, block_of(1, 10));
    REQUIRE(file->end_epoch().ok());
  }
  {
    auto file = open_file(o);
    CHECK(file->contents().clean);
    CHECK(file->contents().last_seq == 10);
    CHECK(file->contents().last_stamp_us == kJournalNow + 10);
    REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());
    append_block(*file, block_of(11, 12));
  }
  auto file = open_file(o);
  CHECK_FALSE(file->contents().clean);
  CHECK(file->contents().last_seq == 12);
  REQUIRE(file->begin_epoch({"two", 13}, kJournalNow).ok());
  file.reset();
  file = open_file(o);
  REQUIRE(file->contents().epochs.size() == 2);
  CHECK(file->contents().epochs[1].epoch == "two");
  CHECK(file->contents().epochs[1].first_seq == 13);
  CHECK(file->contents().last_seq == 12);
}

TEST_CASE("journal file: what could not be written is a hole, across which no block reaches") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  auto file = open_file(o);
  JournalItem hole;
  hole.hole = {6, 9};
  hole.reason = "test";
  REQUIRE(file->append({item_of(block_of(1, 5)), hole, item_of(block_of(10, 12))}, kJournalNow).ok());
  const auto before = read_back(*file, 2);
  REQUIRE(before.size() == 1);
  CHECK(before[0]->first_seq() == 2);
  CHECK(before[0]->last_seq() == 5);
  const auto after = read_back(*file, 6);
  REQUIRE(after.size() == 1);
  CHECK(after[0]->first_seq() == 10);
  CHECK(read_back(*file, 13).empty());
  hole.hole = {13, 20};
  REQUIRE(file->append({hole}, kJournalNow).ok());
  file.reset();
  file = open_file(o);
  CHECK(file->contents().holes.size() == 2);
  CHECK(file->contents().last_seq == 20);  // their numbers are taken
}

TEST_CASE("journal file: blocks end at the same places whoever asks") {
  ScratchDirectory directory;
  auto file = open_file(file_options(directory));
  append_block(*file, block_of(1, 5000));
  const auto a = read_back(*file, 100);
  const auto b = read_back(*file, 1000);
  REQUIRE(a.size() >= 3);
  CHECK(a[0]->last_seq() == b[0]->last_seq());
  CHECK(a[1]->first_seq() == b[1]->first_seq());
  CHECK(a.back()->last_seq() == 5000);
}

TEST_CASE("journal file: a row that somebody changed is left out, not sent") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  auto file = open_file(o);
  append_block(*file, block_of(1, 10));
  run_sql(o.path, "UPDATE events SET body='{}' WHERE seq=4");
  CHECK(read_back(*file, 1).back()->last_seq() == 3);
  const auto after = read_back(*file, 4);
  REQUIRE_FALSE(after.empty());
  CHECK(after[0]->first_seq() == 5);
  CHECK(after.back()->last_seq() == 10);
}

TEST_CASE("journal file: how far each run had come, also behind a failed write") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  auto file = open_file(o);
  append_block(*file, block_of(1, 10));
  CHECK_FALSE(file->append({item_of(block_of(11, 12)), item_of(block_of(5, 5))}, kJournalNow).ok());
  CHECK(read_back(*file, 11).empty());
  append_block(*file, block_of(11, 13));
  file.reset();
  file = open_file(o);
  REQUIRE(file->contents().positions.size() == 1);
  CHECK(file->contents().positions[0].source == "s");
  CHECK(file->contents().positions[0].run == "r");
  CHECK(file->contents().positions[0].last_source_seq == 13);
}

// Events first..last, each of a run of its own.
BlockPtr runs_of(std::uint64_t first, std::uint64_t last) {
  BlockBuilder builder;
  EnvelopeParser parser(1 << 16);
  for (std::uint64_t seq = first; seq <= last; ++seq) {
    const std::string body = R"({"type":"t","data":{},"source":"s","run":"r)" +
                             std::to_string(seq) + R"(","source_seq":7})";
    REQUIRE(parser.parse(body) == Reject::none);
    builder.add(parser.envelope(), seq, kJournalNow);
  }
  return builder.seal();
}

std::int64_t source_rows(const JournalFileOptions& o) {
  return Database(o.path, Database::Mode::read).number("SELECT count(*) FROM sources").value_or(-1);
}

TEST_CASE("journal file: a run is known however many came after it, also after a restart") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.positions_max = 10;
  auto file = open_file(o);
  append_block(*file, block_of(1, 5));  // of "r"
  append_block(*file, runs_of(6, 6000));
  CHECK(file->find_position("s", "r").value() == 5);
  CHECK(file->find_position("s", "r6").value() == 7);
  CHECK_FALSE(file->find_position("s", "none").value());
  CHECK_FALSE(file->find_position("", "").value());
  file.reset();
  file = open_file(o);
  REQUIRE(file->contents().positions.size() == 10);
  CHECK(file->contents().positions.front().run == "r5991");
  CHECK(file->contents().positions.back().run == "r6000");
  CHECK(file->find_position("s", "r").value() == 5);
  // It comes back: its position goes on from where it was, and is not set back by what comes again.
  append_block(*file, block_of(6001, 6003));
  CHECK(file->find_position("s", "r").value() == 6003);
}

TEST_CASE("journal file: runs that made-up names push out are the oldest, and the table is bounded") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.bytes_max = 1 << 20;
  auto file = open_file(o);
  append_block(*file, block_of(1, 5));
  for (std::uint64_t seq = 6; seq < 20'000; seq += 1000) {
    append_block(*file, runs_of(seq, seq + 999));
    REQUIRE(file->trim(2000, kJournalNow).ok());
    CHECK(source_rows(o) <= 3048);
  }
  CHECK_FALSE(file->find_position("s", "r").value());
  CHECK(file->find_position("s", "r20000").value() == 7);
}

TEST_CASE("journal file: one of a bridge that kept no index of its runs is gone on with") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  {
    auto file = open_file(o);
    append_block(*file, block_of(1, 5));
  }
  run_sql(o.path, "DROP INDEX sources_by_seq");
  auto file = open_file(o);
  CHECK(file->find_position("s", "r").value() == 5);
  CHECK(Database(o.path, Database::Mode::read)
            .number("SELECT count(*) FROM sqlite_master WHERE name='sources_by_seq'") == 1);
}

TEST_CASE("journal file: going backward, the last block holds the place, or ends at the last row before") {
  ScratchDirectory directory;
  auto file = open_file(file_options(directory));
  JournalItem hole;
  hole.hole = {3001, 4000};
  REQUIRE(file->append({item_of(block_of(1, 3000)), hole, item_of(block_of(4001, 4500))}, kJournalNow).ok());
  const auto back = [&](std::uint64_t to) {
    auto blocks = file->read_back(to);
    REQUIRE(blocks.ok());
    return std::move(blocks.value());
  };
  std::vector<std::uint64_t> seen;
  for (std::uint64_t to = 4500; to > 0;) {
    const auto blocks = back(to);
    if (blocks.empty()) break;
    CHECK(blocks.size() == 1);
    const Block& block = *blocks.back();
    to = std::min(to, block.last_seq());
    for (; to >= block.first_seq(); --to) seen.push_back(to);
  }
  REQUIRE(seen.size() == 3500);
  CHECK(std::is_sorted(seen.rbegin(), seen.rend()));
  CHECK(back(4000).back()->last_seq() == 3000);
  CHECK(back(100).back()->contains(100));
  CHECK(back(~0ull >> 1).back()->contains(4500));
  CHECK(back(0).empty());
  // Events that are large beside their data make several blocks; the place is in the last.
  const std::string note = R"({},"note":")" + std::string(200'000, 'x') + "\"";
  append_block(*file, block_of(4501, 4530, kJournalNow, note));
  const auto large = back(4530);
  CHECK(large.back()->contains(4530));
  CHECK(large.size() <= 8);
}

TEST_CASE("journal file: the first event of a time") {
  ScratchDirectory directory;
  auto file = open_file(file_options(directory));
  JournalItem hole;
  hole.hole = {101, 199};
  REQUIRE(file->append({item_of(block_of(1, 100)), hole, item_of(block_of(200, 300))}, kJournalNow).ok());
  const auto first = [&](std::int64_t us) { return file->first_seq_since(us).value(); };
  CHECK(first(0) == 1);
  CHECK(first(kJournalNow + 50) == 50);
  CHECK(first(kJournalNow + 100) == 100);
  CHECK(first(kJournalNow + 101) == 101);  // it may be in the hole
  CHECK(first(kJournalNow + 300) == 300);
  CHECK(first(kJournalNow + 301) == 301);
}

TEST_CASE("journal file: too old events go, in slices, and the newest stays") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.age_max_us = 1'000'000;
  auto file = open_file(o);
  append_block(*file, block_of(1, 1000));
  CHECK(file->trim(100, kJournalNow + 1'000'000).value() == 0);
  CHECK(file->trim(100, kJournalNow + 1'000'500).value() == 100);
  CHECK(file->first_seq() == 101);
  std::uint64_t removed = 100;
  while (const auto n = file->trim(100, kJournalNow + 1'000'500).value()) removed += n;
  CHECK(removed == 499);  // the stamp of event 500 is just not too old
  while (file->trim(1000, kJournalNow + 10'000'000).value() != 0) {
  }
  CHECK(file->first_seq() == 1000);
  CHECK(read_back(*file, 1).front()->first_seq() == 1000);
}

// Events first..last, one a second, beginning `from_s` seconds after kJournalNow.
BlockPtr seconds_of(std::uint64_t first, std::uint64_t last, std::int64_t from_s) {
  BlockBuilder builder;
  Envelope event;
  event.type = "t";
  event.data = "{}";
  for (std::uint64_t seq = first; seq <= last; ++seq, ++from_s) {
    builder.add(event, seq, kJournalNow + from_s * 1'000'000);
  }
  return builder.seal();
}

constexpr std::int64_t kMonthS = 30 * 86'400;

TEST_CASE("journal file: an epoch that goes on ends the one before in order, and times are found in either") {
  ScratchDirectory directory;
  const JournalFileOptions o = file_options(directory);
  auto file = open_file(o);
  REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());
  append_block(*file, seconds_of(1, 10, 0));
  append_block(*file, seconds_of(11, 13, kMonthS));
  REQUIRE(file->begin_epoch({"two", 14, true}, kJournalNow).ok());
  append_block(*file, seconds_of(14, 20, 13));
  REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());  // already there: nothing happens
  const auto first = [&](std::int64_t s) {
    return file->first_seq_since(kJournalNow + s * 1'000'000).value();
  };
  CHECK(first(0) == 1);
  CHECK(first(5) == 6);
  CHECK(first(13) == 11);
  CHECK(first(14) == 15);
  CHECK(first(20) == 21);
  CHECK(first(kMonthS) == 21);
  file.reset();
  file = open_file(o);
  REQUIRE(file->contents().epochs.size() == 2);
  CHECK(file->contents().epochs[1].goes_on);
  CHECK_FALSE(file->contents().clean);
  CHECK(file->contents().last_stamp_us == kJournalNow + 19'000'000);
  // After a kill the next one does not go on.
  REQUIRE(file->begin_epoch({"three", 21}, kJournalNow).ok());
  file.reset();
  file = open_file(o);
  CHECK_FALSE(file->contents().epochs[2].goes_on);
}

TEST_CASE("journal file: events of a clock that was ahead do not keep the others, nor go before them") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.age_max_us = 100'000'000;
  auto file = open_file(o);
  REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());
  append_block(*file, seconds_of(1, 10, 0));
  append_block(*file, seconds_of(11, 13, kMonthS));
  REQUIRE(file->begin_epoch({"two", 14, true}, kJournalNow).ok());
  append_block(*file, seconds_of(14, 30, 13));
  const auto trim_at = [&](std::int64_t s) {
    REQUIRE(file->trim(1000, kJournalNow + s * 1'000'000).ok());
    return file->first_seq();
  };
  CHECK(trim_at(100) == 1);
  CHECK(trim_at(105) == 6);
  CHECK(trim_at(112) == 11);
  CHECK(trim_at(113) == 11);
  CHECK(trim_at(114) == 15);
  CHECK(trim_at(1000) == 30);
}

TEST_CASE("journal file: a clock that comes back to long ago makes nothing old") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.age_max_us = 100'000'000;
  auto file = open_file(o);
  REQUIRE(file->begin_epoch({"one", 1}, kJournalNow).ok());
  append_block(*file, seconds_of(1, 10, 0));
  REQUIRE(file->begin_epoch({"two", 11}, kJournalNow).ok());
  append_block(*file, seconds_of(11, 13, -kMonthS));  // a machine without a clock of its own
  append_block(*file, seconds_of(14, 20, 13));        // until it is told the time
  REQUIRE(file->trim(1000, kJournalNow + 50'000'000).ok());
  CHECK(file->first_seq() == 1);
  REQUIRE(file->trim(1000, kJournalNow + 115'000'000).ok());
  CHECK(file->first_seq() == 16);
}

TEST_CASE("journal file: beyond its size the oldest go, and their room is used again") {
  ScratchDirectory directory;
  JournalFileOptions o = file_options(directory);
  o.bytes_max = 1 << 20;
  auto file = open_file(o);
  std::uint64_t seq = 1;
  for (int i = 0; i < 100; ++i, seq += 500) {
    append_block(*file, block_of(seq, seq + 499));
    while (file->trim(1000, kJournalNow).value() != 0) {
    }
  }
  CHECK(file->bytes() <= o.bytes_max);
  CHECK(file->first_seq() > 1);
  CHECK(std::filesystem::file_size(o.path) <= 2 * o.bytes_max);
  const auto blocks = read_back(*file, 1);
  CHECK(blocks.front()->first_seq() == file->first_seq());
  CHECK(blocks.back()->last_seq() == seq - 1);
}

TEST_CASE("journal file: what one holds can be seen without opening it, or it is said that it cannot") {
  ScratchDirectory directory;
  JournalFileOptions options;
  options.path = directory.file("j %41?x#y");
  CHECK_FALSE(JournalFile::look(directory.file("missing/j")));
  const auto absent = JournalFile::look(options.path);
  REQUIRE(absent);
  CHECK(absent->last_seq == 0);
  CHECK(absent->epochs.empty());
  {
    auto file = open_file(options);
    REQUIRE(file->begin_epoch({"e", 1}, kJournalNow).ok());
    append_block(*file, block_of(1, 30));
    CHECK_FALSE(JournalFile::look(options.path));  // whoever has it goes on writing
    REQUIRE(file->end_epoch().ok());
  }
  std::vector<std::string> names;
  const auto list = [&] {
    names.clear();
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  const std::vector<std::string> before = list();
  const auto held = JournalFile::look(options.path);
  REQUIRE(held);
  CHECK(held->last_seq == 30);
  CHECK(held->last_stamp_us == kJournalNow + 30);
  REQUIRE(held->epochs.size() == 1);
  CHECK(held->epochs[0].epoch == "e");
  REQUIRE(held->positions.size() == 1);
  CHECK(held->positions[0].last_source_seq == 30);
  CHECK(list() == before);
  std::ofstream(options.path) << std::string(10'000, 'x');
  CHECK_FALSE(JournalFile::look(options.path));
}
