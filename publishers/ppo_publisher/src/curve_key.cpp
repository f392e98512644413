#include "curve_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace ppo {
namespace {

constexpr std::size_t kFileBytesMax = 4096;
constexpr std::size_t kKeyCharacters = 40;

// Handshakes that end without a word, one after the other: a bridge that goes down makes one.
constexpr int kBrokenMax = 3;
constexpr std::chrono::seconds kAgain{5};

[[noreturn]] void refuse_key(const std::string& path, const std::string& why) {
  throw std::invalid_argument("curve is " + path + why);
}

}  // namespace

void CurveKey::set_on(zmq::socket_t& socket) const {
  socket.set(zmq::sockopt::curve_publickey, public_key);
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
  socket.set(zmq::sockopt::curve_serverkey, server_key);
}

std::optional<CurveKey> read_curve_key(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) refuse_key(path, std::string(": ") + std::strerror(errno));
  struct stat about {};
  std::array<char, kFileBytesMax> text;
  const bool known = ::fstat(file, &about) == 0;
  const ssize_t bytes = ::read(file, text.data(), text.size());
  const std::string error = std::strerror(errno);
  ::close(file);
  if (!known || bytes < 0) refuse_key(path, ": " + error);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    refuse_key(path, ", which others can read; run: chmod 600 " + path);
  }
  std::istringstream words(std::string(text.data(), static_cast<std::size_t>(bytes)));
  CurveKey key{path, {}, {}, {}};
  std::string more;
  words >> key.public_key >> key.secret_key >> key.server_key;
  for (const std::string* word : {&key.public_key, &key.secret_key, &key.server_key}) {
    if (word->size() != kKeyCharacters || words >> more) {
      refuse_key(path, "; must be a file of three keys of 40 characters, as `ppo-bridge curve create NAME` makes it");
    }
  }
  if (zmq_has("curve") == 0) refuse_key(path, ", but this libzmq was built without CURVE");
  return key;
}

Handshakes::Handshakes(std::string endpoint, std::optional<CurveKey> key, Say say)
    : endpoint_(std::move(endpoint)), key_(std::move(key)), say_(std::move(say)) {}

bool Handshakes::see(int event) {
  if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    broken_ = 0;
    said_.clear();
    again_at_ = Clock::time_point::max();
  } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    trouble(key_ ? "does not let in the key of " + key_->path +
                       ": it is not listed there, no longer, or has no business there"
                 : "does not let this user in");
  } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
    trouble(key_ ? "does not take keys, or is no bridge" : "wants a key: option curve, or PPO_CURVE_FILE");
  } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && key_ && ++broken_ >= kBrokenMax) {
    trouble("is not the one whose key is in " + key_->path + ", the third there");
  }
  return (event & kFailures) != 0;
}

void Handshakes::trouble(const std::string& why) {
  again_at_ = Clock::now() + kAgain;
  const std::string text = "the bridge at " + endpoint_ + " " + why + "; events wait, it is tried again";
  if (said_.insert(text).second && say_) say_(text);
}

void Handshakes::move_to(const std::string& endpoint) {
  endpoint_ = endpoint;
  broken_ = 0;
  again_at_ = Clock::time_point::max();
}

void Handshakes::connect_again(zmq::socket_t& socket) {
  if (again_at_ == Clock::time_point::max()) return;
  try {
    socket.disconnect(endpoint_);
  } catch (const zmq::error_t&) {
    // ZeroMQ had given it up already.
  }
  if (Clock::now() < again_at_) return;
  again_at_ = Clock::time_point::max();
  socket.connect(endpoint_);
}

}  // namespace ppo
