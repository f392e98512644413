#include "ppo-client/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ppo-client/text.h"

namespace client {
namespace {

constexpr int kHistoryLinesMax = 1'000;

}  // namespace

struct LineEditor::Impl {
  std::string prompt;
  std::string history_path;
  Complete complete;
  EditLine* editor = nullptr;
  ::History* history = nullptr;
  struct sigaction interrupt_before {};

  static Impl& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<Impl*>(self);
  }

  static char* show_prompt(EditLine* editor) { return of(editor).prompt.data(); }

  static unsigned char complete_word(EditLine* editor, int) {
    const LineInfo* const line = el_line(editor);
    const std::string_view text(line->buffer,
                                static_cast<std::size_t>(line->cursor - line->buffer));
    const Completion completion = of(editor).complete(text);
    if (completion.candidates.empty()) return CC_ERROR;
    const std::string_view word = text.substr(completion.from);
    std::string rest = common_prefix(completion.candidates).substr(word.size());
    if (completion.candidates.size() == 1) rest += ' ';
    if (!rest.empty()) return el_insertstr(editor, rest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    std::string list = "\n";
    for (const std::string& candidate : completion.candidates) list += printable(candidate) + "  ";
    std::fputs((list + "\n").c_str(), stdout);
    std::fflush(stdout);
    return CC_REDISPLAY;
  }

  // A history that cannot be kept is no reason to stop.
  void load() {
    HistEvent event;
    ::history(history, &event, H_SETSIZE, kHistoryLinesMax);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_path.empty()) ::history(history, &event, H_LOAD, history_path.c_str());
  }
  void save() {
    if (history_path.empty()) return;
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::path(history_path).parent_path();
    std::filesystem::create_directories(folder, ignored);
    const mode_t before = ::umask(077);  // lines may say more than others should read
    HistEvent event;
    ::history(history, &event, H_SAVE, history_path.c_str());
    ::umask(before);
  }
};

LineEditor::LineEditor(std::string prompt, std::string history_path, Complete complete)
    : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.prompt = std::move(prompt);
  self.history_path = std::move(history_path);
  self.complete = std::move(complete);
  self.editor = el_init("ppo-client", stdin, stdout, stderr);
  self.history = history_init();
  if (self.editor == nullptr || self.history == nullptr) {
    if (self.editor != nullptr) el_end(self.editor);
    if (self.history != nullptr) history_end(self.history);
    throw std::runtime_error("the terminal cannot be used for line editing");
  }
  el_set(self.editor, EL_CLIENTDATA, &self);
  el_set(self.editor, EL_PROMPT, &Impl::show_prompt);
  el_set(self.editor, EL_EDITOR, "emacs");
  el_set(self.editor, EL_SIGNAL, 1);  // gives the terminal back where a signal ends the program
  el_set(self.editor, EL_HIST, ::history, self.history);
  el_set(self.editor, EL_ADDFN, "complete-word", "Complete the word", &Impl::complete_word);
  el_set(self.editor, EL_BIND, "^I", "complete-word", nullptr);
  el_set(self.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  self.load();

  struct sigaction action {};
  action.sa_handler = [](int) {};  // interrupts the reading, and no SA_RESTART
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &self.interrupt_before);
}

LineEditor::~LineEditor() {
  impl_->save();
  sigaction(SIGINT, &impl_->interrupt_before, nullptr);
  el_end(impl_->editor);
  history_end(impl_->history);
}

std::optional<std::string> LineEditor::read() {
  for (;;) {
    int length = 0;
    errno = 0;
    const char* const text = el_gets(impl_->editor, &length);
    if (text == nullptr || length <= 0) {
      const bool interrupted = errno == EINTR;
      std::fputs(interrupted ? "^C\n" : "\n", stdout);
      std::fflush(stdout);
      if (!interrupted) return std::nullopt;
      el_reset(impl_->editor);
      continue;
    }
    std::string line(text, static_cast<std::size_t>(length));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (line.find_first_not_of(" \t") != std::string::npos) {
      HistEvent event;
      ::history(impl_->history, &event, H_ENTER, line.c_str());
    }
    return line;
  }
}

std::string history_path(const char* xdg_state_home, const char* home) {
  // The specification wants an absolute path, and others ignored.
  std::string folder;
  if (xdg_state_home != nullptr && *xdg_state_home == '/') {
    folder = xdg_state_home;
  } else if (home != nullptr && *home == '/') {
    folder = std::string(home) + "/.local/state";
  } else {
    return {};
  }
  return folder + "/ppo-client/history";
}

}  // namespace client
