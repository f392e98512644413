// The conversation with one client: its requests in, replies onto its feed (PROTOCOL section 4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/counters.h"
#include "commands/command_dispatcher.h"
#include "conversation/client_request.h"
#include "stream/feed.h"
#include "stream/replay.h"

namespace bridge {

// What is to become of the connection after a request.
enum class Verdict {
  keep,
  too_slow,      // its replies pile up: close 4008
  rate_limited,  // it goes on after being told: close 4029
};

// No sockets: what it says goes to the feed, in order. One thread. All references must outlive it.
class ClientProtocol {
 public:
  // `requests_per_s_max`: see RequestBudget, which the feed is charged to as well. `connection`
  // names the client where it does not name itself. `on_late_reply` is called when a reply was said
  // outside handle(), with what is to become of the connection.
  ClientProtocol(Feed& feed, CommandTaker& dispatcher, Replays& replays, const EventLog& log,
                 Counters& counters, const Clock& clock, std::uint64_t requests_per_s_max,
                 std::uint64_t connection, std::function<void(Verdict)> on_late_reply);
  ~ClientProtocol() { replays_.forget(&feed_); }

  // Handles one text message. Exactly one reply is said for it, now or, where a trainer has to
  // answer first, later.
  [[nodiscard]] Verdict handle(std::string_view text);

  const std::string& client_id() const { return client_id_; }
  const std::string& client_type() const { return client_type_; }

 private:
  // Empty where the reply comes later. `then`: what a subscription has behind its reply.
  std::string reply_to(const ClientRequest& request, SubscribeOutcome* then);
  std::string on_subscribe(const ClientRequest& request, SubscribeOutcome* then);
  std::string on_unsubscribe(const ClientRequest& request);
  std::string on_command(const ClientRequest& request);
  std::string on_replay(const ClientRequest& request, std::string_view command);
  std::string refuse(const ClientRequest& request, ErrorType type, std::string message);

  Feed& feed_;
  CommandTaker& dispatcher_;
  Replays& replays_;
  const EventLog& log_;
  Counters& counters_;
  const Clock& clock_;
  const std::shared_ptr<RequestBudget> budget_;
  std::string client_id_;
  std::string client_type_;
  const std::string connection_name_;
  const std::function<void(Verdict)> on_late_reply_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();  // replies may come after the end
};

}  // namespace bridge
