#include "net/bot_topics.h"

#include <map>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

using bridge::BotTopics;

namespace {

// As libzmq keeps them: a node for each beginning.
std::size_t nodes_of(const std::map<std::string, int>& topics) {
  std::set<std::string> nodes;
  for (const auto& [topic, bot] : topics) {
    for (std::size_t i = 1; i <= topic.size(); ++i) nodes.insert(topic.substr(0, i));
  }
  return nodes.size();
}

}  // namespace

TEST_CASE("bot topics: what begins alike costs once, and is charged to who still uses it") {
  BotTopics topics;
  topics.add("trade/a/", 1);
  topics.add("trade/a/", 2);
  topics.add("trade/b/", 2);
  topics.add("trade/", 3);
  CHECK(topics.all().nodes == 10);
  CHECK(topics.of(1).nodes == 8);
  CHECK(topics.of(2).nodes == 2);
  CHECK(topics.of(3).nodes == 0);
  CHECK(topics.greediest() == 1);
  topics.drop("trade/a/");
  CHECK(topics.of(1).topics == 0);
  CHECK(topics.of(2).nodes + topics.of(3).nodes == 8);
  topics.drop("trade/b/");
  CHECK(topics.of(3).nodes == 6);
  topics.drop("trade/");
  topics.drop("trade/");
  CHECK(topics.empty());
  CHECK(topics.all().bytes() == 0);
}

TEST_CASE("bot topics: all that is charged is the size of the tree, whatever comes and goes") {
  std::mt19937 die(11);
  BotTopics topics;
  std::map<std::string, int> there;
  for (int step = 0; step < 5000; ++step) {
    std::string topic;
    for (std::size_t size = die() % 7; topic.size() < size;) topic += static_cast<char>('a' + die() % 2);
    const int bot = static_cast<int>(die() % 4);
    if (die() % 2 == 0) {
      topics.add(topic, bot);
      there.try_emplace(topic, bot);
    } else {
      topics.drop(topic);
      there.erase(topic);
    }
    REQUIRE(topics.all().nodes == nodes_of(there));
    REQUIRE(topics.all().topics == there.size());
    std::size_t charged = 0;
    for (int each = 0; each < 4; ++each) charged += topics.of(each).nodes;
    REQUIRE(charged == topics.all().nodes);
    if (!topics.empty()) {
      for (int each = 0; each < 4; ++each) REQUIRE(topics.of(each).nodes <= topics.of(topics.greediest()).nodes);
    }
  }
}
