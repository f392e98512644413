// Sockets of this machine at ZeroMQ's addresses, for who speaks its protocol without libzmq: tcp:// on loopback and
// ipc://.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace bridge {

inline constexpr std::string_view kTcpScheme = "tcp://";
inline constexpr std::string_view kIpcScheme = "ipc://";

bool is_ipc_endpoint(std::string_view zmq_endpoint);

// Whether the functions here take it: tcp://localhost, 127.x.x.x or [::1] with a port, or ipc:// with a path or a name
// behind @ (of Linux's abstract ones).
bool is_local_endpoint(std::string_view zmq_endpoint);

// Why nobody may listen at this path, "" where somebody may: libzmq removes whatever stands there before it binds, so
// only a socket that nobody listens on any more may go that way.
std::string ipc_path_trouble(std::string_view zmq_endpoint);

// While it lives no other process of the bridge looks whether an ipc path is free, or takes it: of two that start at one
// moment each would find that nobody listens there yet. Does nothing for other endpoints. Waits at most kWait: anybody
// who may read the directory can hold it, and then it is done without.
class IpcPathLock {
 public:
  static constexpr std::chrono::milliseconds kWait{2000};

  explicit IpcPathLock(std::string_view zmq_endpoint);
  ~IpcPathLock();
  IpcPathLock(const IpcPathLock&) = delete;
  IpcPathLock& operator=(const IpcPathLock&) = delete;

 private:
  int directory_ = -1;  // of the path: nothing is left behind there
};

// A socket that listens, and closes with it.
class LocalListener {
 public:
  explicit LocalListener(int descriptor) : descriptor_(descriptor) {}
  ~LocalListener();
  LocalListener(LocalListener&& other) noexcept;
  LocalListener& operator=(LocalListener&&) = delete;

  // At an endpoint that is_local_endpoint(); that of ipc gets these permissions. The failure is the reason alone.
  static Result<LocalListener> listen(const std::string& zmq_endpoint, mode_t ipc_mode);

  // With the port that it got.
  const std::string& endpoint() const { return endpoint_; }
  int descriptor() const { return descriptor_; }
  // Its own to close, not blocking; -1 where there is none: errno says why.
  int accept() const;

 private:
  int descriptor_;
  std::string endpoint_;
  std::pair<dev_t, ino_t> file_{};  // at ipc's path: another that somebody put there since is his
};

// The same, that begins to connect: it has when it can be written to. -1 where it failed at once.
int begin_connecting(const std::string& zmq_endpoint);

// Who is at the other end, as libzmq calls him: "127.0.0.1", or "localhost:UID:GID:PID" over ipc.
std::string peer_of_socket(int descriptor);

}  // namespace bridge
