#include "net/zmq_watch.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "net/local_socket.h"

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

}  // namespace

std::string bind_socket(zmq::socket_t& socket, const std::string& endpoint) {
  // libzmq takes a name that it binds to for that of a network interface.
  constexpr std::string_view kLocalhost = "tcp://localhost:";
  if (endpoint.compare(0, kLocalhost.size(), kLocalhost) == 0) {
    return bind_socket(socket, "tcp://127.0.0.1:" + endpoint.substr(kLocalhost.size()));
  }
  const IpcPathLock lock(endpoint);
  if (std::string trouble = ipc_path_trouble(endpoint); !trouble.empty()) throw NotOurs(std::move(trouble));
  set_ipv6(socket, endpoint);
  socket.bind(endpoint);
  return socket.get(zmq::sockopt::last_endpoint);
}

void connect_socket(zmq::socket_t& socket, const std::string& endpoint) {
  set_ipv6(socket, endpoint);
  socket.connect(endpoint);
}

}  // namespace bridge
