// Runs, curves and spans: what is on the wire.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fake_bridge.h"
#include "support/json.h"

using ppo::List;
using ppo::Object;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::Value;
using ppo::test::FakeBridge;
using testing_support::Json;

namespace {

PublisherOptions run_options(const FakeBridge& bridge) {
  PublisherOptions options;
  options.endpoint = bridge.endpoint();
  options.control = "";
  options.run = "k3f9a2";
  return options;
}

// A bridge whose events are looked at one by one.
class Wire : public FakeBridge {
 public:
  // Type and data of the next event.
  std::string next(std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    if (lines_.empty()) {
      if (const auto message = receive(deadline)) lines_ = ppo::test::lines(message->body);
    }
    if (lines_.empty()) return "nothing";
    event = Json(lines_.front());
    lines_.erase(lines_.begin());
    return event.string("/type") + " " + event.dump("/data");
  }

  Json event{"{}"};  // the one that next() took

 private:
  std::vector<std::string> lines_;
};

}  // namespace

TEST_CASE("runs: a plain publisher publishes nothing by itself") {
  Wire bridge;
  { Publisher publisher(run_options(bridge)); }
  CHECK(bridge.next(std::chrono::milliseconds(300)) == "nothing");
}

TEST_CASE("runs: begin with the publisher where it has a name, and end with it") {
  Wire bridge;
  PublisherOptions options = run_options(bridge);
  options.run_name = "flip 7";
  options.config = {{"gamma", 0.99}, {"net", {{"hidden", List{32, 32}}}}};
  options.tags = {"baseline", "cpu"};
  {
    Publisher publisher(options);
    CHECK(publisher.run_name() == "flip 7");
    bridge.next();
    const Json& event = bridge.event;
    CHECK(event.string("/type") == "run_started");
    CHECK(event.string("/data/name") == "flip 7");
    CHECK(event.dump("/data/config").find(R"(,"gamma":0.99,"net":)") != std::string::npos);
    CHECK(event.number("/data/config/gamma") == 0.99);
    CHECK(event.dump("/data/config/net") == R"({"hidden":[32,32]})");
    CHECK(event.string("/data/config/program/name") == "unit_publisher_tests");
    CHECK(event.string("/data/config/program/argv/0").find("unit_publisher_tests") !=
          std::string::npos);
    CHECK_FALSE(event.string("/data/config/program/host").empty());
    CHECK(event.dump("/data/tags") == R"(["baseline","cpu"])");
    CHECK_FALSE(event.has("/data/agent_id"));
    CHECK_FALSE(event.has("/data/left_out"));
  }
  CHECK(bridge.next() == R"(run_ended {"state":"finished"})");
}

TEST_CASE("runs: one that an exception unwinds has crashed") {
  Wire bridge;
  try {
    Publisher publisher(run_options(bridge));
    CHECK(publisher.start_run());
    CHECK(publisher.run_name() == "unit_publisher_tests-k3f9a2");
    bridge.next();
    throw std::runtime_error("nan");
  } catch (const std::exception&) {
    Publisher inner(run_options(bridge));  // of an exception that was over before it
    CHECK(bridge.next() == R"(run_ended {"state":"crashed"})");
    CHECK(inner.start_run("inner"));
    bridge.next();
  }
  CHECK(bridge.next() == R"(run_ended {"state":"finished"})");
}

TEST_CASE("runs: the same name again changes the config, another one ends the run before") {
  Wire bridge;
  Publisher publisher(run_options(bridge));
  CHECK_FALSE(publisher.end_run());
  CHECK_FALSE(publisher.update_config({{"a", 1}}));
  CHECK(publisher.last_refusal() == "run_config: no such run was started");
  CHECK_FALSE(publisher.start_run("a", {}, {}, "no name"));
  CHECK(publisher.last_refusal() ==
        "run_started: agent_id is 'no name'; must be 1-64 of A-Z a-z 0-9 _ . : -");

  CHECK(publisher.start_run("one", {{"a", 1}, {"b", 2}}, {}, "agent_0"));
  CHECK(publisher.start_run("one", {{"a", 1}, {"b", 3}}, {}, "agent_0"));
  CHECK(publisher.start_run("", {}, {}, "agent_0"));  // says nothing new
  CHECK(publisher.update_config({{"c", {{"api_key", "x"}}}, {"b", 3}}, "agent_0"));
  CHECK(publisher.start_run("two", {}, {}, "agent_0"));
  CHECK(publisher.start_run("all"));
  CHECK_FALSE(publisher.end_run("done", "", "agent_0"));
  CHECK(publisher.last_refusal() ==
        "run_ended: state is 'done'; must be finished, crashed or interrupted");
  CHECK(publisher.end_run("crashed", "runtime_error: nan", "agent_0"));
  CHECK_FALSE(publisher.end_run("crashed", "", "agent_0"));
  CHECK(publisher.end_run("interrupted"));

  CHECK(bridge.next().find(R"(run_started {"name":"one","config":{"program":{)") == 0);
  CHECK(bridge.next() == R"(run_config {"config":{"b":3},"agent_id":"agent_0"})");
  CHECK(bridge.next() == R"(run_config {"config":{"c":{"api_key":"***"}},"agent_id":"agent_0"})");
  CHECK(bridge.next() == R"(run_ended {"state":"finished","agent_id":"agent_0"})");
  CHECK(bridge.next().find(R"(run_started {"name":"two")") == 0);
  CHECK(bridge.next().find(R"(run_started {"name":"all")") == 0);
  CHECK(bridge.next() ==
        R"(run_ended {"state":"crashed","error":"runtime_error: nan","agent_id":"agent_0"})");
  CHECK(bridge.next() == R"(run_ended {"state":"interrupted"})");
}

TEST_CASE("runs: a config of any size and depth costs what does not fit, and nothing else") {
  Wire bridge;
  Publisher publisher(run_options(bridge));
  Value deep(1);
  for (int level = 0; level < 70; ++level) deep = Value(Object{{"a", deep}});
  Object config{{"long", std::string(70'000, 'x')},
                {"deep", deep},
                {"half", std::string(40'000, 'x')},
                {"half_2", std::string(40'000, 'x')},
                {"nan", std::nan("")},
                {"small", 1}};
  for (int i = 0; i < 100; ++i) config.add("huge " + std::to_string(i), std::string(70'000, 'y'));
  CHECK(publisher.start_run(std::string(1000, 'n'), config, std::vector<std::string>(1000, "t")));
  bridge.next();
  const Json& event = bridge.event;
  CHECK(event.string("/data/name").size() == 256);
  CHECK(event.size("/data/tags") == 64);
  CHECK(event.integer("/data/config/small") == 1);
  CHECK(event.dump("/data/config/nan") == "null");
  CHECK(event.has("/data/config/half"));
  CHECK_FALSE(event.has("/data/config/half_2"));
  CHECK_FALSE(event.has("/data/config/deep"));
  CHECK(event.size("/data/left_out") == 64);
}

TEST_CASE("scalars: any tag is a curve, a value that went wrong is null") {
  Wire bridge;
  Publisher publisher(run_options(bridge));
  CHECK(publisher.scalar("losses/td_loss", 0.25, 17));
  CHECK(publisher.scalar("grad \"norm\"", std::numeric_limits<double>::infinity()));
  CHECK(publisher.scalar("loss", std::nan(""), 0, "agent_0"));
  CHECK_FALSE(publisher.scalar("", 1));
  CHECK(publisher.last_refusal() == "scalar: tag is ''; must be 1..256 bytes of text");
  CHECK_FALSE(publisher.scalar(std::string(257, 't'), 1));
  CHECK_FALSE(publisher.scalar("loss", 1, 1, "no name"));
  CHECK(bridge.next() == R"(scalar {"tag":"losses/td_loss","value":0.25,"step":17})");
  CHECK(bridge.next() == R"(scalar {"tag":"grad \"norm\"","value":null})");
  CHECK(bridge.next() == R"(scalar {"tag":"loss","value":null,"step":0,"agent_id":"agent_0"})");
}

TEST_CASE("spans: tell when something began and how long it took") {
  Wire bridge;
  Publisher publisher(run_options(bridge));
  { const auto span = publisher.span("rollout", 3, "agent_0"); }
  bridge.next();
  const Json& event = bridge.event;
  CHECK(event.string("/type") == "span");
  CHECK(event.string("/data/name") == "rollout");
  CHECK(event.integer("/data/step") == 3);
  CHECK(event.string("/data/agent_id") == "agent_0");
  CHECK(event.number("/data/duration_ms") >= 0);
  CHECK(event.number("/timestamp") - event.number("/data/start") < 60);
}

TEST_CASE("events: an episode's length and global step, and what is left of a margin after tax") {
  Wire bridge;
  Publisher publisher(run_options(bridge));
  ppo::EpisodeEnd end;
  end.agent_id = "agent_0";
  end.episode = 2;
  end.steps = 39;
  end.reward = 39;
  end.global_step = 80;
  CHECK(publisher.publish(end));
  end.global_step.reset();
  CHECK(publisher.publish(end));
  ppo::MarginUpdate margin;
  margin.item = "Coal";
  margin.margin_after_tax = -3;
  CHECK(publisher.publish(margin));
  CHECK(bridge.next().find(R"("steps":39,"global_step":80,"length":39,"reward":39.0)") !=
        std::string::npos);
  CHECK(bridge.next().find(R"("steps":39,"length":39,"reward":39.0)") != std::string::npos);
  CHECK(bridge.next().find(R"("margin_after_tax":-3)") != std::string::npos);
}
