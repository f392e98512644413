// A client's socket as its session sees it, on websocketpp. For ws_server.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "conversation/session.h"
#include "event/ws_frame.h"
#include "net/ws_config.h"

namespace bridge {

using Server = websocketpp::server<WsConfig>;
using Connection = Server::connection_type;
using Message = WsConfig::message_type;

// A session and its websocketpp connection. The connection owns it and it outlasts none.
class ClientSocket final : public FrameSink,
                           public Message::Sender,
                           public std::enable_shared_from_this<ClientSocket> {
 public:
  ClientSocket(asio::io_context& io, std::weak_ptr<Connection> connection,
               SessionContext& context, std::uint64_t number, std::string remote, bool deflate,
               std::shared_ptr<const Access> access)
      : connection_(std::move(connection)),
        session_(context, *this, number, std::move(remote), deflate, std::move(access)),
        io_(io) {}

  Session& session() { return session_; }

  std::size_t send(std::vector<std::shared_ptr<const std::string>> frames) override {
    const auto connection = connection_.lock();
    if (!connection || connection->get_state() != websocketpp::session::state::open) return 0;
    written_ = 0;
    for (const auto& buffer : frames) written_ += buffer->size();
    if (connection->write_ahead(frames) == written_) {
      connection->end_ahead();
    } else {
      send_by_queue(*connection, std::move(frames));
    }
    if (connection->get_socket().key_is_worn()) close(CloseCode::going_away, "the TLS key has served its time");
    return written_;
  }

  // Answers a ping. One answer waits to be written at a time; of pings that come meanwhile the newest is
  // answered next (RFC 6455, 5.5.3).
  void on_ping(std::string payload) {
    owed_pong_ = std::move(payload);
    if (pong_.expired()) pong();
  }

  void ping() override {
    websocketpp::lib::error_code ec;
    if (const auto connection = connection_.lock()) connection->ping("", ec);
  }

  void close(CloseCode code, const std::string& reason) override {
    websocketpp::lib::error_code ec;
    if (const auto connection = connection_.lock()) {
      connection->close(static_cast<websocketpp::close::status::value>(code), reason, ec);
    }
  }

  void cut() override {
    if (const auto connection = connection_.lock()) {
      connection->terminate(websocketpp::error::make_error_code(websocketpp::error::general));
    }
  }

  void post(std::function<void()> f) override {
    asio::post(io_, [self = shared_from_this(), f = std::move(f)] { f(); });
  }

  void written(std::size_t bytes) override {
    if (sending_) {
      written_ += bytes;
    } else {
      session_.on_written(bytes);
    }
  }

 private:
  void send_by_queue(Connection& connection, std::vector<std::shared_ptr<const std::string>> frames) {
    written_ = 0;
    sending_ = true;
    connection.begin_at_once();
    for (auto& buffer : frames) {
      connection.send(std::make_shared<Message>(std::move(buffer), weak_from_this()));
    }
    connection.end_at_once();
    sending_ = false;
  }

  struct PongSender final : Message::Sender {
    explicit PongSender(ClientSocket& s) : socket(s) {}
    void written(std::size_t) override { socket.pong(); }
    ClientSocket& socket;
  };

  void pong() {
    const auto connection = connection_.lock();
    if (!connection || !owed_pong_) return;
    auto frame = std::make_shared<const std::string>(pong_frame(*std::exchange(owed_pong_, {})));
    const auto message = std::make_shared<Message>(
        std::move(frame), std::shared_ptr<Message::Sender>(shared_from_this(), &pong_sender_));
    pong_ = message;
    connection->send(message);
  }

  // In front what each delivery looks at, as in the session.
  const std::weak_ptr<Connection> connection_;
  std::size_t written_ = 0;  // by the send() under way
  bool sending_ = false;
  Session session_;
  asio::io_context& io_;
  PongSender pong_sender_{*this};
  std::optional<std::string> owed_pong_;
  std::weak_ptr<Message> pong_;  // until it is written
};

}  // namespace bridge
