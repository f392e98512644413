// A TCP socket that is plain, or has TLS on it by OpenSSL: Asio reads and writes it as one type, so there is
// one type of connection over it, and a branch a call.
//
// OpenSSL works on the descriptor itself (asio::ssl::stream has two buffers of 17 KB a connection in between,
// and copies through them). Where the kernel has taken over what goes out (kTLS), it is written as if it were plain.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>

#include "tls/ssl_ptr.h"

namespace tls {

// One thread: that of its io_context, but for handshake_step(). As Asio wants it, one read and one write at a time. Who
// asks keeps it alive until the handler was called.
class EitherStream {
 public:
  using lowest_layer_type = asio::ip::tcp::socket;
  using executor_type = lowest_layer_type::executor_type;

  // One write takes no more buffers than this.
  static constexpr std::size_t kVectorsMax = 64;
  // AES-GCM may protect 2^24.5 full records with one key (RFC 8446 section 5.5).
  static constexpr std::uint64_t kRecordsMax = 1 << 24;

  explicit EitherStream(asio::io_context& io) : socket_(io) {}

  lowest_layer_type& socket() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }

  // From now on it speaks TLS; async_handshake() comes next. REQUIRES: it is connected, and nothing is under way.
  void secure(SslPtr ssl, std::uint64_t records_max = kRecordsMax) {
    ssl_ = std::move(ssl);
    records_max_ = records_max;
    socket_.native_non_blocking(true);
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    // A call ends after a record that is no data: a peer who sends nothing else keeps nobody from his turn.
    SSL_clear_mode(ssl_.get(), SSL_MODE_AUTO_RETRY);
    SSL_set_fd(ssl_.get(), static_cast<int>(socket_.native_handle()));
  }
  bool is_secure() const { return ssl_ != nullptr; }
  SSL* ssl() { return ssl_.get(); }
  // The kernel encrypts what goes out.
  bool in_kernel() const { return in_kernel_; }
  // The key has served for as long as it may and cannot be changed: the connection should end.
  bool key_is_worn() const { return worn_; }
  // Why TLS failed; "" where it did not.
  const std::string& trouble() const { return trouble_; }

  // What a step waits for.
  enum class Want { nothing, read, write, failed };

  // As far as the handshake goes without waiting, which is where its arithmetic is. On any thread, while no other uses
  // the stream, nor closes the socket.
  Want handshake_step() {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) return want_of(result);
    in_kernel_ = BIO_get_ktls_send(SSL_get_wbio(ssl_.get())) != 0;
    return Want::nothing;
  }

  // `done` is called once, maybe from in here. Where the socket is closed meanwhile, the stream may have gone by then.
  void async_handshake(std::function<void(asio::error_code)> done) {
    const Want want = handshake_step();
    if (want == Want::nothing) return done({});
    if (want == Want::failed) return done(failure());
    wait_for(want, [this, done = std::move(done)](const asio::error_code& ec) mutable {
      if (ec) return done(ec);
      async_handshake(std::move(done));
    });
  }

  // Calls the handler with an error code once there is what a step wants.
  template <class Handler>
  void wait_for(Want want, Handler handler) {
    socket_.async_wait(want == Want::read ? lowest_layer_type::wait_read : lowest_layer_type::wait_write,
                       std::move(handler));
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (!is_secure()) return socket_.async_read_some(buffers, std::forward<Handler>(handler));
    read_some(buffers, std::decay_t<Handler>(std::forward<Handler>(handler)), false);
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (!is_secure() || in_kernel_) {
      if (in_kernel_) count_records(asio::buffer_size(buffers));
      return socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }
    write_some(buffers, std::decay_t<Handler>(std::forward<Handler>(handler)), false);
  }

  // Writes what the socket takes there and then; returns how many bytes that were. An error counts as none:
  // async_write_some() meets it again. The bytes behind must be written next, whoever does it: the first of
  // them may be in a record that is half on its way.
  std::size_t write_now(const iovec* vectors, std::size_t count) {
    if (is_secure() && !in_kernel_) {
      Want want = Want::nothing;
      return write_records(vectors, count, want);
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(vectors);
    message.msg_iovlen = count;
    const ssize_t took = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (took < 0) return 0;
    if (in_kernel_) count_records(static_cast<std::size_t>(took));
    return static_cast<std::size_t>(took);
  }

  // Says goodbye, as far as the socket takes it, and ends both directions.
  void shutdown(asio::error_code& ec) {
    say_goodbye();
    socket_.shutdown(lowest_layer_type::shutdown_both, ec);
  }
  // The same, but what comes can still be read.
  void shutdown_send(asio::error_code& ec) {
    say_goodbye();
    socket_.shutdown(lowest_layer_type::shutdown_send, ec);
  }

 private:
  void say_goodbye() {
    if (!is_secure() || !trouble_.empty() || unfinished_ != 0 || !SSL_is_init_finished(ssl_.get())) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }

  static constexpr std::size_t kRecordBytes = 16 * 1024;
  // Shorter pieces are gathered: each record costs a system call and a microsecond.
  static constexpr std::size_t kGatherBelow = 4 * 1024;
  static constexpr std::size_t kGatherVectors = 16;  // Asio shows no more of them at a time

  // What SSL's last call, which returned `result`, waits for.
  Want want_of(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return Want::read;
    if (error == SSL_ERROR_WANT_WRITE) return Want::write;
    at_end_ = error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && errno == 0);
    const std::string system = error == SSL_ERROR_SYSCALL && errno != 0 ? std::strerror(errno) : "";
    trouble_ = take_error();
    if (trouble_.empty()) trouble_ = system.empty() ? "the connection was closed" : system;
    return Want::failed;
  }

  asio::error_code failure() const {
    return at_end_ ? asio::error_code(asio::error::eof) : asio::error_code(asio::error::connection_reset);
  }

  template <class Handler>
  void finish(Handler handler, asio::error_code ec, std::size_t bytes, bool on_own_turn) {
    if (on_own_turn) return handler(ec, bytes);
    asio::post(get_executor(), [handler = std::move(handler), ec, bytes]() mutable { handler(ec, bytes); });
  }

  // `on_own_turn`: the handler may be called from in here.
  template <class Buffers, class Handler>
  void read_some(const Buffers& buffers, Handler handler, bool on_own_turn) {
    asio::mutable_buffer into;
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
      into = *it;
      if (into.size() != 0) break;
    }
    if (into.size() == 0) return finish(std::move(handler), {}, 0, on_own_turn);
    ERR_clear_error();
    errno = 0;
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
    if (result == 1) return finish(std::move(handler), {}, got, on_own_turn);
    const Want want = want_of(result);
    if (want == Want::failed) return finish(std::move(handler), failure(), 0, on_own_turn);
    wait_for(want, [this, buffers, handler = std::move(handler)](const asio::error_code& ec) mutable {
      if (ec) return handler(ec, 0);
      read_some(buffers, std::move(handler), true);
    });
  }

  template <class Buffers, class Handler>
  void write_some(const Buffers& buffers, Handler handler, bool on_own_turn) {
    std::array<iovec, kVectorsMax> vectors{};
    std::size_t count = 0;
    auto it = asio::buffer_sequence_begin(buffers);
    for (; it != asio::buffer_sequence_end(buffers) && count < vectors.size(); ++it) {
      const asio::const_buffer buffer(*it);
      if (buffer.size() != 0) vectors[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
    }
    Want want = Want::nothing;
    const std::size_t written = write_records(vectors.data(), count, want);
    if (written != 0 || count == 0) return finish(std::move(handler), {}, written, on_own_turn);
    if (want == Want::failed) return finish(std::move(handler), failure(), 0, on_own_turn);
    wait_for(want, [this, buffers, handler = std::move(handler)](const asio::error_code& ec) mutable {
      if (ec) return handler(ec, 0);
      write_some(buffers, std::move(handler), true);
    });
  }

  // Record by record, until the socket takes no more. Returns the bytes of whole records.
  std::size_t write_records(const iovec* vectors, std::size_t count, Want& want) {
    static thread_local std::array<char, kRecordBytes> gathered;
    std::size_t written = 0;
    std::size_t at = 0;      // which vector
    std::size_t offset = 0;  // into it
    while (at < count) {
      // A record that is half out must be offered again as it was.
      const std::size_t wanted = unfinished_ != 0 ? unfinished_ : kRecordBytes;
      const char* bytes = static_cast<const char*>(vectors[at].iov_base) + offset;
      std::size_t size = std::min(vectors[at].iov_len - offset, wanted);
      if (size < (unfinished_ != 0 ? unfinished_ : kGatherBelow) && at + 1 < count) {
        size = gather(vectors, count, at, offset, wanted, gathered.data());
        bytes = gathered.data();
      }
      assert(size >= unfinished_);
      if (unfinished_ == 0 && !renew_key()) {
        want = Want::failed;
        return written;
      }
      ERR_clear_error();
      errno = 0;
      std::size_t took = 0;
      const int result = SSL_write_ex(ssl_.get(), bytes, size, &took);
      if (result != 1) {
        want = want_of(result);
        unfinished_ = want == Want::failed ? 0 : size;
        return written;
      }
      unfinished_ = 0;
      written += took;
      for (std::size_t left = took; left != 0;) {
        const std::size_t step = std::min(left, vectors[at].iov_len - offset);
        left -= step;
        offset += step;
        if (offset == vectors[at].iov_len) {
          ++at;
          offset = 0;
        }
      }
    }
    return written;
  }

  static std::size_t gather(const iovec* vectors, std::size_t count, std::size_t at, std::size_t offset,
                            std::size_t wanted, char* into) {
    std::size_t size = 0;
    for (const std::size_t end = std::min(count, at + kGatherVectors); at < end && size < wanted; ++at) {
      const std::size_t part = std::min(vectors[at].iov_len - offset, wanted - size);
      std::memcpy(into + size, static_cast<const char*>(vectors[at].iov_base) + offset, part);
      size += part;
      offset = 0;
    }
    return size;
  }

  // Before a record: TLS 1.3 changes the key where it is due. False where that fails.
  bool renew_key() {
    if (++records_ <= records_max_) return true;
    if (SSL_version(ssl_.get()) != TLS1_3_VERSION) {
      worn_ = true;
      return true;
    }
    records_ = 1;
    if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) return true;
    trouble_ = take_error();
    return false;
  }

  // Of what the kernel encrypts.
  void count_records(std::size_t bytes) {
    records_ += bytes / kRecordBytes + 1;
    if (records_ > records_max_) worn_ = true;
  }

  lowest_layer_type socket_;
  SslPtr ssl_;  // null: plain
  bool in_kernel_ = false;
  bool worn_ = false;
  bool at_end_ = false;          // the peer has said that it sends no more
  std::size_t unfinished_ = 0;   // bytes of the record that is half out
  std::uint64_t records_ = 0;    // since the key
  std::uint64_t records_max_ = kRecordsMax;
  std::string trouble_;
};

}  // namespace tls
