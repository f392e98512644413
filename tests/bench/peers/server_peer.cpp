#include "server_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "../program_subject.h"
#include "support/tcp_socket.h"

namespace bench {
namespace {

using testing_support::milliseconds;

constexpr milliseconds kStartTimeout{20'000};
// Somebody else may take a free port between our finding it and the server's binding it.
constexpr int kStarts = 3;

// The process group of the server that runs; 0 = none does.
std::atomic<pid_t> running_group{0};

}  // namespace

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<std::uint16_t> ports;
  std::vector<testing_support::TcpSocket> held;  // so that none is found twice
  for (std::size_t i = 0; i < count; ++i) {
    held.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const int descriptor = held.back().descriptor();
    if (descriptor < 0 || ::bind(descriptor, generic, length) != 0 ||
        ::getsockname(descriptor, generic, &length) != 0) {
      throw std::system_error(errno, std::generic_category(), "no free port");
    }
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

bool listens(std::uint16_t port) {
  try {
    testing_support::TcpSocket::connect({"127.0.0.1", port}, milliseconds{1000});
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void ServerPeer::start() {
  std::string problem;
  for (int i = 0; i < kStarts; ++i) {
    if (try_start(problem)) return;
    stop();
    if (interrupted) break;
  }
  throw std::runtime_error(name_ + " did not get ready: " + problem);
}

bool ServerPeer::try_start(std::string& problem) {
  const std::vector<std::uint16_t> ports = free_ports(2);
  client_port_ = ports[0];
  publisher_port_ = ports[1];
  directory_.emplace();
  process_.emplace(prepare(*directory_));
  running_group = process_->pid();
  const testing_support::Deadline deadline(kStartTimeout);
  while (process_->running() && !deadline.passed() && !interrupted) {
    if (listens(client_port_) && listens(publisher_port_)) return true;
    std::this_thread::sleep_for(milliseconds{10});
  }
  problem = process_->stderr_text();
  return false;
}

void ServerPeer::stop() {
  running_group = 0;
  end_process(process_);
  directory_.reset();
}

std::string ServerPeer::events_in() const {
  return "tcp://127.0.0.1:" + std::to_string(publisher_port_);
}

std::string ServerPeer::control() const {
  throw std::out_of_range(name_ + " takes no commands");
}

void kill_running_server() {
  if (const pid_t group = running_group) ::kill(-group, SIGKILL);
}

std::string installed_program(const std::string& program, const std::string& package) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/usr/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + program;
    if (!directory.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw std::runtime_error("there is no " + program + ": " + debian_package(package));
}

void require_file(const std::string& path, const std::string& how_to_get_it) {
  if (!std::filesystem::exists(path)) {
    throw std::runtime_error("there is no " + path + ": " + how_to_get_it);
  }
}

std::string debian_package(const std::string& package) {
  return "install Debian's package " + package + ", or run ./dev bench --peers, which does";
}

void write_file(const std::string& path, std::string_view text) {
  if (!(std::ofstream(path) << text << std::flush))
    throw std::runtime_error("cannot write " + path);
}

}  // namespace bench
