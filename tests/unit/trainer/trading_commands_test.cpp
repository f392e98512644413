// Commands to the ppo-trainer program: checkpoints and orders.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "steered_trainer.h"
#include "support/scratch_directory.h"

using testing_support::Json;
using testing_support::json_quoted;
using testing_support::wait_until;

namespace {

std::vector<std::string> agents(int count, const std::string& checkpoints) {
  return {"--agents", std::to_string(count), "--steps",  "100000000", "--pace",
          "500",      "--checkpoints",       checkpoints};
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string path_param(const std::string& path) {
  return "{\"path\":" + json_quoted(path) + "}";
}

}  // namespace

TEST_CASE("checkpoint commands: what was saved is loaded, bit for bit, and training goes on") {
  const testing_support::ScratchDirectory scratch;
  SteeredTrainer trainer(agents(2, scratch.path()));
  REQUIRE(wait_until([&] {
    return trainer.ask("get_hyperparameters", "{}", "agent_0").integer("/result/update") >= 1;
  }));
  CHECK(trainer.ask("pause").boolean("/success"));
  const Json saved = trainer.ask("save_checkpoint", path_param("first.ckpt"));
  CHECK(saved.string("/result/path") == "first.ckpt");
  CHECK(saved.dump("/result/agents") == R"(["agent_0","agent_1"])");
  const std::string first = contents(scratch.path() + "/first.ckpt");
  CHECK(static_cast<std::int64_t>(first.size()) == saved.integer("/result/bytes"));

  // It learns on, and then again from what it knew.
  const std::int64_t update =
      trainer.ask("get_hyperparameters", "{}", "agent_0").integer("/result/update");
  CHECK(trainer.ask("resume").boolean("/success"));
  REQUIRE(wait_until([&] {
    return trainer.ask("get_hyperparameters", "{}", "agent_0").integer("/result/update") > update;
  }));
  CHECK(trainer.ask("pause").boolean("/success"));
  const Json loaded = trainer.ask("load_checkpoint", path_param("first.ckpt"));
  CHECK(loaded.boolean("/success"));
  CHECK(loaded.integer("/result/agents/agent_1/saved_step") == saved.integer("/result/step"));
  const Json own = trainer.ask("save_checkpoint", "{}", "agent_0");
  const std::string name = own.string("/result/path");
  CHECK(name == "agent_0-step" + std::to_string(own.integer("/result/step")) + ".ckpt");
  // The weights and the optimiser's state are those of the first file; id and counters are not.
  const std::string second = contents(scratch.path() + "/" + name);
  for (const std::string learnt : {"parameters", "first_moment", "second_moment", "adam_steps"}) {
    const bool same = Json(second).dump("/agents/0/" + learnt) == Json(first).dump("/agents/0/" + learnt);
    CHECK_MESSAGE(same, learnt);
  }

  // One agent may take what another has learnt.
  CHECK(trainer.ask("load_checkpoint", path_param(name), "agent_1").boolean("/success"));
  CHECK(trainer.rejected("load_checkpoint", path_param(name)) ==
        name + " is refused: it does not hold agent_1");
  CHECK(trainer.ask("resume").boolean("/success"));
  const std::int64_t now =
      trainer.ask("get_hyperparameters", "{}", "agent_0").integer("/result/update");
  CHECK(wait_until([&] {
    return trainer.ask("get_hyperparameters", "{}", "agent_0").integer("/result/update") > now;
  }));
}

TEST_CASE("checkpoint commands: each says its own agent's step, and replaces none unasked") {
  const testing_support::ScratchDirectory scratch;
  SteeredTrainer trainer(agents(2, scratch.path()));
  const auto step_of = [&](const std::string& agent_id) {
    return trainer.ask("get_hyperparameters", "{}", agent_id).integer("/result/step");
  };
  const std::int64_t stood = trainer.ask("pause", "{}", "agent_0").integer("/result/step");
  REQUIRE(wait_until([&] { return step_of("agent_1") > stood + 20; }));
  const std::int64_t ahead = trainer.ask("pause", "{}", "agent_1").integer("/result/step");
  const std::string name = "agent_1-step" + std::to_string(ahead);
  const Json own = trainer.ask("save_checkpoint", "{}", "agent_1");
  CHECK(own.integer("/result/step") == ahead);
  CHECK(own.string("/result/path") == name + ".ckpt");
  const std::string first = contents(scratch.path() + "/" + name + ".ckpt");

  // The same step, but another state; and so it is after a restart, which counts from 0 again.
  CHECK(trainer.ask("save_checkpoint", path_param("zero"), "agent_0").boolean("/success"));
  CHECK(trainer.ask("load_checkpoint", path_param("zero"), "agent_1").boolean("/success"));
  for (const char* suffix : {"_2", "_3"}) {
    CHECK(trainer.ask("save_checkpoint", "{}", "agent_1").string("/result/path") ==
          name + suffix + ".ckpt");
  }
  CHECK(contents(scratch.path() + "/" + name + ".ckpt") == first);

  const Json both = trainer.ask("save_checkpoint");
  CHECK(both.string("/result/path") ==
        "trainer-1-step" + std::to_string(stood) + "to" + std::to_string(ahead) + ".ckpt");
  CHECK(both.integer("/result/steps/agent_0") == stood);
  CHECK(both.integer("/result/steps/agent_1") == ahead);
  CHECK_FALSE(both.has("/result/step"));  // there is no such one
  const auto files = std::filesystem::directory_iterator(scratch.path());
  CHECK(std::distance(files, {}) == 5);  // and nothing half done
}

TEST_CASE("checkpoint commands: a path out of the directory and a damaged file are rejected") {
  const testing_support::ScratchDirectory scratch;
  SteeredTrainer trainer(agents(1, scratch.path() + "/inner"));
  for (const char* path : {"../outside.ckpt", "/tmp/outside.ckpt", "a/b", "..", ".hidden", ""}) {
    CAPTURE(std::string(path));
    for (const char* command : {"save_checkpoint", "load_checkpoint"}) {
      CHECK(trainer.rejected(command, path_param(path)).find("must be a file name") !=
            std::string::npos);
    }
  }
  CHECK(trainer.rejected("save_checkpoint", R"({"path":7})") == "path is 7; must be a string");
  CHECK(trainer.rejected("load_checkpoint") == "path is missing; must be a string");
  CHECK(trainer.rejected("load_checkpoint", path_param("none")).find("cannot read ") == 0);
  CHECK(trainer.ask("save_checkpoint", path_param("good")).boolean("/success"));
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);

  std::string bytes = contents(scratch.path() + "/inner/good");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(scratch.path() + "/inner/bad", std::ios::binary) << bytes;
  CHECK(trainer.rejected("load_checkpoint", path_param("bad")) ==
        "bad is refused: it is damaged: its checksum does not fit");
  std::ofstream(scratch.path() + "/inner/text") << "hello";
  CHECK(
      trainer.rejected("load_checkpoint", path_param("text")).find("no checkpoint of version 2") !=
      std::string::npos);
  CHECK(trainer.ask("load_checkpoint", path_param("good")).boolean("/success"));
}

TEST_CASE("order commands: placed, seen in the portfolio, cancelled; refusals say why") {
  const testing_support::ScratchDirectory scratch;
  SteeredTrainer trainer(agents(2, scratch.path()));
  CHECK(trainer.ask("pause").boolean("/success"));
  const std::string all = trainer.rejected(
      "place_order", R"({"item":"Excalibur","side":"buy","quantity":1,"price":1})", "agent_0");
  REQUIRE(all.find("item is 'Excalibur'; must be one of ") == 0);
  std::string items = all.substr(all.find("one of ") + 7);
  std::string item = items.substr(0, items.find(", "));
  const auto order = [&](const std::string& side, std::int64_t quantity, std::int64_t price) {
    return "{\"item\":" + json_quoted(item) + ",\"side\":\"" + side +
           "\",\"quantity\":" + std::to_string(quantity) + ",\"price\":" + std::to_string(price) +
           "}";
  };
  CHECK(trainer.rejected("place_order", order("buy", 0, 1), "agent_0") ==
        "quantity is 0; must be an integer 1..2147483647");
  CHECK(trainer.rejected("place_order", order("hold", 1, 1), "agent_0") ==
        "side is \"hold\"; must be buy or sell");
  CHECK(trainer.rejected("place_order", order("buy", 1, 1)) ==
        "agent_id is missing; must be one of agent_0..agent_1");

  // Room for one: the policy may have filled all eight slots.
  const Json before = trainer.ask("get_portfolio", "{}", "agent_0");
  for (std::size_t i = 0; i < before.size("/result/orders"); ++i) {
    const std::string at = "/result/orders/" + std::to_string(i) + "/order";
    CHECK(trainer
              .ask("cancel_order", "{\"order\":" + std::to_string(before.integer(at)) + "}",
                   "agent_0")
              .boolean("/success"));
  }
  const Json empty = trainer.ask("get_portfolio", "{}", "agent_0");
  CHECK(empty.size("/result/orders") == 0);
  CHECK(empty.integer("/result/total_value") == before.integer("/result/total_value"));
  // The policy may have used up the buy limit of some items.
  Json placed = trainer.ask("place_order", order("buy", 1, 1), "agent_0");
  while (!placed.boolean("/success") && items.find(", ") != std::string::npos) {
    CHECK(placed.string("/error/message") ==
          "the exchange refused (buy_limit_reached): the 4 h buy limit is used up");
    items.erase(0, items.find(", ") + 2);
    item = items.substr(0, items.find(", "));
    placed = trainer.ask("place_order", order("buy", 1, 1), "agent_0");
  }
  REQUIRE(placed.boolean("/success"));
  CHECK(trainer.rejected("place_order", order("buy", 2147483647, 2147483647), "agent_0") ==
        "the exchange refused (not_enough_gp): it costs more than the gp at hand");
  const std::string number = std::to_string(placed.integer("/result/order"));
  const Json with = trainer.ask("get_portfolio", "{}", "agent_0");
  REQUIRE(with.size("/result/orders") == 1);
  CHECK(with.integer("/result/orders/0/order") == placed.integer("/result/order"));
  CHECK(with.string("/result/orders/0/item") == item);
  CHECK(with.string("/result/orders/0/side") == "buy");
  CHECK(with.integer("/result/gp") == empty.integer("/result/gp"));  // set aside is still there
  CHECK(trainer.rejected("cancel_order", "{}", "agent_0").find("order is missing") == 0);
  CHECK(trainer.rejected("cancel_order", R"({"slot":8})", "agent_0") ==
        "slot is 8; must be an integer 0..7");
  CHECK(trainer.ask("cancel_order", "{\"order\":" + number + "}", "agent_0").boolean("/success"));
  CHECK(trainer.rejected("cancel_order", "{\"order\":" + number + "}", "agent_0") ==
        "order " + number + " is not open");
  CHECK(trainer.rejected("cancel_order", R"({"slot":0})", "agent_0") ==
        "slot 0 holds no open order");
  CHECK(trainer.ask("place_order", order("buy", 1, 1), "agent_0").boolean("/success"));
  CHECK(trainer.ask("cancel_order", R"({"slot":0})", "agent_0").boolean("/success"));
  CHECK(trainer.ask("resume").boolean("/success"));
}
