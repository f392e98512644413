// Starting and stopping: flags, ports, signals.

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_bridge.h"
#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

TEST_CASE("lifecycle: version, help and a checked configuration end with 0, mistakes with 2") {
  CHECK(run_bridge({"--version"}).out.find("ppo-bridge ") == 0);
  const Ended help = run_bridge({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("--check-config") != std::string::npos);
  CHECK(run_bridge({"--check-config"}).code == 0);
  CHECK(run_bridge({"--nonsense"}).code == 2);
  const Ended unknown = run_bridge({"--set", "history.event_max=5"});
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("history.event_max") != std::string::npos);
  const Ended range = run_bridge({"--check-config"}, {"PPO_BRIDGE_HISTORY_EVENTS_MAX=0"});
  CHECK(range.code == 2);
  CHECK(range.err.find("history.events_max is 0; must be an integer 1..100000000") !=
        std::string::npos);
  const Ended beyond = run_bridge({"--set", "websocket.listen=0.0.0.0:0"});
  CHECK(beyond.code == 2);
  CHECK(beyond.err.find("beyond loopback") != std::string::npos);
}

TEST_CASE("lifecycle: a port in use is one line that names the address, exit 1") {
  BridgeProcess bridge;
  const std::string ws = bridge.websocket().text();
  const Ended same_ws = run_bridge({"--set", "websocket.listen=" + ws, "--set", "events.bind=tcp://127.0.0.1:0"});
  CHECK(same_ws.code == 1);
  CHECK(same_ws.err.find(ws) != std::string::npos);
  CHECK(same_ws.err.find("Address already in use") != std::string::npos);
  CHECK(same_ws.err.find('\n') == same_ws.err.size() - 1);
  const Ended same_zmq = run_bridge({"--set", "websocket.listen=127.0.0.1:0", "--set",
                              "events.bind=" + bridge.events_in()});
  CHECK(same_zmq.code == 1);
  CHECK(same_zmq.err.find(bridge.events_in()) != std::string::npos);
}

TEST_CASE("lifecycle: an ipc path that is a file, or another bridge's, is refused and left alone") {
  const ScratchDirectory folder;
  const std::string file = folder.path() + "/precious";
  std::ofstream(file) << "precious";
  const std::string path = folder.path() + "/bots";
  BridgeOptions options;
  options.settings = {"bots.commands=ipc://" + path};
  BridgeProcess bridge(options);
  for (const char* key : {"events.bind", "bots.events", "bots.commands", "trainers.control"}) {
    CAPTURE(key);
    for (const std::string& taken : {file, path}) {
      std::vector<std::string> arguments;
      for (const char* free : {"websocket.listen=127.0.0.1:0", "events.bind=tcp://127.0.0.1:0", "bots.events=",
                               "bots.commands=", "trainers.control="}) {
        arguments.insert(arguments.end(), {"--set", free});
      }
      arguments.insert(arguments.end(), {"--set", std::string(key) + "=ipc://" + taken});
      const Ended ended = run_bridge(arguments);
      CHECK(ended.code == 1);
      CHECK(ended.err.find(std::string(key) + ": cannot listen on ipc://" + taken + ": ") !=
            std::string::npos);
    }
  }
  std::string text;
  std::ifstream(file) >> text;
  CHECK(text == "precious");
  // What a bridge that was killed has left behind is in nobody's way.
  bridge.process().signal(SIGKILL);
  REQUIRE(bridge.process().wait_exit());
  BridgeProcess again(options);
  CHECK(again.address("commands") == "ipc://" + path);
}

TEST_CASE("lifecycle: the file, the environment and flags; logs to a file as well") {
  char folder[] = "/tmp/ppo-lifecycle-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string file = std::string(folder) + "/bridge.toml";
  const std::string log = std::string(folder) + "/bridge.log";
  std::ofstream(file) << "[websocket]\nclients_max = 7\n[log]\nfile = \"" << log << "\"\n";
  {
    BridgeOptions options;
    options.arguments = {"-c", file, "--log-level", "debug"};
    BridgeProcess bridge(options);
    CHECK(ProtocolClient(bridge.websocket())
              .request(R"({"action":"command","command":"get_status"})")
              .integer("/result/clients/max") == 7);
    CHECK(bridge.stop() == 0);
  }
  std::stringstream text;
  text << std::ifstream(log).rdbuf();
  CHECK(text.str().find("is up") != std::string::npos);
  CHECK(text.str().find("stopped") != std::string::npos);
  std::remove(log.c_str());
  std::remove(file.c_str());
  rmdir(folder);
}

TEST_CASE("lifecycle: a signal drains the clients, says 1001 and ends with 0") {
  for (const int signal : {SIGTERM, SIGINT}) {
    BridgeProcess bridge;
    ProtocolClient client(bridge.websocket());
    client.request(R"({"action":"register"})");
    EventPublisher publisher(bridge.events_in());
    for (int i = 0; i < 1000; ++i) REQUIRE(publisher.publish(event_body("t")));
    CHECK(client.next_event().integer("/seq") == 1);
    bridge.process().signal(signal);
    std::int64_t seen = 1;
    while (auto event = client.connection().receive_text()) {
      REQUIRE(Json(*event).integer("/seq") == ++seen);
    }
    CHECK(client.connection().received_close_code() == 1001);
    (void)client.connection().send_close(1001);
    CHECK(bridge.process().wait_exit() == 0);
    CHECK(seen > 1);
  }
}

TEST_CASE("lifecycle: a client that does not read cannot keep the bridge from ending") {
  BridgeProcess bridge;
  WebSocketOptions options;
  options.receive_buffer_bytes = 4096;
  ProtocolClient deaf(bridge.websocket(), options);
  deaf.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  const std::string body = event_body("t", R"({"a":")" + std::string(10'000, 'x') + "\"}");
  for (int i = 0; i < 2000; ++i) REQUIRE(publisher.publish(body));
  bridge.process().signal(SIGTERM);
  CHECK(bridge.process().wait_exit(milliseconds{12'000}) == 0);
}

TEST_CASE("lifecycle: a stderr that nobody reads holds up neither events nor the end") {
  const ScratchDirectory scratch;
  const std::string fifo = scratch.file("stderr");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int pipe = ::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(pipe >= 0);
  const std::string filler(4096, '\n');
  while (::write(pipe, filler.data(), filler.size()) > 0) {
  }
  BridgeOptions options;
  options.program = scratch.file("bridge.sh");
  std::ofstream(options.program) << "#!/bin/sh\nexec \"$PPO_BRIDGE_BIN\" \"$@\" 2>" << fifo << "\n";
  REQUIRE(::chmod(options.program.c_str(), 0700) == 0);
  options.arguments = {"--log-level", "debug"};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(publisher.publish(R"({"type":"t","source":"s)" + std::to_string(i) + R"(","data":5})"));
  }
  REQUIRE(publisher.publish(event_body("t")));
  CHECK(client.next_event().integer("/seq") == 1);
  CHECK(http(bridge.websocket(), "GET", "/healthz").status == 200);
  CHECK(bridge.stop() == 0);
  ::close(pipe);
}
