// The service manager that started the bridge, systemd as a rule: what it is told (sd_notify(3)), and the
// sockets that it hands over (sd_listen_fds(3)). Both by environment variables; without them nothing happens.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/file.h"
#include "base/result.h"

namespace bridge {

// One thread. Telling never waits.
class ServiceManager {
 public:
  // Reads the environment.
  ServiceManager();

  // Sockets that listen already for WebSocket clients; empty: none were handed over.
  const std::vector<int>& listening_sockets() const { return sockets_; }
  // Whether they are some, and listen where the configuration says. Those of a bridge that handed over are closed where
  // the configuration has another address now, and so are those that are more than there are threads.
  Result<bool> check_sockets(const Address& listen, std::size_t threads);

  void ready(const std::string& status) { tell("READY=1\nSTATUS=" + status); }
  void status(const std::string& status) { tell("STATUS=" + status); }
  void reloading(std::int64_t now_us) { tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us)); }
  void stopping(const std::string& status) { tell("STOPPING=1\nSTATUS=" + status); }
  // Call often, from the loop that must not be stuck: feeds the watchdog four times an interval.
  void tick(std::int64_t now_us);

 private:
  void tell(const std::string& message);

  Descriptor socket_;  // to the manager; none: there is none
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  std::int64_t watchdog_us_ = 0;  // 0: there is none
  std::int64_t fed_us_ = 0;
  std::vector<int> sockets_;
  bool handed_over_ = false;  // by a bridge (app/hand_over.h)
};

}  // namespace bridge
