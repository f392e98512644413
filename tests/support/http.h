// HTTP/1.1 for tests: one request on a connection of its own, and the answer taken apart.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tcp_socket.h"

namespace testing_support {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 0;
  std::string reason;
  HttpHeaders headers;
  std::string body;

  // The first header of that name (case does not matter), or "".
  std::string header(std::string_view name) const;
};

// Sends the request with Host, Connection: close and, if there is a body, Content-Length; `headers`
// come on top and replace these. Reads until Content-Length is fulfilled or the server closes.
// Throws std::runtime_error if no whole answer came in time.
HttpResponse http(const TcpAddress& address, std::string_view method, std::string_view path,
                  const HttpHeaders& headers = {}, std::string_view body = {},
                  milliseconds timeout = kPatience);

// The text of a request as http() sends it.
std::string http_request(const TcpAddress& address, std::string_view method, std::string_view path,
                         const HttpHeaders& headers, std::string_view body);

// Takes a status line and headers apart: `head` ends before the empty line.
// Throws std::runtime_error if it is none.
HttpResponse parse_http_head(std::string_view head);

}  // namespace testing_support
