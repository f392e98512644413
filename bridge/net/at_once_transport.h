// websocketpp's Asio transport, but one that can write to a socket at once.
//
// websocketpp posts every write to the loop and learns on a further turn that it is through: two turns of
// the loop and several allocations a message, although a socket that is not behind takes it there and
// then. Between begin_at_once() and end_at_once() a connection gathers what is sent and gives it to the
// socket with one call; what the socket does not take goes the usual way, from the byte on at which it
// stopped. Queue, order and flags stay websocketpp's. Written against 0.8.2, whose methods it hides.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <asio/steady_timer.hpp>
#include <websocketpp/transport/asio/connection.hpp>
#include <websocketpp/transport/asio/endpoint.hpp>

namespace bridge {

// One thread: the loop's.
template <class Config>
class AtOnceConnection : public websocketpp::transport::asio::connection<Config> {
  using Base = websocketpp::transport::asio::connection<Config>;
  using Buffer = websocketpp::transport::buffer;

 public:
  using ptr = std::shared_ptr<AtOnceConnection>;
  using Base::Base;

  void begin_at_once() { at_once_ = true; }

  // Writes what was sent since. Errors are not told from in here but on a later turn, as always.
  void end_at_once() {
    while (write_) std::exchange(write_, nullptr)();
    at_once_ = false;
  }

 protected:
  void async_write(const char* data, std::size_t size,
                   const websocketpp::transport::write_handler& handler) {
    Base::async_write(data, size, handler);
  }

  void async_write(const std::vector<Buffer>& buffers,
                   const websocketpp::transport::write_handler& handler) {
    const std::size_t written = at_once_ ? write_now(buffers) : 0;
    rest_.clear();
    std::size_t passed = 0;
    for (const Buffer& buffer : buffers) {
      const std::size_t skipped =
          passed >= written ? 0 : std::min(buffer.len, written - passed);
      passed += buffer.len;
      if (skipped < buffer.len) rest_.emplace_back(buffer.buf + skipped, buffer.len - skipped);
    }
    if (rest_.empty()) {
      handler(websocketpp::lib::error_code());
    } else {
      Base::async_write(rest_, handler);
    }
  }

  template <class F>
  websocketpp::lib::error_code dispatch(F&& f) {
    if (!at_once_) return Base::dispatch(std::forward<F>(f));
    write_ = std::forward<F>(f);
    return {};
  }

 private:
  // More than a session sends in one go.
  static constexpr std::size_t kVectorsMax = 64;

  // Returns how many bytes the socket took. An error counts as none: writing the usual way meets it again.
  std::size_t write_now(const std::vector<Buffer>& buffers) {
    std::array<iovec, kVectorsMax> vectors;
    std::size_t count = 0;
    for (const Buffer& buffer : buffers) {
      if (buffer.len == 0) continue;
      if (count == vectors.size()) break;
      vectors[count++] = {const_cast<char*>(buffer.buf), buffer.len};
    }
    return this->get_socket().write_now(vectors.data(), count);
  }

  bool at_once_ = false;
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
