// Commands that come again with their idempotency key.
#include "done_commands.h"

#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <string>

#include "command_message.h"
#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"
#include "support/wait.h"

using namespace ppo::test;
using ppo::DoneCommands;
using Clock = DoneCommands::Clock;

namespace {

ppo::WaitingCommand keyed(const std::string& key, const std::string& id = "i") {
  ppo::WaitingCommand waiting;
  waiting.command.id = id;
  waiting.command.name = "buy";
  waiting.idempotency_key = key;
  return waiting;
}

}  // namespace

TEST_CASE("done commands: what was done is answered again and not done again") {
  FakeControl bridge;
  ppo::PublisherOptions options = options_for("");
  options.control = bridge.endpoint();
  ppo::Publisher trainer(options);
  int done = 0;
  int asked = 0;
  REQUIRE(trainer.on_command("buy", [&](const ppo::Command&) {
    return ppo::CommandResult::success("{\"orders\":" + std::to_string(++done) + "}");
  }));
  REQUIRE(trainer.on_command("save", [&](const ppo::Command&) {
    return ++asked == 1 ? ppo::CommandResult::rejected("not now") : ppo::CommandResult::success();
  }));
  const auto answer = [&](Ask ask) {
    REQUIRE(bridge.send(kSource, ask));
    REQUIRE(testing_support::wait_until([&] { return trainer.poll_commands() == 1; }));
    return testing_support::Json(bridge.receive().value());
  };
  Ask buy{"buy", R"({"item":"Coal"})", "a"};
  buy.idempotency_key = "me/k";
  CHECK(answer(buy).integer("/result/orders") == 1);
  buy.id = "another";
  const auto again = answer(buy);
  CHECK(again.string("/id") == "another");
  CHECK(again.integer("/result/orders") == 1);
  buy.params = R"({"item":"Iron ore"})";
  CHECK(answer(buy).string("/error/error_type") == "bad_request");
  buy.idempotency_key = "you/k";
  CHECK(answer(buy).integer("/result/orders") == 2);
  buy.idempotency_key.clear();
  CHECK(answer(buy).integer("/result/orders") == 3);
  Ask save{"save"};
  save.idempotency_key = "me/s";
  CHECK_FALSE(answer(save).boolean("/success"));
  CHECK(answer(save).boolean("/success"));
  CHECK(answer(save).boolean("/success"));
  CHECK(asked == 2);
  CHECK(trainer.command_stats().repeated == 3);
}

TEST_CASE("done commands: the oldest go, by number, by bytes and by age") {
  const Clock::time_point now = Clock::now();
  DoneCommands many;
  for (std::size_t i = 0; i < DoneCommands::kDoneMax + 1; ++i) {
    many.add(keyed("k" + std::to_string(i)), ppo::result_reply("i", "{}"), now);
  }
  CHECK_FALSE(many.find(keyed("k0"), now));
  CHECK(many.find(keyed("k1", "j"), now) == ppo::result_reply("j", "{}"));
  CHECK_FALSE(many.find(keyed("k1"), now + DoneCommands::kDoneFor));

  DoneCommands large;
  const std::string reply(1'000'000, 'x');
  for (int i = 0; i < 6; ++i) large.add(keyed("k" + std::to_string(i)), reply, now);
  CHECK_FALSE(large.find(keyed("k1"), now));
  CHECK(large.find(keyed("k2"), now));
}
