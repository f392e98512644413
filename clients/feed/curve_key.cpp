#include "feed/curve_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace feed {
namespace {

constexpr std::size_t kKeyFileBytesMax = 4096;
constexpr std::size_t kKeyCharacters = 40;
constexpr int kBrokenMax = 3;  // a bridge that goes down makes one

}  // namespace

void CurveKey::set_on(zmq::socket_t& socket) const {
  socket.set(zmq::sockopt::curve_publickey, public_key);
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
  socket.set(zmq::sockopt::curve_serverkey, server_key);
}

Result<std::optional<CurveKey>> find_curve_key(const std::string& file) {
  const char* const named = std::getenv("PPO_CURVE_FILE");
  const std::string path = !file.empty() ? file : named != nullptr ? named : "";
  if (path.empty()) return std::optional<CurveKey>();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return Error{path + ": " + std::strerror(errno)};
  struct stat about {};
  std::array<char, kKeyFileBytesMax> text;
  const bool known = ::fstat(descriptor, &about) == 0;
  const ssize_t bytes = known ? ::read(descriptor, text.data(), text.size()) : -1;
  const std::string error = std::strerror(errno);
  ::close(descriptor);
  if (bytes < 0) return Error{path + ": " + error};
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{path + " can be read by others; run: chmod 600 " + path};
  }
  std::istringstream words(std::string(text.data(), static_cast<std::size_t>(bytes)));
  CurveKey key{path, {}, {}, {}};
  std::string more;
  words >> key.public_key >> key.secret_key >> key.server_key;
  bool good = !(words >> more);
  for (const std::string* word : {&key.public_key, &key.secret_key, &key.server_key}) {
    good = good && word->size() == kKeyCharacters;
  }
  if (!good) {
    return Error{path + " must hold three keys of 40 characters, as `ppo-bridge curve create NAME` writes them"};
  }
  if (zmq_has("curve") == 0) return Error{"this libzmq was built without CURVE, which " + path + " is for"};
  return std::optional<CurveKey>(std::move(key));
}

Handshakes::Handshakes(zmq::context_t& context, zmq::socket_t& socket)
    : socket_(socket), monitor_(context, zmq::socket_type::pair) {
  static std::atomic<int> count{0};
  const std::string address = "inproc://handshakes-" + std::to_string(++count);
  constexpr int kFailures = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(socket.handle(), address.c_str(), kFailures) != 0) throw zmq::error_t();
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(address);
}

Handshakes::~Handshakes() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

std::string Handshakes::trouble(const std::optional<CurveKey>& key) {
  std::string found;
  zmq::message_t event;
  zmq::message_t address;
  while (monitor_.recv(event, zmq::recv_flags::dontwait)) {
    if (event.more()) (void)monitor_.recv(address, zmq::recv_flags::dontwait);
    std::uint16_t what = 0;  // the frame begins with it, in the machine's own order
    if (event.size() < sizeof what) continue;
    std::memcpy(&what, event.data(), sizeof what);
    if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      found = key ? "does not let in the key of " + key->path + ": it is not listed, no longer, or has no business there"
                  : "does not let this user in";
    } else if (what == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
      found = key ? "does not take keys" : "wants a key: --curve FILE, or PPO_CURVE_FILE";
    } else if (key && ++broken_ >= kBrokenMax) {
      found = "is not the one whose key is in " + key->path + ", the third there";
    }
  }
  return found;
}

}  // namespace feed
