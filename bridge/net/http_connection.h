// A connection while HTTP is spoken on it: requests one after the other, until one of them makes it a WebSocket. For
// ws_server.cpp only.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/memory_ledger.h"
#include "net/client_socket.h"
#include "net/gzip.h"
#include "net/http_parser.h"
#include "net/http_reply.h"
#include "net/http_rules.h"

namespace bridge {

// What requests are judged and answered by. One thread: the loop's.
class HttpSite {
 public:
  // Of a request whose head is there, before its body is read: why it is refused.
  virtual std::optional<HttpReply> judge(Connection& connection, const HttpHead& head) = 0;
  // Answers it now or later; the request's views last until the reply is given, and its body for as long as it is held.
  virtual void answer(Connection& connection, const HttpHead& head, std::shared_ptr<const std::string> body,
                      const HttpAnswer& answer) = 0;
  // It has ended, other than by becoming a WebSocket. It may have been answered with a stream.
  virtual void ended(Connection& connection) = 0;
  // What each reply gets besides. False where the connection is to end behind it.
  virtual bool finish(const HttpHead& head, HttpReply& reply) = 0;

 protected:
  ~HttpSite() = default;
};

class HttpConnection final : public Front {
 public:
  // `patience`: with a request, from its first byte to its last. All else outlives this.
  HttpConnection(asio::io_context& io, Connection& connection, HttpSite& site, const Clock& clock, MemoryShare& memory,
                 std::size_t body_bytes_max, std::chrono::milliseconds patience)
      : io_(io),
        con_(connection),
        site_(site),
        clock_(clock),
        body_bytes_max_(body_bytes_max),
        patience_(patience),
        memory_(memory),
        parser_(body_bytes_max),
        deadline_(io) {}

  void begin() override {
    asio::error_code ec;
    con_.get_raw_socket().set_option(asio::ip::tcp::no_delay(true), ec);  // answers behind each other go at once
    wait(con_.open_by() - std::chrono::steady_clock::now());  // TLS may have taken its part of it
    read();
  }

 private:
  using Code = websocketpp::lib::error_code;
  enum class State { reading, answering, writing, streaming, lingering, ended };

  void read() {
    if (std::exchange(reads_, true)) return;
    con_.read_in_front(buffer_.data(), buffer_.size(), [this, con = con_.get_shared()](const Code& ec, std::size_t n) {
      on_read(ec, n);
    });
  }

  void on_read(const Code& ec, std::size_t size) {
    reads_ = false;
    if (state_ == State::ended) return;
    if (ec) return end();
    if (state_ == State::lingering) {
      lingered_ += size;
      return lingered_ > kLingerBytesMax ? end() : read();
    }
    if (state_ == State::streaming) return read();  // only its end is of interest
    if (state_ != State::reading) return;           // it is refused already
    unread_ = {buffer_.data(), size};
    go_on();
  }

  // Reads on in what has come.
  void go_on() {
    while (!unread_.empty()) {
      if (!parser_.has_begun()) wait(patience_);
      const std::size_t took = parser_.take(unread_);
      unread_.remove_prefix(took);
      if (!memory_.try_take(took)) {
        return refuse(error_reply(503, ErrorType::busy, "too much is being sent at a time; try again soon",
                                  clock_.wall_us()));
      }
      if (parser_.at() == HttpParser::At::failed) return refuse(problem_reply(parser_.problem(), clock_.wall_us()));
      if (parser_.has_head() && !std::exchange(judged_, true)) {
        if (auto refusal = site_.judge(con_, parser_.head())) return refuse(std::move(*refusal));
        if (is_websocket_handshake(parser_.head())) return upgrade();
        if (parser_.at() == HttpParser::At::body && !invite_body()) return end();
      }
      if (parser_.at() == HttpParser::At::end) return take_request();
    }
    read();
  }

  // Lets a client that asks first send its body.
  bool invite_body() {
    parser_.body().reserve(static_cast<std::size_t>(std::min<std::uint64_t>(parser_.left(), body_bytes_max_)));
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!parser_.head().has("expect") || !unread_.empty()) return true;
    return con_.write_in_front({{kContinue.data(), kContinue.size()}}, [con = con_.get_shared()](const Code&) {}) ==
           kContinue.size();
  }

  void upgrade() {
    if (parser_.at() != HttpParser::At::end) {
      return refuse(problem_reply({400, "a WebSocket handshake", "a request with a body", "one without"},
                                  clock_.wall_us()));
    }
    std::unique_ptr<Front> self;
    const auto con = con_.get_shared();
    std::string bytes = plain_handshake(parser_.head());
    bytes += unread_;
    con->handle_read_handshake({}, con->end_front(std::move(bytes), self));
  }

  void take_request() {
    state_ = State::answering;
    deadline_.cancel();
    const std::string coding = parser_.head().field("content-encoding");
    if (coding != "gzip" && coding != "x-gzip") return ask(std::move(parser_.body()));
    unzip_ = std::make_unique<Gunzip>(parser_.body(), body_bytes_max_);
    unzip();
  }

  // A step a turn.
  void unzip() {
    const std::size_t before = unzip_->out().size();
    const Unzipped result = unzip_->step();
    const std::size_t grown = unzip_->out().size() - before;
    if (!memory_.try_take(grown)) {
      return refuse(error_reply(503, ErrorType::busy, "too much is being sent at a time; try again soon",
                                clock_.wall_us()));
    }
    if (result == Unzipped::more) return later(&HttpConnection::unzip);
    if (result == Unzipped::whole) return ask(unzip_->take());
    const bool too_large = result == Unzipped::too_large;
    reply(problem_reply({too_large ? 413 : 400, "the body", too_large ? "larger once it is inflated" : "no whole gzip",
                         too_large ? "0.." + std::to_string(body_bytes_max_) + " (events.message_bytes_max)"
                                   : "what Content-Encoding says"},
                        clock_.wall_us()));
  }

  void ask(std::string body) {
    site_.answer(con_, parser_.head(), std::make_shared<const std::string>(std::move(body)), [this, con = con_.get_shared()](HttpReply given) {
      if (state_ == State::answering) reply(std::move(given));
    });
  }

  // What else comes is not looked at.
  void refuse(HttpReply given) {
    refused_ = true;
    state_ = State::answering;
    reply(std::move(given));
  }

  void reply(HttpReply given) {
    reply_ = std::move(given);
    keep_ = site_.finish(parser_.head(), reply_) && !refused_ && !reply_.stream && !reply_.last && parser_.head().keeps_alive();
    if (reply_.stream) return write();
    if (!memory_.try_take(reply_.body.size())) {
      reply_ = error_reply(503, ErrorType::busy, "the answers under way take too much memory; try again soon",
                           clock_.wall_us());
    }
    const bool text = reply_.content_type.find("text/") == 0 || reply_.content_type.find("application/") == 0 ||
                      reply_.content_type.find("+xml") != std::string::npos;
    if (!text || reply_.body.size() < Gzip::kWorthBytes) return write();
    reply_.headers.emplace_back("Vary", "Accept-Encoding");
    if (!accepts_gzip(parser_.head().field("accept-encoding"))) return write();
    for (auto& [name, value] : reply_.headers) {
      if (name == "ETag" && value[0] == '"') value.insert(0, "W/");
    }
    reply_.headers.emplace_back("Content-Encoding", "gzip");
    if (!reply_.gzipped.empty()) {
      reply_.body = reply_.gzipped;
      return write();
    }
    zip_ = std::make_unique<Gzip>();
    zipped_ = 0;
    zip();
  }

  void zip() {
    const std::string_view part = std::string_view(reply_.body).substr(zipped_, Gzip::kStepBytes);
    zipped_ += part.size();
    const bool last = zipped_ == reply_.body.size();
    if (!zip_->add(part, last)) return end();
    if (!last) return later(&HttpConnection::zip);
    reply_.body = zip_->take();
    zip_.reset();
    write();
  }

  void write() {
    state_ = State::writing;
    wait(kReply);
    const bool bodiless = parser_.head().method == "HEAD" || reply_.status == 204 || reply_.status == 304;
    head_text_ = reply_head(reply_, reply_.body.size(), keep_, clock_.wall_us());
    if (bodiless) reply_.body.clear();
    std::vector<websocketpp::transport::buffer> buffers{{head_text_.data(), head_text_.size()}};
    if (!reply_.body.empty()) buffers.emplace_back(reply_.body.data(), reply_.body.size());
    const std::size_t size = head_text_.size() + reply_.body.size();
    const std::size_t written = con_.write_in_front(buffers, [this, con = con_.get_shared()](const Code& ec) {
      if (state_ == State::ended) return;
      ec ? end() : on_written();
    });
    if (written == size) on_written();
  }

  void on_written() {
    if (reply_.stream) return stream();
    reply_ = {};
    unzip_.reset();
    memory_.release();
    if (!keep_) return refused_ ? linger() : end();
    parser_.next();
    judged_ = false;
    state_ = State::reading;
    wait(kIdle);
    if (unread_.empty()) return read();
    later(&HttpConnection::go_on);  // others are due
  }

  void stream() {
    state_ = State::streaming;
    deadline_.cancel();
    memory_.release();
    const auto begin = std::exchange(reply_, {}).stream;
    begin([this, con = std::weak_ptr<Connection>(con_.get_shared())] {
      if (!con.expired()) end();
    });
    if (state_ == State::streaming) read();
  }

  // What was sent and not read would take the answer with it when the connection is closed.
  void linger() {
    state_ = State::lingering;
    wait(kLinger);
    asio::error_code ec;
    con_.get_socket().shutdown_send(ec);
    read();
  }

  void end() {
    if (std::exchange(state_, State::ended) == State::ended) return;
    deadline_.cancel();
    const auto con = con_.get_shared();
    site_.ended(con_);
    con_.terminate(websocketpp::error::make_error_code(websocketpp::error::http_connection_ended));
  }

  void later(void (HttpConnection::*step)()) {
    asio::post(io_, [this, step, con = con_.get_shared()] {
      if (state_ != State::ended) (this->*step)();
    });
  }

  void wait(std::chrono::steady_clock::duration time) {
    deadline_.expires_after(time);
    deadline_.async_wait([this, con = con_.get_shared()](const asio::error_code& ec) {
      // It may have been set anew, or the connection be a WebSocket, when this was under way already.
      if (ec || con->front() != this || deadline_.expiry() > std::chrono::steady_clock::now()) return;
      on_deadline();
    });
  }

  void on_deadline() {
    if (state_ != State::reading || !parser_.has_begun()) return end();
    refuse(error_reply(408, ErrorType::timeout,
                       "the request is not whole after " + std::to_string(patience_.count()) + " ms",
                       clock_.wall_us()));
  }

  static constexpr std::chrono::seconds kIdle{30};   // between two requests
  static constexpr std::chrono::seconds kReply{30};  // to take what was answered
  static constexpr std::chrono::seconds kLinger{1};  // to see why the rest of its request is not read
  static constexpr std::size_t kLingerBytesMax = 1024 * 1024;

  asio::io_context& io_;
  Connection& con_;
  HttpSite& site_;
  const Clock& clock_;
  const std::size_t body_bytes_max_;
  const std::chrono::milliseconds patience_;
  MemoryHold memory_;
  std::array<char, 4096> buffer_;
  std::string_view unread_;  // of it
  HttpParser parser_;
  State state_ = State::reading;
  bool reads_ = false;   // there is a read under way
  bool judged_ = false;
  bool refused_ = false;
  bool keep_ = false;
  std::size_t lingered_ = 0;
  std::unique_ptr<Gunzip> unzip_;
  std::unique_ptr<Gzip> zip_;
  std::size_t zipped_ = 0;
  HttpReply reply_;
  std::string head_text_;
  asio::steady_timer deadline_;
};

}  // namespace bridge
