// websocketpp's socket policy over EitherStream, in place of its basic_socket and tls_socket. Written against
// 0.8.2, of which it has every member that the Asio transport asks for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <websocketpp/common/asio.hpp>
#include <websocketpp/common/connection_hdl.hpp>
#include <websocketpp/transport/asio/base.hpp>
#include <websocketpp/transport/asio/security/base.hpp>
#include <websocketpp/transport/base/connection.hpp>
#include <websocketpp/uri.hpp>

#include "tls/either_stream.h"

namespace tls {

class EitherConnection;
using EitherConnectionPtr = std::shared_ptr<EitherConnection>;

// Does what is to be done between TCP and the first byte of HTTP, and then calls `done`, once.
using Greeting =
    std::function<void(const EitherConnectionPtr&, websocketpp::transport::asio::socket::init_handler done)>;

// One thread: the loop's.
class EitherConnection : public std::enable_shared_from_this<EitherConnection> {
 public:
  using type = EitherConnection;
  using ptr = EitherConnectionPtr;
  using io_service_ptr = asio::io_service*;
  using strand_ptr = std::shared_ptr<asio::io_service::strand>;
  using socket_type = EitherStream;
  using socket_ptr = std::shared_ptr<EitherStream>;

  ptr get_shared() { return shared_from_this(); }
  bool is_secure() const { return stream_ && stream_->is_secure(); }
  EitherStream& get_socket() { return *stream_; }
  asio::ip::tcp::socket& get_next_layer() { return stream_->socket(); }
  asio::ip::tcp::socket& get_raw_socket() { return stream_->socket(); }
  websocketpp::uri_ptr uri() const { return uri_; }  // that a client connects to

  void set_greeting(Greeting greeting) { greeting_ = std::move(greeting); }
  // By when its greeting and its request must be through.
  std::chrono::steady_clock::time_point open_by() const { return open_by_; }
  void set_open_by(std::chrono::steady_clock::time_point when) { open_by_ = when; }
  // Lives as long as the connection does.
  void keep(std::shared_ptr<void> thing) { kept_ = std::move(thing); }

  std::string get_remote_endpoint(websocketpp::lib::error_code& ec) const {
    asio::error_code error;
    const auto endpoint = stream_->socket().remote_endpoint(error);
    if (error) {
      ec = websocketpp::transport::asio::error::make_error_code(
          websocketpp::transport::asio::error::pass_through);
      return "Error getting remote endpoint: " + error.message();
    }
    ec = {};
    std::ostringstream text;
    text << endpoint;
    return text.str();
  }

  template <class ErrorCode>
  static websocketpp::lib::error_code translate_ec(ErrorCode) {
    return websocketpp::transport::error::make_error_code(websocketpp::transport::error::pass_through);
  }
  static websocketpp::lib::error_code translate_ec(websocketpp::lib::error_code ec) { return ec; }

 protected:
  websocketpp::lib::error_code init_asio(io_service_ptr io, strand_ptr, bool) {
    stream_ = std::make_unique<EitherStream>(*io);
    return {};
  }
  void set_uri(websocketpp::uri_ptr uri) { uri_ = std::move(uri); }
  void pre_init(websocketpp::transport::asio::socket::init_handler done) { done({}); }
  void post_init(websocketpp::transport::asio::socket::init_handler done) {
    if (!greeting_) return done({});
    greeting_(shared_from_this(), std::move(done));
  }
  void set_handle(const websocketpp::connection_hdl&) {}
  asio::error_code cancel_socket() {
    asio::error_code ec;
    stream_->socket().cancel(ec);
    return ec;
  }
  void async_shutdown(const websocketpp::transport::asio::socket::shutdown_handler& done) {
    asio::error_code ec;
    stream_->shutdown(ec);
    done(ec);
  }
  websocketpp::lib::error_code get_ec() const { return {}; }

 private:
  std::unique_ptr<EitherStream> stream_;
  websocketpp::uri_ptr uri_;
  Greeting greeting_;
  std::chrono::steady_clock::time_point open_by_;
  std::shared_ptr<void> kept_;
};

class EitherEndpoint {
 public:
  using type = EitherEndpoint;
  using socket_con_type = EitherConnection;
  using socket_con_ptr = EitherConnectionPtr;

  // A client's may be asked for either.
  bool is_secure() const { return true; }
  // What each new connection begins with; empty: with HTTP, in plain.
  void set_greeting(Greeting greeting) { greeting_ = std::move(greeting); }

 protected:
  websocketpp::lib::error_code init(const socket_con_ptr& connection) {
    connection->set_greeting(greeting_);
    return {};
  }

 private:
  Greeting greeting_;
};

}  // namespace tls
