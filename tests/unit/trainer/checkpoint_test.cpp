#include "trainer/agent/checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "agent_fixture.h"
#include "support/scratch_directory.h"
#include "trainer/env/actions.h"
#include "trainer/env/observation.h"

using namespace trainer;

namespace {

PpoAgent agent_with(std::uint64_t seed) {
  PpoOptions options;
  options.rollout_steps = 32;
  options.minibatch_size = 8;
  return PpoAgent(kItems, options, seed);
}

// One rollout that does not depend on the agent's luck, and the update from it.
void learn(PpoAgent& agent, std::uint64_t seed) {
  std::uint64_t n = seed * 1000;
  while (!agent.ready_to_update()) {
    const Observation observation = scene(n++);
    const Move move = agent.best_action(observation);
    agent.record(observation, move, static_cast<double>(move.action % 3), true);
  }
  static_cast<void>(agent.update(scene(n)));
}

AgentCheckpoint checkpoint_of(const PpoAgent& agent) {
  return {"agent_0", kFeatureCount, agent.options().hidden, agent.updates(), 96, agent.learnt()};
}

}  // namespace

TEST_CASE("checkpoint: what is no checkpoint, damaged or cut short anywhere is refused") {
  PpoAgent agent = agent_with(1);
  learn(agent, 1);
  const std::string good = encode_checkpoint({checkpoint_of(agent)});
  REQUIRE(decode_checkpoint(good).ok());
  for (const char* other : {"", "{}", "[1]", "PPOCKPT1", R"({"format":"ppo-trainer 1"})", R"({"format":7})"}) {
    CHECK(decode_checkpoint(other).error == "it is no checkpoint of version 2, or cut short");
  }
  for (std::size_t size = 8; size < good.size(); size += size < 200 ? 1 : 997) {
    CHECK_FALSE(decode_checkpoint(std::string_view(good).substr(0, size)).ok());
  }
  for (std::size_t at = 0; at < good.size(); at += at < 200 ? 1 : 997) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    const CheckpointLoad load = decode_checkpoint(bad);
    CHECK_FALSE(load.ok());
    CHECK(load.agents.empty());
  }
  CHECK(decode_checkpoint(good + "x").error == "it is damaged: its checksum does not fit");

  // Others read it as JSON.
  rapidjson::Document read;
  REQUIRE_FALSE(read.Parse<rapidjson::kParseFullPrecisionFlag>(good).HasParseError());
  const auto& weights = read["agents"][0]["parameters"];
  REQUIRE(weights.Size() == agent.learnt().parameters.size());
  CHECK(weights[3].GetDouble() == agent.learnt().parameters[3]);
}

TEST_CASE("checkpoint: lengths and weights that a checksum covers are not trusted either") {
  AgentCheckpoint entry = checkpoint_of(agent_with(1));
  CHECK_FALSE(decode_checkpoint(encode_checkpoint({})).ok());
  CHECK_FALSE(decode_checkpoint(encode_checkpoint(std::vector(257, entry))).ok());
  AgentCheckpoint uneven = entry;
  uneven.learnt.adam.first_moment.conservativeResize(3);
  CHECK(decode_checkpoint(encode_checkpoint({uneven})).error == "its lengths do not fit");
  AgentCheckpoint named = entry;
  named.agent_id = std::string(100, 'x');
  CHECK_FALSE(decode_checkpoint(encode_checkpoint({named})).ok());
  entry.learnt.parameters[5] = std::numeric_limits<double>::quiet_NaN();
  CHECK(decode_checkpoint(encode_checkpoint({entry})).error == "a weight is not a finite number");
}

TEST_CASE("checkpoint: a weight may have any number of digits") {
  const std::string good = encode_checkpoint({checkpoint_of(agent_with(1))});
  const std::string list = "\"parameters\":[";
  const std::size_t first = good.find(list) + list.size();
  const std::string before = good.substr(0, first);
  const std::size_t second = good.find(',', first);
  const std::string after = good.substr(second, good.rfind(",\"checksum\"") - second);
  const auto load = [&](const std::string& number) {
    const std::string text = before + number + after;
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    std::ostringstream checksum;
    checksum << std::hex << std::setw(16) << std::setfill('0') << hash;
    return decode_checkpoint(text + ",\"checksum\":\"" + checksum.str() + "\"}");
  };
  CHECK(load("0." + std::string(400, '0') + "1").agents.at(0).learnt.parameters[0] == 0.0);
  CHECK(load("0.25" + std::string(400, '0')).agents.at(0).learnt.parameters[0] == 0.25);
  CHECK_FALSE(load("1e400").ok());
}

TEST_CASE("checkpoint: an agent restored from it learns on bit for bit like the one it is of") {
  PpoAgent original = agent_with(1);
  for (std::uint64_t i = 0; i < 3; ++i) learn(original, i);
  const CheckpointLoad load = decode_checkpoint(encode_checkpoint({checkpoint_of(original)}));
  REQUIRE(load.ok());
  REQUIRE(load.agents.size() == 1);
  const AgentCheckpoint& entry = load.agents.front();
  CHECK(entry.agent_id == "agent_0");
  CHECK(entry.updates == 3);
  CHECK(entry.steps == 96);
  CHECK(entry.learnt.parameters == original.learnt().parameters);
  CHECK(entry.learnt.adam.first_moment == original.learnt().adam.first_moment);
  CHECK(entry.learnt.adam.second_moment == original.learnt().adam.second_moment);
  CHECK(entry.learnt.adam.steps == original.learnt().adam.steps);

  // The two part only in luck and in how far the learning rate has fallen; a step of Adam shows
  // that weights and moments are the same.
  PpoAgent other = agent_with(2);
  learn(other, 7);
  CHECK(other.network().parameters() != original.network().parameters());
  const Observation seen = scene(1);
  other.record(seen, other.best_action(seen), 1.0, false);
  other.restore(entry.learnt);
  CHECK(other.recorded() == 0);
  Learnt a = original.learnt();
  Learnt b = other.learnt();
  Adam adam_a(a.parameters.size(), AdamOptions{});
  Adam adam_b(b.parameters.size(), AdamOptions{});
  adam_a.restore(a.adam);
  adam_b.restore(b.adam);
  const Eigen::VectorXd gradient = Eigen::VectorXd::LinSpaced(a.parameters.size(), -1.0, 1.0);
  for (int i = 0; i < 10; ++i) {
    adam_a.step(a.parameters, gradient, 1e-3);
    adam_b.step(b.parameters, gradient, 1e-3);
  }
  CHECK(a.parameters == b.parameters);
}

TEST_CASE("checkpoint directory: a name is a file in it and never a way out") {
  for (const char* name :
       {"", ".", "..", ".hidden", "a/b", "../a", "/etc/passwd", "a\\b", "a b", "a\n", "\xC3\xA9"}) {
    CAPTURE(std::string(name));
    CHECK_FALSE(CheckpointDirectory::is_name(name));
  }
  CHECK_FALSE(CheckpointDirectory::is_name(std::string(101, 'x')));
  CHECK_FALSE(CheckpointDirectory::is_name(std::string("a\0b", 3)));
  CHECK(CheckpointDirectory::is_name("agent_0-step100.ckpt"));
  CHECK(CheckpointDirectory::is_name("a..b"));
}

TEST_CASE("checkpoint directory: saves and loads, replaces, and says what goes wrong") {
  const testing_support::ScratchDirectory scratch;
  const CheckpointDirectory directory(scratch.path() + "/new");
  std::string bytes;
  CHECK(directory.load("a", bytes).find("cannot read " + scratch.path() + "/new/a: ") == 0);
  CHECK(directory.save("a", "one") == "");
  CHECK(directory.save("a", "two") == "");
  CHECK(directory.load("a", bytes) == "");
  CHECK(bytes == "two");
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path() + "/new"), {}) == 1);

  // A new one takes a name that nobody has.
  std::string name = "b.ckpt";
  CHECK(directory.save_new(name, "three") == "");
  CHECK(name == "b.ckpt");
  CHECK(directory.save_new(name, "four") == "");
  CHECK(name == "b_2.ckpt");
  CHECK(directory.load("b.ckpt", bytes) == "");
  CHECK(bytes == "three");
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path() + "/new"), {}) == 3);

  // Neither written nor read through a link, and no pipe is waited on.
  const std::string outside = scratch.path() + "/outside";
  std::ofstream(outside) << "secret";
  REQUIRE(::symlink(outside.c_str(), directory.path_of("link").c_str()) == 0);
  CHECK(directory.load("link", bytes) != "");
  CHECK(directory.save("link", "mine") == "");
  CHECK(std::filesystem::file_size(outside) == 6);
  REQUIRE(::mkfifo(directory.path_of("pipe").c_str(), 0600) == 0);
  CHECK(directory.load("pipe", bytes).find("it is not a file") != std::string::npos);
  REQUIRE(::mkdir(directory.path_of("folder").c_str(), 0700) == 0);
  CHECK(directory.load("folder", bytes) != "");
  CHECK(directory.save("folder", "x") != "");

  const CheckpointDirectory nowhere(scratch.path() + "/no/such");
  CHECK(nowhere.save("a", "x").find("cannot make the directory") == 0);
}
