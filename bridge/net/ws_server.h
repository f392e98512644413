// The WebSocket endpoint and the HTTP pages on its port: websocketpp lives behind this header, in ws_server.cpp and
// request_judge.cpp, and nowhere else.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "base/address.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "commands/own_commands.h"
#include "conversation/session.h"
#include "net/address_limits.h"
#include "net/http_reply.h"
#include "net/origin.h"
#include "net/tls_context.h"

namespace bridge {

// How many there are, over all servers on one port. Any thread.
struct Admission {
  std::atomic<std::size_t> clients{0};
  std::atomic<std::size_t> connections{0};  // clients, handshakes under way and plain HTTP
  std::atomic<std::uint64_t> last_number{0};  // of a client
};

struct WsServerOptions {
  Address listen;
  WebSites sites;
  std::vector<std::string> trusted_proxies;  // websocket.trusted_proxies
  TlsContext* tls = nullptr;  // outlives the server and its connections; null: plain
  std::chrono::milliseconds handshake_timeout{5000};  // from TCP to the end of the request
  std::shared_ptr<Admission> admission = std::make_shared<Admission>();  // shared where the port is
  std::shared_ptr<AddressLimits> addresses = std::make_shared<AddressLimits>(AddressLimits::Options{});  // likewise
  int listening_socket = -1;                // that listens at `listen` already and stays open; -1: none
  bool share_port = false;                  // with other servers of this process (SO_REUSEPORT)
  std::size_t clients_max = 4096;
  std::size_t message_bytes_max = 65'536;   // a client's message; beyond: 1009
  std::size_t http_body_bytes_max = 16 << 20;
  int send_buffer_bytes = 0;                // SO_SNDBUF of a client's socket; 0 = the system's
  std::int64_t gather_us = 0;               // as Cohorts::gather()
  std::size_t threads = 1;                  // the same
  int deflate_level = 0;                    // of permessage-deflate; 0 = takes up no client's offer
  SessionOptions session;
  MemoryLedger* memory = nullptr;           // outlives the server and its connections
};

// Lives on the loop's thread. The context and the handler's targets must outlive it.
class WsServer {
 public:
  virtual ~WsServer() = default;

  // Answers a plain HTTP request, now or later, on the loop's thread; `own_origin` as for Pages. The
  // request lives until the handler returns.
  using HttpHandler =
      std::function<void(const HttpRequest&, bool own_origin, const HttpAnswer& answer)>;

  static std::unique_ptr<WsServer> make(asio::io_context& io, SessionContext& context, WsServerOptions options, HttpHandler on_http);

  // In place of the address in the options. Call before start().
  virtual void listen_on(const Address& address) = 0;

  // Opens the port. A failure names the address and the reason.
  virtual Result<bool> start() = 0;

  // Where it listens, with the real port.
  virtual const Address& address() const = 0;

  // What it listens with, until drain(). REQUIRES: start() has succeeded.
  virtual int listening_socket() const = 0;

  // Call every 20 ms: looks after a fiftieth of the clients, so that each has its turn about once a second.
  virtual void tick() = 0;

  // Sites, proxies and limits of these options, for who comes from now on; the rest stays as it was.
  virtual void apply(const WsServerOptions& options) = 0;

  // As ClientServers::drain_until(); who is there is told by tick().
  virtual void drain_until(std::int64_t by_us) = 0;

  // Takes no more connections; every client gets what there is and then 1001. Idempotent.
  virtual void drain() = 0;

  // How many clients there are, and how far they are behind.
  virtual void report(ClientsReport& report) const = 0;
  // As ClientDirectory::list().
  virtual std::vector<ClientInfo> list(std::uint64_t connection, std::size_t max) const = 0;
  // Clients, handshakes under way and plain HTTP, of this server.
  virtual std::size_t connections() const = 0;
};

}  // namespace bridge
