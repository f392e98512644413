#include "net/zmq_watch.h"

namespace bridge {
namespace {

void set_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}

}  // namespace

std::string bind_socket(zmq::socket_t& socket, const std::string& endpoint) {
  set_ipv6(socket, endpoint);
  socket.bind(endpoint);
  return socket.get(zmq::sockopt::last_endpoint);
}

void connect_socket(zmq::socket_t& socket, const std::string& endpoint) {
  set_ipv6(socket, endpoint);
  socket.connect(endpoint);
}

}  // namespace bridge
