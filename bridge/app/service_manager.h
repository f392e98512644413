// The service manager that started the bridge, systemd as a rule: what it is told (sd_notify(3)), and the
// socket that it hands over (sd_listen_fds(3)). Both by environment variables; without them nothing happens.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "base/address.h"
#include "base/result.h"

namespace bridge {

// One thread. Telling never waits.
class ServiceManager {
 public:
  // Reads the environment.
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // The socket that listens already for WebSocket clients; -1: none was handed over.
  int listening_socket() const { return listening_socket_; }
  // Whether it is one, and listens where the configuration says.
  Result<bool> check_socket(const Address& listen) const;

  void ready(const std::string& status) { tell("READY=1\nSTATUS=" + status); }
  void status(const std::string& status) { tell("STATUS=" + status); }
  void reloading(std::int64_t now_us) { tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us)); }
  void stopping(const std::string& status) { tell("STOPPING=1\nSTATUS=" + status); }
  // Call often, from the loop that must not be stuck: feeds the watchdog four times an interval.
  void tick(std::int64_t now_us);

 private:
  void tell(const std::string& message);

  int socket_ = -1;  // to the manager; -1: there is none
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  std::int64_t watchdog_us_ = 0;  // 0: there is none
  std::int64_t fed_us_ = 0;
  int listening_socket_ = -1;
  int sockets_given_ = 0;
};

}  // namespace bridge
