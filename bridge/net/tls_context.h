// The certificate and key that the WebSocket port shows, and how TLS is spoken there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <asio/thread_pool.hpp>

#include "base/result.h"
#include "net/handshake_rate.h"
#include "tls/ssl_ptr.h"

namespace bridge {

struct TlsOptions {
  std::string certificate;  // paths of PEM files: the chain, its first certificate the bridge's own
  std::string key;
  bool only_1_3 = false;
  bool kernel = true;       // let the kernel encrypt where it can (kTLS)
  std::int64_t handshakes_per_s_max = 200;
};

// Written on any thread.
struct TlsCounters {
  std::atomic<std::size_t> in_kernel{0};  // connections
  std::atomic<std::size_t> in_process{0};
  std::atomic<std::uint64_t> handshakes{0};
  std::atomic<std::uint64_t> handshakes_failed{0};
  std::atomic<std::uint64_t> plain_requests{0};
};

// load(), problem() and not_after_s() on one thread; the rest on any.
class TlsContext {
 public:
  explicit TlsContext(TlsOptions options)
      : options_(std::move(options)), rate_(options_.handshakes_per_s_max) {}

  // Reads the files. Connections that are there keep what they have; where anything is wrong, new ones do
  // as well, and the message names the file, what is wrong with it and what would help.
  Result<bool> load();

  // For the next load(); on its thread. The rate is set by itself.
  void set_options(TlsOptions options) { options_ = std::move(options); }

  // One connection's. REQUIRES: load() has succeeded.
  tls::SslPtr accept() const;

  // Why the last load() failed, or that the certificate in use is no longer good at `now_s`; "" where all is well.
  std::string problem(std::int64_t now_s) const;
  std::int64_t not_after_s() const { return not_after_s_; }  // of the one in use, since 1970
  TlsCounters& counters() { return counters_; }
  const TlsCounters& counters() const { return counters_; }
  HandshakeRate& rate() { return rate_; }
  // Where handshakes do their arithmetic, one after the other, so that no loop is held up by them. What waits there is
  // bounded by the rate, and by who may be connected. Begun by the first call.
  asio::thread_pool& thread();

 private:
  Result<tls::ContextPtr> make() const;

  TlsOptions options_;
  std::shared_ptr<SSL_CTX> context_;  // by atomic_load
  std::string problem_;
  std::int64_t not_after_s_ = 0;
  TlsCounters counters_;
  HandshakeRate rate_;
  std::once_flag begin_thread_;
  std::unique_ptr<asio::thread_pool> thread_;
};

}  // namespace bridge
