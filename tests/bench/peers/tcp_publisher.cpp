#include "tcp_publisher.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bench {

using testing_support::Deadline;
using testing_support::TcpSocket;

namespace {

// Waiting may end by itself, as with a second of the clock.
constexpr testing_support::milliseconds kAskAgain{1};
constexpr testing_support::milliseconds kEndTimeout{5000};

}  // namespace

TcpPublisher::TcpPublisher(const testing_support::TcpAddress& address)
    : socket_(TcpSocket::connect(address)) {}

// To close with something unread would reset the connection, and what the server has not read yet
// would be lost.
TcpPublisher::~TcpPublisher() {
  socket_.shutdown_sending();
  const Deadline deadline(kEndTimeout);
  while (socket_.receive(answer_, deadline.left()) == TcpSocket::Read::kData) answer_.clear();
}

bool TcpPublisher::publish(std::string_view message, testing_support::milliseconds timeout) {
  const Deadline deadline(timeout);
  for (;;) {
    take_answers();
    if (sent_bytes_ == message.size()) break;
    if (sent_bytes_ == 0 && !wait_answers([this] { return !must_wait(); }, deadline.left())) {
      return false;
    }
    const std::string_view rest = message.substr(sent_bytes_);
    const ssize_t sent = ::send(socket_.descriptor(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      sent_bytes_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      if (!wait_for(POLLOUT | POLLIN, deadline)) return false;
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "publishing");
    }
  }
  sent_bytes_ = 0;
  return true;
}

bool TcpPublisher::wait_answers(const std::function<bool()>& enough,
                                testing_support::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!enough()) {
    if (deadline.passed()) return false;
    (void)wait_for(POLLIN, Deadline(kAskAgain));
    take_answers();
  }
  return true;
}

std::string TcpPublisher::ask(std::string_view bytes, std::string_view wanted) {
  if (!socket_.send_all(bytes)) throw std::runtime_error("the server takes no greeting");
  std::string answer;
  const Deadline deadline(testing_support::kPatience);
  while (answer.find(wanted) == std::string::npos) {
    if (socket_.receive(answer, deadline.left()) != TcpSocket::Read::kData) {
      throw std::runtime_error("no proper answer to a publisher's greeting, only: " + answer);
    }
  }
  return answer;
}

void TcpPublisher::take_answers() {
  for (;;) {
    answer_.clear();
    const TcpSocket::Read read = socket_.receive(answer_, testing_support::milliseconds{0}, 16384);
    if (read == TcpSocket::Read::kTimeout) return;
    if (read == TcpSocket::Read::kEnd) {
      throw std::runtime_error("the server ended the publisher's connection");
    }
    take_answer(answer_);
  }
}

bool TcpPublisher::wait_for(short events, const Deadline& deadline) {
  pollfd watched{socket_.descriptor(), events, 0};
  return ::poll(&watched, 1, static_cast<int>(deadline.left().count())) != 0;
}

}  // namespace bench
