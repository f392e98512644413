// What a request is refused for by its head alone, before its body is read, and what pages of other sites may do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "net/http_parser.h"
#include "net/http_reply.h"
#include "net/origin.h"

namespace bridge {

inline constexpr std::string_view kSubprotocol = "ppo-bridge.v1";

// Where the port is and who may ask there; both outlive it.
struct HttpPlace {
  const Address& listen;
  const WebSites& sites;
};

// Wants to become a WebSocket (RFC 6455, 4.2.1).
bool is_websocket_handshake(const HttpHead& head);

// The request comes from no other site's page.
bool comes_from_own_site(const HttpHead& head, const HttpPlace& place);

// What a head is refused for, whoever asks; nothing where all is well.
std::optional<HttpReply> refuse_head(const HttpHead& head, const HttpPlace& place, std::int64_t now_us);

// The same for a WebSocket handshake, which has passed that.
std::optional<HttpReply> refuse_handshake(const HttpHead& head, const HttpPlace& place, std::int64_t now_us);

// The refusal of what a page of another site asks for.
HttpReply foreign_origin(std::int64_t now_us);

// Why GET /events is refused; `must_say_who`: whoever asks must have said who he is. `access`: null: he has not.
std::optional<HttpReply> refuse_stream(const HttpHead& head, const HttpPlace& place, bool must_say_who,
                                       const Access* access, std::int64_t now_us);

// What of a request stands in it. `body` is shown, not copied.
HttpRequest request_of(const HttpHead& head, std::string_view body);

// The handshake as websocketpp is to see it: what has been judged and nothing else.
std::string plain_handshake(const HttpHead& head);

// Lets a page of an allowed origin read the reply, and of one to OPTIONS tells it what else it may send (the Fetch
// standard's preflight).
void allow_origin(const HttpHead& head, const HttpPlace& place, HttpReply& reply);

// That the request is none.
HttpReply problem_reply(const HttpProblem& problem, std::int64_t now_us);

}  // namespace bridge
