// The program as a shell sees it: signals, exit codes, streams.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "support/process.h"
#include "support/scratch_directory.h"

using namespace client_tests;
using testing_support::Process;
using testing_support::ProcessOptions;

namespace {

Process run(std::vector<std::string> arguments, const std::string& url = "ws://127.0.0.1:1/ws") {
  arguments.insert(arguments.begin(), PPO_CLIENT);
  ProcessOptions options;
  options.environment = {"PPO_BRIDGE_URL=" + url};
  return Process(arguments, options);
}

}  // namespace

TEST_CASE("program: SIGINT and SIGTERM end a tail at once and well, connected or not") {
  for (const int signal : {SIGINT, SIGTERM}) {
    FakeBridge bridge([&](FakeConnection& connection, int number) {
      if (number > 0) return;
      register_client(connection, "k3f", 0);
      connection.send(event(1));
      connection.wait_until_gone();
    });
    Process connected = run({"tail", "--json"}, bridge.url());
    CHECK(connected.wait_line("{") == event(1));
    connected.signal(signal);
    CHECK(connected.wait_exit() == 0);
    CHECK(connected.stderr_text().empty());
  }
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (number > 0) return;
    register_client(connection, "k3f", 0);
    connection.send(event(1));
  });
  Process outage = run({"tail", "--json"}, bridge.url());
  CHECK(outage.wait_line("{") == event(1));
  CHECK(testing_support::wait_until(
      [&] { return outage.stderr_text().find("connection lost") == 0; }));
  outage.signal(SIGINT);
  CHECK(outage.wait_exit() == 0);
}

#ifndef __SANITIZE_THREAD__  // ThreadSanitizer itself writes a file before main()
TEST_CASE("program: a file that may not grow is an error, and not the end without a word") {
  const testing_support::ScratchDirectory scratch;
  const std::string file = scratch.file("help");
  Process full({"/bin/sh", "-c", "ulimit -f 0; exec " PPO_CLIENT " --help > " + file}, {});
  CHECK(full.wait_exit() == 1);
  CHECK(full.stderr_text().find("standard output cannot be written: File too large") != std::string::npos);
}
#endif

TEST_CASE("program: exit codes, and what goes to which stream") {
  Process help = run({"--help"});
  CHECK(help.wait_exit() == 0);
  CHECK_FALSE(help.stdout_lines().empty());
  CHECK(help.stderr_text().empty());

  Process usage = run({"tail", "--since", "yesterday"});
  CHECK(usage.wait_exit() == 2);
  CHECK(usage.stdout_lines().empty());
  CHECK(usage.stderr_text().find("--since is 'yesterday'; must be") == 0);

  Process unreachable = run({"status"});
  CHECK(unreachable.wait_exit() == 1);
  CHECK(unreachable.stderr_text() == "cannot connect to ws://127.0.0.1:1/ws: Connection refused\n");

  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(refusal(connection.receive().value_or("{}"), "unknown_target"));
    connection.wait_until_gone();
  });
  Process refused = run({"command", "pause", "--target", "nobody"}, bridge.url());
  CHECK(refused.wait_exit() == 3);
  CHECK(refused.stderr_text() == "error: unknown_target: as the test wants it\n");
}

TEST_CASE("program: what is not a terminal gets no colours but where it is told to") {
  for (const bool always : {false, true}) {
    FakeBridge bridge([&](FakeConnection& connection, int) {
      register_client(connection, "k3f", 0);
      connection.send(event(1));
      connection.wait_until_gone();
    });
    Process tail = run({"tail", "-n", "1", "--color", always ? "always" : "auto"}, bridge.url());
    CHECK(tail.wait_exit() == 0);
    REQUIRE(tail.stdout_lines().size() == 1);
    CHECK((tail.stdout_lines()[0].find('\x1b') != std::string::npos) == always);
  }
}

TEST_CASE("program: an export's file is written whole or not at all, and replaced only where told to") {
  const testing_support::ScratchDirectory directory;
  const std::string path = directory.file("events");
  const auto text = [&path] {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto files = [&directory] {
    return std::distance(std::filesystem::directory_iterator(directory.path()), {});
  };
  FakeBridge bridge([](FakeConnection& connection, int number) {
    if (!register_client(connection, "e", 9)) return;
    const auto request = connection.receive();
    if (!request) return;
    connection.send(answer(*request, R"("success":true,"result":{"replay":1})"));
    connection.send(R"({"type":"t","data":{},"timestamp":2,"seq":6,"replay":true})");
    if (number == 0) return;  // lost on the way
    connection.send(
        R"({"type":"replay_end","data":{"replay":1,"reason":"done","events":1,"missing":0},"replay":true,"timestamp":3})");
    connection.wait_until_gone();
  });
  Process lost = run({"export", "--output", path}, bridge.url());
  CHECK(lost.wait_exit() == 1);
  CHECK(lost.stderr_text().find("this is not all") != std::string::npos);
  CHECK(files() == 0);
  const std::string event = R"({"type":"t","data":{},"timestamp":2,"seq":6})" "\n";
  Process whole = run({"export", "--output", path}, bridge.url());
  CHECK(whole.wait_exit() == 0);
  CHECK(whole.stdout_lines().empty());
  CHECK(text() == event);
  std::ofstream(path) << "mine";
  Process refused = run({"export", "--output", path}, bridge.url());
  CHECK(refused.wait_exit() == 1);
  CHECK(refused.stderr_text() == "error: " + path + " is there already; --force replaces it\n");
  CHECK(text() == "mine");
  Process forced = run({"export", "--output", path, "--force"}, bridge.url());
  CHECK(forced.wait_exit() == 0);
  CHECK(text() == event);
  CHECK(files() == 1);
  Process nowhere = run({"export", "--output", directory.file("missing/x")}, bridge.url());
  CHECK(nowhere.wait_exit() == 1);
  CHECK(nowhere.stderr_text().find("cannot be written: No such file") != std::string::npos);
  Process alone = run({"export", "--force"}, bridge.url());
  CHECK(alone.wait_exit() == 2);
}

TEST_CASE("program: what cannot be written is an error with its reason; a reader that went away is none") {
  FakeBridge bridge([](FakeConnection& connection, int) {
    if (!register_client(connection, "e", 9)) return;
    const auto request = connection.receive();
    if (!request) return;
    connection.send(answer(*request, R"("success":true,"result":{"replay":1})"));
    connection.send(R"({"type":"t","data":{},"timestamp":2,"seq":6,"replay":true})");
    connection.send(
        R"({"type":"replay_end","data":{"replay":1,"reason":"done","events":1,"missing":0},"replay":true,"timestamp":3})");
    connection.wait_until_gone();
  });
  const std::string client = PPO_CLIENT " --url " + bridge.url() + " ";
  for (const std::string& command : {client + "export", client + "--help", client + "tail --help"}) {
    CAPTURE(command);
    Process full({"/bin/sh", "-c", command + " > /dev/full"}, {});
    CHECK(full.wait_exit() == 1);
    CHECK(full.stderr_text().find("error: standard output cannot be written: No space left on device\n") !=
          std::string::npos);
  }
  Process gone({"/bin/bash", "-c", "set -o pipefail; " + client + "export | true"}, {});
  CHECK(gone.wait_exit() == 0);
}

TEST_CASE("program: a subcommand's help has its own options, and says where the others are") {
  Process help = run({"sources", "--help"});
  CHECK(help.wait_exit() == 0);
  std::string text;
  for (const std::string& line : help.stdout_lines()) text += line + "\n";
  CHECK(text.find("Examples:") == std::string::npos);
  CHECK(text.find("ppo-client --help") != std::string::npos);
}
