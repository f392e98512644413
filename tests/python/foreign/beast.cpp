// Boost.Beast, as clients.py does it: beast HOST PORT REGISTER COUNT
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdio>
#include <string>

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

int main(int, char** arguments) {
  asio::io_context context;
  websocket::stream<asio::ip::tcp::socket> socket(context);
  asio::ip::tcp::resolver resolver(context);
  asio::connect(socket.next_layer(), resolver.resolve(arguments[1], arguments[2]));
  socket.handshake(std::string(arguments[1]) + ":" + arguments[2], "/ws");
  socket.write(asio::buffer(std::string(arguments[3])));
  boost::beast::flat_buffer buffer;
  for (int left = std::stoi(arguments[4]); left > 0; --left) {
    socket.read(buffer);
    std::puts(boost::beast::buffers_to_string(buffer.data()).c_str());
    buffer.clear();
  }
  boost::beast::error_code error;
  socket.close(websocket::close_code::normal, error);
  std::printf("closed %d\n", error ? -1 : int{socket.reason().code});
}
