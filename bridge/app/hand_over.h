// SIGUSR2: the bridge hands over to the program as it is on disk by now, in the same process (exec), without closing its
// port: who connects meanwhile waits in the socket's queue. The new one begins where the journal ends.
//
// One process, not two beside each other: a service manager goes on watching the same one, and the journal, ipc paths and
// ports of ZeroMQ have one owner at a time. What the new program says of the configuration is asked first.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bridge {

// What is run: the program's path, and its command line.
struct Program {
  std::string path;  // "" = not known
  std::vector<std::string> arguments;  // argv[0] too
};

// This one.
Program this_program(int argc, char** argv);

// One thread.
class HandOver {
 public:
  explicit HandOver(Program program) : program_(std::move(program)) {}
  ~HandOver();
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  // Has the program look at its configuration and the files that it names; false where that is under way already, or
  // cannot be, which is logged.
  bool begin(std::int64_t now_us);
  enum class Answer { none, good, bad };
  // Call every few milliseconds: what it says, once. The reason is logged.
  Answer answer(std::int64_t now_us);

 private:
  const Program program_;
  pid_t child_ = 0;  // 0: none
  std::int64_t give_up_us_ = 0;
};

// Those that a bridge is told something by: until the program listens to them they would end it. `ending`: also those that
// tell it to stop, since it does already.
void ignore_signals(bool ending);

// Becomes the program, with these listening sockets (sd_listen_fds(3), by the name kHandedOver). Returns only where that
// fails, why. REQUIRES: nothing else is to be kept open.
std::string become(const Program& program, const std::vector<int>& sockets);

inline constexpr const char* kHandedOver = "handed-over";

}  // namespace bridge
