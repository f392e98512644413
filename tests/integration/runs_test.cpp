// What the bridge answers of the past: the same as a recount of the journal, over kills, restarts and older files.

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "journal_bridge.h"
#include "runs/database.h"

using namespace testing_support;

namespace {

Json ask(ProtocolClient& client, const std::string& command, const std::string& params = "{}") {
  return client.request(R"({"action":"command","command":")" + command + R"(","params":)" + params + "}");
}

// Trades and portfolios of three agents, and a curve.
void publish_trading(EventPublisher& publisher, int from, int to) {
  std::vector<std::string> batch;
  for (int n = from; n <= to; ++n) {
    const std::string agent = R"({"agent_id":"a)" + std::to_string(n % 3) + "\",";
    const std::string profit = std::to_string(n % 7 - 3) + ".25";
    const std::string body =
        n % 5 == 0 ? event_body("portfolio_update", agent + R"("total_value":)" + std::to_string(n) + "}", "s", "r", static_cast<std::uint64_t>(n))
        : n % 5 == 1
            ? event_body("scalar", agent + R"("tag":"loss","step":)" + std::to_string(n) + R"(,"value":)" + std::to_string(n) + "}", "s", "r", static_cast<std::uint64_t>(n))
            : event_body("trade_executed", agent + R"("profit":)" + profit + R"(,"price":2,"quantity":3})", "s", "r", static_cast<std::uint64_t>(n));
    batch.push_back(body);
    if (batch.size() < 100 && n != to) continue;
    REQUIRE(publisher.publish_batch(batch));
    batch.clear();
  }
}

// Whether the tallies are what SQL makes of the events up to their seq. How many agents there are by then.
int check_recount(const Json& tallies, const std::string& path) {
  bridge::Database db(path, bridge::Database::Mode::read);
  const std::string seq = std::to_string(tallies.integer("/result/seq"));
  bridge::Statement rows(db, ("SELECT agent_id,sum(type='trade_executed'),"
                              "sum(type='trade_executed' AND json_extract(body,'$.data.profit')>0),"
                              "total(json_extract(body,'$.data.profit')),"
                              "(SELECT json_extract(p.body,'$.data.total_value') FROM events p WHERE p.type='portfolio_update' AND "
                              "p.agent_id=e.agent_id AND p.seq<=" + seq + " ORDER BY p.seq DESC LIMIT 1) "
                              "FROM events e WHERE source='s' AND type IN ('trade_executed','portfolio_update') AND seq<=" + seq +
                              " GROUP BY agent_id ORDER BY agent_id").c_str());
  int i = 0;
  for (; rows.step(); ++i) {
    const std::string at = "/result/tallies/" + std::to_string(i) + "/";
    CHECK(tallies.string(at + "agent_id") == std::string(rows.text(0)));
    CHECK(tallies.integer(at + "trades") == static_cast<std::int64_t>(rows.number(1)));
    CHECK(tallies.integer(at + "wins") == static_cast<std::int64_t>(rows.number(2)));
    CHECK(std::fabs(tallies.number(at + "profit") - rows.real(3)) < 1e-6);
    CHECK(tallies.number(at + "value") == rows.real(4));
  }
  CHECK_FALSE(tallies.has("/result/tallies/" + std::to_string(i)));
  return i;
}

}  // namespace

TEST_CASE("runs: tallies equal a recount of the journal, in mid-stream, after a kill and at an older seq") {
  ScratchDirectory directory;
  const std::string path = directory.file("j");
  const BridgeOptions options = with_journal(path);
  std::int64_t killed_at = 0;
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    EventPublisher publisher(bridge.events_in());
    publish_trading(publisher, 1, 5'000);
    for (int asked = 0; asked < 5; ++asked) check_recount(ask(client, "get_tallies"), path);
    REQUIRE(wait_committed(bridge, 5'000));
    const Json now = ask(client, "get_tallies");
    CHECK(now.integer("/result/seq") == 5'000);
    CHECK(now.integer("/result/since/seq") == 1);
    CHECK(check_recount(now, path) == 3);
    CHECK(check_recount(ask(client, "get_tallies", R"({"at_seq":1234})"), path) == 3);
    CHECK(ask(client, "get_tallies", R"({"at_seq":5001})").string("/data/message") ==
          "params.at_seq is 5001; must be an integer 0..5000");
    publish_trading(publisher, 5'001, 9'000);
    REQUIRE(wait_until([&] { return metric(bridge, "ppo_bridge_journal_committed_seq") > 6'000; }));
    bridge.process().signal(SIGKILL);
    REQUIRE(bridge.process().wait_exit());
    killed_at = bridge::Database(path, bridge::Database::Mode::read).number("SELECT max(seq) FROM events").value_or(0);
  }
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  REQUIRE(wait_until([&] { return ask(client, "get_series", R"({"run_ids":["s@r/a0"]})").integer("/result/seq") >= killed_at; }));
  CHECK(check_recount(ask(client, "get_tallies"), path) == 3);
  // The curve too, point for point.
  const Json series = ask(client, "get_series", R"({"run_ids":["s@r/a0","s@r/a1","s@r/a2"],"tags":["loss"],"points_max":20000})");
  bridge::Database db(path, bridge::Database::Mode::read);
  for (int agent = 0; agent < 3; ++agent) {
    bridge::Statement rows(db, "SELECT json_extract(body,'$.data.value') FROM events WHERE type='scalar' AND agent_id=? ORDER BY seq");
    const std::string name = "a" + std::to_string(agent);
    rows.bind(1, std::string_view(name));
    int i = 0;
    for (; rows.step(); ++i) {
      const std::string at = "/result/series/" + std::to_string(agent) + "/points/" + std::to_string(i);
      REQUIRE(series.number(at + "/0") == rows.real(0));
      REQUIRE(series.number(at + "/1") == rows.real(0));
    }
    CHECK_FALSE(series.has("/result/series/" + std::to_string(agent) + "/points/" + std::to_string(i)));
  }
}

TEST_CASE("runs: a journal from before there were any is gone through, and what comes meanwhile is not missed") {
  ScratchDirectory directory;
  const std::string path = directory.file("j");
  {
    BridgeProcess bridge(with_journal(path));
    EventPublisher publisher(bridge.events_in());
    publish_trading(publisher, 1, 20'000);
    REQUIRE(wait_committed(bridge, 20'000));
    CHECK(bridge.stop() == 0);
  }
  {
    bridge::Database db(path);
    for (const char* table : {"runs", "tallies", "curves", "chunks", "samples", "marks", "runs_state"}) {
      db.run(std::string("DROP TABLE ") + table);
    }
  }
  BridgeProcess bridge(with_journal(path));
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  publish_trading(publisher, 20'001, 21'000);
  check_recount(ask(client, "get_tallies"), path);  // at whatever seq
  REQUIRE(wait_until([&] { return ask(client, "get_tallies").integer("/result/seq") == 21'000; }));
  check_recount(ask(client, "get_tallies"), path);
  CHECK(ask(client, "get_runs").integer("/result/count") == 3);
}

TEST_CASE("runs: without a journal the same is answered from memory, and since when") {
  BridgeProcess bridge(with_journal(""));
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  publish_trading(publisher, 1, 1'000);
  REQUIRE(wait_until([&] { return ask(client, "get_tallies").integer("/result/seq") == 1'000; }));
  const Json tallies = ask(client, "get_tallies");
  CHECK(tallies.integer("/result/tallies/0/trades") == 200);
  CHECK(tallies.number("/result/tallies/0/value") == 990);
  CHECK(tallies.integer("/result/since/seq") == 1);
  CHECK(tallies.integer("/result/missed") == 0);
  CHECK(ask(client, "get_tallies", R"({"at_seq":10})").string("/data/error_type") == "bad_request");
  CHECK(ask(client, "set_run", R"({"run_id":"s@r/a0","name":"x"})").boolean("/result/changed"));
  CHECK(ask(client, "get_runs", R"({"filter":{"search":"x"}})").string("/result/runs/0/run_id") == "s@r/a0");
  CHECK(ask(client, "get_series", R"({"run_ids":"s@r/a0","points_max":1})").integer("/result/series/0/points/0/5") == 67);
}

TEST_CASE("runs: what a person says of a run outlives a kill, and bots hear of it too") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    EventPublisher publisher(bridge.events_in());
    publish_trading(publisher, 1, 10);
    REQUIRE(wait_committed(bridge, 10));
    CHECK(ask(client, "set_run", R"({"run_id":"s@nobody","note":"x"})").string("/data/message") ==
          "params.run_id is \"s@nobody\", which is no run");
    CHECK(ask(client, "set_run", R"({"run_id":"s@r/a1","note":"good","tags":["t"],"pinned":true})").boolean("/result/changed"));
    bridge.process().signal(SIGKILL);
    REQUIRE(bridge.process().wait_exit());
  }
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  const Json runs = ask(client, "get_runs", R"({"filter":{"run_id":"s@r/a1"}})");
  CHECK(runs.string("/result/runs/0/note") == "good");
  CHECK(runs.boolean("/result/runs/0/pinned"));
  CHECK(runs.string("/result/runs/0/state") == "lost");  // nothing was heard of it since
  for (const auto& [command, params, message] : std::vector<std::array<std::string, 3>>{
           {"get_runs", R"({"sort":"no"})", "params.sort must be started, ended, last, steps, state, source or name, or one of these behind a -"},
           {"get_runs", R"({"count":1001})", "params.count is 1001; must be an integer 0..1000"},
           {"get_runs", R"({"filter":[]})", "params.filter must be an object"},
           {"get_tags", "{}", "params.run_ids must be a list of 1..256"},
           {"get_tags", R"({"run_ids":["a@b"],"search":5})", "params.search must be a string of at most 512 bytes"},
           {"get_series", "{}", "params.run_ids must be a list of 1..256"},
           {"get_series", R"({"run_ids":["a@b"],"x":"y"})", "params.x must be step, time or relative"},
           {"get_series", R"({"run_ids":["a@b"],"from":2,"to":1})", "params.from must not be beyond to"},
           {"get_series", R"({"run_ids":["a@b"],"points_max":0})", "params.points_max is 0; must be an integer 1..20000"},
           {"get_tallies", R"({"at_seq":-1})", "params.at_seq is -1; must be an integer 0..9223372036854775807"},
           {"get_trades", R"({"before_seq":0})", "params.before_seq is 0; must be an integer 1..9223372036854775807"},
           {"set_run", R"({"run_id":"noat"})", "params.run_id must be SOURCE@RUN or SOURCE@RUN/AGENT"},
           {"set_run", R"({"run_id":"a@b","hidden":1})", "params.hidden must be true or false"}}) {
    CHECK(ask(client, command, params).string("/data/message") == message);
  }
  zmq::context_t context;
  zmq::socket_t bot(context, zmq::socket_type::req);
  bot.set(zmq::sockopt::linger, 0);
  bot.set(zmq::sockopt::rcvtimeo, 15'000);
  bot.connect(bridge.address("commands"));
  bot.send(zmq::str_buffer(R"({"command":"get_runs","params":{"filter":{"agent_id":"a1"}}})"), zmq::send_flags::none);
  zmq::message_t reply;
  REQUIRE(bot.recv(reply));
  CHECK(Json(reply.to_string()).string("/result/runs/0/note") == "good");
  const Json tags = ask(client, "get_tags", R"({"run_ids":["s@r/a0","s@r/a1"]})");
  CHECK(tags.string("/result/tags/0/tag") == "loss");
  CHECK(tags.integer("/result/tags/0/count") == 2);
  CHECK(tags.integer("/result/tags/0/runs") == 2);
  const Json trades = ask(client, "get_trades", R"({"agent_id":"a1","run":"r","before_seq":8,"min_profit":-2})");
  CHECK(trades.integer("/result/count") == 1);  // 4 of 4 and 7: profits 1.25 and -3.25
  CHECK(trades.integer("/result/events/0/seq") == 4);
}
