#include "runs/run_store.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <random>

#include <rapidjson/document.h>

#include "run_events.h"
#include "runs/run_queries.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

rapidjson::Document ask(Database& db, const RunQuery& query) {
  const auto answer = answer_query(db, query, [] { return false; }, nullptr);
  REQUIRE_MESSAGE(answer.ok(), answer.error().message);
  rapidjson::Document out;
  out.Parse(("{" + answer.value().members + "}").c_str());
  REQUIRE_FALSE(out.HasParseError());
  return out;
}

rapidjson::Document runs_of(Database& db, RunsQuery query = {}) {
  query.count = 1000;
  return ask(db, query);
}

// The one run of that id.
rapidjson::Document run_of_id(Database& db, const std::string& id) {
  RunsQuery query;
  query.ids = {id};
  rapidjson::Document all = ask(db, query);
  REQUIRE(all["runs"].Size() == 1);
  rapidjson::Document one;
  one.CopyFrom(all["runs"][0], one.GetAllocator());
  return one;
}

std::size_t rows(Database& db, const std::string& table) {
  return static_cast<std::size_t>(db.number("SELECT count(*) FROM " + table).value_or(0));
}

}  // namespace

TEST_CASE("runs: tallies are what a recount of all trades gives, over restarts and lost transactions") {
  testing_support::ScratchDirectory directory;
  std::mt19937 random(3);
  struct Naive {
    std::uint64_t trades = 0, wins = 0;
    long double profit = 0;
    double value = -1;
  };
  std::map<std::string, Naive> naive;
  const std::string path = directory.file("runs");
  auto db = std::make_unique<Database>(path);
  auto store = std::make_unique<RunStore>(*db, RunLimits());
  std::uint64_t seq = 1;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> bodies;
    std::map<std::string, Naive> after = naive;
    for (int i = 0; i < 20; ++i) {
      const std::string agent = "a" + std::to_string(random() % 3);
      Naive& mine = after[agent];
      if (random() % 4 == 0) {
        mine.value = static_cast<double>(random() % 1000);
        bodies.push_back(run_event("portfolio_update", R"({"agent_id":")" + agent + R"(","total_value":)" +
                                                           std::to_string(mine.value) + "}"));
        continue;
      }
      // Large and small together: a plain sum of doubles forgets the small ones.
      const double profit = random() % 7 == 0 ? 1e15 * (random() % 2 == 0 ? 1 : -1) : (static_cast<double>(random() % 2001) - 1000) / 16;
      ++mine.trades;
      if (profit > 0) ++mine.wins;
      mine.profit += profit;
      bodies.push_back(run_event("trade_executed", R"({"agent_id":")" + agent + R"(","profit":)" +
                                                       std::to_string(profit) + R"(,"price":2,"quantity":3})"));
    }
    const BlockPtr block = run_block(seq, bodies);
    const int fate = static_cast<int>(random() % 10);
    if (fate == 0) {  // a full disk
      db->run("BEGIN");
      store->fold(*block, 0);
      store->write(0);
      db->run("ROLLBACK");
      store->forget();
    }
    fold_and_commit(*db, *store, block);
    naive = after;
    seq += bodies.size();
    if (fate == 1) {  // a kill: nothing is flushed. What came in between is folded once more.
      store.reset();
      db.reset();
      db = std::make_unique<Database>(path);
      store = std::make_unique<RunStore>(*db, RunLimits());
      CHECK(store->seq() < seq);
      fold_and_commit(*db, *store, block);
    }
  }
  const auto got = ask(*db, TalliesQuery());
  REQUIRE(got["tallies"].Size() == naive.size());
  for (const auto& tally : got["tallies"].GetArray()) {
    const Naive& wanted = naive[tally["agent_id"].GetString()];
    CHECK(tally["trades"].GetUint64() == wanted.trades);
    CHECK(tally["wins"].GetUint64() == wanted.wins);
    CHECK(tally["value"].GetDouble() == doctest::Approx(wanted.value).epsilon(1e-9));
    CHECK(std::fabs(tally["profit"].GetDouble() - static_cast<double>(wanted.profit)) <=
          1e-9 * std::fabs(static_cast<double>(wanted.profit)));
    CHECK(tally["volume"].GetDouble() == 6.0 * static_cast<double>(wanted.trades));
    CHECK(tally["run_id"].GetString() == "s@r/" + std::string(tally["agent_id"].GetString()));
  }
}

TEST_CASE("runs: a kill between two writes of curves loses no point and doubles none") {
  testing_support::ScratchDirectory directory;
  const std::string path = directory.file("runs");
  std::vector<BlockPtr> blocks;
  std::uint64_t seq = 1;
  for (int b = 0; b < 30; ++b) {
    std::vector<std::string> bodies;
    for (int i = 0; i < 70; ++i, ++seq) {
      bodies.push_back(run_event("scalar", R"({"tag":"loss","value":)" + std::to_string(seq) + R"(,"step":)" +
                                               std::to_string(seq) + "}"));
    }
    blocks.push_back(run_block(seq - 70, bodies));
  }
  for (std::size_t done = 0; done < blocks.size();) {
    Database db(path);
    RunStore store(db, {});
    for (std::size_t again = 0; again < done; ++again) fold_and_commit(db, store, blocks[again]);
    // The clock is told to have moved on now and then: then the curves are written too.
    for (int n = 0; n < 7 && done < blocks.size(); ++n, ++done) {
      fold_and_commit(db, store, blocks[done], n == 3 ? 5'000'000 : 5'000'001);
    }
  }
  Database db(path);
  RunStore store(db, {});
  for (const BlockPtr& block : blocks) fold_and_commit(db, store, block);
  flush_all(db, store);
  SeriesQuery query;
  query.run_ids = {"s@r"};
  query.range.points_max = 10'000;
  const auto got = ask(db, query);
  const auto& points = got["series"][0]["points"];
  REQUIRE(points.Size() == seq - 1);
  for (rapidjson::SizeType i = 0; i < points.Size(); ++i) REQUIRE(points[i][0].GetUint64() == i + 1);
}

TEST_CASE("runs: a run is named, configured, ended, lost and found again") {
  Database db(":memory:");
  RunStore store(db, {});
  fold_and_commit(db, store,
                  run_block(1, {run_event("run_started", R"({"name":"first","config":{"lr":0.1},"tags":["x"]})"),
                                run_event("run_config", R"({"config":{"gamma":0.9}})"),
                                run_event("training_update", R"({"agent_id":"a","steps":7,"policy_loss":0.5,"entropy":null})"),
                                run_event("tick", "{}", "other", "")}));
  flush_all(db, store);
  auto run = run_of_id(db, "s@r");
  CHECK(run["name"] == "first");
  CHECK(run["state"] == "running");
  CHECK(run["config"]["lr"] == 0.1);
  CHECK(run["config"]["gamma"] == 0.9);
  CHECK(run["agent_id"].IsNull());
  run = run_of_id(db, "s@r/a");
  CHECK(run["name"] == "first");
  CHECK(run["steps"] == 7.0);
  CHECK(run["metrics"]["training_update/policy_loss"] == 0.5);
  CHECK(run["metrics"]["training_update/entropy"].IsNull());
  CHECK(run_of_id(db, "other@")["run"].IsNull());

  fold_and_commit(db, store, own_block(5, "system_status", R"({"status":"source_gone","source":"s","run":"r"})"));
  CHECK(run_of_id(db, "s@r/a")["state"] == "lost");
  fold_and_commit(db, store, run_block(6, {run_event("tick", R"({"agent_id":"a"})")}));
  CHECK(run_of_id(db, "s@r/a")["state"] == "running");
  CHECK(run_of_id(db, "s@r")["state"] == "lost");
  fold_and_commit(db, store,
                  run_block(7, {run_event("run_ended", R"({"state":"crashed","error":"ValueError: x\nmore"})"),
                                run_event("scalar", R"({"agent_id":"a","tag":"late","value":1})")}));
  run = run_of_id(db, "s@r/a");
  CHECK(run["state"] == "crashed");
  CHECK(run["error"] == "ValueError: x");
  CHECK(run["ended"].GetDouble() == kRunsNow / 1e6 + 7);
  fold_and_commit(db, store, own_block(9, "system_status", R"({"status":"source_gone","source":"s","run":"r"})"));
  CHECK(run_of_id(db, "s@r/a")["state"] == "crashed");
}

TEST_CASE("runs: marks tell of commands, errors and ends") {
  Database db(":memory:");
  RunStore store(db, {});
  fold_and_commit(db, store, run_block(1, {run_event("scalar", R"({"tag":"t","value":1,"agent_id":"a"})"),
                                           run_event("error", R"({"error_type":"E","message":"m"})")}));
  fold_and_commit(db, store, own_block(3, "command_executed",
                                       R"({"command":"set_hyperparameter","target":"a","trainer":"s","outcome":"success",)"
                                       R"("params":{"name":"gamma","value":0.5,"why":")" + std::string(4000, 'x') + "\"}}"));
  fold_and_commit(db, store, own_block(4, "command_executed",
                                       R"({"command":"pause","target":"a","trainer":"s","outcome":"timeout"})"));
  flush_all(db, store);
  SeriesQuery query;
  query.run_ids = {"s@r/a", "nobody@x"};
  query.marks = true;
  const auto got = ask(db, query);
  REQUIRE(got["marks"].Size() == 2);  // that of the run as a whole is not a's own, and stands with it all the same
  CHECK(got["marks"][0]["kind"] == "set_hyperparameter");
  CHECK(got["marks"][0]["data"]["params"]["value"].GetDouble() == 0.5);
  CHECK(got["marks"][1]["kind"] == "error");
  CHECK(got["unknown"][0] == "nobody@x");
}

TEST_CASE("runs: what ran in events of an earlier process runs no more once they are folded in") {
  Database db(":memory:");
  RunStore store(db, {}, 4);
  fold_and_commit(db, store, run_block(1, {run_event("tick", "{}", "s", "a"), run_event("tick", "{}", "s", "b")}));
  CHECK(run_of_id(db, "s@a")["state"] == "running");  // there is more of the past
  const auto rest = run_block(3, {run_event("run_ended", R"({"state":"finished"})", "s", "b"), run_event("tick", "{}", "s", "c"),
                                  run_event("tick", "{}", "s", "d")});
  db.run("BEGIN");
  store.fold(*rest, 0);
  db.run("ROLLBACK");
  store.forget();
  fold_and_commit(db, store, rest);
  CHECK(run_of_id(db, "s@a")["state"] == "lost");
  CHECK(run_of_id(db, "s@a")["ended"].GetDouble() == kRunsNow / 1e6 + 1);
  CHECK(run_of_id(db, "s@b")["state"] == "finished");
  CHECK(run_of_id(db, "s@c")["state"] == "lost");
  CHECK(run_of_id(db, "s@d")["state"] == "running");
  fold_and_commit(db, store, run_block(6, {run_event("tick", "{}", "s", "a"), run_event("tick", "{}", "s", "b")}));
  CHECK(run_of_id(db, "s@a")["state"] == "running");
  CHECK(run_of_id(db, "s@b")["state"] == "finished");
}

TEST_CASE("runs: tags are told without their points, over all runs that are asked for") {
  Database db(":memory:");
  RunStore store(db, {});
  std::vector<std::string> bodies;
  for (int i = 1; i <= 700; ++i) {
    const std::string step = R"(,"step":)" + std::to_string(10 * i) + "}";
    bodies.push_back(run_event("scalar", R"({"tag":"train/Loss","value":)" + std::to_string(i) + step, "s", "r1"));
    if (i <= 3) bodies.push_back(run_event("scalar", R"({"tag":"train/Loss","value":-1)" + step, "s", "r2"));
  }
  bodies.push_back(run_event("scalar", R"({"tag":"only","value":NaN})", "s", "r1"));
  fold_and_commit(db, store, run_block(1, bodies));
  flush_all(db, store);
  TagsQuery query;
  query.run_ids = {"s@r2", "s@r1", "s@r2", "s@no", "x"};
  const auto got = ask(db, query);
  CHECK(got["unknown"].Size() == 2);
  CHECK(got["complete"].GetBool());
  REQUIRE(got["tags"].Size() == 2);
  CHECK(got["tags"][0]["tag"] == "only");
  CHECK(got["tags"][0]["last"].IsNull());
  CHECK(got["tags"][0]["steps"][1] == 1);
  const auto& loss = got["tags"][1];
  CHECK(loss["runs"] == 2);
  CHECK(loss["count"] == 703);
  CHECK(loss["last"] == 700);  // of r1, the later one
  CHECK(loss["steps"][0] == 10);
  CHECK(loss["steps"][1] == 7000);
  query.search = "lOSS";
  CHECK(ask(db, query)["tags"].Size() == 1);
  query.search = "%";
  CHECK(ask(db, query)["tags"].Empty());
}

TEST_CASE("runs: marks that take too many bytes go, the oldest first") {
  Database db(":memory:");
  RunLimits limits;
  limits.bytes_max = 1 << 20;
  RunStore store(db, limits);
  const auto mark = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t seq = from; seq <= to; ++seq) {
      fold_and_commit(db, store, run_block(seq, {run_event("error", R"({"message":")" + std::string(1000, 'x') + "\"}")}));
      db.run("BEGIN");
      (void)store.trim(kRunsNow);
      db.run("COMMIT");
    }
  };
  mark(1, 60);
  CHECK(rows(db, "marks") == 60);
  mark(61, 200);
  CHECK(db.number("SELECT sum(length(data)) FROM marks") <= (1 << 20) / 16);
  CHECK(rows(db, "marks") > 50);
  CHECK(db.number("SELECT max(seq) FROM marks") == 200);
  RunStore again(db, limits);  // they are counted again
  db.run("BEGIN");
  again.fold(*run_block(201, {run_event("error", R"({"message":")" + std::string(8000, 'x') + "\"}")}), 0);
  (void)again.trim(kRunsNow);
  db.run("COMMIT");
  CHECK(db.number("SELECT sum(length(data)) FROM marks") <= (1 << 20) / 16);
}

TEST_CASE("runs: hostile numbers, names and counts stay within bounds") {
  Database db(":memory:");
  RunLimits limits;
  limits.runs_max = 50;
  limits.curves_per_run_max = 20;
  limits.marks_max = 30;
  RunStore store(db, limits);
  std::vector<std::string> bodies;
  for (int i = 0; i < 500; ++i) {
    const std::string n = std::to_string(i);
    bodies.push_back(run_event("scalar", R"({"tag":"t)" + n + R"(","value":1})"));
    bodies.push_back(run_event("tick", "{}", "s", "r" + n));
    bodies.push_back(run_event("error", "{}", "s", "r" + n));
  }
  for (const char* data :
       {R"({"tag":"t0","value":9223372036854775808,"step":9223372036854775808})", R"({"tag":"t0","value":1e400,"step":1e400})",
        R"({"tag":"t0","value":-1e-400,"step":-5})", R"({"tag":"t0","value":"text"})", R"({"tag":5,"value":1})",
        R"({"value":1})", R"({"tag":"","value":1})", R"({"tag":"t0","value":true})", R"({"tag":"t0","value":NaN,"step":null})"}) {
    bodies.push_back(run_event("scalar", data));
  }
  bodies.push_back(run_event("scalar", R"({"tag":")" + std::string(5000, 't') + R"(","value":1})"));
  bodies.push_back(run_event("trade_executed", R"({"profit":1e308})"));
  bodies.push_back(run_event("trade_executed", R"({"profit":1e308,"price":1e300,"quantity":1e300})"));
  bodies.push_back(run_event("trade_executed", R"({"profit":"much","agent_id":7})"));
  bodies.push_back(run_event("trade_executed", R"({"agent_id":")" + std::string(100'000, 'a') + R"("})"));
  bodies.push_back(run_event("run_config", R"({"config":{"x":")" + std::string(100'000, 'a') + R"("}})"));
  bodies.push_back(run_event("run_config", R"({"config":[1]})"));
  bodies.push_back(run_event("run_ended", R"({"state":7,"error":[]})"));
  fold_and_commit(db, store, run_block(1, bodies));
  for (int i = 0; i < 2000; ++i) {
    db.run("BEGIN");
    const bool more = store.trim(kRunsNow);
    db.run("COMMIT");
    if (!more) break;
  }
  flush_all(db, store);
  CHECK(rows(db, "runs") == 50);
  CHECK(rows(db, "marks") <= 30);
  CHECK(rows(db, "curves") <= 20 * 50);
  (void)runs_of(db);
  const auto tallies = ask(db, TalliesQuery());
  for (const auto& tally : tallies["tallies"].GetArray()) CHECK(tally["profit"].IsNull());
}

TEST_CASE("runs: what is in memory stays within its bound, and is taken up again") {
  Database db(":memory:");
  RunLimits limits;
  limits.memory_bytes_max = 200'000;
  RunStore store(db, limits);
  std::uint64_t seq = 1;
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> bodies;
    for (int run = 0; run < 100; ++run) {
      bodies.push_back(run_event("scalar", R"({"tag":"t","value":1})", "s", "r" + std::to_string(run)));
    }
    for (int run = 0; run < 50; ++run) bodies.push_back(run_event("tick", "{}", "s", std::to_string(seq + static_cast<std::uint64_t>(run))));
    fold_and_commit(db, store, run_block(seq, bodies));
    seq += bodies.size();
    CHECK(store.memory_bytes() <= 200'000);
  }
  flush_all(db, store);
  CHECK(db.number("SELECT sum(points) FROM curves") == 3000);
  CHECK(rows(db, "runs") == 1600);
}

TEST_CASE("runs: the oldest go by age and by bytes, a turn at a time, and never what is pinned first") {
  Database db(":memory:");
  RunLimits limits;
  limits.age_max_us = 1'000'000'000;
  limits.bytes_max = 9'000;
  RunStore store(db, limits);
  std::uint64_t seq = 1;
  for (const char* run : {"r1", "r2", "r3"}) {
    std::vector<std::string> bodies;
    for (int i = 0; i < 300; ++i) bodies.push_back(run_event("scalar", R"({"tag":"t","value":1.5,"step":)" + std::to_string(i) + "}", "s", run));
    fold_and_commit(db, store, run_block(seq, bodies));
    seq += 300;
  }
  flush_all(db, store);
  RunChange pin;
  pin.run_id = "s@r1";
  pin.pinned = true;
  db.run("BEGIN");
  CHECK(store.set_run(pin));
  db.run("COMMIT");
  const auto trim_all = [&](std::int64_t now) {
    int turns = 0;
    for (bool more = true; more; ++turns) {
      db.run("BEGIN");
      more = store.trim(now);
      db.run("COMMIT");
    }
    return turns;
  };
  CHECK(store.bytes() > 9'000);
  CHECK(trim_all(kRunsNow + 1'000'000) == 2);
  CHECK(store.bytes() <= 9'000);
  CHECK(rows(db, "runs") == 3);  // only curves left
  CHECK(run_of_id(db, "s@r2")["metrics"].MemberCount() == 0);
  CHECK(run_of_id(db, "s@r1")["metrics"].MemberCount() == 1);
  trim_all(kRunsNow + 5'000'000'000);
  CHECK(rows(db, "runs") == 0);
  CHECK(rows(db, "samples") == 0);
  CHECK(rows(db, "tallies") == 0);
}

TEST_CASE("runs: what people say of a run is found, and a deleted one is gone") {
  Database db(":memory:");
  RunStore store(db, {});
  fold_and_commit(db, store, run_block(1, {run_event("scalar", R"({"tag":"t","value":1})"),
                                           run_event("scalar", R"({"tag":"t","value":1})", "s", "q")}));
  flush_all(db, store);
  const auto set = [&](const RunChange& change) {
    db.run("BEGIN");
    const bool found = store.set_run(change);
    db.run("COMMIT");
    return found;
  };
  RunChange change;
  change.run_id = "s@nobody";
  CHECK_FALSE(set(change));
  change.run_id = "s@r";
  change.name = "mine";
  change.note = "a \"note\"";
  change.tags_json = R"(["best"])";
  CHECK(set(change));
  RunsQuery query;
  query.search = "BEST";
  CHECK(runs_of(db, query)["runs"].Size() == 1);
  CHECK(run_of_id(db, "s@r")["name"] == "mine");
  CHECK(run_of_id(db, "s@r")["note"] == "a \"note\"");
  RunChange hide;
  hide.run_id = "s@r";
  hide.hidden = true;
  CHECK(set(hide));
  CHECK(runs_of(db)["count"] == 1);
  hide.hidden.reset();
  hide.deleted = true;
  CHECK(set(hide));
  fold_and_commit(db, store, run_block(3, {run_event("scalar", R"({"tag":"t","value":1})")}));
  db.run("BEGIN");
  CHECK(store.trim(kRunsNow));
  db.run("COMMIT");
  CHECK(rows(db, "curves") == 1);
  query = {};
  query.hidden = true;
  CHECK(runs_of(db, query)["count"] == 0);
}

TEST_CASE("runs: tallies at any event that is held are what a recount of the events before gives") {
  testing_support::ScratchDirectory directory;
  const std::string path = directory.file("runs");
  std::mt19937 random(11);
  RunLimits limits;
  limits.window_events = 37;
  auto db = std::make_unique<Database>(path);
  db->run("CREATE TABLE events(seq INTEGER PRIMARY KEY,type TEXT,source TEXT,run TEXT,agent_id TEXT,data_bytes INTEGER,body TEXT)");
  auto store = std::make_unique<RunStore>(*db, limits);
  std::uint64_t seq = 1;
  const auto append = [&](bool lost) {
    std::vector<std::string> bodies;
    db->run("BEGIN");
    for (std::uint64_t i = 0, n = 1 + random() % 30; i < n; ++i) {
      const std::string agent = "a" + std::to_string(random() % 5), number = std::to_string(random() % 100) + ".5";
      const bool trade = random() % 3 != 0;
      const std::string type = trade ? "trade_executed" : "portfolio_update";
      const std::string data = R"({"agent_id":")" + agent + (trade ? R"(","profit":)" : R"(","total_value":)") + number + "}";
      bodies.push_back(run_event(type, data));
      db->run("INSERT INTO events VALUES(" + std::to_string(seq + i) + ",'" + type + "','s','r','" + agent + "'," +
              std::to_string(data.size()) + ",'{\"type\":\"" + type + "\",\"data\":" + data + "}')");
    }
    store->fold(*run_block(seq, bodies), 0);
    store->write(0);
    db->run(lost ? "ROLLBACK" : "COMMIT");
    if (lost) return store->forget();
    seq += bodies.size();
  };
  const auto check = [&](std::uint64_t at) {
    CAPTURE(at);
    const auto got = ask(*db, TalliesQuery{at});
    Statement rows(*db, "SELECT agent_id,sum(type='trade_executed'),total(body->>'$.data.profit'),(SELECT p.body->>'$.data.total_value' "
                        "FROM events p WHERE p.agent_id=e.agent_id AND p.type='portfolio_update' AND p.seq<=?1 ORDER BY p.seq DESC "
                        "LIMIT 1) FROM events e WHERE seq<=?1 GROUP BY agent_id ORDER BY agent_id");
    rows.bind(1, at);
    rapidjson::SizeType i = 0;
    for (; rows.step(); ++i) {
      REQUIRE(i < got["tallies"].Size());
      const auto& one = got["tallies"][i];
      CHECK(one["agent_id"].GetString() == std::string(rows.text(0)));
      CHECK(one["trades"].GetUint64() == rows.number(1));
      CHECK(one["profit"].GetDouble() == doctest::Approx(rows.real(2)));
      CHECK(one["value"].IsNull() == rows.is_null(3));
      if (!rows.is_null(3)) CHECK(one["value"].GetDouble() == rows.real(3));
    }
    CHECK(got["tallies"].Size() == i);
  };
  for (int round = 0; round < 60; ++round) {
    append(random() % 5 == 0);
    if (round % 20 == 7) {  // a kill, or a restart
      store.reset();
      db = std::make_unique<Database>(path);
      store = std::make_unique<RunStore>(*db, limits);
    }
    if (round % 10 == 9) {
      for (std::uint64_t at = 0; at < seq; at += 1 + random() % 7) check(at);
    }
  }
  // The oldest events go: of what is left each still has its answer.
  const std::uint64_t first = seq / 2;
  const auto kept = ask(*db, TalliesQuery{first});
  db->run("DELETE FROM events WHERE seq<" + std::to_string(first));
  for (int round = 0; round < 20; ++round) append(false);
  const auto again = ask(*db, TalliesQuery{first});
  CHECK(kept["tallies"] == again["tallies"]);
  const auto gone = answer_query(*db, TalliesQuery{first - 2}, [] { return false; }, nullptr);
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().message == "params.at_seq is " + std::to_string(first - 2) + "; must be " + std::to_string(first - 1) + ".." +
                                    std::to_string(seq - 1) + ": older events are gone, or an older bridge added them up");
  CHECK(db->number("SELECT count(DISTINCT at) FROM tallies_before WHERE at<" + std::to_string(first)) == 1);
  // A file of a bridge that kept no places: what it added up can be taken back all the same.
  db->run("DELETE FROM tallies_before");
  const auto taken_back = ask(*db, TalliesQuery{first});
  REQUIRE(taken_back["tallies"].Size() == kept["tallies"].Size());
  for (rapidjson::SizeType i = 0; i < kept["tallies"].Size(); ++i) {
    for (const char* member : {"agent_id", "trades", "wins", "closed", "profit"}) {
      CHECK(taken_back["tallies"][i][member] == kept["tallies"][i][member]);
    }
  }
}
