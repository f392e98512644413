#include "net/zmq_peers.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

namespace bridge {
namespace {

// Where a connection that was accepted is, as libzmq names endpoints; nowhere where it is none.
struct Ends {
  std::string own;  // the path, or ":" and the port
  int peer_port = 0;

  bool are_at(const std::string& endpoint) const {
    return !own.empty() && endpoint.size() >= own.size() &&
           endpoint.compare(endpoint.size() - own.size(), own.size(), own) == 0;
  }
};

Ends ends_of(int descriptor) {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_size = sizeof own;
  socklen_t peer_size = sizeof peer;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
      ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
    return {};
  }
  if (own.ss_family == AF_UNIX && own_size > sizeof(sa_family_t)) {
    return {std::string("ipc://") + reinterpret_cast<const sockaddr_un*>(&own)->sun_path, 0};
  }
  // Both families have the port at the same place.
  if (own.ss_family != AF_INET && own.ss_family != AF_INET6) return {};
  return {":" + std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port)),
          ntohs(reinterpret_cast<sockaddr_in*>(&peer)->sin_port)};
}

// All that are open, and where none is left to look with, all that there may be.
std::vector<int> descriptors() {
  std::vector<int> all;
  if (DIR* const folder = ::opendir("/proc/self/fd")) {
    while (const dirent* const entry = ::readdir(folder)) all.push_back(std::atoi(entry->d_name));
    ::closedir(folder);
    return all;
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (int descriptor = 3; static_cast<rlim_t>(descriptor) < limit.rlim_cur; ++descriptor) {
    all.push_back(descriptor);
  }
  return all;
}

}  // namespace

std::vector<ZmqPeer> peers_of(const std::vector<std::string>& endpoints) {
  std::vector<ZmqPeer> peers;
  for (const int descriptor : descriptors()) {
    ZmqPeer peer;
    const Ends ends = ends_of(descriptor);
    const auto endpoint = std::find_if(endpoints.begin(), endpoints.end(),
                                       [&](const std::string& e) { return ends.are_at(e); });
    if (endpoint == endpoints.end()) continue;
    peer.descriptor = descriptor;
    peer.port = ends.peer_port;
    peer.endpoint = *endpoint;
    ::ioctl(descriptor, SIOCOUTQ, &peer.unsent);
    int unread = 0;
    ::ioctl(descriptor, SIOCINQ, &unread);
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
      const auto waiting = static_cast<std::uint64_t>(unread);
      peer.received = std::max<std::uint64_t>(info.tcpi_bytes_received, waiting) - waiting;
      peer.sent = info.tcpi_bytes_received;
      peer.silent = std::chrono::milliseconds(info.tcpi_last_data_recv);
    }
    peers.push_back(peer);
  }
  return peers;
}

void TakenBytes::add(zmq::message_t& frame) {
  const std::lock_guard lock(mutex_);
  by_descriptor_[descriptor_of(frame)] += frame.size() + (frame.size() > 255 ? 9 : 2);
}

void TakenBytes::set_counting(bool counting) {
  const std::lock_guard lock(mutex_);
  by_descriptor_.clear();
  counting_ = counting;
}

void TakenBytes::forget(int descriptor) {
  const std::lock_guard lock(mutex_);
  by_descriptor_.erase(descriptor);
}

std::unordered_map<int, std::uint64_t> TakenBytes::by_descriptor() const {
  const std::lock_guard lock(mutex_);
  return by_descriptor_;
}

int descriptor_of(zmq::message_t& message) { return ::zmq_msg_get(message.handle(), ZMQ_SRCFD); }

bool cut_peer(int descriptor, const std::string& endpoint) {
  if (descriptor < 0 || !ends_of(descriptor).are_at(endpoint)) return false;
  // So that closing it, which libzmq then does, tells the peer even where its data has no room here.
  const linger at_once{1, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  // Over TCP, what the kernel still has of it goes too (tcp_disconnect()): libzmq would read it to its end.
  const sockaddr nobody{};
  const bool cut = ::shutdown(descriptor, SHUT_RDWR) == 0;
  (void)::connect(descriptor, &nobody, sizeof nobody);
  return cut;
}

zmq::message_t counted_frame(std::string_view bytes, MemoryShare& share,
                             std::shared_ptr<MemoryShare> also) {
  struct Counted {
    std::string bytes;
    MemoryHold hold;
    std::shared_ptr<MemoryShare> also;
    MemoryHold also_hold;
  };
  auto frame = std::make_unique<Counted>();
  frame->bytes = bytes;
  const std::size_t size = bytes.size() + sizeof *frame + 64;  // what libzmq adds
  frame->hold.of(share);
  frame->hold.set(size);
  if (also) {
    frame->also = std::move(also);
    frame->also_hold.of(*frame->also);
    frame->also_hold.set(size);
  }
  // Freed by libzmq, on a thread of its own.
  const auto free = [](void*, void* hint) { delete static_cast<Counted*>(hint); };
  zmq::message_t message(frame->bytes.data(), bytes.size(), free, frame.get());
  frame.release();
  return message;
}

}  // namespace bridge
