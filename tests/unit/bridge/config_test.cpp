#include "app/config.h"
#include "app/config_reload.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include <unistd.h>

using namespace bridge;

namespace {

std::string refusal_of_setting(const std::string& setting) {
  ConfigSources sources;
  sources.settings = {setting};
  const auto config = load_config(sources);
  return config ? "" : config.error().message;
}

// A file that goes with the test.
struct File {
  explicit File(const std::string& text) {
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream(path) << text;
  }
  ~File() { std::remove(path); }
  char path[32] = "/tmp/ppo-config-XXXXXX";
};

std::string file_failure(const std::string& text) {
  const File file(text);
  ConfigSources sources;
  sources.file = file.path;
  const auto config = load_config(sources);
  return config ? "" : config.error().message;
}

}  // namespace

TEST_CASE("config: a wrong value is named with its key and range") {
  CHECK(refusal_of_setting("history.events_max=0") ==
        "history.events_max is 0; must be an integer 1..100000000 (--set)");
  CHECK(refusal_of_setting("history.events_max=many") ==
        "history.events_max is many; must be an integer 1..100000000 (--set)");
  CHECK(refusal_of_setting("history.events_max=1.5").find("history.events_max is 1.5") == 0);
  CHECK(refusal_of_setting("journal.before_delivery=1").find("must be true or false") != std::string::npos);
  CHECK(refusal_of_setting("log.level=loud").find("log.level: \"loud\" is not a level") == 0);
  CHECK(refusal_of_setting("events.bind=[1]").find("events.bind is [1]") == 0);
  CHECK(refusal_of_setting("events.bind=[]").find("events.bind and events.connect are both empty") == 0);
}

TEST_CASE("config: an unknown key is named with its value") {
  CHECK(refusal_of_setting("history.event_max=5").find("unknown key history.event_max with value 5") == 0);
  CHECK(refusal_of_setting("nonsense").find("must be section.key=value") != std::string::npos);
  CHECK(file_failure("[history]\nevent_max = 5\n").find("unknown key history.event_max with value 5") == 0);
  CHECK(file_failure("top = 5\n").find("unknown key top") == 0);
  CHECK(file_failure("[history]\nevents_max = \"5\"\n").find("history.events_max is") == 0);
  CHECK(file_failure("[history\n").find("cannot read") == 0);
  ConfigSources sources;
  sources.environment = {{"PPO_BRIDGE_NONSENSE", "1"}};
  CHECK(load_config(sources).error().message.find("unknown variable PPO_BRIDGE_NONSENSE") == 0);
}

TEST_CASE("config: nothing beyond loopback without encryption and identities, anything with them") {
  for (const char* setting : {"websocket.listen=10.0.0.7:5178", "websocket.listen=[::]:5178", "events.bind=tcp://*:5556",
                              "trainers.connect={\"t\" = \"tcp://10.0.0.9:1\"}"}) {
    CAPTURE(std::string(setting));
    ConfigSources sources;
    sources.settings = {setting, "tls.certificate=/c.pem", "tls.key=/c.key", "zmq.curve_key=/s.key", "websocket.hosts=b.lab"};
    CHECK(load_config(sources).ok());
    sources.settings.push_back("auth.mode=off");
    CHECK(load_config(sources).error().message.find("auth.mode = \"on\"") != std::string::npos);
  }
  for (const char* setting :
       {"websocket.listen=0.0.0.0:5178", "websocket.listen=*:1", "websocket.listen=example.org:1",
        "events.bind=tcp://*:5556", "events.connect=tcp://10.0.0.1:1", "bots.events=tcp://0.0.0.0:1",
        "trainers.control=tcp://[::]:1"}) {
    CAPTURE(std::string(setting));
    CHECK(refusal_of_setting(setting).find("beyond loopback") != std::string::npos);
  }
}

TEST_CASE("config: flags over environment over file over default") {
  const File file("[history]\nevents_max = 1\nbytes_max = 2000000\n[websocket]\nclients_max = 1\n");
  ConfigSources sources;
  sources.file = file.path;
  sources.environment = {{"PPO_BRIDGE_HISTORY_EVENTS_MAX", "2"},
                         {"PPO_BRIDGE_WEBSOCKET_CLIENTS_MAX", "2"},
                         {"HOME", "/x"}};
  sources.settings = {"history.events_max=3", "history.events_max=4"};
  const auto config = load_config(sources);
  REQUIRE(config.ok());
  CHECK(config.value().history.events_max == 4);
  CHECK(config.value().websocket.clients_max == 2);
  CHECK(config.value().history.bytes_max == 2'000'000);
  CHECK(config.value().websocket.listen == "127.0.0.1:5178");
}

TEST_CASE("config: a bare word is a string, and one string will do for a list") {
  ConfigSources sources;
  sources.settings = {"websocket.listen=127.0.0.1:0", "events.bind=tcp://127.0.0.1:*",
                      "events.connect=[\"tcp://127.0.0.1:1\",\"ipc:///tmp/x\"]", "bots.events=",
                      "log.file=\"/tmp/a b\"", "log.level=debug"};
  const auto config = load_config(sources);
  REQUIRE(config.ok());
  CHECK(config.value().websocket.listen == "127.0.0.1:0");
  CHECK(config.value().events.bind == std::vector<std::string>{"tcp://127.0.0.1:*"});
  CHECK(config.value().events.connect.size() == 2);
  CHECK(config.value().bots.events.empty());
  CHECK(config.value().log.file == "/tmp/a b");
}

TEST_CASE("config: conf/bridge.toml is every key at its default, and loads") {
  const std::string path = PPO_SOURCE_DIR "/conf/bridge.toml";
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  CHECK(text.str() == default_config_text());  // else: ppo-bridge --print-config > conf/bridge.toml
  ConfigSources sources;
  sources.file = path;
  CHECK(load_config(sources).ok());
}

TEST_CASE("config: how many threads serve clients is chosen where it is 0") {
  Config config;
  config.websocket.threads = 3;
  CHECK(client_threads(config) == 3);
  config.websocket.threads = 0;
  const std::size_t cores = std::thread::hardware_concurrency();
  CHECK(client_threads(config) >= 1);
  CHECK(client_threads(config) <= std::max<std::size_t>(1, std::min<std::size_t>(4, cores / 4)));
  config.engine.kind = "jetstream";
  CHECK(client_threads(config) == 1);
}

TEST_CASE("config: a key's name of old sets what is called otherwise now, and is told") {
  const std::vector<DeprecatedKey> old = {{"log.loudness", "log.level"}, {"history.count", "history.events_max"}};
  const File file("[log]\nloudness = \"warn\"\n");
  ConfigSources sources;
  sources.file = file.path;
  sources.environment = {{"PPO_BRIDGE_HISTORY_COUNT", "7"}};
  const auto loaded = read_config(sources, old);
  REQUIRE(loaded.ok());
  CHECK(loaded.value().config.log.level == "warn");
  CHECK(loaded.value().config.history.events_max == 7);
  CHECK(loaded.value().warnings ==
        std::vector<std::string>{"log.loudness is called log.level now (" + std::string(file.path) + ":2)",
                                 "history.count is called history.events_max now (environment PPO_BRIDGE_HISTORY_COUNT)"});
  // What is wrong is told by the new name, a later place wins by whichever, and both in one place are a mistake.
  sources.settings = {"history.count=0"};
  CHECK(read_config(sources, old).error().message.find("history.events_max is 0; must be") == 0);
  sources.settings = {"history.events_max=8", "history.events_max=9"};
  CHECK(read_config(sources, old).value().config.history.events_max == 9);
  sources.settings = {"history.events_max=8", "history.count=8"};
  CHECK(read_config(sources, old).error().message ==
        "history.events_max and history.count are the same key (--set); must be history.events_max alone");
  CHECK(read_config(sources).error().message.find("unknown key log.loudness") == 0);
}

TEST_CASE("config: what a reload changes, and what has to wait") {
  const auto loaded = [](std::vector<std::string> settings) {
    ConfigSources sources;
    sources.settings = std::move(settings);
    return read_config(sources).value();
  };
  const LoadedConfig plain = loaded({});
  const auto same = plan_reload(plain, plain, false);
  REQUIRE(same.ok());
  CHECK(same.value().changed.empty());
  CHECK(same.value().kept.empty());
  const LoadedConfig other = loaded({"log.level=warn", "websocket.threads=2", "auth.timeout_s=7", "tls.min_version=1.3"});
  const auto plan = plan_reload(plain, other, false).value();
  CHECK(plan.changed == std::vector<std::string>{"log.level is \"warn\" (was \"info\")"});
  CHECK(plan.waiting == std::vector<std::string>{"websocket.threads", "tls.min_version", "auth.timeout_s"});
  CHECK(plan.now.config.log.level == "warn");
  CHECK(plan.now.config.websocket.threads == 1);
  CHECK(plan.changes("log"));
  CHECK_FALSE(plan.changes("lo"));
  CHECK(plan_reload(plain, other, true).value().now.config.auth.timeout_s == 7);
  // TLS changes where it is spoken before and after.
  const LoadedConfig secure = loaded({"tls.certificate=/c", "tls.key=/k"});
  CHECK(plan_reload(plain, secure, false).value().changed.empty());
  CHECK(plan_reload(secure, plain, false).value().changed.empty());
  CHECK(plan_reload(secure, loaded({"tls.certificate=/d", "tls.key=/k"}), false).value().now.config.tls.certificate == "/d");
  // What changes must fit to what stays.
  CHECK_FALSE(plan_reload(loaded({"limits.memory_bytes_max=900000000"}),
                          loaded({"limits.memory_bytes_max=7000000000", "history.bytes_max=1000000000"}), false).ok());
}
