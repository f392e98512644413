#include "app/hand_over.h"

#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

extern char** environ;

namespace bridge {
namespace {

constexpr std::int64_t kAnswerUs = 30'000'000;
constexpr int kFirstHandedOver = 3;  // SD_LISTEN_FDS_START

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

Program this_program(int argc, char** argv) {
  char path[4096];
  const ::ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  const bool known = size > 0 && static_cast<std::size_t>(size) < sizeof path;
  return {known ? std::string(path, static_cast<std::size_t>(size)) : std::string(), {argv, argv + argc}};
}

HandOver::~HandOver() {
  if (child_ == 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

bool HandOver::begin(std::int64_t now_us) {
  if (child_ != 0) return false;
  if (program_.path.empty()) {
    log_error("hand_over_failed", "cannot hand over: it is not known which program this is (/proc/self/exe)");
    return false;
  }
  std::vector<std::string> arguments = program_.arguments;
  arguments.insert(arguments.end(), {"config", "check", "--files"});
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, kFirstHandedOver);
  const int failed = ::posix_spawn(&child_, program_.path.c_str(), &actions, nullptr, pointers(arguments).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    child_ = 0;
    log_error("hand_over_failed", "cannot hand over: {}: {}", program_.path, std::strerror(failed));
    return false;
  }
  give_up_us_ = now_us + kAnswerUs;
  return true;
}

HandOver::Answer HandOver::answer(std::int64_t now_us) {
  if (child_ == 0) return Answer::none;
  int status = 0;
  const pid_t ended = ::waitpid(child_, &status, WNOHANG);
  if (ended == 0 && now_us < give_up_us_) return Answer::none;
  if (ended == 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, &status, 0);
  }
  child_ = 0;
  if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return Answer::good;
  log_error("hand_over_failed", "does not hand over, and goes on: {} {} (it says why on stderr)", program_.path,
                ended == 0               ? std::string("has not looked at its configuration in time")
                : WIFEXITED(status) ? "refuses its configuration: exit code " + std::to_string(WEXITSTATUS(status))
                                         : "was ended by signal " + std::to_string(WTERMSIG(status)));
  return Answer::bad;
}

void ignore_signals(bool ending) {
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) ::signal(number, SIG_IGN);
  if (!ending) return;
  for (const int number : {SIGINT, SIGTERM}) ::signal(number, SIG_IGN);
}

std::string become(const Program& program, const std::vector<int>& sockets) {
  const int count = static_cast<int>(sockets.size());
  std::string names;
  std::vector<int> above;  // of all places that they are to have
  for (const int socket : sockets) above.push_back(::fcntl(socket, F_DUPFD, kFirstHandedOver + count));
  for (int i = 0; i < count; ++i) {
    if (::dup2(above[static_cast<std::size_t>(i)], kFirstHandedOver + i) < 0) return std::strerror(errno);
    names += (i == 0 ? "" : ":") + std::string(kHandedOver);
  }
  ::close_range(static_cast<unsigned>(kFirstHandedOver + count), ~0U, 0);
  ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  ::execve(program.path.c_str(), pointers(program.arguments).data(), environ);
  return program.path + ": " + std::strerror(errno);
}

}  // namespace bridge
