// As much of NATS's client protocol as a publisher and a subscriber need.
#pragma once

#include <string>
#include <string_view>

#include "../frame_checker.h"

namespace bench {

// What a client says first, over TCP and in a WebSocket frame alike. The server answers the PING at
// its end with kNatsPong once it has done all before it.
std::string nats_greeting();
// The same with a subscription to `subject`.
std::string nats_greeting_and_subscription(std::string_view subject);
constexpr std::string_view kNatsPong = "PONG\r\n";

void append_nats_publish(std::string& out, std::string_view subject, std::string_view body);

// What a server sends: MSG carries an event, -ERR is an error, the rest is let go.
class NatsStream : public StreamSyntax {
 public:
  Message front(std::string_view stream) const override;
};

}  // namespace bench
