// Hooked calls give exactly what the originals give, and events appear beside them.
#include <doctest/doctest.h>
#include <ppo_publisher/hooks.h>
#include <rapidjson/document.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "fake_bridge.h"

using ppo::Integration;
using ppo::Publisher;
using ppo::PublisherOptions;

namespace {

struct Action {
  std::string type;
  std::string item;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
};

struct Info {
  std::int64_t cash = 0;
  std::int64_t total_value = 0;
  std::int64_t realized_pnl = 0;
  std::vector<Action> step_trades;
};

struct Step {
  double reward = 0;
  bool done = false;
  Info info;
};

struct Losses {
  double policy_loss = 0;
  double value_loss = 0;
};

// What hooks read from these.
bool ppo_extract(const Action& from, ppo::AgentDecision& into) {
  into.action_type = from.type;
  into.item = from.item;
  into.price = from.price;
  into.quantity = from.quantity;
  return !from.type.empty();
}
bool ppo_extract(const Action& from, ppo::TradeExecuted& into) {
  into.action_type = from.type;
  into.item = from.item;
  into.price = from.price;
  into.quantity = from.quantity;
  into.total_value = from.price * from.quantity;
  return true;
}
bool ppo_extract(const Step& from, ppo::StepReport& into) {
  into.reward = from.reward;
  into.done = from.done;
  into.realized_pnl = from.info.realized_pnl;
  into.portfolio = ppo::PortfolioUpdate{
      "", from.info.cash, {}, from.info.total_value, from.info.total_value - from.info.cash};
  for (const Action& action : from.info.step_trades)
    ppo_extract(action, into.trades.emplace_back());
  return true;
}
bool ppo_extract(const Losses& from, ppo::TrainingUpdate& into) {
  into.policy_loss = from.policy_loss;
  into.value_loss = from.value_loss;
  return true;
}

struct MoveOnly {
  explicit MoveOnly(std::string what) : action_type(std::move(what)) {}
  MoveOnly(MoveOnly&&) = default;
  std::string action_type;
  std::unique_ptr<int> owned = std::make_unique<int>(7);
};

bool ppo_extract(const MoveOnly& from, ppo::AgentDecision& into) {
  into.action_type = from.action_type;
  return true;
}

struct Pinned {
  explicit Pinned(int n) : number(n) {}
  Pinned(const Pinned&) = delete;
  int number;
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One of each kind of result.
class Agent {
 public:
  Action sample_action(std::int64_t price) { return {"buy", "Abyssal whip", price, 1}; }
  Action& sample_action(Action& given) { return given; }
  const Action& sample_action(const Action& given) const { return given; }
  MoveOnly sample_action(std::unique_ptr<int> given) {
    return MoveOnly("buy_" + std::to_string(*given));
  }
  Pinned sample_action(bool) { return Pinned(5); }
  Action sample_action() { throw Failure("no market"); }
  Losses update(double loss) { return {loss, 0.5}; }
  void update() { ++updates; }
  int record_trade(Action trade) { return static_cast<int>(trade.quantity); }

  int updates = 0;
};

class Env {
 public:
  int reset() { return 3; }
  Step step(const Step& next) {
    if (next.reward < 0) throw Failure("no step");
    return next;
  }
};

struct Thrower {};
bool ppo_extract(const Thrower&, ppo::AgentDecision&) {
  throw Failure("cannot read");
}

// Of the standard library's own types, what its user says.
using Sampled = std::pair<int, double>;

struct Fixture {
  Fixture() {
    PublisherOptions options;
    options.endpoint = bridge.endpoint();
    options.control.clear();  // only events are looked at here
    options.source = "trainer-1";
    options.flush_ms = 0;  // no test here waits for what is left
    publisher = std::make_unique<Publisher>(options);
  }

  // The types of everything published so far, joined.
  std::string published() {
    std::string types;
    const std::uint64_t count = publisher->stats().published - seen;
    for (const std::string& line : bridge.receive_events(count)) {
      rapidjson::Document event;
      event.Parse(line);
      types += (types.empty() ? "" : " ") + std::string(event["type"].GetString());
      last = line;
    }
    seen += count;
    return types;
  }

  ppo::test::FakeBridge bridge;
  std::unique_ptr<Publisher> publisher;
  std::uint64_t seen = 0;
  std::string last;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

namespace ppo {
static bool ppo_extract(const std::pair<int, double>& from, AgentDecision& into) {
  into.action_type = "action_" + std::to_string(from.first);
  return true;
}
}  // namespace ppo

TEST_CASE("hooks: a type that is not one's own is read by an overload in ppo") {
  struct Sampler {
    Sampled sample_action() { return {2, 0.5}; }
    std::string sample_action(int) { return "buy"; }
  };
  Fixture f;
  Integration hooks(*f.publisher);
  Sampler sampler;
  auto hooked = hooks.hook_agent(sampler, "agent_0");
  CHECK(hooked.sample_action().second == 0.5);
  CHECK(f.published() == "agent_decision");
  CHECK(has(f.last, R"("action_type":"action_2")"));
  CHECK(hooked.sample_action(1) == "buy");
  CHECK(hooks.stats().unrecognised == 1);
}

TEST_CASE("hooks: an exception passes through as it is, and nothing is published") {
  Fixture f;
  Integration hooks(*f.publisher);
  Agent agent;
  Env env;
  auto hooked_agent = hooks.hook_agent(agent, "agent_0");
  auto hooked_env = hooks.hook_env(env, "env_0");
  CHECK_THROWS_WITH_AS(hooked_agent.sample_action(), "no market", Failure);
  CHECK_THROWS_WITH_AS(hooked_env.step(Step{-1, false, {}}), "no step", Failure);
  CHECK(f.publisher->stats().published == 0);
  CHECK(hooks.stats().failed == 0);
}

TEST_CASE("hooks: what cannot be read or published is counted, and the caller has its result") {
  struct BadAgent {
    Thrower sample_action() { return {}; }
    int update() { return 5; }
    void reset() {}
  };
  Fixture f;
  Integration hooks(*f.publisher);
  BadAgent bad;
  auto hooked = hooks.hook_agent(bad, "agent_0");
  hooked.sample_action();
  CHECK(hooks.stats().failed == 1);
  CHECK(hooked.update() == 5);
  CHECK(hooks.stats().unrecognised == 1);
  Agent agent;
  auto unnamed = hooks.hook_agent(agent, "not a name");
  CHECK(unnamed.sample_action(std::int64_t{1}).price == 1);
  CHECK(hooks.stats().failed == 2);
  CHECK(f.publisher->stats().published == 0);
}

TEST_CASE("hooks: a hook on a publisher that failed changes nothing for the caller") {
  PublisherOptions options;
  options.source = "a b";
  Publisher broken(options);
  Integration hooks(broken);
  Agent agent;
  auto hooked = hooks.hook_agent(agent, "agent_0");
  CHECK(hooked.sample_action(std::int64_t{9}).price == 9);
  CHECK(hooks.stats().failed == 1);
}

TEST_CASE("hooks: results keep their type, their identity and their ownership") {
  Fixture f;
  Integration hooks(*f.publisher);
  Agent agent;
  auto hooked = hooks.hook_agent(agent, "agent_0");

  Action given{"sell", "x", 1, 1};
  static_assert(std::is_same_v<decltype(hooked.sample_action(given)), Action&>);
  CHECK(&hooked.sample_action(given) == &given);
  CHECK(&hooked.sample_action(std::as_const(given)) == &given);

  MoveOnly moved = hooked.sample_action(std::make_unique<int>(4));
  CHECK(moved.action_type == "buy_4");
  REQUIRE(moved.owned != nullptr);
  CHECK(*moved.owned == 7);

  CHECK(hooked.sample_action(true).number == 5);  // cannot be moved, so cannot be looked at
  static_assert(std::is_void_v<decltype(hooked.update())>);
  hooked.update();
  CHECK(agent.updates == 1);
  CHECK(hooked->updates == 1);
  CHECK(&hooked.get() == &agent);
  CHECK(f.published() == "agent_decision agent_decision agent_decision");
}

TEST_CASE("hooks: a constant agent can be hooked, and only for what it can do") {
  Fixture f;
  Integration hooks(*f.publisher);
  const Agent agent;
  auto hooked = hooks.hook_agent(agent, "agent_0");
  const Action given{"sell", "x", 1, 1};
  CHECK(&hooked.sample_action(given) == &given);
  static_assert(std::is_same_v<decltype(hooked), ppo::HookedAgent<const Agent>>);
}

TEST_CASE("hooks: a decision, an update and a recorded trade carry the agent's id") {
  Fixture f;
  Integration hooks(*f.publisher);
  Agent agent;
  auto hooked = hooks.hook_agent(agent, "agent_0");
  CHECK(hooked.sample_action(std::int64_t{1450000}).price == 1450000);
  CHECK(f.published() == "agent_decision");
  CHECK(has(f.last, R"({"agent_id":"agent_0","action_type":"buy","item":"Abyssal whip",)"
                    R"("price":1450000,"quantity":1,"reasoning":""})"));
  hooked.update(0.25);
  hooked.update(0.125);
  CHECK(f.published() == "training_update training_update");
  CHECK(has(f.last, R"({"agent_id":"agent_0","update":2,"steps":0,"policy_loss":0.125,)"
                    R"("value_loss":0.5})"));
  CHECK(hooked.record_trade(Action{"sell", "Dragon bones", 2500, 1000}) == 1000);
  CHECK(f.published() == "trade_executed");
  CHECK(has(f.last, R"({"agent_id":"agent_0","action_type":"sell","item":"Dragon bones",)"
                    R"("price":2500,"quantity":1000,"profit":0.0,"total_value":2500000})"));
}

TEST_CASE("hooks: steps give trades, portfolios that changed, and the end of the episode") {
  Fixture f;
  Integration hooks(*f.publisher);
  Env env;
  auto hooked = hooks.hook_env(env, "env_0", "agent_0");
  CHECK(hooked.reset() == 3);
  CHECK(f.published().empty());
  hooked.step(Step{0.5, false, {100, 150, 0, {{"buy", "x", 25, 2}, {"buy", "y", 1, 1}}}});
  CHECK(f.published() == "trade_executed trade_executed portfolio_update");
  CHECK(has(f.last, R"({"agent_id":"agent_0","gp":100,"inventory":{},"total_value":150,)"
                    R"("inventory_value":50})"));
  hooked.step(Step{0.25, false, {100, 150, 0, {}}});
  CHECK(f.published().empty());
  const Step last = hooked.step(Step{-0.0, true, {170, 170, 20, {}}});
  CHECK(last.done);
  CHECK(f.published() == "portfolio_update episode_end");
  CHECK(has(
      f.last,
      R"({"agent_id":"agent_0","episode":1,"steps":3,"global_step":3,"length":3,"reward":0.75,"profit":20,)"
      R"("final_value":170})"));
}

TEST_CASE("hooks: reset ends an episode that was under way, once, and numbers go on") {
  Fixture f;
  Integration hooks(*f.publisher);
  Env env;
  auto hooked = hooks.hook_env(env, "env_0");
  hooked.reset();
  hooked.step(Step{1, false, {1, 1, 0, {}}});
  hooked.reset();
  CHECK(f.published() == "portfolio_update episode_end");
  CHECK(has(f.last, R"("agent_id":"env_0","episode":1,"steps":1)"));
  hooked.step(Step{1, true, {2, 2, 0, {}}});
  hooked.reset();
  CHECK(f.published() == "portfolio_update episode_end");
  CHECK(has(f.last, R"("episode":2,"steps":1)"));
  CHECK(hooks.stats().episodes == 2);
}

TEST_CASE("hooks: unhooked wrappers still forward and publish nothing") {
  Fixture f;
  Agent agent;
  Env env;
  auto integration = std::make_unique<Integration>(*f.publisher);
  auto hooked_agent = integration->hook_agent(agent, "agent_0");
  auto hooked_env = integration->hook_env(env, "env_0");
  CHECK_FALSE(integration->unhook_agent("agent_1"));
  CHECK_FALSE(integration->unhook_env("agent_0"));
  CHECK(integration->unhook_agent("agent_0"));
  CHECK_FALSE(integration->unhook_agent("agent_0"));
  CHECK(hooked_agent.sample_action(std::int64_t{1}).price == 1);
  CHECK(hooked_agent.record_trade(Action{"sell", "x", 1, 8}) == 8);
  CHECK(integration->unhook_env("env_0"));
  CHECK(hooked_env.step(Step{1, true, {}}).done);
  CHECK(hooked_env.reset() == 3);

  auto again = integration->hook_agent(agent, "agent_0");
  auto newer = integration->hook_agent(agent, "agent_0");
  again.update(0.5);
  CHECK(f.publisher->stats().published == 0);  // the id went to the newer hook
  newer.update(0.5);
  CHECK(f.publisher->stats().published == 1);
  integration->unhook_all();
  newer.update(0.5);
  auto survivor = integration->hook_agent(agent, "agent_2");
  integration.reset();
  f.publisher.reset();
  CHECK(survivor.sample_action(std::int64_t{1}).price == 1);
}

TEST_CASE("hooks: unhooking while another thread calls is safe") {
  Fixture f;
  Agent agent;
  auto integration = std::make_unique<Integration>(*f.publisher);
  auto hooked = integration->hook_agent(agent, "agent_0");
  std::thread caller([hooked]() mutable {
    for (int i = 0; i < 20'000; ++i) hooked.sample_action(std::int64_t{1});
  });
  while (f.publisher->stats().published < 100) std::this_thread::yield();
  integration.reset();
  f.publisher.reset();
  caller.join();
}
