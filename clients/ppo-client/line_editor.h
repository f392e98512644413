// A prompt with line editing, history and completion: libedit behind one header.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ppo-client/shell_line.h"

namespace client {

// Reads lines from the terminal on standard input. At most one at a time: while it exists, SIGINT
// only clears the line. One thread.
class LineEditor {
 public:
  using Complete = std::function<Completion(std::string_view line)>;

  // `history_path` is read now and written at the end; empty: no file. Throws std::runtime_error
  // where the terminal cannot be used.
  LineEditor(std::string prompt, std::string history_path, Complete complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // The next line; nothing at the end of the input (Ctrl-D).
  std::optional<std::string> read();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where the shell's history is kept: $XDG_STATE_HOME or ~/.local/state; empty where neither is
// known. Either may be null.
std::string history_path(const char* xdg_state_home, const char* home);

}  // namespace client
