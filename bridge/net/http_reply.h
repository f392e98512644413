// An HTTP exchange on the WebSocket's port, apart from its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/authenticator.h"
#include "event/messages.h"

namespace bridge {

struct HttpRequest {
  std::string method;
  std::string path;           // without the query
  std::string origin;         // header, may be empty
  std::string host;           // that it is addressed to, may be empty
  std::string if_none_match;  // header, may be empty
  std::string_view body;
  bool secure = false;      // it came over TLS
  std::string remote = {};  // address:port; may be empty
  std::shared_ptr<const void> owner = {};  // keeps the body
  bool anybody = true;                     // may do everything; else
  std::shared_ptr<const Access> access = {};  // who asks; null: nobody has said
  std::string query = {};                     // behind the question mark
  std::string content_type = {};              // header, may be empty
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string cache_control = "no-store";
  std::vector<std::pair<std::string, std::string>> headers;  // besides the usual ones
  bool last = false;  // the connection ends behind it
  // Where it is set the body is only the beginning of one without end: called once that is on its way, with what
  // ends the connection. From then on whoever it tells writes to it, and nothing else is answered.
  std::function<void(std::function<void()> end)> stream = {};
  std::string_view gzipped = {};  // the body as gzip, where that is had; lives as long as the program
};

// What was asked for.
HttpReply reply_with(std::string content_type, std::string body);

// An error object (PROTOCOL section 4), as every status from 400 on has one. `details_json`: an object.
HttpReply error_reply(int status, ErrorType type, std::string message, std::int64_t now_us,
                      std::string details_json = "{}");

// The same of an error object that is there already: the status is that of its error_type.
HttpReply reply_of_error(std::string_view json);

// RFC 9110, 15.5.2 and RFC 6750, 3.
HttpReply unauthorized(const std::string& why, std::int64_t now_us);

// RFC 6585, 4. REQUIRES: wait_s > 0.
HttpReply too_many(const std::string& why, std::int64_t wait_s, std::int64_t now_us);

// REQUIRES: the attempt was none. One of the two above.
HttpReply refused_token(const Authenticator::Attempt& attempt, std::int64_t now_us);

// RFC 9110, 15.5.22 and RFC 6455, 4.4.
HttpReply upgrade_required(const std::string& why, std::int64_t now_us);

// The status line and the fields, the empty line behind them included. `body_bytes`: of the body, as it goes out; of
// a stream it is not told.
std::string reply_head(const HttpReply& reply, std::size_t body_bytes, bool keeps_alive, std::int64_t now_us);

// "Not Found"; "" where it is not one of those that are given here.
std::string_view reason_phrase(int status);

// Called once with the reply, on the thread that asked, now or later; bears that the connection has gone.
using HttpAnswer = std::function<void(HttpReply reply)>;

}  // namespace bridge
