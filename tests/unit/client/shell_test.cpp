#include "ppo-client/shell.h"

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "capture.h"
#include "fake_bridge.h"
#include "feed/json.h"
#include "support/process.h"

using client::Output;
using client_tests::Capture;
using client_tests::FakeBridge;
using client_tests::FakeConnection;
namespace json = feed::json;

namespace {

struct Session {
  int code;
  std::string out;
  std::string err;
};

Session run(const std::string& url, std::deque<std::string> lines, bool as_json = false) {
  Capture out_file;
  Capture err_file;
  Output out(out_file.descriptor(), [] { return false; });
  Output err(err_file.descriptor(), [] { return false; });
  client::Options options;
  options.url = url;
  options.json = as_json;
  options.timeout = testing_support::kPatience;
  const int code = client::run_lines(options, {}, out, err, [&]() -> std::optional<std::string> {
    if (lines.empty()) return std::nullopt;
    std::string line = lines.front();
    lines.pop_front();
    return line;
  });
  out.flush();
  err.flush();
  return {code, out_file.text(), err_file.text()};
}

// Answers `pause` as a trainer, `fail` with an error, and tells what it was asked otherwise.
void obliging(FakeConnection& connection, int) {
  client_tests::register_client(connection, "k3f", 0);
  while (const auto request = connection.receive()) {
    const std::string command = json::as_string(json::member(*request, "command")).value_or("");
    if (command == "fail") {
      connection.send(client_tests::refusal(*request, "unknown_target"));
    } else if (command == "pause") {
      connection.send(client_tests::answer(
          *request, R"("command":"pause","target":"agent_0","source":"trainer-1","success":true,)"
                    R"("result":{"step":12345},"elapsed_ms":3.142)"));
    } else {
      connection.send(client_tests::answer(*request, "\"result\":" + *request));
    }
  }
}

}  // namespace

TEST_CASE("shell: commands run in order over one connection, and errors do not end it") {
  FakeBridge bridge(obliging);
  const Session shown = run(bridge.url(), {"pause agent_0", "", "# nothing", "fail x", "'open",
                                         "pause agent_0", "exit", "pause agent_0"});
  CHECK(shown.code == client::kExitRefused);
  CHECK(shown.out.find("pause  agent_0 on trainer-1  done in 3.142 ms  at step 12,345\n") == 0);
  CHECK(shown.out.rfind("pause  agent_0") != 0);
  CHECK(shown.err == "error: unknown_target: as the test wants it\nerror: a ' is not closed\n");
  CHECK(bridge.connections() == 1);
}

TEST_CASE("shell: the code is that of the first command that failed") {
  FakeBridge bridge(obliging);
  CHECK(run(bridge.url(), {"pause"}).code == client::kExitOk);
  CHECK(run(bridge.url(), {"pause --nonsense", "fail"}).code == client::kExitUsage);
  CHECK(run(bridge.url(), {"fail", "pause --nonsense"}).code == client::kExitRefused);
  CHECK(run(bridge.url(), {}).code == client::kExitOk);
}

TEST_CASE("shell: a line is what the command line would be, less what is about the connection") {
  FakeBridge bridge(obliging);
  const Session shown =
      run(bridge.url(), {"set agent_0 name=clip_range value=0.1 --deadline-ms 500"}, true);
  CHECK(shown.code == client::kExitOk);
  CHECK(shown.out.find(R"("command":"set","params":{"name":"clip_range","value":0.1},)"
                       R"("target":"agent_0","deadline_ms":500})") != std::string::npos);
  for (const std::string line :
       {"tail", "shell", "command", "status --url ws://h/ws", "status --wait 5"}) {
    CAPTURE(line);
    CHECK(run(bridge.url(), {line}).code != client::kExitOk);
  }
  const Session help = run(bridge.url(), {"help", "recent --help"});
  CHECK(help.code == client::kExitOk);
  CHECK(help.out.find("Tab completes") != std::string::npos);
  CHECK(help.out.find("--since-seq") != std::string::npos);
  CHECK(help.err.empty());
}

TEST_CASE("shell: the program takes commands from a pipe") {
  FakeBridge bridge(obliging);
  testing_support::ProcessOptions options;
  options.environment = {"PPO_BRIDGE_URL=" + bridge.url()};
  testing_support::Process good(
      {"sh", "-c", std::string("printf 'pause agent_0\\nquit\\n' | ") + PPO_CLIENT + " shell"},
      options);
  CHECK(good.wait_exit() == 0);
  REQUIRE_FALSE(good.stdout_lines().empty());
  CHECK(good.stdout_lines()[0] == "pause  agent_0 on trainer-1  done in 3.142 ms  at step 12,345");
  CHECK(good.stderr_text().empty());
  testing_support::Process bad({"sh", "-c", std::string("echo fail | ") + PPO_CLIENT + " shell"},
                               options);
  CHECK(bad.wait_exit() == 3);
}

TEST_CASE("shell: a bridge that is not there is told") {
  std::string url;
  {
    FakeBridge gone([](FakeConnection&, int) {});
    url = gone.url();
  }
  CHECK(run(url, {"status"}).code == client::kExitFailed);
}
