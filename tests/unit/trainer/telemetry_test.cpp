// What a training run publishes, as a bridge would hear it.
#include "trainer/telemetry/telemetry.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <zmq.hpp>

#include "support/wait.h"
#include "trainer/env/actions.h"
#include "trainer/options.h"
#include "trainer/run/progress.h"
#include "trainer/run/stop_signal.h"
#include "trainer/run/training_run.h"
#include "trainer/telemetry/detail_budget.h"

using namespace trainer;

namespace {

// A stand-in for the bridge: a bound SUB that hears everything.
class Listener {
 public:
  Listener() : socket_(context_, zmq::socket_type::sub) {
    socket_.set(zmq::sockopt::rcvhwm, 0);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::subscribe, "");
    socket_.set(zmq::sockopt::rcvtimeo, 20);
    socket_.bind("tcp://127.0.0.1:*");
  }

  std::string endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

  // Takes in what has come; calls `see` with each event's text. False when nothing was there.
  template <class See>
  bool take(See&& see) {
    zmq::message_t message;
    if (!socket_.recv(message)) return false;
    while (message.more()) static_cast<void>(socket_.recv(message));  // the body comes last
    std::istringstream lines(message.to_string());
    for (std::string line; std::getline(lines, line);) see(line);
    return true;
  }

  // Hears until `enough` says so or patience ends.
  template <class See, class Enough>
  bool hear(See&& see, Enough&& enough) {
    return testing_support::wait_until([&] {
      while (take(see)) {
      }
      return enough();
    });
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

ppo::PublisherOptions publisher_options(const Listener& listener) {
  ppo::PublisherOptions options;
  options.endpoint = listener.endpoint();
  options.control.clear();
  options.source = "trainer-test";
  return options;
}

Options short_run() {
  Options options;
  options.agents = 2;
  options.steps = 300;
  options.seed = 3;
  options.run_name = "short";
  options.eval_episodes = 2;
  return options;
}

RunResult run(const Options& options, Telemetry* telemetry) {
  std::ostringstream unused;
  Progress progress(unused, Progress::Style::kQuiet, options.steps, options.agents);
  const StopSignal stop;
  TrainingRun training(options, market::builtin_items(), telemetry, progress, stop);
  const auto result = training.run();
  REQUIRE(result.has_value());
  return *result;
}

}  // namespace

TEST_CASE("detail budget: a burst, then the rate, and no limit at 0") {
  const auto start = DetailBudget::Clock::now();
  DetailBudget budget(100.0, start);
  for (int i = 0; i < 100; ++i) CHECK(budget.try_take(start));
  CHECK_FALSE(budget.try_take(start));
  CHECK(budget.try_take(start + std::chrono::milliseconds(11)));
  CHECK_FALSE(budget.try_take(start + std::chrono::milliseconds(12)));
  DetailBudget unlimited(0.0, start);
  for (int i = 0; i < 10'000; ++i) CHECK(unlimited.try_take(start));
}

TEST_CASE("telemetry: all twelve types are published, each a JSON object of its source") {
  Listener listener;
  Telemetry telemetry(publisher_options(listener), 0.0);
  REQUIRE(telemetry.error().empty());
  run(short_run(), &telemetry);

  std::map<std::string, int> types;
  std::set<std::string> agents;
  std::set<std::string> statuses;
  std::set<std::string> reasons;
  std::int64_t last_seq = 0;
  const auto see = [&](const std::string& text) {
    rapidjson::Document event;
    event.Parse<rapidjson::kParseNanAndInfFlag>(text.c_str());
    REQUIRE_MESSAGE(!event.HasParseError(), text);
    const std::string type = event["type"].GetString();
    const auto& data = event["data"];
    REQUIRE(data.IsObject());
    ++types[type];
    CHECK(event["source"] == "trainer-test");
    CHECK(event["source_seq"].GetInt64() == last_seq + 1);
    last_seq = event["source_seq"].GetInt64();
    if (data.HasMember("agent_id")) agents.insert(data["agent_id"].GetString());
    if (type == "system_status") statuses.insert(data["status"].GetString());
    if (type == "error") {
      CHECK(data["error_type"] == "order_rejected");
      reasons.insert(data["details"]["reason"].GetString());
    }
    if (type == "market_analysis") {
      CHECK(data["analysis_type"] == "volume_trend");
      CHECK(data["data"]["average_volume"].IsInt64());
    }
    if (type == "training_update") CHECK(data["entropy"].GetDouble() > 0.0);
    if (type == "episode_end") {
      CHECK(data["steps"] == 144);
      CHECK(data["length"] == 144);
      CHECK(data["global_step"].GetInt64() == 144 * data["episode"].GetInt64());
    }
    if (type == "margin_update") {
      const std::int64_t sell = data["sell_price"].GetInt64();  // no built-in item is exempt
      const std::int64_t tax = sell < 50 ? 0 : std::min<std::int64_t>(sell * 2 / 100, 5'000'000);
      CHECK(data["margin_after_tax"].GetInt64() == sell - tax - data["buy_price"].GetInt64());
    }
    if (type == "run_started") {
      CHECK(types.size() == 1);
      CHECK(data["name"] == "short");
      CHECK(data["config"]["seed"] == 3);
      CHECK(data["config"]["learning_rate"] == 3e-3);
    }
    if (type == "run_ended") CHECK(data["state"] == "finished");
    if (type == "agent_decision") CHECK(data["reasoning"].GetStringLength() > 10);
  };
  CHECK(listener.hear(see, [&] { return types.count("run_ended") == 1; }));

  for (const char* type :
       {"trade_executed", "price_update", "margin_update", "agent_decision", "portfolio_update",
        "market_analysis", "system_status", "error", "training_update", "episode_end"}) {
    CAPTURE(type);
    CHECK(types[type] > 0);
  }
  CHECK(types["run_started"] == 1);
  CHECK(types.size() == 12);
  CHECK(types["agent_decision"] == 2 * 300);
  CHECK(types["training_update"] == 2 * 3);  // two rollouts of 128 and the rest
  CHECK(types["episode_end"] >= 2 * 2);
  CHECK(agents == std::set<std::string>{"agent_0", "agent_1"});
  CHECK(statuses == std::set<std::string>{"started", "evaluating", "finished"});
  CHECK(reasons.count("not_enough_gp") + reasons.count("buy_limit_reached") > 0);
}

TEST_CASE("telemetry: publishing, thinned or not, heard or not, leaves the result alone") {
  const Options options = short_run();
  const RunResult silent = run(options, nullptr);
  Listener listener;
  Telemetry heard(publisher_options(listener), 0.0);
  const RunResult loud = run(options, &heard);
  ppo::PublisherOptions nobody;
  nobody.endpoint = "tcp://127.0.0.1:9";
  nobody.ring_events_max = 16;
  Telemetry unheard(nobody, 1.0);
  const RunResult lonely = run(options, &unheard);
  CHECK(loud.trained == silent.trained);
  CHECK(lonely.trained == silent.trained);
  CHECK(loud.random == silent.random);
  CHECK(loud.hold == silent.hold);
}

TEST_CASE("telemetry: at a low detail rate decisions are few and trades all there") {
  Listener listener;
  Telemetry telemetry(publisher_options(listener), 1.0);  // and 64 at the start
  run(short_run(), &telemetry);
  std::map<std::string, int> types;
  bool finished = false;
  CHECK(listener.hear(
      [&](const std::string& text) {
        rapidjson::Document event;
        event.Parse<rapidjson::kParseNanAndInfFlag>(text.c_str());
        ++types[event["type"].GetString()];
        finished = finished || text.find("\"finished\"") != std::string::npos;
      },
      [&] { return finished; }));
  CHECK(types["agent_decision"] < 150);
  CHECK(types["trade_executed"] > 100);
  CHECK(types["training_update"] == 6);
}

TEST_CASE("telemetry: a NaN in a loss is published as NaN, with an error that says so") {
  Listener listener;
  Telemetry telemetry(publisher_options(listener), 0.0);
  FlipEnv env(market::builtin_items(), EnvOptions{});
  PpoAgent agent(static_cast<Eigen::Index>(env.item_count()), PpoOptions{}, 1);
  telemetry.watch(agent, env);
  const Observation observation = telemetry.reset(0, 1);
  for (int i = 0; i < 8; ++i) {
    const Move move = telemetry.sample_action(0, observation);
    agent.record(observation, move, std::numeric_limits<double>::quiet_NaN(), false);
  }
  CHECK(telemetry.update(0, observation).minibatches_skipped > 0);
  bool update_seen = false;
  bool error_seen = false;
  CHECK(listener.hear(
      [&](const std::string& text) {
        update_seen = update_seen || (text.find("training_update") != std::string::npos &&
                                      text.find("\"policy_loss\":NaN") != std::string::npos);
        error_seen = error_seen || text.find("non_finite_loss") != std::string::npos;
      },
      [&] { return update_seen && error_seen; }));
  CHECK(agent.network().parameters().allFinite());
}
