#include "store/type_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store/journal_file.h"
#include "support/scratch_directory.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

constexpr std::int64_t kTypesNow = 1'619'395'200'000'000;

JournalItem typed_block(std::uint64_t first, const std::vector<std::string>& types) {
  BlockBuilder builder;
  EnvelopeParser parser(1 << 16);
  for (const std::string& type : types) {
    const std::string body = R"({"type":")" + type + R"(","data":{}})";
    REQUIRE(parser.parse(body) == Reject::none);
    builder.add(parser.envelope(), first++, kTypesNow);
  }
  JournalItem item;
  item.block = builder.seal();
  return item;
}

struct TypedJournal {
  TypedJournal() {
    options.path = directory.file("j");
    options.age_max_us *= 10'000;  // these are of 2021
    open();
  }
  void open() {
    file.reset();
    auto opened = JournalFile::open(options);
    REQUIRE(opened.ok());
    file = std::move(opened.value());
    while (file->past_is_behind()) REQUIRE(file->fold_past().ok());
  }
  // Events from `seq` on; `rare` is of one in thousands, `x_...` of some blocks.
  void append(std::uint64_t count) {
    while (count > 0) {
      std::vector<std::string> types;
      for (; types.size() < 700 && count > 0; --count, ++seq) {
        types.push_back(seq % 3777 == 0 ? "rare" : seq / 5000 % 3 == 1 && seq % 50 == 0 ? "x_" + std::to_string(seq % 7) : seq % 2 == 0 ? "even" : "odd");
      }
      events.resize(seq);
      std::copy(types.begin(), types.end(), events.end() - static_cast<std::ptrdiff_t>(types.size()));
      REQUIRE(file->append({typed_block(seq - types.size(), types)}, kTypesNow).ok());
    }
  }
  // From `at` to `bound`: what is passed over is none of the wanted, and it is known how many events that was.
  void search(const std::vector<std::string>& wanted, std::uint64_t at, std::uint64_t bound) {
    CAPTURE(at);
    CAPTURE(bound);
    TypeSearch search{wanted, at, bound, at > bound, {}};
    const bool back = search.back;
    std::uint64_t seen = 0, asked = 0;
    while (back ? search.at >= bound : search.at <= bound) {
      const std::uint64_t from = search.at;
      TypeStretch found;
      while (!file->find_types(&search, &found).value()) REQUIRE(++asked < 1000);
      const std::uint64_t next = back ? found.to : found.from;
      REQUIRE((back ? next <= from : next >= from));
      CHECK(found.held == count(back ? next + 1 : from, back ? from : next - 1, {}));
      CHECK(count(back ? next + 1 : from, back ? from : next - 1, wanted) == 0);
      const std::uint64_t end = back ? found.from : found.to;
      seen += end < std::min(at, bound) || end > std::max(at, bound) ? 0 : count(found.from, found.to, wanted);
      if (found.from > found.to) break;
      looked_through += found.to - found.from + 1;
      search.at = back ? end - 1 : end + 1;
      REQUIRE(++asked < 1000);
    }
    CHECK(seen == count(std::min(at, bound), std::max(at, bound), wanted));
  }
  // Events of these types, or all.
  std::uint64_t count(std::uint64_t from, std::uint64_t to, const std::vector<std::string>& wanted) const {
    std::uint64_t n = 0;
    for (std::uint64_t s = from; s <= to && s < events.size(); ++s) {
      if (events[s].empty()) continue;
      n += wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) { return pattern_matches(w, events[s]); }) ? 1 : 0;
    }
    return n;
  }
  std::vector<std::string> rows() {
    Database db(options.path, Database::Mode::read);
    Statement all(db, "SELECT block,events,types FROM types ORDER BY block");
    std::vector<std::string> out;
    while (all.step()) {
      std::string types(all.text(2));
      std::set<std::string> sorted;
      for (std::size_t end = 0; (end = types.find(' ')) != std::string::npos; types.erase(0, end + 1)) sorted.insert(types.substr(0, end));
      std::string row = std::to_string(all.number(0)) + ":" + std::to_string(all.number(1)) + types;
      for (const std::string& type : sorted) row += " " + type;
      out.push_back(row);
    }
    return out;
  }

  ScratchDirectory directory;
  JournalFileOptions options;
  std::unique_ptr<JournalFile> file;
  std::uint64_t seq = 1;
  std::vector<std::string> events = {""};  // types by seq; empty: a hole
  std::uint64_t looked_through = 0;
};

}  // namespace

TEST_CASE("type index: what a search passes over is of other types, and counted; forward, backward, over holes and restarts") {
  TypedJournal at;
  at.append(12'345);
  at.seq += 9'000;  // a hole
  at.append(7'000);
  at.open();
  at.append(20'000);
  std::mt19937 random(5);
  for (const auto& wanted : std::vector<std::vector<std::string>>{{"rare"}, {"x_*"}, {"x_3", "rare"}, {"odd"}, {"none"}, {"*"}}) {
    for (int round = 0; round < 40; ++round) {
      const auto place = [&] {
        const std::uint64_t s = 1 + random() % (at.seq - 1);
        return random() % 2 == 0 ? s : std::max<std::uint64_t>(1, s / 1024 * 1024 + random() % 2);
      };
      at.search(wanted, place(), place());
    }
  }
  at.looked_through = 0;
  at.search({"rare"}, at.seq - 1, 1);
  CHECK(at.looked_through < 14 * 1024);  // of 48,345
}

TEST_CASE("type index: rows that an older bridge did not write are made, and a write that failed leaves none") {
  TypedJournal at;
  at.append(10'000);
  const auto rows = at.rows();
  CHECK(rows.size() == 10);
  CHECK(rows[1] == "1:1024 even odd");
  CHECK(rows[3] == "3:1024 even odd rare");
  for (const char* sql : {"DELETE FROM types", "DELETE FROM types WHERE block<7", "DROP TABLE types"}) {
    at.file.reset();
    Database(at.options.path).run(sql);
    at.open();
    CHECK(at.rows() == rows);
    at.search({"rare"}, 10'000, 1);
  }
  {
    Database other(at.options.path);
    other.run("BEGIN IMMEDIATE");  // nobody else writes now
    CHECK_FALSE(at.file->append({typed_block(10'001, {"other"})}, kTypesNow).ok());
    other.run("ROLLBACK");
  }
  at.append(3);
  CHECK(at.rows().back() == "9:787 even odd x_0 x_1 x_2 x_3 x_4 x_5 x_6");
  // Of more types than are kept, any may be there.
  std::vector<std::string> many;
  for (int i = 0; i < 70; ++i) many.push_back("t" + std::to_string(i));
  REQUIRE(at.file->append({typed_block(10'004, many)}, kTypesNow).ok());
  CHECK(at.rows().back() == "9:857*");
  at.events.insert(at.events.end(), many.begin(), many.end());
  at.seq += many.size();
  at.search({"t69"}, at.seq - 1, 1);
}

TEST_CASE("type index: rows go with their events") {
  TypedJournal at;
  at.append(10'000);
  JournalLimits limits{1 << 30, 1, 1 << 30, INT64_MAX / 2};
  at.file->set_limits(limits);
  REQUIRE(at.file->trim(5'000, kTypesNow + 10).ok());
  CHECK(at.file->first_seq() == 5'001);
  CHECK(at.rows().size() == 6);
  CHECK(at.rows().front().substr(0, 2) == "4:");
  for (std::uint64_t s = 1; s < 5'001; ++s) at.events[s].clear();
  at.search({"rare"}, 10'000, 5'001);
  at.search({"rare"}, 5'001, 10'000);
}
