// Four trainers that learn, steered through the bridge one at a time.

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/bridge_process.h"
#include "support/process.h"
#include "support/protocol_client.h"
#include "support/wait.h"

using namespace testing_support;

namespace {

constexpr std::size_t kTrainers = 4;
constexpr int kStepsPerSecond = 400;
constexpr int kStepsPerUpdate = 128;

std::string name_of(std::size_t n) {
  return "trainer-" + std::to_string(n);
}

// The bridge, the trainers and somebody who watches their learning curves and steers.
class Scene {
 public:
  Scene() : watcher_(bridge_.websocket()), steerer_(bridge_.websocket()) {
    watcher_.request(R"({"action":"register","subscriptions":["training_update"]})");
    const char* const program = std::getenv("PPO_TRAINER_BIN");
    for (std::size_t n = 0; n < kTrainers; ++n) {
      trainers_.emplace_back(std::vector<std::string>{
          program == nullptr ? "ppo-trainer" : program, "--source", name_of(n), "--agents", "1",
          "--steps", "100000000", "--seed", std::to_string(n + 1), "--pace",
          std::to_string(kStepsPerSecond), "--detail-rate", "20", "--quiet", "--events",
          bridge_.events_in(), "--control", bridge_.address("control")});
    }
  }

  // The result of a command that succeeds in the end: a trainer may still be starting.
  Json ask(const std::string& command, const std::string& params, std::size_t trainer) {
    std::string text;
    const bool done = wait_until([&] {
      const Json reply = ask_once(command, params, trainer);
      text = reply.text();
      return reply.has("/success") && reply.boolean("/success");
    });
    if (!done) throw std::runtime_error(command + " failed: " + text);
    return Json(text);
  }

  Json ask_once(const std::string& command, const std::string& params, std::size_t trainer,
                int deadline_ms = 2000) {
    return steerer_.request(R"({"action":"command","command":")" + command + R"(","params":)" +
                            params + R"(,"target":")" + name_of(trainer) + R"(","deadline_ms":)" +
                            std::to_string(deadline_ms) + "}");
  }

  // How wrong the bridge may be about trainer `n`'s clock; nullopt: it does not know it yet.
  std::optional<double> clock_error_ms(std::size_t n) {
    const Json reply = steerer_.request(R"({"action":"command","command":"get_sources"})");
    for (std::size_t i = 0; i < reply.size("/result/sources"); ++i) {
      const std::string at = "/result/sources/" + std::to_string(i);
      if (reply.string(at + "/source") == name_of(n) && reply.has(at + "/clock_error_ms")) return reply.number(at + "/clock_error_ms");
    }
    return std::nullopt;
  }

  Process& trainer(std::size_t n) { return trainers_[n]; }

  // Reads learning curves until trainer `n` has had `more` further updates.
  void watch(std::size_t n, std::size_t more) {
    const std::size_t until = curves_[name_of(n)].size() + more;
    while (curves_[name_of(n)].size() < until) {
      const Json event = watcher_.next_event();
      curves_[event.string("/source")].push_back({event.integer("/data/update"),
                                                  event.integer("/data/steps"),
                                                  event.number("/timestamp")});
    }
  }

  struct Point {
    std::int64_t update;
    std::int64_t steps;
    double timestamp;
  };
  const std::vector<Point>& curve(std::size_t n) { return curves_[name_of(n)]; }

  // Points of trainer `n` in (from, to).
  int updates_between(std::size_t n, double from, double to) {
    int count = 0;
    for (const Point& point : curve(n)) count += point.timestamp > from && point.timestamp < to;
    return count;
  }

 private:
  BridgeProcess bridge_;
  ProtocolClient watcher_;
  ProtocolClient steerer_;
  std::vector<Process> trainers_;
  std::map<std::string, std::vector<Point>> curves_;
};

}  // namespace

TEST_CASE("live trainers: one is paused, changed and resumed; the other three never slow down") {
  Scene scene;
  for (std::size_t n = 0; n < kTrainers; ++n) scene.watch(n, 2);

  const Json paused = scene.ask("pause", "{}", 0);
  CHECK(paused.string("/source") == name_of(0));
  const std::int64_t stood = paused.integer("/result/step");
  scene.watch(1, 3);
  scene.watch(2, 1);
  scene.watch(3, 1);
  const Json set = scene.ask("set_hyperparameter", R"({"name":"learning_rate","value":0.0005})", 0);
  CHECK(set.number("/result/value") == 0.0005);
  CHECK(set.integer("/result/step") >= stood);
  scene.watch(1, 3);
  const Json resumed = scene.ask("resume", "{}", 0);
  CHECK(resumed.integer("/result/step") == stood);
  for (std::size_t n = 0; n < kTrainers; ++n) scene.watch(n, 3);
  CHECK(scene.ask("get_hyperparameters", "{}", 0).number("/result/learning_rate") == 0.0005);

  const double from = paused.number("/timestamp");
  const double to = resumed.number("/timestamp");
  // Its curve has a gap in time, and none in updates or steps.
  CHECK(scene.updates_between(0, from, to) <= 1);  // one may have been on its way
  const auto& curve = scene.curve(0);
  for (std::size_t i = 1; i < curve.size(); ++i) {
    CHECK(curve[i].update == curve[i - 1].update + 1);
    CHECK(curve[i].steps == curve[i - 1].steps + kStepsPerUpdate);
  }
  // The others keep the pace that they are held to, as far as the machine lets them: it is the same
  // for all three, paused neighbour or not.
  const int expected = scene.updates_between(1, from, to);
  CHECK(expected >= 5);
  for (std::size_t n = 2; n < kTrainers; ++n) {
    CHECK(scene.updates_between(n, from, to) >= expected / 2);
  }
}

TEST_CASE("live trainers: one that was frozen does not carry out what was over when it woke") {
  Scene scene;
  const auto rate = [&] {
    return scene.ask("get_hyperparameters", "{}", 0).number("/result/learning_rate");
  };
  const double before = rate();
  const std::string set = R"({"name":"learning_rate","value":0.0005})";
  REQUIRE(wait_until([&] { return scene.clock_error_ms(0); }));  // it has heard the bridge's clock
  scene.trainer(0).signal(SIGSTOP);
  CHECK(scene.ask_once("set_hyperparameter", set, 0, 200).string("/data/error_type") == "timeout");
  // Its clock and the bridge's are known to each other up to a round trip.
  std::this_thread::sleep_for(milliseconds(300 + static_cast<int>(4 * *scene.clock_error_ms(0))));
  scene.trainer(0).signal(SIGCONT);
  scene.watch(0, 2);
  CHECK(rate() == before);
  scene.ask("set_hyperparameter", set, 0);
  CHECK(rate() == 0.0005);
}
