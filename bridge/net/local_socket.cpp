#include "net/local_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <thread>
#include <utility>

#include "base/address.h"

namespace bridge {
namespace {

constexpr int kBacklog = 1024;

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
};

std::string_view ipc_path(std::string_view endpoint) {
  return endpoint.substr(kIpcScheme.size());
}
bool is_abstract(std::string_view endpoint) {
  return ipc_path(endpoint).substr(0, 1) == "@";
}

SocketAddress unix_address(std::string_view path) {
  SocketAddress address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.bytes);
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path[0] == '@') {
    to.sun_path[0] = '\0';
  } else {
    ++address.size;
  }
  return address;
}

// Of tcp://; of size 0 where it is not as numbers.
SocketAddress tcp_address(std::string_view endpoint) {
  SocketAddress address;
  const auto parsed = parse_address(endpoint.substr(kTcpScheme.size()));
  if (!parsed) return address;
  const std::string& host = parsed.value().host;
  const std::uint16_t port = htons(parsed.value().port);
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.bytes);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.bytes);
  if (::inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port;
    address.size = sizeof v6;
  }
  return address;
}

SocketAddress address_of(std::string_view endpoint) {
  return is_ipc_endpoint(endpoint) ? unix_address(ipc_path(endpoint)) : tcp_address(endpoint);
}

std::string text_of(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.bytes);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.bytes);
  const bool is_v4 = address.bytes.ss_family == AF_INET;
  const void* const host = is_v4 ? static_cast<const void*>(&v4.sin_addr) : &v6.sin6_addr;
  (void)::inet_ntop(address.bytes.ss_family, host, text.data(), text.size());
  return text.data();
}

std::uint16_t port_of(const SocketAddress& address) {
  return ntohs(address.bytes.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(address.bytes).sin_port
                                                  : reinterpret_cast<const sockaddr_in6&>(address.bytes).sin6_port);
}

int make_socket(const SocketAddress& address) {
  return ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Which file is at that path; none where there is none.
std::pair<dev_t, ino_t> file_at(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

Failure reason(int error) {
  return Failure{std::strerror(error)};
}

}  // namespace

bool is_ipc_endpoint(std::string_view endpoint) {
  return endpoint.substr(0, kIpcScheme.size()) == kIpcScheme;
}

bool is_local_endpoint(std::string_view endpoint) {
  if (is_ipc_endpoint(endpoint)) {
    const std::string_view path = ipc_path(endpoint);
    return !path.empty() && path != "*" && path != "@" && path.size() < sizeof(sockaddr_un{}.sun_path);
  }
  if (endpoint.substr(0, kTcpScheme.size()) != kTcpScheme) return false;
  const auto parsed = parse_address(endpoint.substr(kTcpScheme.size()));
  return parsed && is_loopback(parsed.value().host) && tcp_address(endpoint).size != 0;
}

std::string ipc_path_trouble(std::string_view endpoint) {
  if (!is_ipc_endpoint(endpoint)) return {};
  const std::string path(ipc_path(endpoint));
  struct stat found {};
  if (path.empty() || path[0] == '@' || path == "*" || path.size() >= sizeof(sockaddr_un{}.sun_path)) return {};
  if (::lstat(path.c_str(), &found) != 0) return {};  // binding tells what else may be wrong
  if (!S_ISSOCK(found.st_mode)) return path + " is there and is not a socket";
  const SocketAddress address = unix_address(path);
  const int probe = make_socket(address);
  if (probe < 0) return std::strerror(errno);
  const int failed = ::connect(probe, address.get(), address.size) == 0 ? 0 : errno;
  ::close(probe);
  if (failed == 0 || failed == EAGAIN) return "somebody listens there already";
  if (failed == ECONNREFUSED || failed == ENOENT) return {};
  return path + " is there and cannot be used: " + std::strerror(failed);
}

IpcPathLock::IpcPathLock(std::string_view endpoint) {
  if (!is_ipc_endpoint(endpoint) || is_abstract(endpoint)) return;
  const std::string_view path = ipc_path(endpoint);
  const std::size_t slash = path.rfind('/');
  const std::string directory(slash == std::string_view::npos ? "." : path.substr(0, slash + 1));
  directory_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ < 0) return;  // binding tells what is wrong
  const auto until = std::chrono::steady_clock::now() + kWait;
  while (::flock(directory_, LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

IpcPathLock::~IpcPathLock() {
  if (directory_ >= 0) ::close(directory_);
}

Result<LocalListener> LocalListener::listen(const std::string& endpoint, mode_t ipc_mode) {
  const IpcPathLock lock(endpoint);
  if (std::string trouble = ipc_path_trouble(endpoint); !trouble.empty()) return Failure{std::move(trouble)};
  const bool on_disk = is_ipc_endpoint(endpoint) && !is_abstract(endpoint);
  const std::string path(on_disk ? ipc_path(endpoint) : std::string_view());
  if (on_disk) (void)::unlink(path.c_str());
  SocketAddress address = address_of(endpoint);
  LocalListener listener(make_socket(address));
  if (listener.descriptor_ < 0) return reason(errno);
  constexpr int kOn = 1;
  if (!is_ipc_endpoint(endpoint)) (void)::setsockopt(listener.descriptor_, SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  if (::bind(listener.descriptor_, address.get(), address.size) != 0) return reason(errno);
  if (is_ipc_endpoint(endpoint)) {
    listener.endpoint_ = endpoint;
  } else {
    address.size = sizeof address.bytes;
    if (::getsockname(listener.descriptor_, address.get(), &address.size) != 0) return reason(errno);
    listener.endpoint_ = std::string(kTcpScheme) + to_string(Address{text_of(address), port_of(address)});
  }
  // Who may not, may not from the first moment on.
  if (on_disk && ::chmod(path.c_str(), ipc_mode) != 0) return reason(errno);
  listener.file_ = file_at(path);
  if (::listen(listener.descriptor_, kBacklog) != 0) return reason(errno);
  return listener;
}

LocalListener::LocalListener(LocalListener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), endpoint_(std::move(other.endpoint_)), file_(other.file_) {}

LocalListener::~LocalListener() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!is_ipc_endpoint(endpoint_) || is_abstract(endpoint_)) return;
  const std::string path(ipc_path(endpoint_));
  if (file_at(path) == file_) (void)::unlink(path.c_str());
}

int LocalListener::accept() const {
  return ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int begin_connecting(const std::string& endpoint) {
  const SocketAddress address = address_of(endpoint);
  const int descriptor = make_socket(address);
  if (descriptor < 0 || ::connect(descriptor, address.get(), address.size) == 0 || errno == EINPROGRESS)
    return descriptor;
  ::close(descriptor);
  return -1;
}

std::string peer_of_socket(int descriptor) {
  SocketAddress address;
  address.size = sizeof address.bytes;
  if (::getpeername(descriptor, address.get(), &address.size) != 0) return {};
  if (address.bytes.ss_family != AF_UNIX) return text_of(address);
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  return "localhost:" + std::to_string(who.uid) + ":" + std::to_string(who.gid) + ":" + std::to_string(who.pid);
}

}  // namespace bridge
