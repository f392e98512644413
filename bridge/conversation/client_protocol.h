// The conversation with one client: its requests in, replies onto its feed (PROTOCOL section 4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/authenticator.h"
#include "base/clock.h"
#include "base/counters.h"
#include "commands/command_dispatcher.h"
#include "conversation/client_request.h"
#include "log/ahead_waits.h"
#include "stream/feed.h"
#include "stream/replay.h"

namespace bridge {

// What is to become of the connection after a request.
enum class Verdict {
  keep,
  too_slow,      // its replies pile up: close 4008
  rate_limited,  // it goes on after being told, or its address says too many wrong tokens: close 4029
  unauthorized,  // it does not say who it is: close 4001
  forbidden,     // its role may do nothing here: close 4003
};

// {"name":N,"role":R,"expires":S}, as a client is told who it is; `expires` is null where it never does.
std::string access_json(const Access& access);

// No sockets: what it says goes to the feed, in order. One thread. All references must outlive it.
class ClientProtocol {
 public:
  // `requests_per_s_max`: see RequestBudget, which the feed is charged to as well. `connection`
  // names the client where it does not name itself. `on_late_reply` is called when a reply was said
  // outside handle(), with what is to become of the connection.
  ClientProtocol(Feed& feed, CommandTaker& dispatcher, Replays& replays, const EventLog& log,
                 Counters& counters, const Clock& clock, std::uint64_t requests_per_s_max,
                 std::uint64_t connection, std::function<void(Verdict)> on_late_reply);
  ~ClientProtocol() {
    replays_.forget(&feed_);
    if (awaited_) ahead_->forget(awaited_->number);
  }

  // Handles one text message. Exactly one reply is said for it, now or, where a trainer has to
  // answer first, later.
  [[nodiscard]] Verdict handle(std::string_view text);

  // Where its logins, and commands that are answered here, are recorded; `remote` is its address.
  void set_audit(Audit* audit, std::string remote);

  // Where a `since` waits that is ahead of the log; without it that is an error. Outlives this.
  void set_ahead(AheadWaits* ahead) { ahead_ = ahead; }

  // From now on the client has to say who it is, unless `access` says it already. `asked` outlives this.
  void require_access(const Authenticator& asked, std::shared_ptr<const Access> access);
  // Who it is by now; null: it has not said, or does not have to. Where another one may read something else, its
  // subscription goes on with that from the newest event on, and a replay ends.
  const std::shared_ptr<const Access>& access() const { return access_; }
  [[nodiscard]] Verdict set_access(std::shared_ptr<const Access> access);
  // Whether there is room for one more connection of who it is; asked once, where it said so with its handshake.
  [[nodiscard]] bool admit();
  // Whether replies are owed that come later.
  bool owes_replies() const { return owed_ != 0; }
  bool is_open() const { return authenticator_ == nullptr || access_ != nullptr; }

  const std::string& client_id() const { return client_id_; }
  const std::string& client_type() const { return client_type_; }

 private:
  // Empty where the reply comes later. `then`: what a subscription has behind its reply.
  std::string reply_to(const ClientRequest& request, SubscribeOutcome* then);
  std::string on_subscribe(const ClientRequest& request, SubscribeOutcome* then);
  // Says a reply, and what a subscription has behind it.
  [[nodiscard]] bool say(const std::string& reply, const SubscribeOutcome& then);
  // The log has to come to `seq` first. Empty, or why it is not waited for.
  std::string wait_for(std::uint64_t seq, const ClientRequest& request);
  void on_waited(bool there);
  // A later subscription takes the place of one that waits.
  void end_wait();
  std::string on_unsubscribe(const ClientRequest& request);
  std::string on_command(const ClientRequest& request);
  std::string on_authenticate(const ClientRequest& request);
  // Takes the token of a request; what is wrong with it, or nothing.
  std::optional<RequestError> take_token(const ClientRequest& request);
  std::string on_replay(const ClientRequest& request, std::string_view command);
  ReadScopePtr scope() const { return access_ == nullptr ? nullptr : access_->scope; }
  Requester requester() const;
  void record(const char* what, const ClientRequest& request, std::string outcome) const;
  std::string refuse(const ClientRequest& request, ErrorType type, std::string message);
  std::string refuse(const ClientRequest& request, const RequestError& error);

  Feed& feed_;
  CommandTaker& dispatcher_;
  Replays& replays_;
  const EventLog& log_;
  Counters& counters_;
  const Clock& clock_;
  const std::shared_ptr<RequestBudget> budget_;
  std::string client_id_;
  std::string client_type_;
  const Authenticator* authenticator_ = nullptr;  // null: everybody may do everything
  std::shared_ptr<const Access> access_;
  std::shared_ptr<const void> place_;  // among the connections of its name
  int wrong_tokens_ = 0;
  // A subscription whose `since` is ahead of the log.
  struct Awaited {
    std::uint64_t number = 0;
    std::uint64_t seq = 0;
    ClientRequest request;
  };
  AheadWaits* ahead_ = nullptr;
  std::optional<Awaited> awaited_;
  std::size_t owed_ = 0;
  bool limited_ = false;  // the last one was one too many of its address
  Audit* audit_ = nullptr;
  std::string remote_;
  const std::uint64_t connection_;
  const std::string connection_name_;
  const std::function<void(Verdict)> on_late_reply_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();  // replies may come after the end
};

}  // namespace bridge
