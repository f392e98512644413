// What whoever connects to a bridge over ZeroMQ has in common, publishers and bots: the key by which it says who it is
// (CURVE), how often and how long it tries, and how it hears of its connections.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <zmq.hpp>

namespace connecting {

// How soon a bridge that started is found.
inline constexpr int kReconnectMsMin = 50;
inline constexpr int kReconnectMsMax = 1000;
// For a connection to be made, and for ZeroMQ's greeting on it.
inline constexpr int kConnectMsMax = 5000;

inline constexpr int kFailures = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
inline constexpr int kBrokenMax = 3;  // that end without a word, one after the other: a bridge that goes down makes one

struct CurveKey {
  std::string path;
  std::string public_key;
  std::string secret_key;
  std::string server_key;  // the bridge's public one

  void set_on(zmq::socket_t& socket) const {
    socket.set(zmq::sockopt::curve_publickey, public_key);
    socket.set(zmq::sockopt::curve_secretkey, secret_key);
    socket.set(zmq::sockopt::curve_serverkey, server_key);
  }
};

// What `ppo-bridge curve create NAME` wrote to the file; nothing where `path` is empty. Throws std::invalid_argument, which
// names the file, where it cannot be used or others can read it.
inline std::optional<CurveKey> read_curve_key(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const auto refuse = [&path](const std::string& why) { throw std::invalid_argument("curve is " + path + why); };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) refuse(std::string(": ") + std::strerror(errno));
  struct stat about {};
  std::array<char, 4096> text;
  const ssize_t bytes = ::fstat(file, &about) == 0 ? ::read(file, text.data(), text.size()) : -1;
  const std::string error = std::strerror(errno);
  ::close(file);
  if (bytes < 0) refuse(": " + error);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) refuse(", which others can read; run: chmod 600 " + path);
  std::istringstream words(std::string(text.data(), static_cast<std::size_t>(bytes)));
  CurveKey key{path, {}, {}, {}};
  std::string more;
  words >> key.public_key >> key.secret_key >> key.server_key >> more;
  for (const std::string* word : {&key.public_key, &key.secret_key, &key.server_key}) {
    if (word->size() == 40 && more.empty()) continue;
    refuse("; must be a file of three keys of 40 characters, as `ppo-bridge curve create NAME` makes it");
  }
  if (zmq_has("curve") == 0) refuse(", but this libzmq was built without CURVE");
  return key;
}

// A socket that is about to connect.
inline zmq::socket_t socket(zmq::context_t& context, zmq::socket_type type, const std::optional<CurveKey>& key) {
  zmq::socket_t made(context, type);
  made.set(zmq::sockopt::linger, 0);  // what was not sent in time must not be sent later
  made.set(zmq::sockopt::reconnect_ivl, kReconnectMsMin);
  made.set(zmq::sockopt::reconnect_ivl_max, kReconnectMsMax);
  made.set(zmq::sockopt::handshake_ivl, kConnectMsMax);
  made.set(zmq::sockopt::connect_timeout, kConnectMsMax);
  if (key) key->set_on(made);
  return made;
}

// Also to an address of IPv6, in brackets.
inline void connect(zmq::socket_t& socket, const std::string& endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
  socket.connect(endpoint);
}

// Where these events (ZMQ_EVENT_...) of a socket are told from now on.
inline zmq::socket_t monitor(zmq::context_t& context, zmq::socket_t& watched, int events) {
  static std::atomic<int> count{0};
  const std::string address = "inproc://monitor-" + std::to_string(++count);
  zmq::socket_t made(context, zmq::socket_type::pair);
  made.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  made.connect(address);
  return made;
}

// The next event that a monitor has to tell; nothing where there is none.
inline std::optional<int> next_event(zmq::socket_t& monitor) {
  zmq::message_t event;
  zmq::message_t address;
  while (monitor.recv(event, zmq::recv_flags::dontwait)) {
    std::uint16_t what = 0;  // the frame begins with it, in the machine's own order
    if (!event.more() || !monitor.recv(address, zmq::recv_flags::dontwait) || event.size() < sizeof what) continue;
    std::memcpy(&what, event.data(), sizeof what);
    return what;
  }
  return std::nullopt;
}

// What the bridge has against whoever connects, by one of kFailures; "" where nobody knows. `broken` counts those that ended
// without a word.
inline std::string refusal(int event, const std::optional<CurveKey>& key, int& broken) {
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    if (!key) return "does not let this user in";
    return "does not let in the key of " + key->path + ": it is not listed there, no longer, or has no business there";
  }
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
    return key ? "does not take keys, or is no bridge" : "wants a key: option curve, or PPO_CURVE_FILE";
  }
  if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL || !key || ++broken < kBrokenMax) return {};
  return "is not the one whose key is in " + key->path + ", the third there";
}

}  // namespace connecting
