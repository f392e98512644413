// An HTTP exchange on the WebSocket's port, apart from its socket.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access.h"

namespace bridge {

struct HttpRequest {
  std::string method;
  std::string path;           // without the query
  std::string origin;         // header, may be empty
  std::string host;           // header, may be empty
  std::string if_none_match;  // header, may be empty
  std::string_view body;
  bool secure = false;      // it came over TLS
  std::string remote = {};  // address:port; may be empty
  std::shared_ptr<const void> owner = {};  // keeps the body
  bool anybody = true;                     // may do everything; else
  std::shared_ptr<const Access> access = {};  // who asks; null: nobody has said
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string cache_control = "no-store";
  std::vector<std::pair<std::string, std::string>> headers;  // besides the usual ones
};

// RFC 9110, 15.5.2 and RFC 6750, 3.
inline HttpReply unauthorized(const std::string& why) {
  HttpReply reply;
  reply.status = 401;
  reply.body = why + "\n";
  reply.headers = {{"WWW-Authenticate", "Bearer realm=\"ppo-bridge\""}};
  return reply;
}

// RFC 9110, 15.5.22 and RFC 6455, 4.4.
inline HttpReply upgrade_required(const std::string& why) {
  HttpReply reply;
  reply.status = 426;
  reply.body = why + "\n";
  reply.headers = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
  return reply;
}

// Called once with the reply, on the thread that asked, now or later; bears that the connection has gone.
using HttpAnswer = std::function<void(HttpReply reply)>;

}  // namespace bridge
