// Runs a program as a child of the test, watches what it says and never leaves it behind.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wait.h"

namespace testing_support {

struct ProcessOptions {
  // "NAME=VALUE" entries that are added to the environment, or replace what is there.
  std::vector<std::string> environment;
  // "" = the test's own.
  std::string working_directory;
  // What is kept of each of stdout and stderr; beyond it the oldest text is let go.
  std::size_t capture_bytes_max = 32u << 20;
};

// A running (or ended) child in a process group of its own. The destructor kills the whole group
// and reaps the child. If the test itself dies, the kernel kills the child (PR_SET_PDEATHSIG);
// the kernel looks at the thread that started it, so start one from a thread that outlives it.
// A thread inside reads stdout and stderr all the time, so that the child never blocks on them.
// Every member may be called from any thread.
class Process {
 public:
  // Starts argv[0], looked up in PATH unless it holds a '/'. stdin is empty.
  // Throws std::system_error if it cannot be started.
  explicit Process(std::vector<std::string> argv, ProcessOptions options = {});
  ~Process();
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;

  pid_t pid() const;
  bool running() const;

  // The next line of stdout that begins with `prefix`, without its '\n': the first after the line
  // that the last successful call returned. nullopt when the time is over, or the program ended,
  // without such a line.
  std::optional<std::string> wait_line(std::string_view prefix, milliseconds timeout = kPatience);

  // All complete lines of stdout so far, and stderr as it came.
  std::vector<std::string> stdout_lines() const;
  std::string stderr_text() const;

  // Sends to the child alone, or to its whole group (as a terminal's Ctrl-C does). Nothing happens
  // when the child has ended.
  void signal(int number) const;
  void signal_group(int number) const;

  // Exit code 0..255, or minus the number of the signal that ended it; all it wrote until then has
  // been read by then. nullopt when the time is over.
  std::optional<int> wait_exit(milliseconds timeout = kPatience);

  // Processes of the child's group that are alive, itself among them: empty once nothing is left.
  std::vector<pid_t> group_members() const;

 private:
  class Child;
  std::unique_ptr<Child> child_;
};

// Resident memory in bytes (smaps_rollup, or status where the kernel has none); 0 if it is gone.
std::uint64_t resident_bytes(pid_t pid);

// CPU time of all its threads, user and system, in seconds; 0 if it is gone.
double cpu_seconds(pid_t pid);

// Lifts the soft limit of open files of this process (and its children) to the hard one; returns
// it.
std::uint64_t raise_open_files_limit();

}  // namespace testing_support
