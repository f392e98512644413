#include "net/event_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bridge {
namespace {

constexpr std::size_t kPassedCost = 64;            // besides its bytes, of a frame that is no event's
constexpr std::size_t kReadBytesMax = 256 * 1024;  // at once: some 60 us
constexpr std::size_t kReadsForOne = 8;            // to read so many bytes costs what it does to take one in

}  // namespace

ReadBuffers::Buffer ReadBuffers::take_shared() {
  Buffer buffer{nullptr, shared_bytes(), Kind::shared};
  if (buffer.size == kBytes) {
    ++shared_;
    buffer.bytes = std::move(spare_);
  }
  if (!buffer.bytes) buffer.bytes.reset(new char[buffer.size]);
  share_.take(buffer.size);
  return buffer;
}

ReadBuffers::Buffer ReadBuffers::take(std::size_t bytes, Kind kind) {
  (kind == Kind::message ? of_messages_ : of_parts_) += bytes;
  share_.take(bytes);
  return {std::unique_ptr<char[]>(new char[bytes]), bytes, kind};
}

void ReadBuffers::give_back(Buffer buffer) {
  if (!buffer.bytes) return;
  share_.give_back(buffer.size);
  if (buffer.kind != Kind::shared) (buffer.kind == Kind::message ? of_messages_ : of_parts_) -= buffer.size;
  if (buffer.kind != Kind::shared || buffer.size != kBytes) return;
  --shared_;
  spare_ = std::move(buffer.bytes);
}

EventConnection::EventConnection(asio::io_context& io, int descriptor, std::size_t message_bytes_max,
                                 ReadBuffers& buffers)
    : peer_name_([this] { return BodySender{peer_}; }),
      buffers_(buffers),
      zmtp_(message_bytes_max),
      descriptor_(io, descriptor) {}

void EventConnection::greet(std::string peer) {
  peer_ = std::move(peer);
  (void)zmtp_.next({});
  send_unsent();
}

void EventConnection::hurry() {
  zmtp_.say_ready();
  send_unsent();
}

void EventConnection::close() {
  descriptor_.close();
  batch_.reset();
  begin_ = end_ = 0;
  move_to({});
}

// What the kernel does not take now stays for the next time: it is short, and the kernel's buffer empty as a rule. Who
// reads nothing any more may have sent something before: reading tells when he has gone.
void EventConnection::send_unsent() {
  std::string& unsent = zmtp_.unsent();
  while (!unsent.empty()) {
    const ssize_t sent = ::send(descriptor_.native_handle(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    unsent.erase(0, sent < 0 ? std::string::npos : static_cast<std::size_t>(sent));
  }
}

EventConnection::Taken EventConnection::take(Intake& intake, std::size_t cost_max) {
  Taken taken;
  while (taken.cost < cost_max) {
    if (batch_) {
      taken.cost += intake.take_some(*batch_, cost_max - taken.cost);
      if (!batch_->ended) continue;
      batch_.reset();
      consume(batch_bytes_);
      continue;
    }
    const Zmtp::Step step = zmtp_.next({buffer_.bytes.get() + begin_, end_ - begin_});
    switch (step.found) {
      case Zmtp::Found::message:
        batch_bytes_ = step.consumed;
        batch_.emplace(step.message, &peer_name_);
        break;
      case Zmtp::Found::passed:
        consume(step.consumed);
        taken.cost += step.consumed + kPassedCost;
        break;
      case Zmtp::Found::broken:
        send_unsent();
        return taken.state = State::ended, taken;
      case Zmtp::Found::nothing: {
        wanted_ = step.wanted;
        const std::size_t had = end_ - begin_;
        const Read got = read();
        if (got == Read::got) {
          if (reserved() != 0) taken.cost += (end_ - begin_ - had) / kReadsForOne;
          break;
        }
        send_unsent();
        taken.state = got == Read::ended ? State::ended : let_go();
        return taken;
      }
    }
  }
  return taken;
}

void EventConnection::consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (reserved() != 0) move_to({});
}

EventConnection::Read EventConnection::read() {
  if (std::exchange(read_all_, false)) return Read::nothing;
  if (!make_room()) return Read::no_room;
  const std::size_t room = std::min(buffer_.size - end_, kReadBytesMax);
  const ssize_t got = ::recv(descriptor_.native_handle(), buffer_.bytes.get() + end_, room, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Read::nothing : Read::ended;
  if (got == 0) return Read::ended;
  end_ += static_cast<std::size_t>(got);
  read_all_ = static_cast<std::size_t>(got) < room;
  return Read::got;
}

// For what comes first, all of it. False where there is none.
bool EventConnection::make_room() {
  if (wanted_ <= buffer_.size) {
    if (begin_ == 0 || (begin_ + wanted_ <= buffer_.size && end_ <= buffer_.size / 2)) return true;
    std::memmove(buffer_.bytes.get(), buffer_.bytes.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    return true;
  }
  if (wanted_ > buffers_.shared_bytes()) return reserve();
  move_to(buffers_.take_shared());
  return true;
}

// A buffer of its own for the message that comes first.
bool EventConnection::reserve() {
  if (!buffers_.has_room_for(wanted_)) return false;
  move_to(buffers_.take(wanted_, ReadBuffers::Kind::message));
  return true;
}

void EventConnection::move_to(ReadBuffers::Buffer other) {
  if (begin_ != end_) std::memcpy(other.bytes.get(), buffer_.bytes.get() + begin_, end_ - begin_);
  end_ -= std::exchange(begin_, 0);
  buffers_.give_back(std::exchange(buffer_, std::move(other)));
}

// Until more comes. What has come of a large message goes to where the rest of it will, so that it is not copied each
// time; else it is kept in as much memory as it takes.
EventConnection::State EventConnection::let_go() {
  const std::size_t have = end_ - begin_;
  const bool waits = wanted_ > ReadBuffers::kSmallBytes && have != 0 && reserved() == 0;
  if (waits && reserve()) return State::drained;
  if (buffer_.kind == ReadBuffers::Kind::shared)
    move_to(have == 0 ? ReadBuffers::Buffer() : buffers_.take(have, ReadBuffers::Kind::part));
  return waits ? State::no_room : State::drained;
}

}  // namespace bridge
