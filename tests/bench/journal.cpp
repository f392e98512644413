#include "journal.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <thread>

#include "base/clock.h"
#include "event/block.h"
#include "event_text.h"
#include "statistics.h"
#include "runs/database.h"
#include "store/journal.h"
#include "support/scratch_directory.h"

namespace bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kRowsPerCommit = 4096;
constexpr std::size_t kEventsPerBlock = 1000;

// What folding it into the runs costs depends on the type.
void append_body(std::string& body, const Options& options, const EventText& events, std::uint64_t seq) {
  if (options.journal_type == "price_update") return events.append_published(body, seq);
  const std::string n = std::to_string(seq);
  const std::string agent = R"({"agent_id":"agent_)" + std::to_string(seq % 4) + "\"";
  body.append(R"({"type":")").append(options.journal_type).append(R"(","data":)").append(agent);
  if (options.journal_type == "scalar") {
    body.append(R"(,"tag":"train/policy_loss","value":0.)").append(n).append(R"(,"step":)").append(n);
  } else {
    body.append(R"(,"action_type":"sell_all","item":"Abyssal whip","price":1670794,"quantity":12,"profit":)")
        .append(seq % 2 != 0 ? "-" : "").append(n).append(R"(.25,"total_value":20049528,"gp":)").append(n);
  }
  body.append(R"(},"timestamp":1619395200.251,"source":"ppo-bench","run":"r1","source_seq":)").append(n) += '}';
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(used.ru_utime) + s(used.ru_stime);
}

std::vector<bridge::BlockPtr> make_blocks(const Options& options) {
  const EventText events(options.event_bytes);
  bridge::EnvelopeParser parser(1 << 20);
  bridge::BlockBuilder builder;
  std::vector<bridge::BlockPtr> blocks;
  std::string body;
  for (std::uint64_t seq = 1; seq <= options.journal_rows; ++seq) {
    body.clear();
    append_body(body, options, events, seq);
    if (parser.parse(body) != bridge::Reject::none) throw std::runtime_error("a bad body");
    builder.add(parser.envelope(), seq, 1'619'395'200'000'000 + static_cast<std::int64_t>(seq));
    if (builder.size() == kEventsPerBlock || seq == options.journal_rows) {
      blocks.push_back(builder.seal());
    }
  }
  return blocks;
}

// As anybody would write it who knows SQLite well and nothing of journals.
double bare_rows_per_s(const std::string& path, const std::vector<bridge::BlockPtr>& blocks,
                       std::size_t rows) {
  bridge::Database db(path);
  db.run("PRAGMA journal_mode=WAL");
  db.run("PRAGMA synchronous=NORMAL");
  db.run("PRAGMA cache_size=-16384");
  db.run("PRAGMA wal_autocheckpoint=4096");
  db.run(
      "CREATE TABLE events(seq INTEGER PRIMARY KEY,timestamp REAL NOT NULL,type TEXT NOT NULL,"
      "source TEXT,run TEXT,source_seq INTEGER,agent_id TEXT,item TEXT,"
      "data_bytes INTEGER NOT NULL,body TEXT NOT NULL)");
  bridge::Statement insert(db, "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?)");
  const auto begin = steady_clock::now();
  std::size_t in_transaction = 0;
  for (const bridge::BlockPtr& block : blocks) {
    for (std::size_t i = 0; i < block->size(); ++i) {
      if (in_transaction++ == 0) db.run("BEGIN");
      const bridge::EventEntry& entry = block->entry(i);
      insert.bind(1, block->seq(i));
      insert.bind(2, static_cast<double>(entry.timestamp_us) / 1e6);
      insert.bind(3, block->text(entry.type));
      insert.bind(4, block->text(entry.source));
      insert.bind(5, block->text(entry.run));
      insert.bind(6, entry.source_seq);
      insert.bind(7, std::nullopt);
      insert.bind(8, block->text(entry.item));
      insert.bind(9, std::uint64_t{entry.data.size});
      insert.bind(10, block->json(i));
      insert.run();
      if (in_transaction == kRowsPerCommit) {
        db.run("COMMIT");
        in_transaction = 0;
      }
    }
  }
  if (in_transaction != 0) db.run("COMMIT");
  return static_cast<double>(rows) / seconds_since(begin);
}

double journal_rows_per_s(const std::string& path, const std::vector<bridge::BlockPtr>& blocks,
                          std::size_t rows) {
  bridge::JournalFileOptions options;
  options.path = path;
  const bridge::SystemClock clock;
  auto opened = bridge::JournalFile::open(options);
  if (!opened) throw std::runtime_error(opened.error().message);
  const auto begun = opened.value()->begin_epoch({"bench", 1}, clock.wall_us());
  if (!begun) throw std::runtime_error(begun.error().message);
  bridge::JournalThread journal(options, clock, {[](std::function<void()>) {}, {}});
  journal.start(std::move(opened.value()), {"bench", 1}, 0, "");
  const auto begin = steady_clock::now();
  for (const bridge::BlockPtr& block : blocks) {
    while (!journal.push(block, 0)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  while (journal.status().committed_seq < rows) {
    if (!journal.status().problem.empty()) throw std::runtime_error(journal.status().problem);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double took = seconds_since(begin);
  if (journal.status().rows != rows) throw std::runtime_error("not all rows were written");
  return static_cast<double>(rows) / took;
}

}  // namespace

std::vector<JournalRow> measure_journal(const Options& options) {
  JournalRow row;
  row.rows = options.journal_rows;
  const std::vector<bridge::BlockPtr> blocks = make_blocks(options);
  for (std::size_t round = 0; round < options.rounds; ++round) {
    if (interrupted) throw std::runtime_error("interrupted");
    const testing_support::ScratchDirectory directory;
    JournalRound got;
    got.bare_rows_per_s = bare_rows_per_s(directory.file("bare"), blocks, row.rows);
    const double cpu_before = cpu_seconds();
    got.journal_rows_per_s = journal_rows_per_s(directory.file("journal"), blocks, row.rows);
    got.journal_rows_per_cpu_s = static_cast<double>(row.rows) / (cpu_seconds() - cpu_before);
    got.times = got.journal_rows_per_s / got.bare_rows_per_s;
    std::fprintf(stderr, "journal, round %zu, bare %.0f rows/s, journal %.0f rows/s (%.0f a CPU second): %.2f\n",
                 round + 1, got.bare_rows_per_s, got.journal_rows_per_s, got.journal_rows_per_cpu_s, got.times);
    row.rounds.push_back(got);
  }
  return {row};
}

}  // namespace bench
