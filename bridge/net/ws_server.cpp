#include "net/ws_server.h"

#include <unordered_map>
#include <utility>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <spdlog/spdlog.h>
#include <websocketpp/common/network.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/core.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "base/text.h"
#include "net/at_once_transport.h"
#include "net/origin.h"
#include "net/permessage_deflate.h"
#include "net/wire_message.h"

namespace bridge {
namespace {

class ClientSocket;

// What websocketpp keeps with each connection for us.
struct ConnectionData {
  std::shared_ptr<ClientSocket> client;  // once the handshake is through
  std::shared_ptr<void> counted;         // in the number of open TCP connections
};

// websocketpp on one loop thread: no locks, no strands, no logs of its own (they would hold what
// clients send), small buffers and limits in place of its defaults.
struct WsConfig : websocketpp::config::core {
  using type = WsConfig;
  using base = websocketpp::config::core;
  using concurrency_type = websocketpp::concurrency::none;
  using request_type = HandshakeRequest;
  using response_type = base::response_type;
  using permessage_deflate_type = PermessageDeflate;
  using message_type = WireMessage<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type =
      websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  using endpoint_msg_manager_type =
      websocketpp::message_buffer::alloc::endpoint_msg_manager<con_msg_manager_type>;
  using alog_type = websocketpp::log::stub;
  using elog_type = websocketpp::log::stub;
  using rng_type = base::rng_type;
  using connection_base = ConnectionData;
  static const bool enable_multithreading = false;

  struct transport_config : base::transport_config {
    using concurrency_type = type::concurrency_type;
    using alog_type = type::alog_type;
    using elog_type = type::elog_type;
    using request_type = type::request_type;
    using response_type = type::response_type;
    using socket_type = websocketpp::transport::asio::basic_socket::endpoint;
    static const bool enable_multithreading = false;
  };
  using transport_type = AtOnceEndpoint<transport_config>;

  // Each connection holds a buffer of this size for as long as it lives.
  static const size_t connection_read_buffer_size = 512;
  static const bool drop_on_protocol_error = false;
};

}  // namespace
}  // namespace bridge

// Where websocketpp's processor has no place for what RFC 7692 wants, ours stands in for its own:
// the answer to the handshake, the bits of a frame's header, the end of a message.
namespace websocketpp::processor {

template <>
inline hybi13<bridge::WsConfig>::err_str_pair hybi13<bridge::WsConfig>::negotiate_extensions(
    const request_type& request) {
  return m_permessage_deflate.negotiate(request, m_max_message_size);
}

// As the original; and only a message's first frame may say that it is compressed (section 6.1).
template <>
inline lib::error_code hybi13<bridge::WsConfig>::validate_incoming_extended_header(
    frame::basic_header h, frame::extended_header e) const {
  if (frame::get_rsv1(h) && frame::get_opcode(h) == frame::opcode::continuation) {
    return error::make_error_code(error::invalid_rsv_bit);
  }
  const uint8_t code = frame::get_basic_size(h);
  const uint64_t size = frame::get_payload_size(h, e);
  if ((code == frame::payload_size_code_16bit && size <= frame::limits::payload_size_basic) ||
      (code == frame::payload_size_code_64bit && size <= frame::limits::payload_size_extended)) {
    return error::make_error_code(error::non_minimal_encoding);
  }
  return {};
}

// The original would inflate a tail of its own, and look for the end of the last character only
// where a message is one frame.
template <>
inline lib::error_code hybi13<bridge::WsConfig>::finalize_message() {
  const message_ptr& message = m_current_msg->msg_ptr;
  const bool text = message->get_opcode() == frame::opcode::text;
  if (message->get_compressed()) {
    std::string& out = message->get_raw_payload();
    if (const lib::error_code failed = m_permessage_deflate.finish(out)) return failed;
    if (text && !m_current_msg->validator.decode(out.begin(), out.end())) {
      return error::make_error_code(error::invalid_utf8);
    }
  }
  if (text && !m_current_msg->validator.complete()) {
    return error::make_error_code(error::invalid_utf8);
  }
  m_state = READY;
  return {};
}

}  // namespace websocketpp::processor

namespace bridge {
namespace {

using Server = websocketpp::server<WsConfig>;
using Connection = Server::connection_type;
using Message = WsConfig::message_type;

// TCP connections besides the clients: handshakes under way and plain HTTP.
constexpr std::size_t kOtherConnectionsMax = 256;

// A session and its websocketpp connection. The connection owns it and it outlasts none.
class ClientSocket final : public FrameSink,
                           public Message::Sender,
                           public std::enable_shared_from_this<ClientSocket> {
 public:
  ClientSocket(asio::io_context& io, std::weak_ptr<Connection> connection,
               SessionContext& context, std::uint64_t number, std::string remote, bool deflate)
      : io_(io),
        connection_(std::move(connection)),
        session_(context, *this, number, std::move(remote), deflate) {}

  Session& session() { return session_; }

  std::size_t send(std::vector<std::shared_ptr<const std::string>> frames) override {
    written_ = 0;
    sending_ = true;
    const auto connection = connection_.lock();
    if (connection) connection->begin_at_once();
    for (auto& buffer : frames) {
      auto message = std::make_shared<Message>(std::move(buffer), weak_from_this());
      if (connection) connection->send(std::move(message));
    }
    if (connection) connection->end_at_once();
    sending_ = false;
    return written_;
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
  asio::io_context& io_;
  const std::weak_ptr<Connection> connection_;
  Session session_;
  std::size_t written_ = 0;  // by the send() under way
  bool sending_ = false;
};

}  // namespace

class WsServer::Impl {
 public:
  Impl(asio::io_context& io, SessionContext& context, WsServerOptions options, HttpHandler on_http)
      : io_(io), context_(context), options_(std::move(options)), on_http_(std::move(on_http)) {
    // It finds out the byte order at its first use and keeps it unguarded: before there are threads.
    (void)websocketpp::lib::net::_htonll(0);
    server_.init_asio(&io);
    server_.set_reuse_addr(true);
    server_.set_listen_backlog(4096);
    if (options_.share_port) {
      server_.set_tcp_pre_bind_handler([](const auto& acceptor) {
        const int on = 1;
        ::setsockopt(acceptor->native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        return websocketpp::lib::error_code();
      });
    }
    server_.set_max_message_size(options_.message_bytes_max);
    server_.set_max_http_body_size(options_.http_body_bytes_max);
    server_.set_pong_timeout(0);  // sessions keep that time themselves
    server_.set_user_agent("");
    server_.set_tcp_pre_init_handler([this](auto hdl) { on_tcp(hdl); });
    server_.set_validate_handler([this](auto hdl) { return validate(hdl); });
    server_.set_open_handler([this](auto hdl) { on_open(hdl); });
    server_.set_close_handler([this](auto hdl) { on_close(hdl); });
    server_.set_http_handler([this](auto hdl) { on_request(hdl); });
    server_.set_message_handler([this](auto hdl, auto message) { on_message(hdl, *message); });
    server_.set_pong_handler([this](auto hdl, const std::string&) {
      if (const auto& client = connection(hdl)->client) client->session().on_pong();
    });
  }

  ~Impl() {
    // Handlers that the loop still holds may keep connections; their sessions must not outlive us.
    for (const auto& [con, number] : numbers_) con->client.reset();
  }

  void listen_on(const Address& address) {
    options_.listen = address;
    joins_ = true;
  }

  Result<bool> start() {
    const std::string where = "websocket.listen: cannot listen on " + to_string(options_.listen);
    const std::string& host = options_.listen.host;
    asio::error_code ec;
    const auto ip = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
    if (ec) return Failure{where + ": not an IP address"};
    websocketpp::lib::error_code error;
    // A shared port would be shared with another process as well, and that one's clients be ours at random.
    if (options_.share_port && !joins_ && options_.listen.port != 0) {
      const std::string taken = bind_error(ip);
      if (!taken.empty()) return Failure{where + ": " + taken};
    }
    server_.listen(asio::ip::tcp::endpoint(ip, options_.listen.port), error);
    // websocketpp hides which error it was; binding once more by hand tells.
    if (error) {
      const std::string why = bind_error(ip);
      return Failure{where + ": " + (why.empty() ? "the address was in use" : why)};
    }
    address_.host = host;
    address_.port = server_.get_local_endpoint(ec).port();
    server_.start_accept(error);
    if (error) return Failure{where + ": " + error.message()};
    return true;
  }

  const Address& address() const { return address_; }

  void tick() {
    for (const auto& client : snapshot()) client->session().tick();
  }

  void drain() {
    websocketpp::lib::error_code ec;
    if (server_.is_listening()) server_.stop_listening(ec);
    draining_ = true;
    for (const auto& client : snapshot()) client->session().drain();
  }

  std::vector<ClientInfo> clients() const {
    std::vector<ClientInfo> infos;
    infos.reserve(clients_.size());
    for (const auto& [number, client] : clients_) infos.push_back(client->session().info());
    return infos;
  }

 private:
  Server::connection_ptr connection(websocketpp::connection_hdl hdl) {
    return server_.get_con_from_hdl(std::move(hdl));
  }

  std::vector<std::shared_ptr<ClientSocket>> snapshot() const {
    std::vector<std::shared_ptr<ClientSocket>> all;
    all.reserve(clients_.size());
    for (const auto& [number, client] : clients_) all.push_back(client);
    return all;
  }

  // Why the address cannot be listened on; "" where it can.
  std::string bind_error(const asio::ip::address& ip) {
    asio::error_code ec;
    asio::ip::tcp::acceptor probe(io_);
    const asio::ip::tcp::endpoint endpoint(ip, options_.listen.port);
    probe.open(endpoint.protocol(), ec);
    if (!ec) probe.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec) probe.bind(endpoint, ec);
    if (!ec) probe.listen(1, ec);
    return ec ? ec.message() : "";
  }

  void on_tcp(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    con->get_request().deflate = options_.deflate;
    con->counted = std::shared_ptr<void>(
        nullptr, [admission = options_.admission](void*) { --admission->connections; });
    if (++options_.admission->connections <= options_.clients_max + kOtherConnectionsMax) return;
    ++context_.counters.clients_refused;
    asio::error_code ec;
    con->get_raw_socket().close(ec);
  }

  bool own_origin(const Connection& con) {
    return is_own_origin(con.get_request_header("Origin"), con.get_request_header("Host"),
                         address_.port);
  }

  bool validate(const websocketpp::connection_hdl& hdl) {
    using websocketpp::http::status_code::forbidden;
    using websocketpp::http::status_code::not_found;
    const auto con = connection(hdl);
    std::string path = con->get_resource();
    path.resize(std::min(path.find('?'), path.size()));
    if (path == "/ws" && own_origin(*con)) return true;
    ++context_.counters.clients_refused;
    con->set_status(path == "/ws" ? forbidden : not_found);
    con->set_body(path == "/ws" ? "the Origin is another site's\n" : "the WebSocket is at /ws\n");
    if (path == "/ws") {
      spdlog::warn("refused a WebSocket from {}: its Origin is {}", con->get_remote_endpoint(),
                   printable(con->get_request_header("Origin")));
    }
    return false;
  }

  void on_open(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    websocketpp::lib::error_code error;
    if (draining_ || ++options_.admission->clients > options_.clients_max) {
      if (!draining_) --options_.admission->clients;
      ++context_.counters.clients_refused;
      con->close(static_cast<websocketpp::close::status::value>(
                     draining_ ? CloseCode::going_away : CloseCode::try_again_later),
                 draining_ ? "the bridge stops" : "full", error);
      return;
    }
    asio::error_code ec;
    auto& socket = con->get_raw_socket();
    socket.set_option(asio::ip::tcp::no_delay(true), ec);
    if (ec) spdlog::warn("cannot set TCP_NODELAY for a client: {}", ec.message());
    if (options_.send_buffer_bytes > 0) {
      socket.set_option(asio::socket_base::send_buffer_size(options_.send_buffer_bytes), ec);
    }
    ++context_.counters.clients_accepted;
    const std::uint64_t number = ++options_.admission->last_number;
    const bool deflate = !con->get_response_header("Sec-WebSocket-Extensions").empty();
    con->client = std::make_shared<ClientSocket>(io_, con, context_, number,
                                                 con->get_remote_endpoint(), deflate);
    clients_.emplace(number, con->client);
    numbers_.emplace(con.get(), number);
    con->client->session().open();
  }

  void on_close(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    const auto number = numbers_.find(con.get());
    if (number == numbers_.end()) return;
    clients_.erase(number->second);
    numbers_.erase(number);
    con->client.reset();
    --options_.admission->clients;
  }

  void on_message(const websocketpp::connection_hdl& hdl, const Message& message) {
    const auto con = connection(hdl);
    // The session may end the connection while it answers.
    const std::shared_ptr<ClientSocket> client = con->client;
    if (!client) return;
    if (message.get_opcode() != websocketpp::frame::opcode::text) {
      client->close(CloseCode::unsupported, "text messages only");
      return;
    }
    client->session().on_text(message.get_payload());
  }

  void on_request(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    ++context_.counters.http_requests;
    HttpRequest request;
    request.method = con->get_request().get_method();
    request.path = con->get_resource();
    request.path.resize(std::min(request.path.find('?'), request.path.size()));
    request.origin = con->get_request_header("Origin");
    request.host = con->get_request_header("Host");
    request.if_none_match = con->get_request_header("If-None-Match");
    request.body = con->get_request_body();
    // The connection may have gone before an answer that comes later; then nobody reads it.
    const auto within = std::make_shared<bool>(true);
    const auto answered = std::make_shared<bool>(false);
    on_http_(request, own_origin(*con),
             [con, within, answered, head = request.method == "HEAD"](HttpReply reply) {
               *answered = true;
               answer(*con, std::move(reply), head);
               websocketpp::lib::error_code ec;
               if (!*within) con->send_http_response(ec);
             });
    *within = false;
    if (!*answered) con->defer_http_response();
  }

  static void answer(Connection& connection, HttpReply reply, bool head) {
    Connection* const con = &connection;
    con->set_status(static_cast<websocketpp::http::status_code::value>(reply.status));
    if (reply.status != 304) con->append_header("Content-Type", reply.content_type);
    con->append_header("X-Content-Type-Options", "nosniff");
    con->append_header("Cache-Control", reply.cache_control);
    con->append_header("Connection", "close");
    for (const auto& [name, value] : reply.headers) con->append_header(name, value);
    if (head) {
      con->append_header("Content-Length", std::to_string(reply.body.size()));
    } else {
      con->set_body(std::move(reply.body));
    }
  }

  asio::io_context& io_;
  SessionContext& context_;
  WsServerOptions options_;
  const HttpHandler on_http_;
  Address address_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ClientSocket>> clients_;
  std::unordered_map<Connection*, std::uint64_t> numbers_;
  bool joins_ = false;  // the port is another's, who shares it
  bool draining_ = false;
  Server server_;  // last: its connections may still call back while they go
};

WsServer::WsServer(asio::io_context& io, SessionContext& context, WsServerOptions options,
                   HttpHandler on_http)
    : impl_(std::make_unique<Impl>(io, context, std::move(options), std::move(on_http))) {}
WsServer::~WsServer() = default;

Result<bool> WsServer::start() { return impl_->start(); }
void WsServer::listen_on(const Address& address) { impl_->listen_on(address); }
const Address& WsServer::address() const { return impl_->address(); }
void WsServer::tick() { impl_->tick(); }
void WsServer::drain() { impl_->drain(); }
std::vector<ClientInfo> WsServer::clients() const { return impl_->clients(); }

}  // namespace bridge
