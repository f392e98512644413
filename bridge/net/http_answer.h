// An HTTP answer in websocketpp's words. For ws_server.cpp only.
#pragma once

#include <string>
#include <utility>

#include "net/client_socket.h"
#include "net/http_reply.h"

namespace bridge {

// REQUIRES: it is the connection's turn to be answered. `head`: without the body.
inline void answer(Connection& connection, HttpReply reply, bool head) {
  Connection* const con = &connection;
  const auto status = static_cast<websocketpp::http::status_code::value>(reply.status);
  if (reply.status == 421) {
    con->set_status(status, "Misdirected Request");  // websocketpp does not know it
  } else {
    con->set_status(status);
  }
  if (reply.status != 304) con->append_header("Content-Type", reply.content_type);
  con->append_header("X-Content-Type-Options", "nosniff");
  con->append_header("Cache-Control", reply.cache_control);
  con->append_header("Connection", "close");
  for (const auto& [name, value] : reply.headers) con->append_header(name, value);
  if (head) {
    con->append_header("Content-Length", std::to_string(reply.body.size()));
  } else {
    con->set_body(std::move(reply.body));
  }
}

}  // namespace bridge
