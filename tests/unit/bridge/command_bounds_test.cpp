// Where the bounds of commands/ lie.

#include <doctest/doctest.h>

#include "base/limits.h"
#include "fixture.h"

using namespace bridge;

namespace {

// One trainer that does one thing at a time.
struct OneTrainer {
  OneTrainer() {
    bench.take(R"({"type":"_source","source":"t","run":"r","data":{}})");
    bench.link.connected = {"t"};
    router.set_repair_listener([this](const RepairAnswer& answer) { outcomes.push_back(answer.outcome); });
  }
  std::string refusal(const std::string& members, const std::string& who = "me") {
    std::string reply;
    bench.dispatcher.execute(parse_json("{" + members + "}"), "1", who,
                             [&reply](const std::string& json) { reply = json; });
    if (reply.empty()) return "";  // with the trainer
    const auto parsed = parse_json(reply);
    return parsed["status"] == "error" ? parsed["data"]["message"].GetString() : "";
  }
  static std::string text(const std::string& name, std::size_t bytes) {
    return R"("command":"pause",")" + name + R"(":")" + std::string(bytes, 'x') + '"';
  }
  std::string arm(const std::string& timeout, std::size_t padding = 0, const std::string& who = "me") {
    return refusal(R"("command":"arm_dead_mans_switch","params":{"timeout_ms":)" + timeout + R"(,"x":")" +
                   std::string(padding, 'x') + R"(","on_expiry":{"command":"pause","target":"t"}})",
                   who);
  }
  void submit(std::int64_t deadline_us) {
    Command pause;
    pause.name = "pause";
    pause.target = "t";
    pause.deadline_us = deadline_us;
    router.submit(pause, [this](const CommandOutcome&) { ++answered; });
  }
  void reply(std::size_t to, const std::string& rest = R"("success":true,"result":{"events":[]}})") {
    const std::string id = parse_json(bench.link.sent.at(to).second)["id"].GetString();
    router.on_answer("t", R"({"id":")" + id + "\"," + rest);
  }
  std::size_t after(std::int64_t us) {
    bench.clock.advance_us(us);
    router.tick();
    return sent();
  }
  bool ask() { return router.ask(*bench.sources.find("t", "r"), 1, 5); }
  std::size_t sent() const { return bench.link.sent.size(); }

  Bench bench;
  CommandRouter& router = bench.dispatcher.router();
  std::vector<RepairOutcome> outcomes;
  int answered = 0;
};

}  // namespace

TEST_CASE("bounds: a request's texts and numbers, to the last one that is taken") {
  OneTrainer t;
  CHECK(t.refusal(R"("target":"t",)" + OneTrainer::text("idempotency_key", kIdempotencyKeyBytesMax)) == "");
  CHECK(t.refusal(R"("target":"t",)" + OneTrainer::text("idempotency_key", kIdempotencyKeyBytesMax + 1))
            .find("idempotency_key") == 0);
  const std::string name(kNameBytesMax, 'x');
  CHECK(t.refusal(R"("command":"pause","target":")" + name + "/" + name + '"').find("target is \"x") == 0);
  CHECK(t.refusal(R"("command":"pause","target":")" + name + "/" + name + R"(x")").find("target must") == 0);
  const auto deadline = [&t](const std::string& ms) {
    return t.refusal(R"("command":"pause","target":"nobody/a","deadline_ms":)" + ms).find("deadline_ms") == 0;
  };
  CHECK_FALSE(deadline("1"));
  CHECK(deadline("0.999"));
  CHECK_FALSE(deadline("60000"));
  CHECK(deadline("60000.001"));
}

TEST_CASE("bounds: a switch's time, its bytes, and how many there are") {
  OneTrainer t;
  CHECK(t.arm("99.999").find("params.timeout_ms") == 0);
  CHECK_FALSE(t.bench.dispatcher.busy());
  CHECK(t.arm("100") == "");
  CHECK(t.bench.dispatcher.busy());
  CHECK(t.arm("86400000") == "");
  CHECK(t.arm("86400000.001").find("params.timeout_ms") == 0);
  const std::size_t rest = std::string(R"({"timeout_ms":100,"x":"","on_expiry":{"command":"pause","target":"t"}})").size();
  CHECK(t.arm("100", kSwitchBytesMax - rest) == "");
  CHECK(t.arm("100", kSwitchBytesMax - rest + 1) == "params must be at most " + std::to_string(kSwitchBytesMax) + " bytes");
}

TEST_CASE("bounds: so many switches are armed, and those may be armed anew") {
  OneTrainer t;
  for (std::size_t i = 0; i < kSwitchesMax; ++i) CHECK(t.arm("100", 0, std::to_string(i)) == "");
  CHECK(t.arm("100", 0, "one more") == "1024 dead-man's switches are armed already");
  CHECK(t.arm("200", 0, "0") == "");
  CHECK(t.refusal(R"("command":"disarm_dead_mans_switch")", "7") == "");
  CHECK(t.arm("100", 0, "one more") == "");
}

TEST_CASE("bounds: a command that waits times out when it is due, and is told how long it has") {
  OneTrainer t;
  t.submit(2'000'000);
  t.submit(100'000);
  t.after(99'999);
  CHECK(t.answered == 0);
  SUBCASE("in vain") {
    t.after(1);
    CHECK(t.answered == 1);
  }
  SUBCASE("or it is sent at the last moment") {
    t.reply(0);
    REQUIRE(t.sent() == 2);
    CHECK(parse_json(t.bench.link.sent[1].second)["deadline_ms"].GetInt64() == 1);
  }
}

TEST_CASE("bounds: an answer that is owed to a question holds up commands, and no other question") {
  OneTrainer t;
  CHECK(t.ask());
  CHECK(t.after(kRepairDeadlineUs - 1) == 1);
  CHECK(t.outcomes.empty());
  t.after(1);
  CHECK(t.outcomes == std::vector{RepairOutcome::failed});
  CHECK(t.ask());
  CHECK(t.sent() == 2);
  t.reply(1);
  CHECK(t.outcomes.back() == RepairOutcome::events);
  t.submit(60'000'000);
  CHECK(t.sent() == 2);
  SUBCASE("until it comes") {
    t.reply(0);
    CHECK(t.outcomes.back() == RepairOutcome::late);
    CHECK(t.bench.counters.command_answers_late == 1);
    CHECK(t.sent() == 3);
  }
  SUBCASE("or for so long") {
    CHECK(t.after(kLostReplyUs - 1) == 2);
    CHECK(t.after(1) == 3);
  }
  // A command whose answer is owed holds up questions as well.
  t.after(60'000'000);
  CHECK(t.answered == 1);
  CHECK(t.ask());
  CHECK(t.sent() == 3);
  t.reply(2, R"("success":true})");
  CHECK(t.sent() == 4);
  CHECK(t.bench.counters.command_answers_unusable == 0);
}

TEST_CASE("bounds: questions are asked one after the other, and what was never sent is no refusal") {
  OneTrainer t;
  t.submit(60'000'000);
  CHECK(t.ask());
  CHECK(t.router.pending() == 1);
  t.after(kRepairDeadlineUs);
  CHECK(t.outcomes == std::vector{RepairOutcome::unsent});
  t.reply(0);
  CHECK(t.sent() == 1);
  CHECK(t.ask());
  CHECK(t.ask());
  CHECK(t.sent() == 2);
  t.reply(1);
  CHECK(t.sent() == 3);
  t.bench.link.connected.clear();
  CHECK(t.ask());  // behind the other
  t.reply(2);
  CHECK(t.outcomes.back() == RepairOutcome::failed);
  CHECK_FALSE(t.ask());
  CHECK_FALSE(t.router.busy());
}

TEST_CASE("bounds: what is remembered of an answer is as long as the answer") {
  const auto remembered = [](const std::string& message, const std::string& params) {
    OneTrainer t;
    Command pause;
    pause.name = "pause";
    pause.target = "t";
    pause.idempotency_key = "k";
    pause.params_json = params;
    pause.deadline_us = 1'000'000;
    t.router.submit(pause, [](const CommandOutcome&) {});
    t.reply(0, R"("success":false,"error":")" + message + "\"}");
    return t.router.bytes();
  };
  const std::string text(1000, 'x');
  CHECK(remembered(text + text, "{}") == remembered(text, "{}") + 1000);
}

TEST_CASE("bounds: each of the bridge's own commands gives what it is asked for") {
  Bench bench;
  bench.event();
  for (const auto& [command, member] :
       {std::pair("get_status", "uptime_s"), std::pair("get_sources", "sources"),
        std::pair("get_snapshot", "events"), std::pair("get_event_types", "event_types")}) {
    CHECK(parse_json(bench.run(command)).HasMember(member));
  }
}

TEST_CASE("bounds: a snapshot in a reply has the newest that fit") {
  Bench bench;
  for (int i = 0; i < 6; ++i) {
    bench.take(R"({"type":"t)" + std::to_string(i) + R"(","data":{"a":")" + std::string(1'000'000, 'x') + "\"}}");
  }
  const auto snapshot = parse_json(bench.run("get_snapshot"));
  CHECK(snapshot["events"].Size() == 4);
  CHECK(snapshot["events"][3]["type"] == "t5");
  CHECK(snapshot["complete"].IsFalse());
}

TEST_CASE("bounds: whom a refusal names is told up to the longest name that there is") {
  const std::string longest(129, 'x');
  CHECK(permission_details("pause", longest) == R"({"permission":"command","command":"pause","target":")" + longest + "\"}");
  CHECK(permission_details("pause", longest + "x") == permission_details("pause", longest));
  CHECK(permission_details("pause", "") == R"({"permission":"command","command":"pause"})");
}

TEST_CASE("bounds: commands that wait have as many bytes as they may, to the byte") {
  for (const std::size_t too_few : {0u, 1u}) {
    OneTrainer t;
    t.router.set_bytes_max(2 * (1024 + 2) - too_few);
    for (int i = 0; i < 2; ++i) t.submit(1'000'000);
    CHECK(t.answered == static_cast<int>(too_few));
  }
}

TEST_CASE("bounds: a command is with a trainer until that is gone, not only silent") {
  for (const bool connected : {false, true}) {
    OneTrainer t;
    if (connected) REQUIRE(t.bench.hello("t", R"({"type":"_source","source":"t","run":"r","data":{}})"));
    const auto silent_for = [&t](std::int64_t us) {
      t.bench.clock.advance_us(us);
      t.bench.sources.tick(1.0, t.bench.clock.steady_us());
      return t.answered;
    };
    t.submit(60'000'000);
    REQUIRE(t.sent() == 1);
    CHECK(silent_for(kStalledAfterUs) == 0);
    CHECK(silent_for(kLiveUs - kStalledAfterUs - 1) == 0);
    CHECK(silent_for(1) == 1);
  }
}
