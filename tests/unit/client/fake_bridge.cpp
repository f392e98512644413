#include "fake_bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include <doctest/doctest.h>

#include "feed/json.h"

namespace client_tests {

using testing_support::FrameSpec;
using testing_support::Opcode;
using testing_support::TcpSocket;

namespace {

constexpr milliseconds kTick{20};

std::string header(std::string_view request, std::string_view name) {
  const size_t at = request.find("\r\n" + std::string(name) + ": ");
  if (at == std::string_view::npos) return {};
  const size_t from = at + 4 + name.size();
  return std::string(request.substr(from, request.find("\r\n", from) - from));
}

}  // namespace

bool FakeConnection::fill() {
  while (!stopping_) {
    switch (socket_.receive(buffer_, kTick)) {
      case TcpSocket::Read::kData:
        return true;
      case TcpSocket::Read::kEnd:
        return false;
      case TcpSocket::Read::kTimeout:
        break;
    }
  }
  return false;
}

bool FakeConnection::refuse(std::string_view reply) {
  while (buffer_.find("\r\n\r\n") == std::string::npos) {
    if (!fill()) return false;
  }
  const std::string request = buffer_.substr(0, buffer_.find("\r\n\r\n") + 2);
  buffer_.erase(0, request.size() + 2);
  if (!reply.empty()) return send_raw(reply);
  upgraded_ = true;
  return send_raw(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      testing_support::websocket_accept(header(request, "Sec-WebSocket-Key")) + "\r\n\r\n");
}

bool FakeConnection::shake_hands() {
  return refuse("");
}

std::optional<FakeConnection::Frame> FakeConnection::receive_frame() {
  auto header = testing_support::decode_frame_header(buffer_);
  while (!header || buffer_.size() < header->header_bytes + header->payload_bytes) {
    if (!fill()) return std::nullopt;
    header = testing_support::decode_frame_header(buffer_);
  }
  Frame frame{header->opcode, buffer_.substr(header->header_bytes, header->payload_bytes)};
  const std::string mask = buffer_.substr(header->header_bytes - 4, 4);
  for (size_t i = 0; i < frame.payload.size(); ++i) {
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  }
  buffer_.erase(0, header->header_bytes + header->payload_bytes);

  FrameSpec reply;
  reply.payload = frame.payload;
  if (frame.opcode == Opcode::kPong) ++pongs_;
  if (frame.opcode == Opcode::kPing) {
    ++pings_;
    reply.opcode = Opcode::kPong;
    if (answers_pings_) send_frame(reply);
  }
  if (frame.opcode == Opcode::kClose) {
    reply.opcode = Opcode::kClose;
    send_frame(reply);
  }
  return frame;
}

std::optional<std::string> FakeConnection::receive() {
  while (auto frame = receive_frame()) {
    if (frame->opcode == Opcode::kText) return std::move(frame->payload);
    if (frame->opcode == Opcode::kClose) break;
  }
  return std::nullopt;
}

bool FakeConnection::receive_ping() {
  const int before = pings_;
  while (pings_ == before) {
    if (!receive_frame()) return false;
  }
  return true;
}

void FakeConnection::wait_until_gone() {
  while (upgraded_ ? receive().has_value() : fill()) {
  }
}

bool FakeConnection::send(std::string_view text) {
  FrameSpec frame;
  frame.payload = text;
  return send_frame(frame);
}

bool FakeConnection::send_frame(const FrameSpec& frame) {
  FrameSpec from_server = frame;
  from_server.masked = false;
  return send_raw(testing_support::encode_frame(from_server));
}

bool FakeConnection::send_raw(std::string_view bytes) {
  const bool last = budget_ && bytes.size() >= *budget_;
  if (last) bytes = bytes.substr(0, *budget_);
  if (budget_) *budget_ -= bytes.size();
  while (!bytes.empty() && !stopping_) {
    // In pieces, so that a test that has ended is noticed while the client does not read.
    const ssize_t sent = ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
    pollfd writable{socket_.descriptor(), POLLOUT, 0};
    ::poll(&writable, 1, static_cast<int>(kTick.count()));
  }
  if (last) socket_.close();
  return bytes.empty() && !last;
}

bool FakeConnection::close(std::uint16_t code, std::string_view reason) {
  FrameSpec frame;
  frame.opcode = Opcode::kClose;
  frame.payload = testing_support::close_payload(code, reason);
  return send_frame(frame);
}

FakeBridge::FakeBridge(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    throw std::runtime_error("the fake bridge cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

FakeBridge::~FakeBridge() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void FakeBridge::serve() {
  while (!stopping_) {
    pollfd readable{listener_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(kTick.count())) <= 0) continue;
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) continue;
    FakeConnection connection(TcpSocket(descriptor), stopping_);
    script_(connection, connections_++);
  }
}

std::string welcome(const std::string& epoch, std::uint64_t seq) {
  return R"({"type":"system_status","data":{"status":"connected","message":"ppo-bridge 0.1.0",)"
         R"("server":"ppo-bridge","version":"0.1.0","protocol":1,"epoch":")" +
         epoch + R"(","seq":)" + std::to_string(seq) + R"(},"timestamp":1619395200.000001})";
}

std::string answer(const std::string& request, const std::string& members) {
  const std::string id(feed::json::member(request, "id"));
  const std::string action(feed::json::member(request, "action"));
  return R"({"status":"command_result","action":)" + action + R"(,"id":)" + id + "," + members +
         R"(,"timestamp":1619395200.000002})";
}

std::string registered(const std::string& request, const std::string& epoch, std::uint64_t seq,
                       std::optional<bool> recovered) {
  const std::string id(feed::json::member(request, "id"));
  std::string reply = R"({"status":"registered","action":"register","id":)" + id +
                      R"(,"subscriptions":["*"],"epoch":")" + epoch + R"(","seq":)" +
                      std::to_string(seq);
  if (recovered) reply += std::string(R"(,"recovered":)") + (*recovered ? "true" : "false");
  return reply + R"(,"timestamp":1619395200.000002})";
}

std::string refusal(const std::string& request, const std::string& error_type) {
  const std::string id(feed::json::member(request, "id"));
  const std::string action(feed::json::member(request, "action"));
  return R"({"status":"error","type":"error","action":)" + action + R"(,"id":)" + id +
         R"(,"data":{"error_type":")" + error_type +
         R"(","message":"as the test wants it","details":{}},"timestamp":1619395200.000003})";
}

std::string event(std::uint64_t seq, const std::string& source, std::uint64_t source_seq) {
  std::string text = R"({"type":"trade_executed","data":{"n":)" + std::to_string(seq) +
                     R"(},"timestamp":1619395200.251003,"seq":)" + std::to_string(seq);
  if (!source.empty()) {
    text +=
        R"(,"source":")" + source + R"(","run":"r1","source_seq":)" + std::to_string(source_seq);
  }
  return text + "}";
}

std::string gap(std::uint64_t from, std::uint64_t to, const std::string& reason) {
  return R"({"type":"gap","data":{"from_seq":)" + std::to_string(from) + R"(,"to_seq":)" +
         std::to_string(to) + R"(,"reason":")" + reason + R"("},"timestamp":1619395200.000004})";
}

std::optional<std::string> register_client(FakeConnection& connection, const std::string& epoch,
                                           std::uint64_t seq, std::optional<bool> recovered,
                                           SharedText* asked) {
  if (!connection.shake_hands() || !connection.send(welcome(epoch, seq))) return std::nullopt;
  std::optional<std::string> request = connection.receive();
  if (asked != nullptr && request) asked->set(*request);
  if (!request || !connection.send(registered(*request, epoch, seq, recovered))) {
    return std::nullopt;
  }
  return request;
}

feed::Options test_options(const FakeBridge& bridge) {
  feed::Options options;
  options.url = bridge.url();
  options.client_id = "test";
  options.backoff = {milliseconds(1), milliseconds(10)};
  options.connect_timeout = testing_support::kPatience;
  options.seed = 42;
  return options;
}

feed::Message next(feed::Client& client) {
  const testing_support::Deadline deadline(testing_support::kPatience);
  while (!deadline.passed()) {
    if (auto message = client.next(deadline.left())) return *message;
  }
  FAIL("no message came");
  return {};
}

feed::Message next(feed::Client& client, feed::Message::Kind kind) {
  feed::Message message = next(client);
  while (message.kind != kind) message = next(client);
  return message;
}

std::vector<std::uint64_t> next_seqs(feed::Client& client, size_t count) {
  std::vector<std::uint64_t> seqs;
  while (seqs.size() < count) {
    seqs.push_back(next(client, feed::Message::Kind::kEvent).envelope.seq.value_or(0));
  }
  return seqs;
}

}  // namespace client_tests
