#include "net/ws_server.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <netinet/tcp.h>
#include <websocketpp/common/network.hpp>

#include "base/address.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "net/api_pages.h"
#include "net/client_list.h"
#include "net/client_socket.h"
#include "net/event_stream.h"
#include "net/http_connection.h"
#include "net/request_judge.h"
#include "net/tls_greeting.h"
#include "net/waiting_connections.h"

namespace bridge {

class OpenWsServer final : public WsServer, public HttpSite {
 public:
  OpenWsServer(asio::io_context& io, SessionContext& context, WsServerOptions options, HttpHandler on_http)
      : io_(io), context_(context), options_(std::move(options)), on_http_(std::move(on_http)),
        judge_(options_.sites, options_.trusted_proxies, options_.session, options_.addresses, context.counters, context.clock) {
    // It finds out the byte order at its first use and keeps it unguarded: before there are threads.
    (void)websocketpp::lib::net::_htonll(0);
    server_.init_asio(&io);
    context_.shed = [this] {
      if (std::exchange(shed_posted_, true)) return;
      asio::post(io_, [this] {
        shed_posted_ = false;
        clients_.shed();
      });
    };
    server_.set_reuse_addr(true);
    server_.set_listen_backlog(4096);
    server_.set_tcp_pre_bind_handler([this](const auto& acceptor) {
      acceptor_ = acceptor;
      const int on = 1;
      if (options_.share_port) ::setsockopt(acceptor->native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      return websocketpp::lib::error_code();
    });
    server_.set_max_message_size(options_.message_bytes_max);
    server_.set_open_handshake_timeout(0);  // HttpConnection keeps that time
    server_.set_pong_timeout(0);  // sessions keep that time themselves
    server_.set_user_agent("");
    if (options_.tls != nullptr) {
      greeting_ = std::make_unique<TlsGreeting>(io, *options_.tls);
      server_.set_greeting([this](const auto& con, auto done) { greeting_->begin(con, std::move(done)); });
    }
    server_.set_tcp_pre_init_handler([this](auto hdl) { on_tcp(hdl); });
    server_.set_validate_handler([this](auto hdl) { return validate(hdl); });
    server_.set_open_handler([this](auto hdl) { on_open(hdl); });
    server_.set_close_handler([this](auto hdl) { on_close(hdl); });
    server_.set_message_handler([this](auto hdl, auto message) { on_message(hdl, *message); });
    server_.set_ping_handler([this](auto hdl, std::string payload) {
      if (const auto client = connection(hdl)->client) client->on_ping(std::move(payload));
      return false;  // websocketpp would queue a pong for each
    });
    server_.set_pong_handler([this](auto hdl, const std::string&) {
      if (const auto& client = connection(hdl)->client) client->session().on_pong();
    });
  }

  ~OpenWsServer() override {
    // Handlers that the loop still holds may keep connections; their sessions must not outlive us.
    for (const auto& [con, number] : numbers_) {
      con->client.reset();
      con->stream.reset();
    }
  }

  void listen_on(const Address& address) override {
    options_.listen = address;
    joins_ = true;
  }

  Result<bool> start() override {
    const std::string where = "websocket.listen: cannot listen on " + to_string(options_.listen);
    const std::string& host = options_.listen.host;
    asio::error_code ec;
    const auto ip = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
    if (ec) return Failure{where + ": not an IP address"};
    websocketpp::lib::error_code error;
    const bool given = options_.listening_socket >= 0;
    // A shared port would be shared with another process as well, and that one's clients be ours at random.
    if (options_.share_port && !given && !joins_ && options_.listen.port != 0) {
      const std::string taken = bind_error(ip);
      if (!taken.empty()) return Failure{where + ": " + taken};
    }
    // websocketpp only listens by itself: so on any port, and then what was handed over takes that one's place.
    server_.listen(asio::ip::tcp::endpoint(ip, given ? std::uint16_t{0} : options_.listen.port), error);
    if (!error && given) {
      acceptor_->close(ec);
      const auto protocol = ip.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
      acceptor_->assign(protocol, ::fcntl(options_.listening_socket, F_DUPFD_CLOEXEC, 0), ec);
      if (ec) return Failure{where + ": the socket that was handed over: " + ec.message()};
    }
    // websocketpp hides which error it was; binding once more by hand tells.
    if (error) {
      const std::string why = bind_error(ip);
      return Failure{where + ": " + (why.empty() ? "the address was in use" : why)};
    }
    address_.host = host;
    address_.port = server_.get_local_endpoint(ec).port();
    judge_.set_address(address_);
    server_.start_accept(error);
    if (error) return Failure{where + ": " + error.message()};
    return true;
  }

  const Address& address() const override { return address_; }

  int listening_socket() const override { return acceptor_->native_handle(); }

  void apply(const WsServerOptions& options) override {
    options_.sites = options.sites;
    options_.clients_max = options.clients_max;
    options_.handshake_timeout = options.handshake_timeout;
    options_.send_buffer_bytes = options.send_buffer_bytes;
    options_.session = options.session;
    judge_.apply(options_.sites, options.trusted_proxies);
  }

  void tick() override { clients_.tick(); }

  void drain_until(std::int64_t by_us) override { clients_.drain_until(by_us); }

  void drain() override {
    websocketpp::lib::error_code ec;
    if (server_.is_listening()) {
      // Copies of the socket may stay open, and then closing it would not take it out of the loop.
      asio::error_code error;
      const int socket = acceptor_->release(error);
      server_.stop_listening(ec);
      if (!error) ::close(socket);
    }
    clients_.drain();
  }

  void report(ClientsReport& report) const override { clients_.report(report); }

  std::vector<ClientInfo> list(std::uint64_t connection, std::size_t max) const override { return clients_.infos(connection, max); }

  std::size_t connections() const override { return clients_.size() + waiting_->size(); }

 private:
  Server::connection_ptr connection(websocketpp::connection_hdl hdl) {
    return server_.get_con_from_hdl(std::move(hdl));
  }

  HttpReply full(std::int64_t now_us) const {
    HttpReply reply = error_reply(
        503, ErrorType::busy, clients_.ends() ? "the bridge stops" : clients_.drains() ? "the bridge is being drained" : "full", now_us);
    reply.headers.emplace_back("Retry-After", std::to_string(1 + std::max<std::int64_t>(0, clients_.drained_in_us()) / 1'000'000));
    return reply;
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
    const HandshakeRequest& request = con->get_request();
    request.deflate = options_.deflate_level != 0;
    request.messages = &(*options_.memory)[Queue::requests];
    con->set_front(std::make_unique<HttpConnection>(io_, *con, *this, context_.clock, (*options_.memory)[Queue::http],
                                                    options_.http_body_bytes_max, options_.handshake_timeout));
    con->number = ++last_number_;
    con->set_open_by(std::chrono::steady_clock::now() + options_.handshake_timeout);
    asio::error_code ec;
    waiting_->add(con->number, con.get(), peer_key(con->get_raw_socket().remote_endpoint(ec).address()));
    con->counted = std::shared_ptr<void>(
        nullptr, [admission = options_.admission, waiting = waiting_, n = con->number](void*) {
          --admission->connections;
          waiting->erase(n);
        });
    const bool crowded = ++options_.admission->connections > options_.clients_max + kOtherConnectionsMax;
    if (!judge_.arrive(*con, con->get_remote_endpoint())) {
      waiting_->erase(con->number);
      return turn_away(*con);
    }
    if (!crowded) return;
    // One that has not become a client makes room: it may be silent for good.
    ++context_.counters.clients_refused;
    turn_away(*waiting_->crowded_out());
  }

  // Nothing was said over it yet.
  void turn_away(Connection& con) {
    if (greeting_) return greeting_->abandon(con);
    asio::error_code ec;
    con.get_raw_socket().close(ec);
  }

  std::optional<HttpReply> judge(Connection& con, const HttpHead& head) override {
    const bool upgrade = is_websocket_handshake(head);
    auto refusal = judge_.judge_place(con, head, upgrade);
    if (!refusal && upgrade && clients_.drains()) {
      ++context_.counters.clients_refused;
      return full(context_.clock.wall_us());
    }
    if (!refusal) refusal = judge_.judge_asker(con, head, upgrade);
    if (!upgrade) ++context_.counters.http_requests;
    if (!refusal || !upgrade) return refusal;
    ++context_.counters.clients_refused;
    log_warn("client_refused", "refused a WebSocket from {} with {}: its Origin is {}", con.asker.remote, refusal->status,
                 printable(head.field("origin")));
    return refusal;
  }

  // HttpConnection has judged it.
  bool validate(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    const auto& offered = con->get_requested_subprotocols();
    if (!offered.empty()) con->select_subprotocol(offered.front());
    return true;
  }

  void on_open(const websocketpp::connection_hdl& hdl) {
    const auto con = connection(hdl);
    websocketpp::lib::error_code error;
    if (clients_.drains() || ++options_.admission->clients > options_.clients_max) {
      if (!clients_.drains()) --options_.admission->clients;
      ++context_.counters.clients_refused;
      con->close(static_cast<websocketpp::close::status::value>(
                     clients_.drains() ? CloseCode::going_away : CloseCode::try_again_later),
                 clients_.drains() ? "the bridge stops" : "full", error);
      return;
    }
    tune(*con);
    const std::uint64_t number = ++options_.admission->last_number;
    const bool deflate = !con->get_response_header("Sec-WebSocket-Extensions").empty();
    con->client = std::make_shared<ClientSocket>(io_, con, context_, number,
                                                 con->asker.remote, deflate,
                                                 std::move(con->access));
    add(*con, number, std::shared_ptr<Session>(con->client, &con->client->session()));
    con->get_request().forget();
    con->get_response().forget();
    con->client->session().open();
  }

  // What is written goes out at once.
  void tune(Connection& con) {
    asio::error_code ec;
    auto& socket = con.get_raw_socket();
    socket.set_option(asio::ip::tcp::no_delay(true), ec);
    if (ec) log_warn("socket_option_failed", "cannot set TCP_NODELAY for a client: {}", ec.message());
    if (options_.send_buffer_bytes > 0) {
      socket.set_option(asio::socket_base::send_buffer_size(options_.send_buffer_bytes), ec);
    }
  }

  void add(Connection& con, std::uint64_t number, std::shared_ptr<Session> session) {
    ++context_.counters.clients_accepted;
    clients_.add(number, std::move(session));
    numbers_.emplace(&con, number);
    waiting_->erase(con.number);
  }

  void on_close(const websocketpp::connection_hdl& hdl) { remove(*connection(hdl)); }

  void remove(Connection& con) {
    const auto number = numbers_.find(&con);
    if (number == numbers_.end()) return;
    clients_.erase(number->second);
    numbers_.erase(number);
    con.client.reset();
    con.stream.reset();
    --options_.admission->clients;
  }

  void on_message(const websocketpp::connection_hdl& hdl, const Message& message) {
    const auto con = connection(hdl);
    // The session may end the connection while it answers.
    const std::shared_ptr<ClientSocket> client = con->client;
    if (!client) return;
    if (message.keeps_context()) {
      client->close(CloseCode::protocol_error,
                    "compressed with the context of an earlier message; client_no_context_takeover was agreed on");
      return;
    }
    if (message.get_opcode() != websocketpp::frame::opcode::text) {
      client->close(CloseCode::unsupported, "text messages only");
      return;
    }
    client->session().on_text(message.get_payload());
  }

  void answer(Connection& con, const HttpHead& head, std::shared_ptr<const std::string> body, const HttpAnswer& answer) override {
    if (head.path == "/events" && (head.method == "GET" || head.method == "HEAD")) return stream(con, head, answer);
    HttpRequest request = request_of(head, *body);
    request.anybody = options_.session.authenticator == nullptr;
    request.access = con.access;
    request.secure = con.asker.secure;
    request.remote = con.asker.remote;
    request.owner = std::move(body);
    on_http_(request, comes_from_own_site(head, judge_.place(con)), answer);
  }

  // GET /events: a client like any other, but for what it is written as.
  void stream(Connection& con, const HttpHead& head, const HttpAnswer& answer) {
    const std::int64_t now_us = context_.clock.wall_us();
    const bool must_say_who = options_.session.authenticator != nullptr;
    if (auto refusal = refuse_stream(head, judge_.place(con), must_say_who, con.access.get(), now_us)) {
      if (must_say_who) judge_.record(con, con.access == nullptr ? "unauthorized" : "forbidden", head.path);
      return answer(*refusal);
    }
    const auto request = stream_request(head.query, head.field("last-event-id"));
    if (!request) return answer(error_reply(400, ErrorType::bad_request, request.error().message, now_us));
    if (head.method == "HEAD") return answer(reply_with("text/event-stream", ""));
    if (clients_.drains() || ++options_.admission->clients > options_.clients_max) {
      if (!clients_.drains()) --options_.admission->clients;
      ++context_.counters.clients_refused;
      return answer(full(now_us));
    }
    tune(con);
    // Its pongs: what it was sent must be acknowledged.
    const auto patience_ms = static_cast<int>(options_.session.pong_timeout_us / 1000);
    ::setsockopt(con.get_raw_socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    const std::uint64_t number = ++options_.admission->last_number;
    con.stream = std::make_shared<EventStream>(io_, con.get_shared(), context_, number, con.asker.remote,
                                               con.access, answer);
    add(con, number, std::shared_ptr<Session>(con.stream, &con.stream->session()));
    const std::shared_ptr<EventStream> stream = con.stream;  // it may end with this
    stream->begin(request.value());
  }

  void ended(Connection& con) override { remove(con); }

  bool finish(const HttpHead& head, HttpReply& reply) override {
    allow_origin(head, {address_, options_.sites}, reply);
    return !clients_.ends();
  }

  asio::io_context& io_;
  SessionContext& context_;
  WsServerOptions options_;
  const HttpHandler on_http_;
  RequestJudge judge_;
  Address address_;
  ClientList clients_{context_.clock};
  std::unordered_map<Connection*, std::uint64_t> numbers_;
  const std::shared_ptr<WaitingConnections<Connection>> waiting_ =
      std::make_shared<WaitingConnections<Connection>>();
  std::uint64_t last_number_ = 0;  // of a TCP connection
  bool shed_posted_ = false;
  bool joins_ = false;  // the port is another's, who shares it
  std::shared_ptr<asio::ip::tcp::acceptor> acceptor_;  // websocketpp's
  std::unique_ptr<TlsGreeting> greeting_;  // null: plain
  Server server_;  // last: its connections may still call back while they go
};

std::unique_ptr<WsServer> WsServer::make(asio::io_context& io, SessionContext& context, WsServerOptions options,
                                         HttpHandler on_http) {
  return std::make_unique<OpenWsServer>(io, context, std::move(options), std::move(on_http));
}

}  // namespace bridge
