#include "feed/token.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace feed {
namespace {

constexpr std::size_t kTokenBytesMax = 4096;

// One line, without what stands around it.
Result<std::string> checked(std::string text, const std::string& where) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.pop_back();
  bool plain = !text.empty() && text.size() <= kTokenBytesMax;
  for (const char c : text) plain = plain && c > ' ' && c <= '~';
  if (!plain) return Error{where + " holds no token: it must be one line of printable characters"};
  return text;
}

Result<std::string> read(const std::string& path, bool must_be_there) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    if (errno == ENOENT && !must_be_there) return std::string();
    return Error{path + ": " + std::strerror(errno)};
  }
  struct stat about {};
  std::array<char, kTokenBytesMax + 2> text;
  const bool known = ::fstat(file, &about) == 0;
  const ssize_t bytes = known ? ::read(file, text.data(), text.size()) : -1;
  const int error = errno;
  ::close(file);
  if (bytes < 0) return Error{path + ": " + std::strerror(error)};
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{path + " can be read by others; run: chmod 600 " + path};
  }
  return checked(std::string(text.data(), static_cast<std::size_t>(bytes)), path);
}

}  // namespace

Result<std::string> find_token(const std::string& file) {
  if (!file.empty()) return read(file, true);
  for (const char* name : {"PPO_TOKEN", "PPO_BRIDGE_TOKEN"}) {
    if (const char* token = std::getenv(name); token != nullptr && *token != '\0') return checked(token, name);
  }
  if (const char* named = std::getenv("PPO_TOKEN_FILE"); named != nullptr && *named != '\0') return read(named, true);
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return std::string();
  return read(std::string(home) + "/.config/ppo-bridge/token", false);
}

std::optional<std::string> token_trouble(const std::string& address) {
  const std::size_t host_at = address.find("://") + 3;
  const std::string scheme = address.substr(0, host_at - 3);
  const bool bracket = address.compare(host_at, 1, "[") == 0;
  const std::size_t end = bracket ? address.find(']', host_at) + 1 : address.find_first_of(":/", host_at);
  const std::string host = address.substr(host_at, end - host_at);
  in_addr four{};
  const bool own = host == "localhost" || host == "[::1]" ||
                   (::inet_pton(AF_INET, host.c_str(), &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
  const char* const insecure = std::getenv("PPO_INSECURE");
  if ((scheme != "ws" && scheme != "tcp") || own || (insecure != nullptr && std::string_view(insecure) == "1")) return std::nullopt;
  return "no token is sent to " + address + ", which is neither encrypted nor this machine's: use " +
         (scheme == "ws" ? "wss://" : "a key (curve)") + "; PPO_INSECURE=1 sends it all the same";
}

}  // namespace feed
