#include "bridge_process.h"

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "certificate.h"

namespace testing_support {
namespace {

Process start(const BridgeOptions& options) {
  return Process(bridge_command_line(options), options.process);
}

bool says_in_use(Process& process) {
  return process.wait_exit(milliseconds{0}) && process.stderr_text().find("in use") != std::string::npos;
}

}  // namespace

std::vector<std::string> bridge_command_line(const BridgeOptions& options) {
  std::string program = options.program;
  if (program.empty()) {
    const char* named = std::getenv("PPO_BRIDGE_BIN");
    program = named != nullptr && *named != '\0' ? named : "ppo-bridge";
  }
  std::vector<std::string> command{program};
  for (const char* setting :
       {"websocket.listen=127.0.0.1:0", R"(events.bind=["tcp://127.0.0.1:0"])",
        "bots.events=tcp://127.0.0.1:0", "bots.commands=tcp://127.0.0.1:0",
        "trainers.control=tcp://127.0.0.1:0", R"(journal.path="")", "auth.mode=off"}) {
    command.emplace_back("--set");
    command.emplace_back(setting);
  }
  // All tests can be run over TLS as well.
  if (const char* tls = std::getenv("PPO_TEST_TLS"); tls != nullptr && *tls == '1') {
    const Certificate& files = shared_certificate();
    for (const std::string& setting : {"tls.certificate=" + files.certificate, "tls.key=" + files.key}) {
      command.emplace_back("--set");
      command.push_back(setting);
    }
  }
  for (const std::string& setting : options.settings) {
    command.emplace_back("--set");
    command.push_back(setting);
  }
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  return command;
}

std::map<std::string, std::string> parse_ready_line(std::string_view line) {
  std::map<std::string, std::string> addresses;
  std::istringstream words{std::string(line)};
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) addresses[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return addresses;
}

BridgeProcess::BridgeProcess(const BridgeOptions& options) : process_(start(options)) {
  auto line = process_.wait_line("ready ", options.ready_timeout);
  // One of the addresses of a bridge that has ended may have been given to somebody's connection since.
  for (const Deadline patience(milliseconds{5'000}); !line && !patience.passed() && says_in_use(process_);) {
    process_ = start(options);
    line = process_.wait_line("ready ", options.ready_timeout);
  }
  if (!line) {
    const auto code = process_.wait_exit(milliseconds{0});
    throw std::runtime_error((code ? "the bridge ended with " + std::to_string(*code)
                                   : std::string("the bridge did not get ready")) +
                             "; stderr: " + process_.stderr_text());
  }
  ready_ = parse_ready_line(*line);
}

int BridgeProcess::stop(milliseconds timeout) {
  process_.signal(SIGTERM);
  if (const auto code = process_.wait_exit(timeout)) return *code;
  throw std::runtime_error("the bridge did not stop; stderr: " + process_.stderr_text());
}

}  // namespace testing_support
