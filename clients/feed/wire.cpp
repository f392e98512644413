#include "feed/wire.h"

#include <signal.h>

#include <array>
#include <mutex>
#include <utility>

#include <asio.hpp>
#include <websocketpp/client.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

#include "feed/client_tls.h"

namespace feed {
namespace {

// Keeps the Host that it was given: websocketpp's has no brackets around an IPv6 address.
struct Request : websocketpp::config::asio_client::request_type {
  void replace_header(const std::string& name, const std::string& value) {
    if (name != "Host" || get_header(name).empty()) request::replace_header(name, value);
  }
};

// websocketpp's client for one thread, without its logs. Its own time limits are long: the user of
// the wire sets the limit that counts, and drops what takes longer.
struct Config : websocketpp::config::asio_client {
  using type = Config;
  using base = websocketpp::config::asio_client;
  using concurrency_type = websocketpp::concurrency::none;
  using request_type = Request;
  using response_type = base::response_type;
  using message_type = base::message_type;
  using con_msg_manager_type = base::con_msg_manager_type;
  using endpoint_msg_manager_type = base::endpoint_msg_manager_type;
  using alog_type = websocketpp::log::basic<concurrency_type, websocketpp::log::alevel>;
  using elog_type = websocketpp::log::basic<concurrency_type, websocketpp::log::elevel>;
  using rng_type =
      websocketpp::random::random_device::int_generator<std::uint32_t, concurrency_type>;

  struct transport_config : base::transport_config {
    using concurrency_type = type::concurrency_type;
    using alog_type = type::alog_type;
    using elog_type = type::elog_type;
    using request_type = type::request_type;
    using response_type = type::response_type;
    using socket_type = tls::EitherEndpoint;
    static const long timeout_socket_post_init = 0;
    static const bool enable_multithreading = false;
    static const long timeout_dns_resolve = 600000;
    static const long timeout_connect = 600000;
  };
  using transport_type = websocketpp::transport::asio::endpoint<transport_config>;

  static const bool enable_multithreading = false;
  static const long timeout_open_handshake = 600000;
  static const websocketpp::log::level elog_level = websocketpp::log::elevel::none;
  static const websocketpp::log::level alog_level = websocketpp::log::alevel::none;
  static const size_t connection_read_buffer_size = 65536;
  static const size_t max_message_size = Wire::kMessageBytesMax;
  static const size_t max_http_body_size = 65536;
};

using Endpoint = websocketpp::client<Config>;
using Connection = Endpoint::connection_ptr;

std::string with_code(std::uint16_t code, const std::string& reason) {
  std::string text = "closed by the bridge (" + std::to_string(code);
  if (!reason.empty()) text += " " + reason;
  return text + ")";
}

// Why an opened connection ended.
Wire::Closed closed_reason(Endpoint::connection_type& connection) {
  namespace status = websocketpp::close::status;
  const auto code = connection.get_remote_close_code();
  if (code != status::abnormal_close && code != status::no_status && code != status::blank) {
    return {with_code(code, connection.get_remote_close_reason()), code};
  }
  // A local code other than "abnormal" means that this side ended it, for a breach of the WebSocket
  // protocol.
  const auto own = connection.get_local_close_code();
  if (own != status::abnormal_close && own != status::blank && own != status::normal) {
    return {"the bridge broke the WebSocket protocol (" + connection.get_local_close_reason() + ")",
            0};
  }
  if (const asio::error_code error = connection.get_transport_ec();
      error && error != asio::error::eof) {
    return {error.message(), 0};
  }
  return {"the bridge closed the connection", 0};
}

// Why a connection never opened.
Wire::Closed failed_reason(Endpoint::connection_type& connection) {
  const auto status = connection.get_response_code();
  if (status != websocketpp::http::status_code::uninitialized &&
      status != websocketpp::http::status_code::switching_protocols) {
    std::string text = "the server answered HTTP " + std::to_string(static_cast<int>(status)) + " " +
                       connection.get_response_msg();
    // What the bridge says to a request that it cannot take; only that is a line of text.
    const std::string& why = connection.get_response().get_body();
    const bool plain = connection.get_response_header("Content-Type").rfind("text/plain", 0) == 0;
    if (plain && !why.empty()) text += ": " + why.substr(0, why.find_first_of("\r\n"));
    return {std::move(text), 0, status == websocketpp::http::status_code::bad_request};
  }
  if (const asio::error_code error = connection.get_transport_ec()) return {error.message(), 0};
  return {connection.get_ec().message(), 0};
}

}  // namespace

struct Wire::Impl {
  Impl(Callbacks given, std::string ca)
      : callbacks(std::move(given)),
        tls(std::move(ca)),
        work(asio::make_work_guard(loop)),
        timers{asio::steady_timer(loop), asio::steady_timer(loop), asio::steady_timer(loop),
               asio::steady_timer(loop)} {
    // It finds out the byte order at its first use and keeps it unguarded: once, before any thread of ours sends.
    static const auto known = websocketpp::lib::net::_htonll(0);
    (void)known;
    endpoint.init_asio(&loop);
    endpoint.set_greeting([this](const auto& connection, auto done) { tls.greet(connection, std::move(done)); });
  }

  asio::steady_timer& timer(Timer which) { return timers[static_cast<size_t>(which)]; }

  bool is_current(const websocketpp::connection_hdl& handle) const {
    return current && current.get() == handle.lock().get();
  }

  void opened(const websocketpp::connection_hdl& handle);
  void ended(const websocketpp::connection_hdl& handle, Closed (*why)(Endpoint::connection_type&));

  Callbacks callbacks;
  ClientTls tls;
  asio::io_context loop;  // outlives the endpoint, which refers to it
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::array<asio::steady_timer, 4> timers;
  Endpoint endpoint;
  Connection current;
  bool open = false;
  bool paused = false;
  std::mutex post_mutex;  // guards over against a post at the same moment
  bool over = false;
};

void Wire::Impl::opened(const websocketpp::connection_hdl& handle) {
  if (!is_current(handle)) {
    // Dropped while it was connecting, and yet it came through.
    asio::error_code ignored;
    if (const auto connection = endpoint.get_con_from_hdl(handle)) {
      connection->get_raw_socket().close(ignored);
    }
    return;
  }
  open = true;
  // Only here is the socket open. Without it a request may wait for the acknowledgement of the one
  // before; it works nevertheless, so a failure is not worth the connection.
  asio::error_code ignored;
  current->get_raw_socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  callbacks.on_open();
}

void Wire::Impl::ended(const websocketpp::connection_hdl& handle,
                       Closed (*why)(Endpoint::connection_type&)) {
  if (!is_current(handle)) return;
  Closed closed = why(*current);
  if (!tls.trouble().empty()) closed = {tls.trouble(), 0, true};
  // websocketpp may report from within a call of ours; the promise is that we do not.
  asio::post(loop, [this, ended = current, closed = std::move(closed)]() mutable {
    if (current != ended) return;
    current.reset();
    open = false;
    callbacks.on_closed(std::move(closed));
  });
}

Wire::Wire(Callbacks callbacks, std::string ca)
    : impl_(std::make_unique<Impl>(std::move(callbacks), std::move(ca))) {}

Wire::~Wire() = default;

void Wire::run() {
  // OpenSSL writes without MSG_NOSIGNAL.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  impl_->loop.run();
  {
    const std::lock_guard<std::mutex> lock(impl_->post_mutex);
    impl_->over = true;
  }
  // What was posted while the loop was ending: somebody may be waiting for it.
  impl_->loop.restart();
  impl_->loop.poll();
}

void Wire::stop() {
  impl_->loop.stop();
}

bool Wire::post(std::function<void()> task) {
  const std::lock_guard<std::mutex> lock(impl_->post_mutex);
  if (impl_->over) return false;
  asio::post(impl_->loop, std::move(task));
  return true;
}

void Wire::set_timer(Timer which, std::chrono::milliseconds wait, std::function<void()> task) {
  asio::steady_timer& timer = impl_->timer(which);
  timer.expires_after(wait);
  // A timer that has already expired is not cancelled by setting it anew: look at its new expiry.
  timer.async_wait([&timer, due = timer.expiry(), task = std::move(task)](asio::error_code error) {
    if (!error && timer.expiry() == due) task();
  });
}

void Wire::cancel_timer(Timer which) {
  impl_->timer(which).expires_at(asio::steady_timer::time_point::max());
}

void Wire::cancel_timers() {
  for (const Timer which : {Timer::kDeadline, Timer::kRetry, Timer::kAlive, Timer::kClosing}) {
    cancel_timer(which);
  }
}

void Wire::open(const std::string& url) {
  drop();
  Impl& impl = *impl_;
  impl.tls.forget_trouble();
  websocketpp::lib::error_code error;
  Connection connection = impl.endpoint.get_connection(url, error);
  if (error) {
    asio::post(impl.loop, [&impl, why = error.message()] { impl.callbacks.on_closed({why, 0}); });
    return;
  }
  const std::size_t host = url.find("//") + 2;
  connection->replace_header("Host", url.substr(host, url.find('/', host) - host));
  connection->set_open_handler([&impl](const auto& handle) { impl.opened(handle); });
  connection->set_fail_handler([&impl](const auto& handle) { impl.ended(handle, failed_reason); });
  connection->set_close_handler([&impl](const auto& handle) { impl.ended(handle, closed_reason); });
  connection->set_message_handler([&impl](const auto& handle, const auto& message) {
    if (impl.is_current(handle)) {
      impl.callbacks.on_text(std::move(message->get_raw_payload()));
    }
  });
  connection->set_ping_handler([&impl](const auto& handle, const std::string&) {
    if (impl.is_current(handle)) impl.callbacks.on_sign_of_life();
    return true;
  });
  connection->set_pong_handler([&impl](const auto& handle, const std::string&) {
    if (impl.is_current(handle)) impl.callbacks.on_sign_of_life();
  });
  impl.current = connection;
  impl.paused = false;
  impl.endpoint.connect(std::move(connection));
}

bool Wire::send(const std::string& text) {
  if (!impl_->open) return false;
  return !impl_->current->send(text, websocketpp::frame::opcode::text);
}

void Wire::ping() {
  if (!impl_->open) return;
  websocketpp::lib::error_code ignored;
  impl_->current->ping("", ignored);
}

// websocketpp's own pause_reading() takes effect one read later, and a resume before that read has
// ended would start a second one into the same buffer. On the loop's thread the handlers behind it
// may be called directly: pause() comes from within a message, where no read is under way, and
// resume() from outside of one.
void Wire::pause() {
  if (!impl_->open || impl_->paused) return;
  impl_->paused = true;
  impl_->current->handle_pause_reading();
}

void Wire::resume() {
  if (!impl_->paused) return;
  impl_->paused = false;
  if (impl_->open) impl_->current->handle_resume_reading();
}

bool Wire::paused() const {
  return impl_->paused;
}

void Wire::close() {
  if (!impl_->open) return;
  websocketpp::lib::error_code ignored;
  impl_->current->close(websocketpp::close::status::normal, "", ignored);
}

void Wire::drop() {
  const Connection dropped = std::move(impl_->current);
  impl_->current.reset();
  impl_->open = false;
  impl_->paused = false;
  if (!dropped) return;
  // Closing the socket ends whatever websocketpp waits for; its callbacks find another connection,
  // or none.
  websocketpp::lib::error_code aborted =
      websocketpp::error::make_error_code(websocketpp::error::operation_canceled);
  dropped->terminate(aborted);
  asio::error_code ignored;
  dropped->get_raw_socket().close(ignored);
}

}  // namespace feed
