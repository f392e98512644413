// Two journals with the same events, of which one packs those that are old.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "runs/run_queries.h"
#include "store/journal_file.h"
#include "support/scratch_directory.h"
#include "support/sqlar.h"

namespace bridge::packed {

using testing_support::ScratchDirectory;

inline constexpr std::int64_t kPackedNow = 1'619'395'200'000'000;
inline constexpr std::int64_t kEventUs = 1'003;

inline std::vector<std::string> rows_of(const std::string& path, const std::string& sql) {
  Database db(path, Database::Mode::read);
  testing_support::add_sqlar(db.handle());
  std::vector<std::string> out;
  Statement rows(db, sql.c_str());
  while (rows.step()) out.emplace_back(rows.text(0));
  return out;
}

inline std::string every_column() {
  std::string sql;
  for (const char* column : {"seq", "timestamp", "type", "source", "run", "source_seq", "agent_id", "item", "data_bytes", "body"}) {
    sql += std::string(sql.empty() ? "SELECT " : "||'|'||") + "typeof(" + column + ")||quote(" + column + ")";
  }
  return sql + " FROM events ORDER BY seq";
}

// Trades, portfolios, curves, odd texts and large ones, of several sources, with gaps in what is told of them.
inline std::string body_of(std::uint64_t seq) {
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

inline constexpr std::uint64_t kLast = 7000;

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

inline void check_same(Both& both) {
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

inline std::vector<std::string> tables_of(const Kept& kept) {
  std::vector<std::string> all;
  for (const char* sql : {"SELECT block||' '||events||' '||types FROM types ORDER BY 1", "SELECT source||run||agent_id||state||coalesce(steps,'') FROM runs ORDER BY 1",
                          "SELECT run||' '||trades||' '||wins||' '||closed||' '||profit||' '||volume||coalesce(value,'') FROM tallies ORDER BY 1",
                          "SELECT run||tag||points FROM curves ORDER BY 1", "SELECT at||' '||run||' '||trades FROM tallies_before ORDER BY 1"}) {
    for (std::string& row : rows_of(kept.options.path, sql)) all.push_back(std::move(row));
  }
  for (std::string& row : all) std::sort(row.begin(), row.end());  // types come in any order
  return all;
}

}  // namespace bridge::packed
