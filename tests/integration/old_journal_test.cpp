// A journal that an older program wrote, before there were tables of runs: what today's bridge makes of it is what SQL
// makes of its events.

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include "journal_bridge.h"
#include "runs/database.h"

using namespace testing_support;

namespace {

void unpack(const std::string& from, const std::string& to) {
  gzFile in = gzopen(from.c_str(), "rb");
  REQUIRE_MESSAGE(in != nullptr, from);
  std::ofstream out(to, std::ios::binary);
  std::vector<char> part(1 << 16);
  for (int n = 0; (n = gzread(in, part.data(), static_cast<unsigned>(part.size()))) > 0;) out.write(part.data(), n);
  CHECK(gzclose(in) == Z_OK);
}

Json command(ProtocolClient& client, const std::string& name, const std::string& params = "{}") {
  return client.request(R"({"action":"command","command":")" + name + R"(","params":)" + params + "}");
}

std::string run_id(const bridge::Statement& row) {
  const std::string agent(row.text(2));
  return std::string(row.text(0)) + "@" + std::string(row.text(1)) + (agent.empty() ? "" : "/" + agent);
}

// Of events; agents of one run, runs of one source.
constexpr const char* kWho = "SELECT source,coalesce(run,''),coalesce(agent_id,'')";

void check_tallies(const Json& got, bridge::Database& db) {
  bridge::Statement rows(
      db, (std::string(kWho) +
           ",sum(type='trade_executed'),sum(type='trade_executed' AND body->>'$.data.profit'>0),"
           "sum(type='trade_executed' AND (body->>'$.data.profit'!=0 OR body->>'$.data.action_type' LIKE 'sell%')),"
           "total(CASE type WHEN 'trade_executed' THEN body->>'$.data.profit' END),"
           "total(CASE type WHEN 'trade_executed' THEN body->>'$.data.price'*(body->>'$.data.quantity') END),"
           "(SELECT p.body->>'$.data.total_value' FROM events p WHERE p.type='portfolio_update' AND p.source=e.source AND "
           "p.run IS e.run AND p.agent_id=e.agent_id ORDER BY seq DESC LIMIT 1) "
           "FROM events e WHERE type IN ('trade_executed','portfolio_update') GROUP BY 1,2,3")
              .c_str());
  std::size_t i = 0;
  for (; rows.step(); ++i) {
    const std::string at = "/result/tallies/" + std::to_string(i) + "/";
    CHECK(got.string(at + "run_id") == run_id(rows));
    CHECK(got.integer(at + "trades") == static_cast<std::int64_t>(rows.number(3)));
    CHECK(got.integer(at + "wins") == static_cast<std::int64_t>(rows.number(4)));
    CHECK(got.integer(at + "closed") == static_cast<std::int64_t>(rows.number(5)));
    CHECK(std::fabs(got.number(at + "profit") - rows.real(6)) < 1e-6);
    CHECK(std::fabs(got.number(at + "volume") - rows.real(7)) < 1e-6);
    CHECK(got.dump(at + "value") == (rows.is_null(8) ? "null" : std::string(rows.text(8))));
  }
  CHECK(i == 4);
  CHECK(got.size("/result/tallies") == i);
}

void check_curves(ProtocolClient& client, bridge::Database& db, std::size_t count) {
  // Steps and values of each run and tag, as SQL finds them in the events.
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<double, std::string>>> wanted;
  bridge::Statement rows(
      db,
      (std::string(kWho) +
       ",body->>'$.data.tag',body->>'$.data.step',coalesce(body->>'$.data.value','null'),seq FROM events WHERE type='scalar' "
       "UNION ALL " + kWho +
       ",events.type||'/'||key,coalesce(body->>'$.data.step',body->>'$.data.global_step'),coalesce(atom,'null'),seq "
       "FROM events,json_each(body,'$.data') WHERE events.type IN ('training_update','episode_end') AND "
       "json_each.type IN ('integer','real','null') AND key NOT IN ('step','global_step') ORDER BY 5,seq")
          .c_str());
  while (rows.step()) wanted[{run_id(rows), std::string(rows.text(3))}].emplace_back(rows.real(4), rows.text(5));
  CHECK(wanted.size() == count);
  for (const auto& [curve, points] : wanted) {
    INFO(curve.first << " " << curve.second);
    const Json got = command(client, "get_series", R"({"run_ids":")" + curve.first + R"(","tags":")" + curve.second + "\"}");
    REQUIRE(got.size("/result/series/0/points") == points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      const std::string at = "/result/series/0/points/" + std::to_string(i);
      CHECK(got.number(at + "/0") == points[i].first);
      if (points[i].second == "null") {
        CHECK(got.dump(at + "/1") == "null");
      } else {
        CHECK(got.number(at + "/1") == std::stod(points[i].second));
      }
    }
  }
}

// What the trades of version 1's journal are, gone on with; the sum of all profits by a number's event.
void publish_trading(EventPublisher& publisher, std::uint64_t from, std::uint64_t to) {
  std::vector<std::string> batch;
  for (std::uint64_t n = from; n <= to; ++n) {
    const std::string agent = R"({"agent_id":"a)" + std::to_string(n % 3) + "\",", number = std::to_string(n);
    batch.push_back(n % 5 == 0   ? event_body("portfolio_update", agent + R"("total_value":)" + number + "}", "s", "r", n)
                    : n % 5 == 1 ? event_body("scalar", agent + R"("tag":"loss","step":)" + number + R"(,"value":)" + number + "}", "s", "r", n)
                                 : event_body("trade_executed", agent + R"("profit":1.25,"price":2,"quantity":3})", "s", "r", n));
  }
  REQUIRE(publisher.publish_batch(batch));
}

double profit_by(ProtocolClient& client, std::int64_t seq) {
  const Json got = command(client, "get_tallies", R"({"at_seq":)" + std::to_string(seq) + "}");
  double sum = 0;
  for (std::size_t i = 0; i < got.size("/result/tallies"); ++i) sum += got.number("/result/tallies/" + std::to_string(i) + "/profit");
  return sum;
}

}  // namespace

TEST_CASE("runs: an older program's own journal is opened, and all it tells of runs is found in it") {
  ScratchDirectory directory;
  const std::string path = directory.file("j");
  unpack(PPO_TEST_DATA "/journal_before_runs.gz", path);
  bridge::Database db(path, bridge::Database::Mode::read);
  REQUIRE(db.number("SELECT count(*) FROM events") == 820);
  REQUIRE_FALSE(db.number("SELECT 1 FROM sqlite_master WHERE name='runs'"));
  // Older every day.
  BridgeProcess bridge(with_journal(path, {"journal.age_max_s=315360000", "journal.runs_age_max_s=3153600000"}));
  ProtocolClient client(bridge.websocket());
  REQUIRE(wait_until([&] { return command(client, "get_tallies").integer("/result/seq") >= 820; }));
  check_tallies(command(client, "get_tallies"), db);
  check_curves(client, db, 18);
  const Json runs = command(client, "get_runs", R"({"sort":"source"})");
  std::map<std::string, std::string> told;
  for (std::size_t i = 0; i < runs.size("/result/runs"); ++i) {
    const std::string at = "/result/runs/" + std::to_string(i) + "/";
    told[runs.string(at + "run_id")] = runs.string(at + "state") + " " + runs.dump(at + "name") + " " +
                                       (runs.has(at + "config/gamma") ? runs.dump(at + "config/gamma") : "null") + " " + runs.dump(at + "error");
  }
  const std::map<std::string, std::string> expected = {
      {"hand@/manual", "lost null null null"},
      {"trainer-1@a1", R"(crashed "ppo, first" 0.95 "ValueError: bad reward")"},
      {"trainer-1@a1/agent_0", R"(crashed "ppo, first" 0.95 "ValueError: bad reward")"},
      {"trainer-1@a1/agent_1", R"(crashed "ppo, first" 0.95 "ValueError: bad reward")"},
      {"trainer-2@b7", R"(lost "second" 0.9 null)"},
      {"trainer-2@b7/solo", R"(lost "second" 0.9 null)"}};
  CHECK(told.size() == expected.size());
  for (const auto& [id, what] : expected) CHECK(told[id] == what);
  const Json marks = command(client, "get_series", R"({"run_ids":"trainer-1@a1/agent_0","tags":"none","marks":true})");
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < marks.size("/result/marks"); ++i) {
    kinds.push_back(marks.string("/result/marks/" + std::to_string(i) + "/kind"));
  }
  CHECK(kinds == std::vector<std::string>{"ended", "error", "set_hyperparameter", "started"});
  client.disconnect();
  CHECK(bridge.stop() == 0);
  CHECK(db.number("SELECT count(*) FROM events WHERE seq<=820") == 820);
}

TEST_CASE("runs: a journal of version 1 is gone on with: curves, tallies at any event, and its types") {
  ScratchDirectory directory;
  const std::string path = directory.file("j");
  unpack(PPO_TEST_DATA "/journal_version_1.gz", path);
  bridge::Database db(path, bridge::Database::Mode::read);
  REQUIRE(db.number("SELECT value FROM runs_state WHERE name='version'") == 1);
  REQUIRE(db.number("SELECT max(points) FROM chunks") == 512);
  BridgeProcess bridge(with_journal(path, {"journal.age_max_s=315360000", "journal.runs_age_max_s=3153600000"}));
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  publish_trading(publisher, 2'601, 4'000);
  REQUIRE(wait_committed(bridge, 4'000));
  check_curves(client, db, 3);
  for (const std::int64_t seq : {0, 1, 1'025, 2'599, 2'600, 2'601, 3'333, 4'000}) {
    CAPTURE(seq);
    bridge::Statement sum(db, "SELECT total(body->>'$.data.profit') FROM events WHERE type='trade_executed' AND seq<=?");
    sum.bind(1, static_cast<std::uint64_t>(seq));
    REQUIRE(sum.step());
    CHECK(std::fabs(profit_by(client, seq) - sum.real(0)) < 1e-6);
  }
  CHECK(db.number("SELECT value FROM runs_state WHERE name='version'") == 2);
  // Each block's types are what its events are of.
  REQUIRE(wait_until([&] { return db.number("SELECT min(block) FROM types") == 0; }));
  bridge::Statement blocks(db, "SELECT t.block,t.events,t.types,count(e.seq),(SELECT group_concat(type||' ','') FROM (SELECT DISTINCT "
                               "type FROM events WHERE (seq-1)/1024=t.block ORDER BY type)) FROM types t LEFT JOIN events e ON "
                               "(e.seq-1)/1024=t.block GROUP BY t.block");
  int count = 0;
  for (; blocks.step(); ++count) {
    CHECK(blocks.number(1) == blocks.number(3));
    CHECK(blocks.text(2).size() == blocks.text(4).size());
    CHECK((blocks.text(2).find("rare ") != std::string_view::npos) == (blocks.text(4).find("rare ") != std::string_view::npos));
  }
  CHECK(count == 4);
  const Json rare = command(client, "get_recent_events", R"({"type":"rare","count":10})");
  CHECK(rare.size("/result/events") == 2);
  CHECK(rare.integer("/result/events/0/seq") == 700);
  CHECK(rare.integer("/result/events/1/seq") == 2'101);
  CHECK(rare.dump("/result/complete") == "true");
  client.disconnect();
  CHECK(bridge.stop() == 0);
}
