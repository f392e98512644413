#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace testing_support {
namespace {

[[noreturn]] void fail(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(std::exchange(value_, -1));
  }

 private:
  int value_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> merged_environment(const std::vector<std::string>& changes) {
  const auto name_of = [](const std::string& entry) {
    return entry.substr(0, entry.find('=') + 1);
  };
  std::vector<std::string> result = changes;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string inherited(*entry);
    bool replaced = false;
    for (const std::string& change : changes) {
      if (name_of(change) == name_of(inherited)) replaced = true;
    }
    if (!replaced) result.push_back(inherited);
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Everything between fork and exec: only calls that are safe there. Reports errno and ends if it
// fails.
struct Launch {
  pid_t parent;
  char** argv;
  char** environment;
  const char* directory;
  int null_in;
  int out;
  int err;
  int report;

  [[noreturn]] void run() const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    const bool ready = ::dup2(null_in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0 &&
                       (*directory == '\0' || ::chdir(directory) == 0);
    if (ready) ::execvpe(argv[0], argv, environment);
    const int error = errno;
    (void)!::write(report, &error, sizeof error);
    ::_exit(127);
  }
};

}  // namespace

// The state that the reading thread shares with the caller; stays where it is when a Process moves.
class Process::Child {
 public:
  Child(std::vector<std::string> argv, ProcessOptions options)
      : capture_bytes_max_(options.capture_bytes_max) {
    if (argv.empty()) fail("no program to start", EINVAL);
    std::vector<std::string> environment = merged_environment(options.environment);
    std::vector<char*> argv_pointers = pointers(argv);
    std::vector<char*> environment_pointers = pointers(environment);
    const Descriptor null_in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Pipe out = make_pipe();
    Pipe err = make_pipe();
    Pipe report = make_pipe();
    wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC));
    const Launch launch{::getpid(),
                        argv_pointers.data(),
                        environment_pointers.data(),
                        options.working_directory.c_str(),
                        null_in.get(),
                        out.write.get(),
                        err.write.get(),
                        report.write.get()};
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) launch.run();
    ::setpgid(pid_, pid_);  // also here, so that the group exists whoever comes first
    report.write.close();
    int error = 0;
    if (::read(report.read.get(), &error, sizeof error) > 0) {
      ::waitpid(pid_, nullptr, 0);
      fail("cannot start " + argv[0], error);
    }
    // By number: glibc 2.36 declares pidfd_open() without C linkage.
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (pidfd_.get() < 0) {
      const int pidfd_error = errno;
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      fail("pidfd_open", pidfd_error);
    }
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    for (const int descriptor : {out_.get(), err_.get()}) ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
    reader_ = std::thread([this] { read_all(); });
  }

  ~Child() {
    // The child stays a zombie until here, so its group's number cannot be another's.
    ::kill(-pid_, SIGKILL);
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    reader_.join();
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }

  bool running() const {
    const std::lock_guard lock(mutex_);
    return !exit_;
  }

  void send_signal(pid_t target, int number) const {
    const std::lock_guard lock(mutex_);
    if (!exit_) ::kill(target, number);
  }

  std::optional<std::string> wait_line(std::string_view prefix, milliseconds timeout) {
    std::unique_lock lock(mutex_);
    std::optional<std::string> found;
    const auto look = [&] {
      for (; next_line_ < dropped_lines_ + lines_.size(); ++next_line_) {
        if (next_line_ < dropped_lines_) continue;
        const std::string& line = lines_[next_line_ - dropped_lines_];
        if (line.compare(0, prefix.size(), prefix) == 0) {
          found = line;
          ++next_line_;
          return true;
        }
      }
      return exit_.has_value();
    };
    const std::size_t before = next_line_;
    changed_.wait_for(lock, timeout, look);
    if (!found) next_line_ = before;
    return found;
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return {lines_.begin(), lines_.end()};
  }

  std::string errors() const {
    const std::lock_guard lock(mutex_);
    return stderr_;
  }

  std::optional<int> wait_exit(milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return exit_.has_value(); });
    return exit_;
  }

 private:
  void read_all() {
    std::array<pollfd, 4> watched{{{out_.get(), POLLIN, 0},
                                   {err_.get(), POLLIN, 0},
                                   {pidfd_.get(), POLLIN, 0},
                                   {wake_.get(), POLLIN, 0}}};
    for (;;) {
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
      if (watched[3].revents != 0) return;
      const bool child_ended = watched[2].revents != 0;
      // A grandchild may hold the pipes open: what is in them is read, their end is not waited for.
      if (!drain(watched[0].fd, true)) watched[0].fd = -1;
      if (!drain(watched[1].fd, false)) watched[1].fd = -1;
      if (child_ended) {
        note_exit();
        watched[2].fd = -1;
      }
    }
  }

  // Reads what is there; false once the pipe has ended.
  bool drain(int descriptor, bool is_stdout) {
    std::array<char, 65536> chunk;
    while (descriptor >= 0) {
      const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno == EAGAIN;
      if (got == 0) return false;
      const std::string_view text(chunk.data(), static_cast<std::size_t>(got));
      const std::lock_guard lock(mutex_);
      is_stdout ? keep_lines(text) : keep_errors(text);
    }
    return false;
  }

  void keep_lines(std::string_view text) {
    partial_.append(text);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = partial_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      lines_.push_back(partial_.substr(begin, end - begin));
      lines_bytes_ += lines_.back().size();
    }
    partial_.erase(0, begin);
    if (partial_.size() > capture_bytes_max_) partial_.clear();
    while (lines_bytes_ > capture_bytes_max_) {
      lines_bytes_ -= lines_.front().size();
      lines_.pop_front();
      ++dropped_lines_;
    }
    changed_.notify_all();
  }

  void keep_errors(std::string_view text) {
    stderr_.append(text);
    if (stderr_.size() > capture_bytes_max_) {
      stderr_.erase(0, stderr_.size() - capture_bytes_max_ / 2);
    }
  }

  void note_exit() {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    const std::lock_guard lock(mutex_);
    if (!partial_.empty()) lines_.push_back(std::exchange(partial_, {}));
    exit_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    changed_.notify_all();
  }

  const std::size_t capture_bytes_max_;
  pid_t pid_ = -1;
  Descriptor out_, err_, pidfd_, wake_;
  std::thread reader_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::size_t lines_bytes_ = 0;
  std::size_t dropped_lines_ = 0;
  std::size_t next_line_ = 0;  // counted from the first line ever
  std::string partial_;
  std::string stderr_;
  std::optional<int> exit_;
};

Process::Process(std::vector<std::string> argv, ProcessOptions options)
    : child_(std::make_unique<Child>(std::move(argv), std::move(options))) {}
Process::~Process() = default;
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;

pid_t Process::pid() const {
  return child_->pid();
}
bool Process::running() const {
  return child_->running();
}

std::optional<std::string> Process::wait_line(std::string_view prefix, milliseconds timeout) {
  return child_->wait_line(prefix, timeout);
}

std::vector<std::string> Process::stdout_lines() const {
  return child_->lines();
}
std::string Process::stderr_text() const {
  return child_->errors();
}
void Process::signal(int number) const {
  child_->send_signal(child_->pid(), number);
}
void Process::signal_group(int number) const {
  child_->send_signal(-child_->pid(), number);
}

std::optional<int> Process::wait_exit(milliseconds timeout) {
  return child_->wait_exit(timeout);
}

std::vector<pid_t> Process::group_members() const {
  std::vector<pid_t> members;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    // "pid (name) state ppid pgrp ...": the name may hold anything, so count from its last ')'.
    const std::size_t close = text.rfind(')');
    if (close == std::string::npos) continue;
    char state = 0;
    int parent = 0;
    int group = 0;
    if (std::sscanf(text.c_str() + close + 1, " %c %d %d", &state, &parent, &group) != 3) continue;
    if (group == pid() && state != 'Z' && state != 'X') members.push_back(std::stoi(name));
  }
  return members;
}

}  // namespace testing_support
