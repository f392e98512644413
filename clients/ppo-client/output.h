// Standard output and standard error of a program that may be at the head of a pipe.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace client {

// A buffered writer of lines to a file descriptor, which must outlive it. A reader that went away
// is no error, a full disk is one: the output is then broken, and whoever writes should end quietly. SIGPIPE must be
// ignored. One thread.
class Output {
 public:
  // While a write is stuck, `give_up` is asked whenever a signal has come.
  Output(int descriptor, std::function<bool()> give_up);

  void line(std::string_view text);
  void text(std::string_view text);

  // Writes what waits; also done by line() and text() when much of it does.
  void flush();

  bool empty() const { return buffer_.empty(); }
  bool broken() const { return broken_; }
  // Why it is broken, as errno has it; 0: it is not, or its reader went away.
  int error() const { return error_; }

  // Whether the reader of a pipe has gone, also while there is nothing to write. Makes the output
  // broken.
  bool reader_gone();

  bool is_terminal() const { return terminal_; }
  // Columns of the terminal; 0 where it is none or does not say.
  size_t terminal_width() const;
  size_t terminal_height() const;  // lines, likewise

 private:
  const int descriptor_;
  const std::function<bool()> give_up_;
  const bool terminal_;
  std::string buffer_;
  bool broken_ = false;
  int error_ = 0;
};

}  // namespace client
