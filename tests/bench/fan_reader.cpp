#include "fan_reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "support/websocket_frame.h"

namespace bench {
namespace {

// What is asked of a socket at once: large, so that calls cost little, but within a core's cache.
constexpr std::size_t kReadBytes = 128 * 1024;
constexpr std::size_t kFrameBytesMax = 2 * 1024 * 1024;
constexpr std::uint64_t kWakeMark = ~std::uint64_t{0};
// The slowest client is looked for after so many reads.
constexpr std::size_t kReadsPerSearch = 64;

}  // namespace

FanReader::FanReader(std::vector<Connection> connections, std::vector<SequenceRule> rules,
                     EventListener* on_event)
    : rules_(std::move(rules)),
      positions_(connections.size(), 0),
      buffer_(kFrameBytesMax + kReadBytes) {
  clients_.reserve(connections.size());
  for (Connection& connection : connections) {
    clients_.push_back({std::move(connection.socket), std::move(connection.unread),
                        FrameChecker(rules_.at(connection.rule), on_event, key_hint_),
                        connection.handshaking});
  }
}

void FanReader::start() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (epoll_ < 0 || wake_ < 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
  const auto watch = [&](int descriptor, std::uint64_t mark) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = mark;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  };
  for (std::size_t i = 0; i < clients_.size(); ++i) watch(clients_[i].socket.descriptor(), i);
  watch(wake_, kWakeMark);
  thread_ = std::thread([this] { run(); });
}

void FanReader::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(epoll_);
  ::close(wake_);
  for (Client& client : clients_) client.socket = testing_support::TcpSocket();
}

double FanReader::cpu_seconds() {
  clockid_t clock{};
  timespec time{};
  // The handle outlives the thread only until join: ask while it runs.
  if (!thread_.joinable()) return 0.0;
  if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) return 0.0;
  if (::clock_gettime(clock, &time) != 0) return 0.0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void FanReader::run() {
  ::pthread_setname_np(::pthread_self(), "reader");
  // What was read with the answers to the handshakes comes first.
  for (std::size_t i = 0; i < clients_.size(); ++i) take(i, clients_[i].tail.size(), 0);
  std::array<epoll_event, 256> ready;
  std::size_t reads = 0;
  for (;;) {
    const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t mark = ready[static_cast<std::size_t>(i)].data.u64;
      if (mark == kWakeMark) return;
      read(static_cast<std::size_t>(mark));
      if (++reads % kReadsPerSearch == 0 || i + 1 == count) {
        slowest_.store(*std::min_element(positions_.begin(), positions_.end()),
                       std::memory_order_relaxed);
      }
    }
  }
}

void FanReader::read(std::size_t index) {
  Client& client = clients_[index];
  const std::size_t tail = client.tail.size();
  if (tail > kFrameBytesMax) return fail(index, "a frame too large for the bench");
  std::memcpy(buffer_.data(), client.tail.data(), tail);
  const long got = client.socket.read_now(buffer_.data() + tail, kReadBytes);
  if (got == 0) return;
  if (got < 0) return fail(index, "the connection ended");
  take(index, tail + static_cast<std::size_t>(got), static_cast<std::size_t>(got));
}

void FanReader::take(std::size_t index, std::size_t bytes_filled, std::size_t bytes_new) {
  Client& client = clients_[index];
  if (bytes_new == 0) std::memcpy(buffer_.data(), client.tail.data(), bytes_filled);
  const std::string_view bytes(buffer_.data(), bytes_filled);
  const std::uint64_t before = client.checker.events();
  std::size_t used = client.handshaking ? take_handshake(index, bytes) : 0;
  if (!client.handshaking) {
    used += client.checker.take(bytes.substr(used), std::chrono::steady_clock::now());
  }
  client.tail.assign(bytes.substr(used));
  positions_[index] = client.checker.position();
  // Only this thread writes them, so a plain addition is enough.
  deliveries_.store(deliveries() + client.checker.events() - before, std::memory_order_relaxed);
  bytes_.store(this->bytes() + bytes_new, std::memory_order_relaxed);
  std::string ping;
  if (client.checker.take_ping(ping)) {
    const std::string pong =
        testing_support::encode_frame({testing_support::Opcode::kPong, ping, true, true, 0, {}});
    (void)client.socket.send_all(pong, testing_support::milliseconds{0});
  }
  if (!client.checker.failure().empty()) fail(index, client.checker.failure());
}

std::size_t FanReader::take_handshake(std::size_t index, std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (bytes.substr(0, 13) != "HTTP/1.1 101 ") {
    fail(index, "refused: " + std::string(bytes.substr(0, bytes.find('\r'))));
    return 0;
  }
  clients_[index].handshaking = false;
  return end + 4;
}

void FanReader::fail(std::size_t index, const std::string& what) {
  if (failure_.empty()) failure_ = "client " + std::to_string(index) + ": " + what;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, clients_[index].socket.descriptor(), nullptr);
  failed_.store(true, std::memory_order_relaxed);
}

}  // namespace bench
