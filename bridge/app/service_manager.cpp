#include "app/service_manager.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "app/hand_over.h"
#include "base/log.h"

namespace bridge {
namespace {

constexpr std::int64_t kSocketsMax = 64;  // as many as there may be threads
constexpr int kFirstSocketGiven = 3;  // SD_LISTEN_FDS_START

// A variable's whole number, 0 where there is none.
std::int64_t number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  std::int64_t number = 0;
  if (text == nullptr) return 0;
  const char* const end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, number);
  return read.ec == std::errc{} && read.ptr == end && number > 0 ? number : 0;
}

Result<Address> address_of(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return Failure{"descriptor " + std::to_string(socket) + " is no socket"};
  }
  int listens = 0;
  size = sizeof listens;
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return Failure{"descriptor " + std::to_string(socket) + " does not listen"};
  }
  Address address;
  char text[INET6_ADDRSTRLEN] = "";
  if (name.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(name);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    address.port = ntohs(in.sin_port);
  } else if (name.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(name);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
    address.port = ntohs(in.sin6_port);
  } else {
    return Failure{"descriptor " + std::to_string(socket) + " is no TCP socket"};
  }
  address.host = text;
  return address;
}

}  // namespace

ServiceManager::ServiceManager() {
  if (const std::int64_t given = number_in("LISTEN_FDS"); given != 0 && number_in("LISTEN_PID") == ::getpid()) {
    const char* const names = std::getenv("LISTEN_FDNAMES");
    handed_over_ = names != nullptr && std::strncmp(names, kHandedOver, std::strlen(kHandedOver)) == 0;
    for (int i = 0; i < std::min<std::int64_t>(given, kSocketsMax); ++i) {
      sockets_.push_back(kFirstSocketGiven + i);
      ::fcntl(sockets_.back(), F_SETFD, FD_CLOEXEC);
    }
  }
  const char* const path = std::getenv("NOTIFY_SOCKET");
  const std::string_view name = path == nullptr ? "" : path;
  if (name.size() < 2 || (name[0] != '/' && name[0] != '@') || name.size() >= sizeof address_.sun_path) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name.data(), name.size());
  if (name[0] == '@') address_.sun_path[0] = '\0';  // an abstract one
  address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '/' ? 1 : 0));
  socket_ = Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::int64_t watched = number_in("WATCHDOG_PID");
  if (watched == 0 || watched == ::getpid()) watchdog_us_ = number_in("WATCHDOG_USEC");
}

Result<bool> ServiceManager::check_sockets(const Address& listen, std::size_t threads) {
  const std::string what = "the socket that the service manager handed over cannot be used: ";
  if (sockets_.size() > 1 && !handed_over_) {
    return Failure{what + "there are " + std::to_string(sockets_.size()) + "; must be 1, the one of websocket.listen"};
  }
  for (const int socket : sockets_) {
    const auto address = address_of(socket);
    if (!address) return Failure{what + address.error().message};
    const std::string& host = address.value().host;
    const bool same_host = host == listen.host || (listen.host == "localhost" && host == "127.0.0.1");
    if (same_host && (listen.port == 0 || listen.port == address.value().port)) continue;
    const std::string where = "it listens on " + to_string(address.value()) + "; must be websocket.listen, " + to_string(listen);
    if (!handed_over_) return Failure{what + where};
    log_warn("socket_closed", "{} is closed: it is not websocket.listen any more, {}", to_string(address.value()), to_string(listen));
    for (const int one : sockets_) ::close(one);
    sockets_.clear();
    break;
  }
  // Who waits in their queues connects again.
  for (; sockets_.size() > threads; sockets_.pop_back()) ::close(sockets_.back());
  return true;
}

void ServiceManager::tick(std::int64_t now_us) {
  if (watchdog_us_ == 0 || now_us - fed_us_ < watchdog_us_ / 4) return;
  fed_us_ = now_us;
  tell("WATCHDOG=1");
}

void ServiceManager::tell(const std::string& message) {
  if (!socket_) return;
  (void)::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address_),
                 address_size_);
}

}  // namespace bridge
