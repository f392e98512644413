// The conversation with one client: its requests in, replies onto its feed (PROTOCOL section 4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/counters.h"
#include "core/client_request.h"
#include "core/feed.h"
#include "core/own_commands.h"

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
  // `requests_per_s_max`: more than that (with a burst of twice as many) are refused.
  ClientProtocol(Feed& feed, OwnCommands& commands, Counters& counters, const Clock& clock,
                 std::uint64_t requests_per_s_max);

  // Handles one text message. Exactly one reply is said for it.
  [[nodiscard]] Verdict handle(std::string_view text);

  const std::string& client_id() const { return client_id_; }
  const std::string& client_type() const { return client_type_; }

 private:
  std::string reply_to(const ClientRequest& request, std::string* then);
  std::string on_subscribe(const ClientRequest& request, std::string* then);
  std::string on_unsubscribe(const ClientRequest& request);
  std::string on_command(const ClientRequest& request);
  std::string refuse(const ClientRequest& request, ErrorType type, std::string message);
  bool take_token();

  Feed& feed_;
  OwnCommands& commands_;
  Counters& counters_;
  const Clock& clock_;
  const double tokens_per_s_;
  double tokens_;
  std::int64_t tokens_at_us_;
  std::uint64_t refused_in_a_row_ = 0;
  std::string client_id_;
  std::string client_type_;
};

}  // namespace bridge
