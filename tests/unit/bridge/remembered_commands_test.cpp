#include "commands/remembered_commands.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace bridge;

namespace {

// Remembers commands of one requester, each done at once.
struct Remembered {
  static Command command(int key) {
    Command pause;
    pause.name = "pause";
    pause.requester = "me";
    pause.idempotency_key = std::to_string(1'000'000 + key);
    return pause;
  }
  bool knows(int key) { return commands.find(command(key), now_us) != nullptr; }
  void add(int key, const std::string& result = "{}") {
    REQUIRE_FALSE(knows(key));
    const auto request = std::make_shared<CommandRequest>();
    request->command = command(key);
    request->submitted_us = now_us;
    commands.add(request);
    TrainerAnswer answer;
    answer.success = true;
    answer.result_json = result;
    request->outcome.answers.push_back(answer);
    request->done = true;
    commands.finish(*request);
  }

  RememberedCommands commands;
  std::int64_t now_us = 1;
};

}  // namespace

TEST_CASE("remembered: a request's bytes are its own and those of its texts, who asked and the key twice") {
  CommandRequest request;
  CHECK(request.bytes() == sizeof(CommandRequest) + request.command.params_json.size());
  request.command.params_json.clear();
  request.command.target = std::string(1000, 't');
  request.command.requester = std::string(100, 'r');
  request.command.idempotency_key = std::string(10, 'k');
  CHECK(request.bytes() == sizeof(CommandRequest) + 1000 + 2 * 110);
  TrainerAnswer answer;
  answer.result_json = std::string(1000, 'x');
  answer.error.message = std::string(10, 'y');
  request.outcome.answers.push_back(answer);
  CHECK(request.bytes() == sizeof(CommandRequest) + 1000 + 2 * 110 + sizeof answer + 1010);
}

TEST_CASE("remembered: keys are kept for so long, to the microsecond") {
  Remembered r;
  r.add(1);
  r.now_us += kIdempotencyUs - 1;
  CHECK(r.knows(1));
  r.now_us += 1;
  CHECK_FALSE(r.knows(1));
  CHECK(r.commands.bytes() == 0);
}

TEST_CASE("remembered: of so many keys the oldest makes room") {
  Remembered r;
  for (int key = 1; key < static_cast<int>(kIdempotencyKeysMax); ++key) r.add(key);
  CHECK(r.knows(1));
  r.add(0);
  CHECK_FALSE(r.knows(1));
  CHECK(r.knows(2));
}

TEST_CASE("remembered: of so many bytes the oldest makes room") {
  for (const std::size_t too_few : {0u, 1u}) {
    Remembered r;
    r.add(1, std::string(1000, 'x'));
    r.commands.set_bytes_max(2 * r.commands.bytes() - too_few);
    r.add(2, std::string(1000, 'x'));
    CHECK(r.knows(1) == (too_few == 0));
    CHECK(r.knows(2));
  }
}
