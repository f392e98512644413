// The WebSocket endpoint and the HTTP pages on its port: websocketpp lives behind this header and in
// its one source file, nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "base/address.h"
#include "base/result.h"
#include "core/own_commands.h"
#include "net/http_reply.h"
#include "net/session.h"

namespace bridge {

struct WsServerOptions {
  Address listen;
  std::size_t clients_max = 4096;
  std::size_t message_bytes_max = 65'536;   // a client's message; beyond: 1009
  std::size_t http_body_bytes_max = 16 << 20;
  int send_buffer_bytes = 0;                // SO_SNDBUF of a client's socket; 0 = the system's
  bool deflate = false;                     // takes up a client's offer of permessage-deflate
};

// Lives on the loop's thread. The context and the handler's targets must outlive it.
class WsServer final : public ClientDirectory {
 public:
  // Answers a plain HTTP request; `own_origin` as for Pages.
  using HttpHandler = std::function<HttpReply(const HttpRequest&, bool own_origin)>;

  WsServer(asio::io_context& io, SessionContext& context, WsServerOptions options,
           HttpHandler on_http);
  ~WsServer() override;

  // Opens the port. A failure names the address and the reason.
  Result<bool> start();

  // Where it listens, with the real port.
  const Address& address() const;

  // Call about once a second.
  void tick();

  // Takes no more connections; every client gets what there is and then 1001. Idempotent.
  void drain();

  std::vector<ClientInfo> clients() const override;
  std::size_t client_count() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge
