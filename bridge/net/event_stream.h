// Events over plain HTTP (Server-Sent Events, WHATWG HTML section 9.2): a client's session, written to a connection
// on which HttpConnection still reads. For ws_server.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "conversation/session.h"
#include "event/stream_text.h"
#include "net/client_socket.h"
#include "net/http_reply.h"

namespace bridge {

// Owned by its connection, and outlives none.
class EventStream final : public FrameSink, public std::enable_shared_from_this<EventStream> {
 public:
  using Buffers = std::vector<std::shared_ptr<const std::string>>;

  EventStream(asio::io_context& io, std::weak_ptr<Connection> connection, SessionContext& context, std::uint64_t number,
              std::string remote, std::shared_ptr<const Access> access, HttpAnswer answer)
      : io_(io),
        context_(context),
        connection_(std::move(connection)),
        answer_(std::move(answer)),
        session_(context, *this, number, std::move(remote), false, std::move(access), true) {}

  Session& session() { return session_; }

  // What it wants, as a client's request. The answer to it is the answer to the HTTP request: an error, or the stream.
  void begin(std::string_view request) {
    session_.open();
    session_.on_text(request);
  }

  std::size_t send(Buffers frames) override {
    std::size_t bytes = 0;
    for (const auto& frame : frames) bytes += frame->size();
    if (answer_) {
      // The first that is said is the reply.
      if (refused(*frames.front())) return bytes;
      waiting_ = std::move(frames);
      start();
      return 0;
    }
    if (!started_ || writing_) {
      waiting_.insert(waiting_.end(), frames.begin(), frames.end());
      return 0;
    }
    return write(std::move(frames), true);
  }

  // A comment, and how far the client has come by now, so that it may come back there.
  void ping() override {
    if (!started_ || writing_) return;
    const auto connection = connection_.lock();
    if (connection && connection->get_socket().key_is_worn()) {
      return close(CloseCode::going_away, "the TLS key has served its time");
    }
    std::string text = ":\n";
    if (const auto seq = session_.position()) text += stream_position(context_.log.epoch(), *seq) + "\n";
    const std::size_t size = text.size() + 1;
    if (write({std::make_shared<const std::string>(text + "\n")}, false) == size) session_.on_pong();
  }

  void close(CloseCode code, const std::string& reason) override {
    if (const HttpAnswer answer = std::exchange(answer_, nullptr)) {
      HttpReply reply = error_reply(503, ErrorType::busy, reason, context_.clock.wall_us());
      reply.last = true;
      return asio::post(io_, [answer, reply = std::move(reply)] { answer(reply); });
    }
    ending_ = true;
    if (!started_ || writing_) {
      last_words_ = ": " + std::to_string(static_cast<int>(code)) + " " + reason + "\n\n";
      return;
    }
    (void)write({std::make_shared<const std::string>(": " + std::to_string(static_cast<int>(code)) + " " + reason + "\n\n")}, false);
    if (!writing_) end();
  }

  void cut() override { end(); }

  void post(std::function<void()> f) override {
    asio::post(io_, [self = shared_from_this(), f = std::move(f)] { f(); });
  }

 private:
  static constexpr std::string_view kError = "event: reply\ndata: {\"status\":\"error\"";

  // Where the reply is an error, that is the answer.
  bool refused(std::string_view frame) {
    if (frame.substr(0, kError.size()) != kError) return false;
    HttpReply reply = reply_of_error(stream_payload(frame));
    reply.last = true;
    asio::post(io_, [answer = std::exchange(answer_, nullptr), reply = std::move(reply)] { answer(reply); });
    return true;
  }

  void start() {
    HttpReply reply = reply_with("text/event-stream", "retry: 1000\n\n");
    reply.headers.emplace_back("X-Accel-Buffering", "no");  // nginx would hold it back
    reply.stream = [self = weak_from_this()](std::function<void()> end) {
      const auto stream = self.lock();
      if (!stream) return;
      stream->end_ = std::move(end);
      stream->started_ = true;
      stream->go_on(0);
    };
    asio::post(io_, [answer = std::exchange(answer_, nullptr), reply = std::move(reply)] { answer(reply); });
  }

  // Returns how many bytes were written there and then; where those are not all, on_done() comes. `counts`: the session
  // wants to know.
  std::size_t write(Buffers frames, bool counts) {
    const auto connection = connection_.lock();
    if (!connection) return 0;
    std::vector<websocketpp::transport::buffer> buffers;
    std::size_t size = 0;
    for (const auto& frame : frames) {
      buffers.emplace_back(frame->data(), frame->size());
      size += frame->size();
    }
    writing_ = true;
    current_ = std::move(frames);
    const std::size_t written = connection->write_in_front(
        buffers, [self = shared_from_this()](const websocketpp::lib::error_code& ec) { self->on_done(!ec); });
    left_ = counts ? size - written : 0;
    if (written == size) on_idle();
    return written;
  }

  void on_idle() {
    writing_ = false;
    current_.clear();
  }

  void on_done(bool good) {
    on_idle();
    if (!good) return end();
    const std::size_t written = std::exchange(left_, 0);
    session_.on_pong();
    go_on(written);
  }

  // Nothing is being written; the session is told of so many bytes that were.
  void go_on(std::size_t written) {
    if (!waiting_.empty()) {
      std::size_t size = 0;
      for (const auto& frame : waiting_) size += frame->size();
      const std::size_t now = write(std::exchange(waiting_, {}), true);
      written += now;
      if (now != size) {
        if (written != 0) session_.on_written(written);
        return;
      }
    }
    if (!last_words_.empty()) (void)write({std::make_shared<const std::string>(std::exchange(last_words_, {}))}, false);
    if (ending_) {
      if (!writing_) end();
      return;
    }
    if (written != 0) session_.on_written(written);
  }

  void end() {
    ending_ = true;
    if (const auto end = std::exchange(end_, nullptr)) asio::post(io_, end);
  }

  asio::io_context& io_;
  SessionContext& context_;
  const std::weak_ptr<Connection> connection_;
  HttpAnswer answer_;            // until it is given
  std::function<void()> end_;    // of the connection; once the stream has started
  Session session_;
  Buffers waiting_;              // of the session's
  Buffers current_;              // being written
  std::size_t left_ = 0;         // of these, which the session has yet to hear of
  std::string last_words_;
  bool started_ = false;
  bool writing_ = false;
  bool ending_ = false;
};

}  // namespace bridge
