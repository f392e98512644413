// A ppo-trainer process with a bridge's two sockets at its other end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"
#include "support/process.h"
#include "support/wait.h"

// Runs until it is stopped, its events at hand. One thread.
class SteeredTrainer {
 public:
  explicit SteeredTrainer(const std::vector<std::string>& arguments)
      : process_(command_line(arguments)) {}

  testing_support::Process& process() { return process_; }

  // The answer to a command; `agent_id` "" = to the whole process.
  testing_support::Json ask(const std::string& command, const std::string& params = "{}",
                            const std::string& agent_id = "") {
    ppo::test::Ask ask{command, params, "c-" + std::to_string(++asked_), "run-1"};
    ask.agent_id = agent_id;
    return testing_support::Json(control_.ask("trainer-1", ask));
  }

  // Why a command was rejected; fails the test's expectation where it was not.
  std::string rejected(const std::string& command, const std::string& params = "{}",
                       const std::string& agent_id = "") {
    const testing_support::Json reply = ask(command, params, agent_id);
    if (reply.boolean("/success")) return "not rejected: " + reply.text();
    return reply.string("/error/message");
  }

  // The next event of `type`; throws where there is none in time.
  testing_support::Json next_event(const std::string& type) {
    const testing_support::Deadline deadline(testing_support::kPatience);
    while (!deadline.passed()) {
      while (!lines_.empty()) {
        testing_support::Json event(lines_.front());
        lines_.erase(lines_.begin());
        if (event.string("/type") == type) return event;
      }
      take(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("no event " + type);
  }

  // Events of `type` that are here, until none came for `quiet`; all others are passed over.
  int count_events(const std::string& type, std::chrono::milliseconds quiet) {
    int count = 0;
    do {
      for (const std::string& line : lines_) {
        if (testing_support::Json(line).string("/type") == type) ++count;
      }
      lines_.clear();
    } while (take(quiet));
    return count;
  }

 private:
  std::vector<std::string> command_line(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {
        PPO_TRAINER_PATH, "--source", "trainer-1",        "--run",     "run-1",
        "--quiet",        "--events", events_.endpoint(), "--control", control_.endpoint()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  bool take(std::chrono::milliseconds patience) {
    const auto message = events_.receive(patience);
    if (!message) return false;
    for (std::string& line : ppo::test::lines(message->body)) lines_.push_back(std::move(line));
    return true;
  }

  ppo::test::FakeBridge events_;
  ppo::test::FakeControl control_;
  testing_support::Process process_;
  std::vector<std::string> lines_;
  int asked_ = 0;
};
