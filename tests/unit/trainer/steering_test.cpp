// Commands to the ppo-trainer program: pausing, hyperparameters, stopping.
#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "steered_trainer.h"

using std::chrono::milliseconds;
using testing_support::Json;
using testing_support::wait_until;

namespace {

const std::vector<std::string> kTwoAgents = {"--agents", "2",   "--steps",       "100000000",
                                             "--pace",   "500", "--detail-rate", "0"};

std::int64_t step_of(SteeredTrainer& trainer, const std::string& agent_id) {
  return trainer.ask("get_hyperparameters", "{}", agent_id).integer("/result/step");
}

}  // namespace

TEST_CASE("steering: says of itself who lives here and what can be asked") {
  SteeredTrainer trainer(kTwoAgents);
  Json latest = trainer.next_event("_source");
  while (latest.size("/data/commands") < 10) latest = trainer.next_event("_source");
  CHECK(latest.dump("/data/agents") == R"(["agent_0","agent_1"])");
  CHECK(latest.dump("/data/commands") ==
        R"(["cancel_order","get_hyperparameters","get_portfolio","load_checkpoint","pause",)"
        R"("place_order","resume","save_checkpoint","set_hyperparameter","stop"])");
  CHECK(latest.string("/data/state") == "running");
}

TEST_CASE("steering: what is asked wrongly is rejected, and why is said") {
  SteeredTrainer trainer(kTwoAgents);
  CHECK(trainer.rejected("pause", "{}", "agent_2") ==
        "agent_id is 'agent_2'; must be one of agent_0..agent_1");
  CHECK(trainer.rejected("pause", R"({"now":true})") ==
        "the parameter 'now' is not known; there are none");
  CHECK(trainer.rejected("set_hyperparameter", R"({"name":"gamma","value":1})")
            .find("name is \"gamma\"; must be learning_rate, clip_range or entropy_coefficient") ==
        0);
  CHECK(trainer.rejected("set_hyperparameter", R"({"name":"learning_rate","value":0})") ==
        "value is 0; must be above 0..1");
  CHECK(trainer.rejected("set_hyperparameter", R"({"name":"clip_range","value":2})") ==
        "value is 2; must be above 0..1");
  CHECK(trainer.rejected("set_hyperparameter", R"({"name":"entropy_coefficient","value":-1})") ==
        "value is -1; must be 0..1");
  CHECK(trainer.rejected("set_hyperparameter", R"({"name":"clip_range"})") ==
        "value is missing; must be above 0..1");
  CHECK(trainer.rejected("stop", "{}", "agent_0") ==
        "stop ends the whole process; send it to the source 'trainer-1'");
  CHECK(trainer.ask("dance").string("/error/error_type") == "unknown_command");
}

TEST_CASE("steering: a paused agent takes no step, the other goes on, and resuming is seen") {
  SteeredTrainer trainer(kTwoAgents);
  const Json paused = trainer.ask("pause", "{}", "agent_0");
  CHECK(paused.string("/result/agent_id") == "agent_0");
  CHECK(paused.string("/result/state") == "paused");
  const std::int64_t stood = paused.integer("/result/step");
  Json status = trainer.next_event("system_status");
  while (status.string("/data/status") != "paused") status = trainer.next_event("system_status");
  CHECK(status.string("/data/message") == "agent_0 paused at step " + std::to_string(stood));

  const std::int64_t other = step_of(trainer, "agent_1");
  REQUIRE(wait_until([&] { return step_of(trainer, "agent_1") > other + 50; }));
  CHECK(step_of(trainer, "agent_0") == stood);

  CHECK(trainer.ask("resume", "{}", "agent_0").integer("/result/step") == stood);
  CHECK(trainer.next_event("system_status").string("/data/status") == "resumed");
  CHECK(wait_until([&] { return step_of(trainer, "agent_0") > stood; }));
}

TEST_CASE("steering: with all agents paused nothing happens but prompt answers") {
  SteeredTrainer trainer(kTwoAgents);
  const Json paused = trainer.ask("pause");
  CHECK(paused.string("/result/agents/agent_1/state") == "paused");
  const std::int64_t stood = paused.integer("/result/agents/agent_0/step");
  trainer.ask("pause");  // once more changes nothing
  Json self = trainer.next_event("_source");
  while (self.string("/data/state") != "paused") self = trainer.next_event("_source");
  trainer.count_events("portfolio_update", milliseconds(300));  // those from before
  CHECK(trainer.count_events("portfolio_update", milliseconds(300)) == 0);

  constexpr int kAsked = 20;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kAsked; ++i) CHECK(step_of(trainer, "agent_0") == stood);
  CHECK(std::chrono::steady_clock::now() - start < kAsked * milliseconds(500));

  CHECK(trainer.ask("resume").string("/result/agents/agent_0/state") == "running");
  CHECK(wait_until([&] { return step_of(trainer, "agent_0") > stood; }));
}

TEST_CASE("steering: a hyperparameter is seen at once and learnt with from the step told") {
  SteeredTrainer trainer(kTwoAgents);
  const Json before = trainer.ask("get_hyperparameters");
  CHECK(before.number("/result/agents/agent_0/learning_rate") == 0.003);
  CHECK(before.number("/result/agents/agent_1/clip_range") == 0.2);
  CHECK(before.number("/result/agents/agent_1/entropy_coefficient") == 0.01);

  // With a vanishing rate the policy stands still: no probability moves from the update told on.
  const Json set =
      trainer.ask("set_hyperparameter", R"({"name":"learning_rate","value":1e-300})", "agent_1");
  CHECK(set.number("/result/value") == 1e-300);
  CHECK(set.number("/result/previous") == 0.003);
  const std::int64_t update = set.integer("/result/update");
  const std::int64_t step = set.integer("/result/step");
  CHECK(step % 128 == 0);
  CHECK(update == step / 128);
  Json self = trainer.next_event("_source");
  while (!self.has("/data/parameters/3") || self.number("/data/parameters/3/value") != 1e-300) {
    self = trainer.next_event("_source");
  }
  CHECK(self.string("/data/parameters/3/agent_id") == "agent_1");
  CHECK(self.number("/data/parameters/0/value") == 0.003);
  CHECK(self.number("/data/parameters/0/max") == 1);
  const Json after = trainer.ask("get_hyperparameters");
  CHECK(after.number("/result/agents/agent_1/learning_rate") == 1e-300);
  CHECK(after.number("/result/agents/agent_1/learning_rate_now") <= 1e-300);
  CHECK(after.number("/result/agents/agent_0/learning_rate") == 0.003);

  int seen = 0;
  while (seen < 3) {
    const Json event = trainer.next_event("training_update");
    const bool changed =
        event.string("/data/agent_id") == "agent_1" && event.integer("/data/update") >= update;
    if (event.integer("/data/update") == update && changed) {
      CHECK(event.integer("/data/steps") == step);
    }
    const double moved = event.number("/data/approx_kl");
    CHECK((moved > 1e-9) == !changed);
    if (changed) ++seen;
  }
}

TEST_CASE("steering: stop ends the program like a signal, after its answer") {
  SteeredTrainer trainer(kTwoAgents);
  trainer.next_event("_source");
  const Json reply = trainer.ask("stop");
  CHECK(reply.boolean("/success"));
  CHECK(reply.string("/result/state") == "stopping");
  CHECK(trainer.process().wait_exit() == 0);
  CHECK(trainer.process().stdout_lines().empty());
  CHECK(trainer.process().stderr_text().find("stopped at step ") != std::string::npos);
  CHECK(trainer.next_event("run_ended").string("/data/state") == "interrupted");
  Json self = trainer.next_event("_source");
  while (self.string("/data/state") != "stopped") self = trainer.next_event("_source");
}

TEST_CASE("steering: a paused or judging trainer obeys a signal and stop, too") {
  {
    SteeredTrainer trainer(kTwoAgents);
    CHECK(trainer.ask("pause").boolean("/success"));
    trainer.process().signal(SIGTERM);
    CHECK(trainer.process().wait_exit() == 0);
  }
  SteeredTrainer judging({"--agents", "1", "--steps", "10", "--eval-episodes", "100000"});
  Json status = judging.next_event("system_status");
  while (status.string("/data/status") != "evaluating") {
    status = judging.next_event("system_status");
  }
  CHECK(judging.rejected("pause") == "training has ended");
  CHECK(judging.rejected("get_portfolio") == "training has ended");
  CHECK(judging.rejected("set_hyperparameter", R"({"name":"clip_range","value":0.1})") ==
        "agent_0 has no update left that it could change");
  CHECK(judging.ask("get_hyperparameters").integer("/result/step") == 10);
  CHECK(judging.ask("stop", "{}", "agent_0").boolean("/success"));  // the only one there is
  CHECK(judging.process().wait_exit() == 0);
}

TEST_CASE("steering: pauses and questions leave the result of a run alone") {
  const std::vector<std::string> arguments = {"--agents", "2",   "--steps",         "300",
                                              "--pace",   "300", "--eval-episodes", "2"};
  std::vector<std::string> alone = arguments;
  alone.insert(alone.begin(), PPO_TRAINER_PATH);
  alone.insert(alone.end(), {"--no-publish", "--quiet"});
  testing_support::Process unsteered(alone);
  SteeredTrainer trainer(arguments);
  CHECK(trainer.ask("pause", "{}", "agent_0").boolean("/success"));
  const std::int64_t other = step_of(trainer, "agent_1");
  REQUIRE(wait_until([&] { return step_of(trainer, "agent_1") > other + 20; }));
  CHECK(trainer.ask("get_portfolio").boolean("/success"));
  CHECK(trainer.ask("resume").boolean("/success"));
  const auto steered = trainer.process().wait_line("result ", std::chrono::seconds(60));
  REQUIRE(steered);
  CHECK(steered == unsteered.wait_line("result ", std::chrono::seconds(60)));
}
