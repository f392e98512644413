// websocketpp's Asio transport, but one that can write to a socket at once.
//
// websocketpp posts every write to the loop and learns on a further turn that it is through: two turns of
// the loop and several allocations a message, although a socket that is not behind takes it there and
// then. Between begin_at_once() and end_at_once() a connection gathers what is sent and gives it to the
// socket with one call; what the socket does not take goes the usual way, from the byte on at which it
// stopped. Queue, order and flags stay websocketpp's. Where it has nothing queued and writes nothing, write_ahead()
// does without these, too. Written against 0.8.2, whose methods it hides.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <websocketpp/transport/asio/base.hpp>

// websocketpp keeps 1 KB twice in each connection for what one read and one write allocate. Asio keeps such memory for a
// thread, which is enough for all of them.
namespace websocketpp::transport::asio {
struct no_handler_allocator {};
template <class Handler>
Handler make_custom_alloc_handler(no_handler_allocator&, Handler handler) {
  return handler;
}
}  // namespace websocketpp::transport::asio

#define handler_allocator no_handler_allocator
#include <websocketpp/transport/asio/connection.hpp>
#undef handler_allocator
#include <websocketpp/transport/asio/endpoint.hpp>

namespace bridge {

// What reads a connection in websocketpp's place until that is to have it: plain HTTP. Owned by the connection.
class Front {
 public:
  virtual ~Front() = default;
  // The connection may be read from now on.
  virtual void begin() = 0;
};

// One thread: the loop's.
template <class Config>
class AtOnceConnection : public websocketpp::transport::asio::connection<Config> {
  using Base = websocketpp::transport::asio::connection<Config>;
  using Buffer = websocketpp::transport::buffer;

 public:
  using ptr = std::shared_ptr<AtOnceConnection>;
  using Base::Base;

  void set_front(std::unique_ptr<Front> front) { front_ = std::move(front); }
  const Front* front() const { return front_.get(); }
  // For the front. One read and one write at a time.
  void read_in_front(char* into, std::size_t size, websocketpp::transport::read_handler done) {
    Base::async_read_at_least(1, into, size, std::move(done));
  }
  // Returns how many bytes the socket took there and then; unless that were all, `done` is called once the others
  // are written or lost.
  std::size_t write_in_front(const std::vector<Buffer>& buffers, const websocketpp::transport::write_handler& done) {
    const std::size_t written = write_now(buffers);
    if (keep_rest(buffers, written)) Base::async_write(rest_, done);
    return written;
  }
  // Ends it: websocketpp reads these bytes, and then what comes. Returns how many of them are in the buffer that
  // websocketpp showed. The front is the caller's to keep until it is through with it.
  std::size_t end_front(std::string bytes, std::unique_ptr<Front>& front) {
    front = std::move(front_);
    ahead_ = std::move(bytes);
    return take_ahead(first_into_, first_size_);
  }

  // Gives the socket whole frames that websocketpp has not seen: a third of the memory that a delivery looks at is
  // websocketpp's, and with many clients none of it is in a cache. Returns how many bytes it took; unless those were all,
  // send the same frames next, and what was taken is left out. 0 where websocketpp has something to write: that comes
  // first.
  std::size_t write_ahead(const std::vector<std::shared_ptr<const std::string>>& frames) {
    if (dispatched_ != 0 || writing_) return 0;
    std::array<iovec, kVectorsMax> vectors;
    std::size_t count = 0;
    std::size_t left = kBytesMax;
    for (const auto& frame : frames) {
      if (count == vectors.size() || left == 0) break;
      vectors[count] = {const_cast<char*>(frame->data()), std::min(frame->size(), left)};
      left -= vectors[count++].iov_len;
    }
    return written_ahead_ = this->get_socket().write_now(vectors.data(), count);
  }
  // All that was to be sent was written ahead.
  void end_ahead() { written_ahead_ = 0; }

  void begin_at_once() { at_once_ = true; }

  // Writes what was sent since. Errors are not told from in here but on a later turn, as always.
  void end_at_once() {
    while (write_) std::exchange(write_, nullptr)();
    at_once_ = false;
  }

 protected:
  void async_read_at_least(std::size_t at_least, char* into, std::size_t size,
                           websocketpp::transport::read_handler done) {
    if (front_) {
      // The handler is not kept: it holds the connection, which would hold itself.
      first_into_ = into;
      first_size_ = size;
      front_->begin();
    } else if (!ahead_.empty()) {
      // websocketpp's handler does not keep the connection, the transport does.
      const std::size_t got = take_ahead(into, size);
      asio::post(this->get_raw_socket().get_executor(), [self = Base::get_shared(), done = std::move(done), got] {
        done({}, got);
      });
    } else {
      Base::async_read_at_least(at_least, into, size, std::move(done));
    }
  }

  void async_write(const char* data, std::size_t size,
                   const websocketpp::transport::write_handler& handler) {
    Base::async_write(data, size, until_written(handler));
  }

  void async_write(const std::vector<Buffer>& buffers,
                   const websocketpp::transport::write_handler& handler) {
    std::size_t written = std::exchange(written_ahead_, 0);
    if (written == 0 && at_once_) written = write_now(buffers);
    if (keep_rest(buffers, written)) {
      Base::async_write(rest_, until_written(handler));
    } else {
      handler(websocketpp::lib::error_code());
    }
  }

  template <class F>
  websocketpp::lib::error_code dispatch(F&& f) {
    if (at_once_) {
      write_ = std::forward<F>(f);
      return {};
    }
    ++dispatched_;
    return Base::dispatch([this, f = std::forward<F>(f)]() mutable {  // it holds the connection
      --dispatched_;
      f();
    });
  }

 private:
  // More than a session sends in one go.
  static constexpr std::size_t kVectorsMax = 64;
  // At once; the rest of what is larger goes the usual way, a part a turn.
  static constexpr std::size_t kBytesMax = 512 * 1024;

  // The transport holds the connection until that was called.
  websocketpp::transport::write_handler until_written(const websocketpp::transport::write_handler& handler) {
    writing_ = true;
    return [this, handler](const websocketpp::lib::error_code& ec) {
      handler(ec);
      writing_ = false;
    };
  }

  // Returns how many bytes the socket took. An error counts as none: writing the usual way meets it again.
  std::size_t write_now(const std::vector<Buffer>& buffers) {
    std::array<iovec, kVectorsMax> vectors;
    std::size_t count = 0;
    std::size_t left = kBytesMax;
    for (const Buffer& buffer : buffers) {
      if (buffer.len == 0) continue;
      if (count == vectors.size() || left == 0) break;
      vectors[count] = {const_cast<char*>(buffer.buf), std::min(buffer.len, left)};
      left -= vectors[count++].iov_len;
    }
    return this->get_socket().write_now(vectors.data(), count);
  }

  // Notes what is behind so many bytes. False where that is nothing.
  bool keep_rest(const std::vector<Buffer>& buffers, std::size_t written) {
    rest_.clear();
    std::size_t passed = 0;
    for (const Buffer& buffer : buffers) {
      const std::size_t skipped =
          passed >= written ? 0 : std::min(buffer.len, written - passed);
      passed += buffer.len;
      if (skipped < buffer.len) rest_.emplace_back(buffer.buf + skipped, buffer.len - skipped);
    }
    return !rest_.empty();
  }

  std::size_t take_ahead(char* into, std::size_t size) {
    const std::size_t got = ahead_.copy(into, size);
    ahead_.erase(0, got);
    if (ahead_.empty()) std::string().swap(ahead_);
    return got;
  }

  std::unique_ptr<Front> front_;
  char* first_into_ = nullptr;  // websocketpp's buffer
  std::size_t first_size_ = 0;
  std::string ahead_;           // for websocketpp to read before what comes
  bool at_once_ = false;
  bool writing_ = false;           // the usual way
  std::uint32_t dispatched_ = 0;   // of websocketpp's, that have yet to run: it has something to write
  std::size_t written_ahead_ = 0;  // of what comes to be written next
  std::function<void()> write_;  // websocketpp's, held until end_at_once()
  std::vector<Buffer> rest_;
};

// The endpoint that makes such connections. Where none can be accepted, because no descriptor is free, it
// tries again a moment later: websocketpp would at once, and for ever.
template <class Config>
class AtOnceEndpoint : public websocketpp::transport::asio::endpoint<Config> {
  using Base = websocketpp::transport::asio::endpoint<Config>;
  static constexpr auto kAcceptAgain = std::chrono::milliseconds(50);

 public:
  using Base::async_accept;
  void async_accept(typename Base::transport_con_ptr con,
                    websocketpp::transport::accept_handler done,
                    websocketpp::lib::error_code& ec) {
    auto later = [this, done](const websocketpp::lib::error_code& error) {
      if (!error || error == websocketpp::error::make_error_code(
                                 websocketpp::error::operation_canceled)) {
        return done(error);
      }
      const auto timer = std::make_shared<asio::steady_timer>(this->get_io_service(), kAcceptAgain);
      timer->async_wait([timer, done, error](const asio::error_code& stopped) {
        if (!stopped) done(error);
      });
    };
    Base::async_accept(std::move(con), std::move(later), ec);
  }

  using transport_con_type = AtOnceConnection<Config>;
  using transport_con_ptr = typename transport_con_type::ptr;
};

}  // namespace bridge
