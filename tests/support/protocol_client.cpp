#include "protocol_client.h"

#include <stdexcept>
#include <utility>

namespace testing_support {
namespace {

Json receive_json(RawWebSocket& connection, milliseconds timeout, const std::string& waited_for) {
  if (auto text = connection.receive_text(timeout)) return Json(std::move(*text));
  const auto code = connection.received_close_code();
  throw std::runtime_error(code ? "closed with " + std::to_string(*code) + " " +
                                      connection.received_close_reason() + " before " + waited_for
                           : connection.ended() ? "the connection ended before " + waited_for
                                                : "timeout before " + waited_for);
}

}  // namespace

ProtocolClient::ProtocolClient(const TcpAddress& address, const WebSocketOptions& options)
    : connection_(RawWebSocket::connect(address, options)),
      welcome_(receive_json(connection_, options.timeout, "the welcome")) {}

Json ProtocolClient::request(std::string_view text, milliseconds timeout) {
  const Deadline deadline(timeout);
  const std::string waited_for = "the reply to " + std::string(text.substr(0, 200));
  if (!connection_.send_text(text, timeout)) throw std::runtime_error("not sent: " + waited_for);
  for (;;) {
    Json message = receive_json(connection_, deadline.left(), waited_for);
    if (message.has("/status")) return message;
    waiting_.push_back(std::move(message));
  }
}

std::optional<Json> ProtocolClient::try_next_message(milliseconds timeout) {
  if (!waiting_.empty()) {
    Json message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }
  const Deadline deadline(timeout);
  while (auto text = connection_.receive_text(deadline.left())) {
    Json message(std::move(*text));
    if (!message.has("/status")) return message;
  }
  return std::nullopt;
}

Json ProtocolClient::next_message(milliseconds timeout) {
  if (auto message = try_next_message(timeout)) return std::move(*message);
  throw std::runtime_error(connection_.ended() || connection_.received_close_code()
                               ? "the connection ended before the next message"
                               : "timeout before the next message");
}

Json ProtocolClient::next_event(milliseconds timeout) {
  Json message = next_message(timeout);
  if (!message.has("/seq")) throw std::runtime_error("not an event: " + message.text());
  return message;
}

}  // namespace testing_support
