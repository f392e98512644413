// A peer that is somebody else's server: told by a file where to listen, and looked at until it
// does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../subject.h"
#include "support/process.h"
#include "support/scratch_directory.h"

namespace bench {

// A child process with a scratch directory of its own, on free ports of this host. It starts no
// system service and leaves nothing behind. Its publishers speak over TCP, and its clients are sent
// events as they were published.
class ServerPeer : public Subject {
 public:
  explicit ServerPeer(std::string name) : name_(std::move(name)) {}
  ~ServerPeer() override { ServerPeer::stop(); }

  std::string name() const override { return name_; }
  void start() override;
  void stop() override;
  testing_support::TcpAddress websocket() const override { return {"127.0.0.1", client_port_}; }
  std::string events_in() const override;
  // Throws std::out_of_range.
  std::string control() const override;
  std::vector<pid_t> processes() const override { return process_->group_members(); }

  // What a library that gathers writes would hand to the socket at once; each event stays a message
  // of its own.
  std::size_t message_events(std::size_t /*batch*/) const override { return 64; }

 protected:
  // Writes what the server needs into `directory`, and returns its command line.
  virtual std::vector<std::string> prepare(const testing_support::ScratchDirectory& directory) = 0;

  // Chosen anew at each start.
  std::uint16_t client_port() const { return client_port_; }
  std::uint16_t publisher_port() const { return publisher_port_; }

 private:
  bool try_start(std::string& problem);

  const std::string name_;
  std::uint16_t client_port_ = 0;
  std::uint16_t publisher_port_ = 0;
  std::optional<testing_support::ScratchDirectory> directory_;
  std::optional<testing_support::Process> process_;
};

// Kills the server that runs, if one does, with its own children. For signal handlers.
void kill_running_server();

// The path of `program`, looked up in PATH and where Debian keeps servers. Throws
// std::runtime_error that names `package` if it is not there.
std::string installed_program(const std::string& program, const std::string& package);
// Throws std::runtime_error that says `how_to_get_it` if there is no such file.
void require_file(const std::string& path, const std::string& how_to_get_it);
// "install Debian's package NAME, or run ./dev bench --peers".
std::string debian_package(const std::string& package);

// Ports that were free together a moment ago.
std::vector<std::uint16_t> free_ports(std::size_t count);
// Whether somebody takes connections there, on this host.
bool listens(std::uint16_t port);

// Throws std::runtime_error if it cannot be written.
void write_file(const std::string& path, std::string_view text);

}  // namespace bench
