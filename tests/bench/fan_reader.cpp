#include "fan_reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
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

// The clients of one thread.
class FanReader::Part {
 public:
  Part(const std::vector<SequenceRule>& rules, EventListener* on_event) : rules_(rules), on_event_(on_event), buffer_(kFrameBytesMax + kReadBytes) {}
  ~Part() { stop(); }

  // The `number`th of all of the reader's.
  void add(Connection connection, std::size_t number) {
    clients_.push_back({std::move(connection.socket), std::move(connection.unread),
                        FrameChecker(rules_.at(connection.rule), on_event_, key_hint_), connection.handshaking, number});
    positions_.push_back(0);
  }

  void start();
  void stop();
  double cpu_seconds();

  std::uint64_t deliveries() const { return deliveries_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t slowest() const { return slowest_.load(std::memory_order_relaxed); }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  const std::string& failure() const { return failure_; }

 private:
  struct Client {
    testing_support::TcpSocket socket;
    std::string tail;  // the beginning of a frame whose rest has not come yet
    FrameChecker checker;
    bool handshaking;
    std::size_t number;  // among all of the reader's
  };

  void run();
  void read(std::size_t index);
  void take(std::size_t index, std::size_t bytes_filled, std::size_t bytes_new);
  // How much of `bytes` is the answer to the handshake: 0 until it is all there.
  std::size_t take_handshake(std::size_t index, std::string_view bytes);
  void fail(std::size_t index, const std::string& what);

  const std::vector<SequenceRule>& rules_;
  EventListener* const on_event_;
  std::size_t key_hint_ = 0;
  std::vector<Client> clients_;
  std::vector<std::uint64_t> positions_;  // a client each, together so that the least is found fast
  std::vector<char> buffer_;
  int epoll_ = -1;
  int wake_ = -1;
  std::thread thread_;
  std::string failure_;
  std::atomic<std::uint64_t> deliveries_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> slowest_{0};
  std::atomic<bool> failed_{false};
};

std::size_t reading_threads(std::size_t clients) {
  constexpr std::size_t kThreadsMax = 8;
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  return std::max<std::size_t>(1, std::min({cores / 4, clients / 16, kThreadsMax}));
}

FanReader::FanReader(std::vector<Connection> connections, std::vector<SequenceRule> rules, EventListener* on_event,
                     std::size_t threads)
    : rules_(std::move(rules)) {
  if (threads == 0) threads = reading_threads(connections.size());
  threads = std::min(threads, std::max<std::size_t>(1, connections.size()));
  for (std::size_t i = 0; i < threads; ++i) {
    parts_.push_back(std::make_unique<Part>(rules_, on_event == nullptr ? nullptr : &on_event->of_thread(i)));
  }
  for (std::size_t i = 0; i < connections.size(); ++i) parts_[i % threads]->add(std::move(connections[i]), i);
}

FanReader::~FanReader() { stop(); }

void FanReader::start() {
  for (const auto& part : parts_) part->start();
}

void FanReader::stop() {
  for (const auto& part : parts_) part->stop();
}

std::uint64_t FanReader::deliveries() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->deliveries();
  return sum;
}

std::uint64_t FanReader::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->bytes();
  return sum;
}

std::uint64_t FanReader::slowest() const {
  std::uint64_t least = ~std::uint64_t{0};
  for (const auto& part : parts_) least = std::min(least, part->slowest());
  return least;
}

bool FanReader::failed() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->failed(); });
}

double FanReader::cpu_seconds() {
  double sum = 0.0;
  for (const auto& part : parts_) sum += part->cpu_seconds();
  return sum;
}

std::string FanReader::failure() const {
  for (const auto& part : parts_) {
    if (!part->failure().empty()) return part->failure();
  }
  return {};
}

void FanReader::Part::start() {
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

void FanReader::Part::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(epoll_);
  ::close(wake_);
  for (Client& client : clients_) client.socket = testing_support::TcpSocket();
}

double FanReader::Part::cpu_seconds() {
  clockid_t clock{};
  timespec time{};
  // The handle outlives the thread only until join: ask while it runs.
  if (!thread_.joinable()) return 0.0;
  if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) return 0.0;
  if (::clock_gettime(clock, &time) != 0) return 0.0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void FanReader::Part::run() {
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

void FanReader::Part::read(std::size_t index) {
  Client& client = clients_[index];
  const std::size_t tail = client.tail.size();
  if (tail > kFrameBytesMax) return fail(index, "a frame too large for the bench");
  std::memcpy(buffer_.data(), client.tail.data(), tail);
  const long got = client.socket.read_now(buffer_.data() + tail, kReadBytes);
  if (got == 0) return;
  if (got < 0) return fail(index, "the connection ended");
  take(index, tail + static_cast<std::size_t>(got), static_cast<std::size_t>(got));
}

void FanReader::Part::take(std::size_t index, std::size_t bytes_filled, std::size_t bytes_new) {
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

std::size_t FanReader::Part::take_handshake(std::size_t index, std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (bytes.substr(0, 13) != "HTTP/1.1 101 ") {
    fail(index, "refused: " + std::string(bytes.substr(0, bytes.find('\r'))));
    return 0;
  }
  clients_[index].handshaking = false;
  return end + 4;
}

void FanReader::Part::fail(std::size_t index, const std::string& what) {
  if (failure_.empty()) failure_ = "client " + std::to_string(clients_[index].number) + ": " + what;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, clients_[index].socket.descriptor(), nullptr);
  failed_.store(true, std::memory_order_relaxed);
}

}  // namespace bench
