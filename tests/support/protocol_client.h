// A client that speaks the bridge's protocol: requests get their reply, events wait in a queue.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "json.h"
#include "raw_websocket.h"

namespace testing_support {

// A connection whose welcome has been read. Belongs to one thread.
//
//   ProtocolClient client(bridge.websocket());
//   client.request(R"({"action":"register","subscriptions":["*"]})");
//   Json event = client.next_event();
class ProtocolClient {
 public:
  // Connects and reads the welcome. Throws std::runtime_error if either fails.
  explicit ProtocolClient(const TcpAddress& address, const WebSocketOptions& options = {});

  const Json& welcome() const { return welcome_; }

  // Sends `text` and returns the next message with a top-level `status`: the reply, errors too.
  // Events and gap messages that come before it are kept for the functions below.
  // Throws std::runtime_error if none comes in time or the connection ends.
  Json request(std::string_view text, milliseconds timeout = kPatience);

  // The next message that is not a reply: an event or a gap message. Throws std::runtime_error when
  // the time is over or the connection is.
  Json next_message(milliseconds timeout = kPatience);
  // The same, for what may not come: nullopt then.
  std::optional<Json> try_next_message(milliseconds timeout);

  // The next message, which must be an event (it has `seq`); throws std::runtime_error if it is a
  // gap message.
  Json next_event(milliseconds timeout = kPatience);

  RawWebSocket& connection() { return connection_; }

  // Goes without a word. A bridge that ends waits for who is connected and does not read: 5 s.
  void disconnect() { connection_.socket().close(); }

 private:
  RawWebSocket connection_;
  Json welcome_;
  std::deque<Json> waiting_;
};

}  // namespace testing_support
