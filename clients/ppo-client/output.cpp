#include "ppo-client/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace client {
namespace {

constexpr size_t kBufferBytesMax = 1u << 16;

}  // namespace

Output::Output(int descriptor, std::function<bool()> give_up)
    : descriptor_(descriptor), give_up_(std::move(give_up)), terminal_(::isatty(descriptor) == 1) {}

void Output::line(std::string_view text) {
  buffer_.append(text).append("\n");
  if (buffer_.size() >= kBufferBytesMax) flush();
}

void Output::text(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= kBufferBytesMax) flush();
}

void Output::flush() {
  size_t done = 0;
  while (!broken_ && done < buffer_.size()) {
    const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // Someone who shares the terminal made it non-blocking.
      pollfd waiting{descriptor_, POLLOUT, 0};
      if (::poll(&waiting, 1, -1) < 0 && give_up_()) broken_ = true;
    } else if (errno != EINTR || give_up_()) {
      broken_ = true;
      if (errno != EINTR && errno != EPIPE) error_ = errno;
    }
  }
  buffer_.clear();
}

bool Output::reader_gone() {
  pollfd state{descriptor_, 0, 0};
  if (::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLNVAL)) != 0) broken_ = true;
  return broken_;
}

size_t Output::terminal_width() const {
  winsize size{};
  if (!is_terminal() || ::ioctl(descriptor_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

size_t Output::terminal_height() const {
  winsize size{};
  if (!is_terminal() || ::ioctl(descriptor_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_row;
}

}  // namespace client
