// What the hooks can read from types they do not know.
#include <doctest/doctest.h>
#include <ppo_publisher/extract.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

using ppo::AgentDecision;
using ppo::StepReport;
using ppo::TradeExecuted;
using ppo::TrainingUpdate;

namespace game {

enum class Side { buy, sell };
constexpr const char* to_string(Side side) {
  return side == Side::buy ? "buy" : "sell";
}
enum class Mute { one };

struct Move {
  Side type = Side::buy;
  std::string item;
  double price = 0;
  std::uint32_t quantity = 0;
};

// Says nothing by its members; its owner says what it means.
struct Index {
  int action = 0;
};
bool ppo_extract(const Index& from, AgentDecision& into) {
  if (from.action < 0) return false;
  into.action_type = "action_" + std::to_string(from.action);
  return true;
}

// Functions of the user's that happen to have the names of ours.
struct Common {
  std::string action_type = "hold";
};
template <class T, class U>
bool find(const T&, U&) {
  throw 1;
}
template <class T, class U>
bool convert(const T&, U&) {
  throw 1;
}

}  // namespace game

namespace {

template <class Event, class T>
bool reads(const T& from, Event& into) {
  return ppo::detail::find(from, into);
}

template <class T>
std::string action_of(const T& from) {
  AgentDecision decision;
  return reads(from, decision) ? decision.action_type : "nothing";
}

}  // namespace

TEST_CASE("extract: nothing is read from what has no action") {
  struct NoAction {
    std::string item = "Abyssal whip";
    int price = 1;
  };
  struct NumberedAction {
    int type = 1;
  };
  struct UnnamedAction {
    game::Mute type = game::Mute::one;
  };
  struct Method {
    std::string type() const { return "buy"; }
  };
  CHECK(action_of(1) == "nothing");
  CHECK(action_of(std::string("buy")) == "nothing");
  CHECK(action_of(nullptr) == "nothing");
  CHECK(action_of(std::array<float, 3>{}) == "nothing");
  CHECK(action_of(std::vector<int>{1}) == "nothing");
  CHECK(action_of(std::tuple<>()) == "nothing");
  CHECK(action_of(NoAction{}) == "nothing");
  CHECK(action_of(NumberedAction{}) == "nothing");
  CHECK(action_of(UnnamedAction{}) == "nothing");
  CHECK(action_of(Method{}) == "nothing");
  CHECK(action_of([] {}) == "nothing");
}

TEST_CASE("extract: a decision by its members, whatever their types") {
  struct Wide {
    std::string_view action_type = "sell";
    const char* item = "Dragon bones";
    std::optional<double> price = 2500.5;
    std::uint64_t quantity = std::numeric_limits<std::uint64_t>::max();
    char reasoning[8] = "because";
  };
  AgentDecision decision;
  REQUIRE(reads(game::Move{game::Side::sell, "Abyssal whip", 1449999.6, 3}, decision));
  CHECK(decision.action_type == "sell");
  CHECK(decision.item == "Abyssal whip");
  CHECK(decision.price == 1450000);
  CHECK(decision.quantity == 3);
  CHECK(decision.reasoning.empty());
  decision = {};
  REQUIRE(reads(Wide{}, decision));
  CHECK(decision.action_type == "sell");
  CHECK(decision.item == "Dragon bones");
  CHECK(decision.price == 2501);
  CHECK(decision.quantity == std::numeric_limits<std::int64_t>::max());
  CHECK(decision.reasoning == "because");
}

TEST_CASE("extract: a member that holds nothing counts as missing") {
  struct Sparse {
    std::optional<std::string> action_type = "hold";
    std::optional<std::string> item;
    const char* reasoning = nullptr;
    double price = std::nan("");
    std::unique_ptr<int> quantity;
  };
  AgentDecision decision;
  REQUIRE(reads(Sparse{}, decision));
  CHECK(decision.action_type == "hold");
  CHECK(decision.item.empty());
  CHECK(decision.reasoning.empty());
  CHECK(decision.price == 0);
  CHECK(decision.quantity == 0);
}

TEST_CASE(
    "extract: pairs, tuples, pointers, optionals, references and a member action lead to it") {
  struct Sampled {
    game::Move action;
    double log_probability = 0;
  };
  game::Move move{game::Side::buy, "x", 1, 1};
  CHECK(action_of(std::pair(move, 0.5)) == "buy");
  CHECK(action_of(std::tuple(0.5, std::tuple(1, move))) == "buy");
  CHECK(action_of(std::optional(move)) == "buy");
  CHECK(action_of(std::optional<game::Move>()) == "nothing");
  CHECK(action_of(std::make_unique<game::Move>(move)) == "buy");
  CHECK(action_of(std::shared_ptr<game::Move>()) == "nothing");
  CHECK(action_of(&move) == "buy");
  CHECK(action_of(std::ref(move)) == "buy");
  CHECK(action_of(Sampled{move, 0.1}) == "buy");
}

TEST_CASE("extract: a type's own ppo_extract goes before its members") {
  CHECK(action_of(game::Index{2}) == "action_2");
  CHECK(action_of(std::pair(game::Index{3}, 0.5)) == "action_3");
  CHECK(action_of(game::Index{-1}) == "nothing");
}

TEST_CASE("extract: functions of the user's with our names are left alone") {
  CHECK(action_of(game::Common{}) == "hold");
}

TEST_CASE("extract: a trade's value is price times quantity unless it says otherwise") {
  struct Fill {
    game::Side type = game::Side::sell;
    std::int64_t price = 0;
    std::int64_t quantity = 0;
    double profit = 0;
  };
  struct Booked {
    std::string action_type = "sell";
    std::int64_t price = 100;
    std::int64_t quantity = 2;
    std::int64_t total_value = 198;
  };
  TradeExecuted trade;
  REQUIRE(reads(Fill{game::Side::sell, 1500000, 3, -2.5}, trade));
  CHECK(trade.total_value == 4500000);
  CHECK(trade.profit == -2.5);
  REQUIRE(reads(Fill{game::Side::sell, std::numeric_limits<std::int64_t>::max(), 3, 0}, trade));
  CHECK(trade.total_value == std::numeric_limits<std::int64_t>::max());
  REQUIRE(reads(Fill{game::Side::sell, std::numeric_limits<std::int64_t>::max(), -3, 0}, trade));
  CHECK(trade.total_value == std::numeric_limits<std::int64_t>::min());
  REQUIRE(reads(Booked{}, trade));
  CHECK(trade.total_value == 198);
}

TEST_CASE("extract: a training update needs a loss, an entropy or a divergence") {
  struct Timings {
    std::int64_t steps = 1;
    double steps_per_second = 2;
  };
  struct Losses {
    float policy_loss = 0.5F;
    double value_loss = std::nan("");
    std::optional<double> approx_kl;
  };
  struct Result {
    Losses stats;
    int weights = 0;
  };
  TrainingUpdate update;
  CHECK_FALSE(reads(Timings{}, update));
  CHECK_FALSE(reads(0.5, update));
  REQUIRE(reads(Result{}, update));
  CHECK(update.policy_loss == 0.5);
  CHECK(std::isnan(*update.value_loss));
  CHECK_FALSE(update.approx_kl.has_value());
  CHECK_FALSE(update.entropy.has_value());
}

TEST_CASE("extract: a step by its members, or as a tuple of four or five") {
  struct Info {
    std::int64_t cash = 100;
    std::int64_t total_value = 150;
    std::unordered_map<std::string, unsigned> inventory{{"x", 2}, {"y", 3}};
    std::vector<game::Move> step_trades{{game::Side::buy, "x", 25, 2}};
    std::optional<std::int64_t> realized_pnl = -7;
    unsigned unrelated : 3;
  };
  struct Step {
    int observation = 0;
    float reward = 0.5F;
    bool terminated = false;
    bool truncated = true;
    Info info;
  };
  const auto check = [](const StepReport& report) {
    CHECK(report.reward == 0.5);
    CHECK(report.done);
    REQUIRE(report.portfolio);
    CHECK(report.portfolio->gp == 100);
    CHECK(report.portfolio->total_value == 150);
    CHECK(report.portfolio->inventory_value == 50);
    CHECK(report.portfolio->inventory == std::map<std::string, std::int64_t>{{"x", 2}, {"y", 3}});
    CHECK(report.realized_pnl == -7);
    REQUIRE(report.trades.size() == 1);
    CHECK(report.trades[0].total_value == 50);
  };
  StepReport by_members;
  REQUIRE(reads(Step{}, by_members));
  check(by_members);
  StepReport four;
  REQUIRE(reads(std::tuple(1, 0.5, true, Info{}), four));
  check(four);
  StepReport five;
  REQUIRE(reads(std::tuple(1, 0.5, false, true, std::make_shared<Info>()), five));
  check(five);
}

TEST_CASE("extract: done as a bit-field, and an info spread over the step itself") {
  struct Step {
    unsigned done : 1;
    std::int64_t gp;
  };
  StepReport report;
  REQUIRE(reads(Step{1, 42}, report));
  CHECK(report.done);
  REQUIRE(report.portfolio);
  CHECK(report.portfolio->gp == 42);
  CHECK(report.portfolio->inventory_value == 0);
}

TEST_CASE("extract: nothing is read from a step of bare numbers") {
  StepReport report;
  CHECK_FALSE(reads(std::vector<double>{1, 2, 3}, report));
  CHECK_FALSE(reads(3, report));
  CHECK_FALSE(reads(std::pair(1, 2), report));
  CHECK_FALSE(reads(std::tuple<>(), report));
}
