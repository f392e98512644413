#include "net/shared_port.h"

#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <linux/filter.h>

#include <algorithm>
#include <cstdint>

namespace bridge {
namespace {

constexpr int kBacklog = 100;  // libzmq's own
constexpr std::size_t kSteeredMax = 256;

bool set(int descriptor, int level, int option, int value) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

// Listens at `address` like `first`, if that lets others.
bool listen_at(int descriptor, int first, const sockaddr_storage& address, socklen_t size) {
  int only_v6 = 0;
  socklen_t only_v6_size = sizeof only_v6;
  const bool v6 = address.ss_family == AF_INET6;
  if (v6 && ::getsockopt(first, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &only_v6_size) != 0)
    return false;
  if (v6 && !set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, only_v6)) return false;
  return set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) &&
         set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) &&
         ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
         ::listen(descriptor, kBacklog) == 0;
}

}  // namespace

int SharedPort::listen_too() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(first_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  // Linux looks at it whenever another one binds.
  if (!set(first_, SOL_SOCKET, SO_REUSEPORT, 1)) return -1;
  const int descriptor =
      ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return -1;
  if (!listen_at(descriptor, first_, address, size)) {
    ::close(descriptor);
    return -1;
  }
  ++count_;
  return descriptor;
}

bool SharedPort::steer_to(const std::vector<std::size_t>& numbers) const {
  const auto count = static_cast<std::uint32_t>(std::min(numbers.size(), kSteeredMax));
  if (count == 0) return false;
  constexpr auto kRandom = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM);
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kRandom),
                                      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count)};
  for (std::uint32_t i = 0; i < count; ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(numbers[i])));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(numbers[0])));
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  return ::setsockopt(first_, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &whole, sizeof whole) == 0;
}

}  // namespace bridge
