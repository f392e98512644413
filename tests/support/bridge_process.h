// Starts the real bridge on free ports and knows where it listens.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "process.h"
#include "tcp_socket.h"

namespace testing_support {

struct BridgeOptions {
  // "" = the environment's PPO_BRIDGE_BIN, else `ppo-bridge` looked up in PATH.
  std::string program;
  // Each "section.key=VALUE" becomes a --set after those that ask for free ports and no journal, and
  // so wins.
  std::vector<std::string> settings;
  std::vector<std::string> arguments;
  ProcessOptions process;
  milliseconds ready_timeout = kPatience;
};

// The addresses of a line `ready ws=ws://127.0.0.1:5178/ws events_in=tcp://... key=value ...`.
std::map<std::string, std::string> parse_ready_line(std::string_view line);

// A bridge that has said that it is ready. The destructor kills it.
class BridgeProcess {
 public:
  // Throws std::runtime_error, with what it wrote on stderr, if it does not get ready in time.
  explicit BridgeProcess(const BridgeOptions& options = {});

  // Where WebSocket clients and HTTP requests go.
  TcpAddress websocket() const { return parse_address(address("ws")); }
  // Where publishers connect, as ZeroMQ writes it.
  std::string events_in() const { return address("events_in"); }
  // Any entry of the ready line; throws std::out_of_range if there is none of that name.
  std::string address(const std::string& name) const { return ready_.at(name); }
  const std::map<std::string, std::string>& addresses() const { return ready_; }

  Process& process() { return process_; }

  // SIGTERM, then the exit code as Process::wait_exit() gives it. Throws std::runtime_error if it
  // is still there when the time is over.
  int stop(milliseconds timeout = kPatience);

 private:
  Process process_;
  std::map<std::string, std::string> ready_;
};

// What BridgeProcess runs: the program and its arguments.
std::vector<std::string> bridge_command_line(const BridgeOptions& options);

}  // namespace testing_support
