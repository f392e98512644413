#include "net/tls_greeting.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <string_view>
#include <utility>

#include <asio/post.hpp>

#include "net/waiting_connections.h"

namespace bridge {
namespace {

constexpr unsigned char kHandshakeRecord = 0x16;  // RFC 8446 section 5.1
constexpr std::string_view kPlainBody = "this port speaks TLS: use https:// and wss://\n";

std::string plain_answer() {
  return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
         "Content-Length: " + std::to_string(kPlainBody.size()) + "\r\n\r\n" + std::string(kPlainBody);
}

// It has gone, or sends no more: a handshake with it would lead nowhere.
bool has_gone(asio::ip::tcp::socket& socket) {
  pollfd watched{static_cast<int>(socket.native_handle()), POLLRDHUP, 0};
  return ::poll(&watched, 1, 0) != 0;
}

}  // namespace

TlsGreeting::~TlsGreeting() {
  std::promise<void> done;
  asio::post(thread_, [&done] { done.set_value(); });  // they go in order
  done.get_future().wait();
}

void TlsGreeting::begin(const tls::EitherConnectionPtr& connection, Done done) {
  const auto guest = std::make_shared<Guest>(io_, connection, std::move(done));
  guests_[connection.get()] = guest;
  asio::error_code ec;
  guest->peer = peer_key(connection->get_raw_socket().remote_endpoint(ec).address());
  set_deadline(guest);
  look(guest);
}

void TlsGreeting::set_deadline(const GuestPtr& guest) {
  guest->deadline.expires_at(guest->connection->open_by());
  guest->deadline.async_wait([this, guest](const asio::error_code& ec) {
    if (!ec) end(guest, false);
  });
}

// What its first byte says.
void TlsGreeting::look(const GuestPtr& guest) {
  guest->connection->get_raw_socket().async_wait(
      asio::ip::tcp::socket::wait_read, [this, guest](const asio::error_code& ec) {
        if (!guest->done) return;
        unsigned char first = 0;
        const auto descriptor = static_cast<int>(guest->connection->get_raw_socket().native_handle());
        const ::ssize_t n = ec ? 0 : ::recv(descriptor, &first, 1, MSG_PEEK | MSG_DONTWAIT);
        // It was told of too early: what an earlier connection of this descriptor had may still be on its way.
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return look(guest);
        if (n != 1) return end(guest, false);
        if (first != kHandshakeRecord) return answer_plain(guest);
        if (waiting_.empty() && context_.rate().take(std::chrono::steady_clock::now())) return handshake(guest);
        enqueue(guest);
      });
}

// Waiting is not its fault: that time is given back to it.
void TlsGreeting::enqueue(const GuestPtr& guest) {
  guest->deadline.cancel();
  guest->waits_since = std::chrono::steady_clock::now();
  waiting_[guest->peer].push_back(guest);
  wait_for_next();
}

void TlsGreeting::wait_for_next() {
  if (timing_ || waiting_.empty()) return;
  timing_ = true;
  timer_.expires_after(context_.rate().interval());
  timer_.async_wait([this](const asio::error_code& ec) {
    timing_ = false;
    if (!ec) next();
  });
}

// One a turn.
void TlsGreeting::next() {
  while (!waiting_.empty()) {
    auto peer = waiting_.upper_bound(last_peer_);
    if (peer == waiting_.end()) peer = waiting_.begin();
    const GuestPtr guest = peer->second.front();
    if (has_gone(guest->connection->get_raw_socket())) {
      end(guest, false);
      continue;
    }
    if (!context_.rate().take(std::chrono::steady_clock::now())) break;
    last_peer_ = peer->first;
    peer->second.pop_front();
    if (peer->second.empty()) waiting_.erase(peer);
    guest->connection->set_open_by(guest->connection->open_by() +
                                   (std::chrono::steady_clock::now() - guest->waits_since));
    set_deadline(guest);
    handshake(guest);
    break;
  }
  wait_for_next();
}

void TlsGreeting::handshake(const GuestPtr& guest) {
  guest->connection->get_socket().secure(context_.accept());
  step(guest);
}

void TlsGreeting::step(const GuestPtr& guest) {
  guest->at_work = true;
  asio::post(thread_, [this, guest] {
    const tls::EitherStream::Want want = guest->connection->get_socket().handshake_step();
    asio::post(io_, [this, guest, want] { stepped(guest, want); });
  });
}

void TlsGreeting::stepped(const GuestPtr& guest, tls::EitherStream::Want want) {
  guest->at_work = false;
  if (guest->ended) return end(guest, false);
  if (want == tls::EitherStream::Want::nothing) return greeted(guest);
  const auto failed = [this, guest] {
    ++context_.counters().handshakes_failed;
    end(guest, false);
  };
  if (want == tls::EitherStream::Want::failed) return failed();
  guest->connection->get_socket().wait_for(want, [this, guest, failed](const asio::error_code& ec) {
    if (!guest->done) return;
    if (ec) return failed();
    step(guest);
  });
}

void TlsGreeting::greeted(const GuestPtr& guest) {
  TlsCounters& counters = context_.counters();
  ++counters.handshakes;
  auto& count = guest->connection->get_socket().in_kernel() ? counters.in_kernel : counters.in_process;
  ++count;
  guest->connection->keep(std::shared_ptr<void>(nullptr, [&count](void*) { --count; }));
  end(guest, true);
}

void TlsGreeting::answer_plain(const GuestPtr& guest) {
  ++context_.counters().plain_requests;
  asio::ip::tcp::socket& socket = guest->connection->get_raw_socket();
  asio::error_code ec;
  const std::string answer = plain_answer();
  ::send(static_cast<int>(socket.native_handle()), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  drain(guest);
}

// Closing while something is unread would be a reset, which may take the answer with it.
void TlsGreeting::drain(const GuestPtr& guest) {
  static thread_local std::array<char, 4096> unread;
  guest->connection->get_raw_socket().async_read_some(
      asio::buffer(unread), [this, guest](const asio::error_code& ec, std::size_t) {
        if (!guest->done) return;
        if (ec) return end(guest, false);
        drain(guest);
      });
}

void TlsGreeting::abandon(tls::EitherConnection& connection) {
  const auto guest = guests_.find(&connection);
  asio::error_code ec;
  if (guest == guests_.end()) {
    connection.get_raw_socket().close(ec);
  } else {
    end(GuestPtr(guest->second), false);
  }
}

void TlsGreeting::end(const GuestPtr& guest, bool well) {
  if (!guest->done) return;
  guest->ended = true;
  if (guest->at_work) return;
  guest->deadline.cancel();
  guests_.erase(guest->connection.get());
  // Of those who wait it is looked for among its own only.
  const auto peer = waiting_.find(guest->peer);
  if (peer != waiting_.end()) {
    auto& queue = peer->second;
    queue.erase(std::remove(queue.begin(), queue.end(), guest), queue.end());
    if (queue.empty()) waiting_.erase(peer);
  }
  const Done done = std::exchange(guest->done, {});
  const tls::EitherConnectionPtr connection = std::exchange(guest->connection, {});
  asio::error_code ec;
  if (!well) connection->get_raw_socket().close(ec);
  done(well ? websocketpp::lib::error_code()
            : websocketpp::transport::error::make_error_code(websocketpp::transport::error::pass_through));
}

}  // namespace bridge
