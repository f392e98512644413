#include "ppo-bot/zmq_wait.h"

#include <cerrno>
#include <vector>

namespace bot {

void wait_readable(std::initializer_list<zmq::socket_t*> sockets, std::chrono::milliseconds wait) {
  std::vector<zmq::pollitem_t> items;
  for (zmq::socket_t* const socket : sockets) items.push_back({socket->handle(), 0, ZMQ_POLLIN, 0});
  try {
    zmq::poll(items, wait);
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

}  // namespace bot
