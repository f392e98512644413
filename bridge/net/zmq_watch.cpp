#include "net/zmq_watch.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace bridge {
namespace {

void set_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}

// An address that must not be bound, and why.
class NotOurs final : public zmq::error_t {
 public:
  explicit NotOurs(std::string why) : zmq::error_t(EADDRINUSE), why_(std::move(why)) {}
  const char* what() const noexcept override { return why_.c_str(); }

 private:
  const std::string why_;
};

// libzmq removes whatever stands at an ipc path before it binds. Only a socket that nobody listens on
// any more may go that way.
void check_ipc_path(const std::string& endpoint) {
  constexpr std::string_view kIpc = "ipc://";
  sockaddr_un address{};
  if (endpoint.compare(0, kIpc.size(), kIpc) != 0) return;
  const std::string path = endpoint.substr(kIpc.size());
  struct stat found {};
  if (path[0] == '@' || path == "*" || path.size() >= sizeof address.sun_path) return;
  if (::lstat(path.c_str(), &found) != 0) return;  // binding tells what else may be wrong
  if (!S_ISSOCK(found.st_mode)) throw NotOurs(path + " is there and is not a socket");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) throw zmq::error_t(errno);
  const int failed =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(probe);
  if (failed == 0 || failed == EAGAIN) throw NotOurs("somebody listens there already");
  if (failed != ECONNREFUSED && failed != ENOENT) {
    throw NotOurs(path + " is there and cannot be used: " + std::strerror(failed));
  }
}

}  // namespace

std::string bind_socket(zmq::socket_t& socket, const std::string& endpoint) {
  // libzmq takes a name that it binds to for that of a network interface.
  constexpr std::string_view kLocalhost = "tcp://localhost:";
  if (endpoint.compare(0, kLocalhost.size(), kLocalhost) == 0) {
    return bind_socket(socket, "tcp://127.0.0.1:" + endpoint.substr(kLocalhost.size()));
  }
  check_ipc_path(endpoint);
  set_ipv6(socket, endpoint);
  socket.bind(endpoint);
  return socket.get(zmq::sockopt::last_endpoint);
}

void connect_socket(zmq::socket_t& socket, const std::string& endpoint) {
  set_ipv6(socket, endpoint);
  socket.connect(endpoint);
}

}  // namespace bridge
