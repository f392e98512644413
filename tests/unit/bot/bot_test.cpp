// The whole bot against a bridge that does as it is told.
#include "ppo-bot/bot.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"
#include "support/wait.h"

using namespace bot;
using namespace bot_tests;
using testing_support::wait_until;
namespace json = feed::json;

namespace {

// A bot on a thread of its own, and what it has written so far.
class RunningBot {
 public:
  RunningBot(const FakeBridge& bridge, const std::function<void(BotOptions&)>& change = {})
      : out_(std::tmpfile()) {
    options_.feed.events = bridge.events();
    options_.feed.commands = bridge.commands();
    options_.feed.timeout = testing_support::kPatience;
    options_.limits.lot = 10;
    options_.limits.order_interval = milliseconds(0);
    options_.limits.position_max = 20;
    options_.limits.price_age_max = testing_support::kPatience;
    options_.limits.order_age_max = milliseconds(60'000);
    options_.feed.check_interval = milliseconds(20);
    if (change) change(options_);
    thread_ = std::thread([this] {
      Diary diary(out_, true);
      Bot bot(options_, diary, [this] { return stopping_.load(); });
      code_ = bot.run();
      held_coal_ = bot.strategy().held("Coal");
    });
  }
  ~RunningBot() {
    stop();
    std::fclose(out_);
  }

  int stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return code_;
  }
  // Valid after stop().
  std::int64_t held_coal() const { return held_coal_; }

  std::vector<std::string> lines(const std::string& action) const {
    std::string text;
    char buffer[4096];
    for (off_t at = 0;;) {
      const ssize_t got = ::pread(::fileno(out_), buffer, sizeof buffer, at);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
      at += got;
    }
    std::vector<std::string> found;
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = text.find('\n', from);
      if (end == std::string::npos) break;
      const std::string line = text.substr(from, end - from);
      if (json::as_string(json::member(line, "action")) == action) found.push_back(line);
      from = end + 1;
    }
    return found;
  }
  bool wrote(const std::string& action, std::size_t times = 1) const {
    return wait_until([&] { return lines(action).size() >= times; });
  }

 private:
  BotOptions options_;
  std::FILE* const out_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> code_{-1};
  std::atomic<std::int64_t> held_coal_{0};
  std::thread thread_;
};

// Takes every order, giving them numbers from 1.
FakeBridge::Handler willing() {
  auto orders = std::make_shared<std::atomic<int>>(0);
  return [orders](const Question& question) -> std::optional<std::string> {
    if (question.command == "place_order") {
      return success(R"({"order":)" + std::to_string(++*orders) + "}");
    }
    return success("{}");
  };
}

bool orders_reach(const FakeBridge& bridge, std::size_t count) {
  return wait_until([&] { return bridge.asked("place_order").size() >= count; });
}

// Long enough for a bot that would do more to have done it: some looks for missed fills.
bool looks_pass(const FakeBridge& bridge, std::size_t count = 30) {
  const std::size_t before = bridge.asked("get_recent_events").size();
  return wait_until([&] { return bridge.asked("get_recent_events").size() >= before + count; });
}

}  // namespace

TEST_CASE("bot: buys at the margin, counts the fill, sells, and buys no more than it may") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(orders_reach(bridge, 1));
  CHECK(bridge.asked("place_order")[0].params ==
        R"({"item":"Coal","side":"buy","quantity":10,"price":100})");
  CHECK(json::member(bridge.asked("place_order")[0].text, "target") == R"("agent_0")");
  bridge.publish(trade("buy", "Coal", 99, 10, "1", "trainer-1", 1));
  REQUIRE(bot.wrote("fill"));
  REQUIRE(orders_reach(bridge, 3));
  const auto orders = bridge.asked("place_order");
  CHECK(orders[1].params == R"({"item":"Coal","side":"sell","quantity":10,"price":110})");
  CHECK(orders[2].params == R"({"item":"Coal","side":"buy","quantity":10,"price":100})");
  REQUIRE(looks_pass(bridge));
  CHECK(bridge.asked("place_order").size() == 3);
  bridge.publish(trade("sell", "Coal", 110, 10, "2", "trainer-1", 2));
  REQUIRE(bot.wrote("fill", 2));
  CHECK(json::member(bot.lines("fill")[1], "profit") == "90");
  CHECK(bot.stop() == kExitOk);
}

TEST_CASE("bot: says what it does in lines that are JSON") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Twisted \"bow\"\x1b[31m", 100, 110));
  REQUIRE(bot.wrote("buy"));
  bot.stop();
  for (const char* const action : {"caught-up", "buy", "cancel", "end"}) {
    REQUIRE_FALSE(bot.lines(action).empty());
    CHECK(json::valid(bot.lines(action)[0]));
  }
  CHECK(json::member(bot.lines("buy")[0], "outcome") == R"("placed")");
}

TEST_CASE("bot: a fill in a hole is known before the next order") {
  FakeBridge bridge;
  bridge.on_command(willing());
  // It looks for missed fills only where it wants to act.
  RunningBot bot(bridge, [](BotOptions& options) {
    options.feed.check_interval = milliseconds(3'600'000);
    options.limits.position_max = 15;
  });
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(orders_reach(bridge, 1));
  // 2 is published, 3 is lost, 4 is published.
  bridge.publish(trade("buy", "Coal", 100, 1, "1", "trainer-1", 1));
  bridge.lose(trade("buy", "Coal", 100, 9, "1", "trainer-1", 2));
  bridge.publish(price("Coal", 100, 112));
  REQUIRE(orders_reach(bridge, 2));
  REQUIRE(bot.wrote("fill", 2));
  // It began to want the sale of one item; by the time it acted, it knew of ten.
  CHECK(bridge.asked("place_order")[1].params ==
        R"({"item":"Coal","side":"sell","quantity":10,"price":112})");
  REQUIRE(orders_reach(bridge, 3));
  CHECK(bridge.asked("place_order")[2].params ==
        R"({"item":"Coal","side":"buy","quantity":5,"price":100})");
}

TEST_CASE("bot: a price that was lost on its way is known before the order") {
  FakeBridge bridge;
  bridge.on_command(willing());
  bridge.publish(price("Coal", 100, 110));
  bridge.lose(price("Coal", 105, 107));  // no margin any more
  bridge.publish(price("Iron ore", 10, 20));
  RunningBot bot(bridge);
  REQUIRE(orders_reach(bridge, 1));
  REQUIRE(looks_pass(bridge));
  REQUIRE(bridge.asked("place_order").size() == 1);
  CHECK(bridge.asked("place_order")[0].params ==
        R"({"item":"Iron ore","side":"buy","quantity":10,"price":10})");
}

TEST_CASE("bot: after a restart of the bridge, fills are counted once and old prices not used") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(orders_reach(bridge, 1));
  bridge.publish(trade("buy", "Coal", 100, 4, "1", "trainer-1", 1));
  REQUIRE(bot.wrote("fill"));
  REQUIRE(orders_reach(bridge, 2));  // the sale of the four
  bridge.stop();
  REQUIRE(bot.wrote("waiting"));
  bridge.start("e2");
  bridge.lose(trade("buy", "Coal", 100, 4, "1", "trainer-1", 1));  // repeated by the source
  bridge.lose(trade("buy", "Coal", 100, 6, "1", "trainer-1", 2));  // while the bridge was away
  REQUIRE(bot.wrote("epoch"));
  REQUIRE(bot.wrote("caught-up", 2));
  REQUIRE(bot.wrote("fill", 2));
  REQUIRE(looks_pass(bridge));
  CHECK(bridge.asked("place_order").size() == 2);  // nothing on the price of before
  CHECK(bot.lines("fill").size() == 2);
  bridge.publish(price("Coal", 90, 99));
  REQUIRE(orders_reach(bridge, 3));
  CHECK(bridge.asked("place_order")[2].params ==
        R"({"item":"Coal","side":"buy","quantity":10,"price":90})");
  CHECK(bot.stop() == kExitOk);
  CHECK(bot.held_coal() == 10);
}

TEST_CASE("bot: prices that are too old are never acted on, also where the source repeats them") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge,
                 [](BotOptions& options) { options.limits.price_age_max = milliseconds(10'000); });
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110) + R"(,"source_timestamp":1700000000.0)");
  REQUIRE(looks_pass(bridge));
  CHECK(bridge.asked("place_order").empty());
}

TEST_CASE("bot: an order without answer is never placed twice, and looked for to take it back") {
  for (const bool stands : {true, false}) {
    FakeBridge bridge;
    std::atomic<bool> answers{false};
    bridge.on_command([&](const Question& question) -> std::optional<std::string> {
      if (!answers) return std::nullopt;
      if (question.command != "get_portfolio") return success("{}");
      return success(
          std::string(R"({"inventory":{},"orders":[)") +
          R"({"order":5,"side":"buy","item":"Coal","price":99,"quantity":10})" +
          (stands ? R"(,{"order":7,"side":"buy","item":"Coal","price":100,"quantity":10})" : "") +
          "]}");
    });
    RunningBot bot(bridge, [](BotOptions& options) {
      options.feed.timeout = milliseconds(100);
      options.limits.pause = milliseconds(50);
      options.limits.settle = milliseconds(3'600'000);
    });
    REQUIRE(bot.wrote("caught-up"));
    bridge.publish(price("Coal", 100, 110));
    REQUIRE(orders_reach(bridge, 1));
    REQUIRE(wait_until([&] { return bridge.asked("get_portfolio").size() >= 2; }));
    answers = true;
    const std::string outcome = stands ? R"("cancelled")" : R"("rejected")";
    REQUIRE(wait_until([&] {
      const auto lines = bot.lines("cancel");
      return !lines.empty() && json::member(lines.back(), "outcome") == outcome;
    }));
    bot.stop();
    const auto cancels = bridge.asked("cancel_order");
    CHECK(cancels.size() == (stands ? 1 : 0));
    if (stands) CHECK(cancels[0].params == R"({"order":7})");
    CHECK(bridge.asked("place_order").size() == 1);
    CHECK(json::member(bot.lines("buy")[0], "outcome") == R"("no_answer")");
    CHECK_FALSE(json::member(bridge.asked("place_order")[0].text, "idempotency_key").empty());
  }
}

TEST_CASE("bot: at its end it takes back its orders, and waits no longer than it may") {
  FakeBridge bridge;
  bridge.on_command(willing());
  for (const bool answered : {true, false}) {
    RunningBot bot(bridge, [](BotOptions& options) { options.exit_wait = milliseconds(300); });
    REQUIRE(bot.wrote("caught-up"));
    bridge.publish(price("Coal", 100, 110));
    REQUIRE(bot.wrote("buy"));
    if (!answered) bridge.mute(true);
    CHECK(bot.stop() == kExitOk);
    const std::string end = bot.lines("end").at(0);
    CHECK(json::member(end, "orders_open") == (answered ? "0" : "1"));
    bridge.mute(false);
  }
  CHECK(json::member(bridge.asked("cancel_order")[0].params, "order") == "1");
}

TEST_CASE("bot: a dry run says what it would do and does nothing") {
  FakeBridge bridge;
  RunningBot bot(bridge, [](BotOptions& options) {
    options.dry_run = true;
    options.dead_man = milliseconds(1'000);
  });
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(bot.wrote("buy"));
  REQUIRE(looks_pass(bridge));
  CHECK(bot.stop() == kExitOk);
  const auto asked = bridge.asked();
  CHECK(std::all_of(asked.begin(), asked.end(),
                    [](const Question& q) { return q.command == "get_recent_events"; }));
}

TEST_CASE("bot: the dead-man's switch is kept armed, and disarmed at the end") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge, [](BotOptions& options) { options.dead_man = milliseconds(60); });
  REQUIRE(wait_until([&] { return bridge.asked("arm_dead_mans_switch").size() >= 3; }));
  CHECK(bridge.asked("arm_dead_mans_switch")[0].params ==
        R"({"timeout_ms":60,"on_expiry":{"command":"pause","target":"agent_0"}})");
  CHECK(bot.lines("dead-man").size() == 1);
  CHECK(bridge.asked("disarm_dead_mans_switch").empty());
  bot.stop();
  CHECK(bridge.asked("disarm_dead_mans_switch").size() == 1);
}

TEST_CASE("bot: an account that starts over, or a trainer that restarts, has no items of ours") {
  FakeBridge bridge;
  bridge.on_command(willing());
  for (const bool restart : {false, true}) {
    RunningBot bot(bridge);
    REQUIRE(bot.wrote("caught-up"));
    bridge.publish(price("Coal", 100, 110));
    REQUIRE(bot.wrote("buy"));
    const std::string id(json::member(bot.lines("buy")[0], "trainer_order"));
    const std::uint64_t n = restart ? 10 : 1;
    bridge.publish(trade("buy", "Coal", 100, 10, id, "trainer-1", n));
    REQUIRE(bot.wrote("sell"));
    if (restart) {
      bridge.publish(trade("hold", "Coal", 100, 10, "", "trainer-1", 1, "r2"));
    } else {
      bridge.publish(R"("type":"episode_end","data":{"agent_id":"agent_0"},"source":"trainer-1")");
    }
    REQUIRE(bot.wrote(restart ? "restart" : "episode"));
    bot.stop();
    CHECK(bot.held_coal() == 0);
  }
}

TEST_CASE("bot: a sale that is refused makes it look at what the account holds") {
  FakeBridge bridge;
  bridge.on_command([](const Question& question) -> std::optional<std::string> {
    if (question.command == "get_portfolio") return success(R"({"inventory":{"Coal":3}})");
    if (question.params.find("sell") != std::string::npos) return refusal("rejected");
    return success(R"({"order":"a"})");
  });
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(orders_reach(bridge, 1));
  bridge.publish(trade("buy", "Coal", 100, 10, R"("a")", "trainer-1", 1));
  REQUIRE(bot.wrote("holding"));
  bot.stop();
  CHECK(bot.held_coal() == 3);
}

TEST_CASE("bot: however fills are written, it never buys more than it may") {
  const std::string loose[] = {
      trade("BUY", "Coal", 100, 10, "1", "trainer-1", 1),
      trade("buy", "Coal", 100, 10, R"("1")", "trainer-1", 1),
      R"("type":"trade_executed","source":"trainer-1","data":{"agent_id":"agent_0","action_type":)"
      R"("Buy","item":"coal","price":"100","quantity":"10","order":1.0})"};
  for (const std::string& fill : loose) {
    CAPTURE(fill);
    FakeBridge bridge;
    bridge.on_command(willing());
    RunningBot bot(bridge, [](BotOptions& options) { options.limits.position_max = 10; });
    REQUIRE(bot.wrote("caught-up"));
    bridge.publish(price("Coal", 100, 110));
    REQUIRE(orders_reach(bridge, 1));
    bridge.publish(fill);
    REQUIRE(bot.wrote("fill"));
    REQUIRE(orders_reach(bridge, 2));  // the sale
    REQUIRE(looks_pass(bridge));
    CHECK(bridge.asked("place_order").size() == 2);
    bot.stop();
    CHECK(bot.held_coal() == 10);
  }
}

TEST_CASE("bot: an item whose fill cannot be read is left alone, and it says so") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge, [](BotOptions& options) { options.limits.settle = milliseconds(0); });
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(orders_reach(bridge, 1));
  bridge.publish(trade("long", "Coal", 100, 10, "1", "trainer-1", 1));
  REQUIRE(bot.wrote("frozen"));
  REQUIRE(bot.wrote("cancel"));
  REQUIRE(looks_pass(bridge));
  CHECK(bridge.asked("place_order").size() == 1);
  CHECK(bridge.asked("cancel_order").size() == 1);
}

TEST_CASE("bot: orders of a source that has lost events are left alone") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(bot.wrote("buy"));
  const std::string lost =
      R"("type":"system_status","data":{"status":"source_lost","message":"5 to 9","source":)";
  bridge.publish(lost + R"("trainer-1"},"source":"a-liar")");
  bridge.publish(lost + R"("trainer-2"},"source":"ppo-bridge")");
  REQUIRE(looks_pass(bridge));
  CHECK(bot.lines("frozen").empty());
  bridge.publish(lost + R"("trainer-1"},"source":"ppo-bridge")");
  CHECK(bot.wrote("frozen"));
}

TEST_CASE("bot: a rejected cancel is no proof that nothing was bought") {
  for (const bool told : {true, false}) {
    FakeBridge bridge;
    bridge.on_command([told](const Question& question) -> std::optional<std::string> {
      if (question.command == "place_order") return success(R"({"order":1})");
      if (question.command == "get_portfolio" && told) {
        return success(R"({"inventory":{"Coal":10},"orders":[]})");
      }
      return refusal(question.command == "cancel_order" ? "rejected" : "not_ready");
    });
    RunningBot bot(bridge, [](BotOptions& options) {
      options.limits.order_age_max = milliseconds(100);
      options.limits.settle = milliseconds(20);
      options.limits.position_max = 10;
      options.limits.price_age_max = milliseconds(3'600'000);
    });
    REQUIRE(bot.wrote("caught-up"));
    bridge.publish(price("Coal", 100, 110));
    REQUIRE(bot.wrote(told ? "checked" : "frozen"));
    REQUIRE(looks_pass(bridge));
    std::size_t purchases = 0;
    for (const Question& order : bridge.asked("place_order")) {
      purchases += order.params.find("buy") != std::string::npos ? 1 : 0;
    }
    CHECK(purchases == 1);
    bot.stop();
    CHECK(bot.held_coal() == (told ? 10 : 0));
  }
}

TEST_CASE("bot: a target that is refused as such is left alone for longer and longer") {
  FakeBridge bridge;
  bridge.on_command([](const Question&) { return refusal("ambiguous_target"); });
  RunningBot bot(bridge, [](BotOptions& options) {
    options.limits.pause = milliseconds(0);
    options.target_pause = milliseconds(20);
    options.target_pause_max = milliseconds(100);
    options.limits.price_age_max = milliseconds(3'600'000);
  });
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(bot.wrote("target", 5));
  bot.stop();
  const auto lines = bot.lines("target");
  for (std::size_t n = 0; n < 5; ++n) {
    const char* const pauses[] = {"20", "40", "80", "100", "100"};
    CHECK(json::member(lines[n], "pause_ms") == pauses[n]);
    CHECK(json::member(lines[n], "error_type") == R"("ambiguous_target")");
  }
}

TEST_CASE("bot: an account that had items and has none has none of ours") {
  FakeBridge bridge;
  bridge.on_command(willing());
  RunningBot bot(bridge, [](BotOptions& options) { options.limits.position_max = 10; });
  const auto portfolio = [&](const std::string& inventory) {
    bridge.publish(R"("type":"portfolio_update","source":"trainer-1","data":{"agent_id":"agent_0",)"
                   R"("inventory":)" +
                   inventory + "}");
  };
  REQUIRE(bot.wrote("caught-up"));
  bridge.publish(price("Coal", 100, 110));
  REQUIRE(bot.wrote("buy"));
  portfolio("{}");  // it never showed any: this says nothing
  bridge.publish(trade("buy", "Coal", 100, 10, "1", "trainer-1", 1));
  REQUIRE(bot.wrote("sell"));
  portfolio(R"({"Coal":10})");
  REQUIRE(looks_pass(bridge));
  CHECK(bot.lines("holding").empty());
  portfolio(R"({"Coal":0})");
  REQUIRE(bot.wrote("holding"));
  bot.stop();
  CHECK(bot.held_coal() == 0);
}

TEST_CASE("bot: without a bridge it says so within two seconds") {
  FakeBridge bridge;
  bridge.stop();
  const auto begun = std::chrono::steady_clock::now();
  RunningBot bot(bridge);
  REQUIRE(bot.wrote("waiting"));
  CHECK(std::chrono::steady_clock::now() - begun < milliseconds(2'500));
  CHECK(bot.lines("waiting")[0].find(bridge.commands()) != std::string::npos);
}
