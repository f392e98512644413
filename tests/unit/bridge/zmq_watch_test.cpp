#include "net/zmq_watch.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace bridge;

TEST_CASE("zmq watch: who has sent little is heard within a turn or two, however much another has sent") {
  zmq::context_t context;
  zmq::socket_t reader(context, zmq::socket_type::sub);
  reader.set(zmq::sockopt::subscribe, "");
  reader.bind("inproc://events");
  zmq::socket_t flood(context, zmq::socket_type::pub);
  zmq::socket_t quiet(context, zmq::socket_type::pub);
  for (zmq::socket_t* const publisher : {&flood, &quiet}) publisher->connect("inproc://events");
  // Takes up connections and subscriptions, which inproc hands over at once.
  for (int i = 0; i < 3; ++i) {
    for (zmq::socket_t* const socket : {&reader, &flood, &quiet}) (void)socket->get(zmq::sockopt::events);
  }
  for (int i = 0; i < 500; ++i) flood.send(zmq::str_buffer("flood"), zmq::send_flags::dontwait);

  asio::io_context io(1);
  std::vector<std::string> read;
  const ZmqWatch watch(io, reader, [&] {  // a message a turn, as large batches are taken
    zmq::message_t message;
    if (!reader.recv(message, zmq::recv_flags::dontwait)) return Turn::drained;
    read.push_back(message.to_string());
    if (read.size() == 150) quiet.send(zmq::str_buffer("quiet"), zmq::send_flags::dontwait);
    if (read.size() == 500) io.stop();
    return Turn::more;
  });
  io.run();
  REQUIRE(read.size() == 500);
  std::size_t at = 0;
  while (at < read.size() && read[at] != "quiet") ++at;
  CHECK(at >= 150);
  CHECK(at <= 152);
}
