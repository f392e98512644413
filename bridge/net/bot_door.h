// Whether bots get in at the address where bots.events listens.
#pragma once

#include <mutex>
#include <string>

namespace bridge {

// While it is shut, another socket has the address: over TCP the kernel gives it all new connections (SO_REUSEPORT), over ipc it
// has the path. Who comes is sent away at once, and tries again as soon as it likes to. (Dropping the packets that ask for a
// connection was tried: the kernel of the one who asks waits twice as long each time, and a bot came minutes late.) Bots that are
// connected already notice nothing.
//
// Any thread. The listening socket is libzmq's, and lives at least until end().
class BotDoor {
 public:
  explicit BotDoor(int listening_descriptor) : listening_(listening_descriptor) {}
  ~BotDoor() { end(); }

  // Idempotent, as open(). False where the system cannot, or the address is abstract ipc: then everybody gets in.
  bool shut();
  void open();
  // Sends away who has come since. Call often while it is shut: at most 128 wait for it, and over TCP the kernel drops what
  // others ask.
  void send_away();
  // Opens it for good: the listening socket is no longer looked at.
  void end();

 private:
  bool take_port(const void* address, unsigned size);
  bool take_path(const std::string& path);
  void give_back();

  std::mutex mutex_;
  int listening_;     // guarded, as is what follows; -1: it has ended
  int instead_ = -1;  // has the address while it is shut
  std::string path_;  // of ipc, while it is shut
};

}  // namespace bridge
