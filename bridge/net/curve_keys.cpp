#include "net/curve_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string_view>

#include <zmq.h>

#include "access/credentials.h"
#include "access/private_file.h"

namespace bridge {
namespace {

Result<std::string> read_secret(const std::string& path) {
  const bool there = ::access(path.c_str(), F_OK) == 0;
  if (there && is_open_to_others(path)) return Failure{path + " can be read by others; run: chmod 600 " + path};
  auto text = read_private_file(path);
  if (!text) return text.error();
  if (!text.value()) return Failure{path + ": " + std::strerror(ENOENT)};
  return std::move(*text.value());
}

}  // namespace

Result<CurveKeys> make_curve_keys() {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  do {
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
      return Failure{"this libzmq was built without CURVE"};
    }
  } while (public_key.front() == '-');  // it would look like a flag
  return CurveKeys{public_key.data(), secret_key.data()};
}

Result<CurveKeys> load_server_keys(const std::string& path) {
  const auto text = read_secret(path);
  if (!text) return text.error();
  std::istringstream words(text.value());
  CurveKeys keys;
  std::string more;
  words >> keys.public_key >> keys.secret_key;
  if (!is_curve_key(keys.public_key) || !is_curve_key(keys.secret_key) || words >> more) {
    return Failure{path + " must hold two lines, a public and a secret key of 40 characters (Z85), as "
                          "`ppo-bridge curve create` writes them"};
  }
  std::array<char, 41> derived{};
  if (zmq_curve_public(derived.data(), keys.secret_key.c_str()) != 0) {
    return Failure{zmq_has("curve") != 0 ? path + ": its second line is no secret key"
                                         : "this libzmq was built without CURVE"};
  }
  if (keys.public_key != derived.data()) return Failure{path + ": its two keys do not belong together"};
  return keys;
}

Result<bool> write_key_file(const std::string& path, const std::string& text) {
  make_folder_of(path);
  if (::access(path.c_str(), F_OK) == 0) return Failure{path + " is there already, and keys are never overwritten"};
  return write_private_file(path, text, O_EXCL);
}

std::string curve_key_text(const void* bytes) {
  std::array<char, 41> text{};
  zmq_z85_encode(text.data(), static_cast<const std::uint8_t*>(bytes), 32);
  return text.data();
}

}  // namespace bridge
