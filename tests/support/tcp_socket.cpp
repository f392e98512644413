#include "tcp_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace testing_support {
namespace {

// Whether `descriptor` got ready for `events` (or has an error to report) before the deadline.
bool wait_ready(int descriptor, short events, const Deadline& deadline) {
  for (;;) {
    pollfd watched{descriptor, events, 0};
    const int count = ::poll(&watched, 1, static_cast<int>(deadline.left().count()));
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

}  // namespace

TcpAddress parse_address(std::string_view text) {
  const std::string original(text);
  const bool tls = text.substr(0, 6) == "wss://" || text.substr(0, 8) == "https://";
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    throw std::invalid_argument("not an address: " + original);
  }
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const std::string_view port = text.substr(colon + 1);
  TcpAddress address{std::string(host), 0, tls};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    throw std::invalid_argument("not a port: " + original);
  }
  return address;
}

TcpSocket TcpSocket::connect(const TcpAddress& address, milliseconds timeout,
                             int receive_buffer_bytes, const char* from) {
  const Deadline deadline(timeout);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int error = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list);
      error != 0) {
    throw std::runtime_error(address.text() + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  TcpSocket result(::socket(list->ai_family, list->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int error = result.descriptor_ < 0 ? errno : 0;
  const int on = 1;
  if (error == 0) {
    ::setsockopt(result.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(result.descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    }
    sockaddr_in own{};
    own.sin_family = AF_INET;
    if (from != nullptr && (::inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
                            ::bind(result.descriptor_, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0)) {
      throw std::system_error(errno, std::generic_category(), from);
    }
    if (::connect(result.descriptor_, list->ai_addr, list->ai_addrlen) != 0) error = errno;
  }
  if (error == EINPROGRESS) {
    socklen_t length = sizeof error;
    if (!wait_ready(result.descriptor_, POLLOUT, deadline)) {
      error = ETIMEDOUT;
    } else if (::getsockopt(result.descriptor_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
      error = errno;
    }
  }
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "connect to " + address.text());
  }
  if (address.tls) result.start_tls({}, deadline.left());
  return result;
}

// Sets `ready` where TLS can go on; false where it cannot, by an error or by time.
bool TcpSocket::wait_tls(int result, const Deadline& deadline, bool& ready) const {
  const int error = SSL_get_error(ssl_.get(), result);
  ready = false;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
  ready = wait_ready(descriptor_, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline);
  return true;
}

void TcpSocket::start_tls(const TlsOptions& options, milliseconds timeout) {
  const Deadline deadline(timeout);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);  // asks for what it should not get
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_min_proto_version(context.get(), options.min_version);
  SSL_CTX_set_max_proto_version(context.get(), options.max_version);
  if (options.suites != nullptr) SSL_CTX_set_cipher_list(context.get(), options.suites);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(options.protocols.data()),
                          static_cast<unsigned>(options.protocols.size()));
  ssl_.reset(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl_.get(), descriptor_);
  ERR_clear_error();
  for (int result = 0; (result = SSL_connect(ssl_.get())) != 1;) {
    bool ready = false;
    if (wait_tls(result, deadline, ready) && ready) continue;
    const char* const why = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    throw std::runtime_error(std::string("no TLS: ") + (why != nullptr ? why : "ended, or took too long"));
  }
}

TcpSocket& TcpSocket::operator=(TcpSocket&& other) noexcept {
  if (this != &other) {
    close();
    ssl_ = std::move(other.ssl_);
    descriptor_ = other.release();
  }
  return *this;
}

bool TcpSocket::send_all(std::string_view bytes, milliseconds timeout) {
  const Deadline deadline(timeout);
  while (ssl_ && !bytes.empty()) {
    ERR_clear_error();
    std::size_t took = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &took);
    bool ready = true;
    if (result == 1) {
      bytes.remove_prefix(took);
    } else if (!wait_tls(result, deadline, ready) || !ready) {
      return false;
    }
  }
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_ready(descriptor_, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

TcpSocket::Read TcpSocket::receive(std::string& into, milliseconds timeout, std::size_t bytes_max) {
  const Deadline deadline(timeout);
  const std::size_t before = into.size();
  into.resize(before + bytes_max);
  Read result = Read::kData;
  std::size_t got = 0;
  while (ssl_) {
    ERR_clear_error();
    const int read = SSL_read_ex(ssl_.get(), into.data() + before, bytes_max, &got);
    bool ready = true;
    if (read == 1) break;
    got = 0;
    if (!wait_tls(read, deadline, ready)) result = Read::kEnd;
    if (!ready && result != Read::kEnd) result = Read::kTimeout;
    if (result != Read::kData) break;
  }
  while (!ssl_) {
    const ssize_t count = ::recv(descriptor_, into.data() + before, bytes_max, 0);
    if (count > 0) {
      got = static_cast<std::size_t>(count);
      break;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || errno != EAGAIN) {
      result = Read::kEnd;
      break;
    }
    if (!wait_ready(descriptor_, POLLIN, deadline)) {
      result = Read::kTimeout;
      break;
    }
  }
  into.resize(before + got);
  return result;
}

long TcpSocket::read_now(char* into, std::size_t bytes_max) {
  if (!ssl_) {
    const ssize_t got = ::recv(descriptor_, into, bytes_max, MSG_DONTWAIT);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
  }
  // What is left of a record would wait in here, where nobody who watches the descriptor sees it.
  constexpr std::size_t kRecordMax = 16 * 1024;
  std::size_t total = 0;
  for (std::size_t got = 0; total == 0 || bytes_max - total >= kRecordMax; total += got) {
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into + total, bytes_max - total, &got);
    if (result == 1) continue;
    const bool more = SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
    return more || total != 0 ? static_cast<long>(total) : -1;
  }
  return static_cast<long>(total);
}

void TcpSocket::shutdown_sending() {
  ::shutdown(descriptor_, SHUT_WR);
}

void TcpSocket::close() {
  ssl_.reset();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void TcpSocket::reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

int TcpSocket::release() {
  return std::exchange(descriptor_, -1);
}

}  // namespace testing_support
