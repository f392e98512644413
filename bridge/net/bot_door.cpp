#include "net/bot_door.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/filter.h>

#include <cstring>
#include <utility>

namespace bridge {
namespace {

constexpr int kWaitingMax = 128;
constexpr int kSentBeforeBytes = 4096;  // by one who is sent away
constexpr const char* kAside = ".shut";  // where the socket that listens has its path meanwhile

bool set(int descriptor, int level, int option, int value) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

int new_socket(int family) { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// Both paths name what the other did.
bool exchange_paths(const std::string& a, const std::string& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

bool BotDoor::shut() {
  const std::lock_guard lock(mutex_);
  if (listening_ < 0) return false;
  if (instead_ >= 0) return true;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  instead_ = new_socket(address.ss_family);
  if (instead_ < 0) return false;
  const bool taken = address.ss_family == AF_UNIX
                         ? size > sizeof(sa_family_t) && take_path(reinterpret_cast<const sockaddr_un*>(&address)->sun_path)
                         : take_port(&address, size);
  if (!taken) ::close(std::exchange(instead_, -1));
  return taken;
}

// Linux looks at SO_REUSEPORT of the first whenever another one binds, and then has both in one group. The program chooses the
// second of it; where that has gone, the kernel falls back to the one that is left.
bool BotDoor::take_port(const void* address, unsigned size) {
  const auto* const whole = static_cast<const sockaddr*>(address);
  if (whole->sa_family == AF_INET6) {
    int only_v6 = 0;
    socklen_t only_v6_size = sizeof only_v6;
    if (::getsockopt(listening_, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &only_v6_size) != 0 ||
        !set(instead_, IPPROTO_IPV6, IPV6_V6ONLY, only_v6)) {
      return false;
    }
  }
  sock_filter second{BPF_RET | BPF_K, 0, 0, 1};
  const sock_fprog program{1, &second};
  const bool taken = set(listening_, SOL_SOCKET, SO_REUSEPORT, 1) && set(instead_, SOL_SOCKET, SO_REUSEADDR, 1) &&
                     set(instead_, SOL_SOCKET, SO_REUSEPORT, 1) && set(instead_, SOL_SOCKET, SO_RCVBUF, kSentBeforeBytes) &&
                     ::bind(instead_, whole, size) == 0 && ::listen(instead_, kWaitingMax) == 0 &&
                     ::setsockopt(listening_, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
  if (!taken) (void)set(listening_, SOL_SOCKET, SO_REUSEPORT, 0);
  return taken;
}

// Made beside it and then put in its place, so that there is somebody at the path all along: another bridge that is started
// meanwhile finds it taken.
bool BotDoor::take_path(const std::string& path) {
  sockaddr_un address{};
  const std::string aside = path + kAside;
  struct stat found {};
  if (path.empty() || aside.size() >= sizeof address.sun_path || ::stat(path.c_str(), &found) != 0) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, aside.c_str(), aside.size() + 1);
  (void)::unlink(aside.c_str());  // left by one that was killed
  if (::bind(instead_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  if (::chmod(aside.c_str(), found.st_mode & 0777) == 0 && ::listen(instead_, kWaitingMax) == 0 && exchange_paths(path, aside)) {
    path_ = path;
    return true;
  }
  (void)::unlink(aside.c_str());
  return false;
}

void BotDoor::open() {
  const std::lock_guard lock(mutex_);
  give_back();
}

void BotDoor::end() {
  const std::lock_guard lock(mutex_);
  give_back();
  listening_ = -1;
}

void BotDoor::give_back() {
  if (instead_ < 0) return;
  if (path_.empty()) {
    (void)set(listening_, SOL_SOCKET, SO_REUSEPORT, 0);
  } else {
    (void)exchange_paths(path_, path_ + kAside);
    (void)::unlink((path_ + kAside).c_str());
    path_.clear();
  }
  ::close(std::exchange(instead_, -1));  // which sends away who waits
}

void BotDoor::send_away() {
  const std::lock_guard lock(mutex_);
  if (instead_ < 0) return;
  const linger at_once{1, 0};
  for (int i = 0; i < kWaitingMax; ++i) {
    const int one = ::accept4(instead_, nullptr, nullptr, SOCK_CLOEXEC);
    if (one < 0) return;
    ::setsockopt(one, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(one);
  }
}

}  // namespace bridge
