#include "conversation/client_protocol.h"

#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "commands/command_audit.h"

namespace bridge {
namespace {

constexpr std::string_view kReplay = "replay";
constexpr std::string_view kReplayStop = "replay_stop";
constexpr int kWrongTokensMax = 3;  // then the connection is closed

void add_access(JsonWriter& json, const Access& access) {
  json.field("name", access.name).field("role", access.role->name);
  json.key("expires").raw(access.expires_s == 0 ? "null" : std::to_string(access.expires_s));
}

}  // namespace

std::string access_json(const Access& access) {
  JsonWriter json;
  json.object();
  add_access(json, access);
  return json.end_object().take();
}

ClientProtocol::ClientProtocol(Feed& feed, CommandTaker& dispatcher, Replays& replays,
                               const EventLog& log, Counters& counters, const Clock& clock,
                               std::uint64_t requests_per_s_max, std::uint64_t connection,
                               std::function<void(Verdict)> on_late_reply)
    : feed_(feed),
      dispatcher_(dispatcher),
      replays_(replays),
      log_(log),
      counters_(counters),
      clock_(clock),
      budget_(std::make_shared<RequestBudget>(clock, requests_per_s_max)),
      connection_(connection),
      connection_name_("connection-" + std::to_string(connection)),
      on_late_reply_(std::move(on_late_reply)) {
  feed_.charge_to(budget_);
}

Verdict ClientProtocol::handle(std::string_view text) {
  ++counters_.requests;
  auto parsed = parse_request(text);
  SubscribeOutcome then;
  std::string reply;
  if (!budget_->take()) {
    ++counters_.requests_rate_limited;
    const std::string id = parsed ? parsed.value().id_json : parsed.error().id_json;
    const std::string action = parsed ? action_name(parsed.value().action) : parsed.error().action;
    reply = error_message({ErrorType::rate_limited, budget_->refusal()}, action, id,
                          clock_.wall_us());
  } else if (!is_open() && text.size() > kSmallRequestBytes) {
    wrong_tokens_ = kWrongTokensMax;
    reply = error_message({ErrorType::unauthorized, "more than " + std::to_string(kSmallRequestBytes) +
                                                        " bytes before it is known who sends them"},
                          {}, {}, clock_.wall_us());
  } else if (!parsed) {
    ++counters_.requests_refused;
    const RequestRefusal& refusal = parsed.error();
    reply = error_message(refusal.error, refusal.action, refusal.id_json, clock_.wall_us());
  } else {
    reply = reply_to(parsed.value(), &then);
  }
  if (!reply.empty() && !say(reply, then)) return Verdict::too_slow;
  if (!is_open() && limited_) return Verdict::rate_limited;
  if (!is_open() && wrong_tokens_ >= kWrongTokensMax) return Verdict::unauthorized;
  if (access_ != nullptr && !access_->may_converse()) return Verdict::forbidden;
  return budget_->hopeless() ? Verdict::rate_limited : Verdict::keep;
}

bool ClientProtocol::say(const std::string& reply, const SubscribeOutcome& then) {
  if (!feed_.say(reply) || (!then.gap.empty() && !feed_.say(then.gap))) return false;
  feed_.give(then.snapshot_to);
  return true;
}

void ClientProtocol::require_access(const Authenticator& asked, std::shared_ptr<const Access> access) {
  authenticator_ = &asked;
  access_ = std::move(access);
}

void ClientProtocol::set_audit(Audit* audit, std::string remote) {
  audit_ = audit;
  remote_ = std::move(remote);
}

Requester ClientProtocol::requester() const {
  return {client_id_.empty() ? connection_name_ : client_id_, budget_, access_, connection_, remote_};
}

void ClientProtocol::record(const char* what, const ClientRequest& request, std::string outcome) const {
  if (audit_ == nullptr) return;
  AuditEntry entry = audit_entry(requester(), request.document);
  entry.what = what;
  entry.outcome = std::move(outcome);
  audit_->record(entry);
}

bool ClientProtocol::admit() {
  if (access_ != nullptr && place_ == nullptr) place_ = authenticator_->admit(access_->name);
  return access_ == nullptr || place_ != nullptr;
}

Verdict ClientProtocol::set_access(std::shared_ptr<const Access> access) {
  const ReadScopePtr before = scope();
  access_ = std::move(access);
  if (!access_->may_converse()) return Verdict::forbidden;
  if (same_scope(before, scope())) return Verdict::keep;
  replays_.end(&feed_);
  if (feed_.subscription().patterns().empty()) return Verdict::keep;
  Subscription other = feed_.subscription();
  other.set_scope(scope());
  return feed_.exchange(std::move(other)) ? Verdict::keep : Verdict::too_slow;
}

std::string ClientProtocol::reply_to(const ClientRequest& request, SubscribeOutcome* then) {
  if (request.action == Action::authenticate) return on_authenticate(request);
  if (!is_open() && request.action != Action::ping) {
    // Clients of before say their token when they register.
    if (const auto wrong = take_token(request)) return refuse(request, *wrong);
  }
  switch (request.action) {
    case Action::register_client:
    case Action::subscribe:
      return on_subscribe(request, then);
    case Action::unsubscribe:
      return on_unsubscribe(request);
    case Action::command:
      return on_command(request);
    case Action::ping:
    case Action::authenticate:
      break;
  }
  return ReplyWriter("pong", "ping", request.id_json).finish(clock_.wall_us());
}

std::optional<RequestError> ClientProtocol::take_token(const ClientRequest& request) {
  const auto token = request.document.FindMember("token");
  if (token == request.document.MemberEnd() || !token->value.IsString()) {
    return RequestError{ErrorType::unauthorized,
                        "say first who you are: {\"action\":\"authenticate\",\"token\":\"...\"}, or connect with an "
                        "Authorization header (Bearer)"};
  }
  const auto attempt = authenticator_->attempt({token->value.GetString(), token->value.GetStringLength()}, remote_);
  std::shared_ptr<const Access> access = attempt.access;
  if (access != nullptr && access_ != nullptr && access->name != access_->name) {
    record("refused", request, error_type_name(ErrorType::forbidden));
    return RequestError{ErrorType::forbidden, "the token is another one's; connect anew to be somebody else"};
  }
  if (access == nullptr) {
    ++wrong_tokens_;
    ++counters_.tokens_refused;
    if (attempt.wait_s != 0) ++counters_.tokens_limited;
    limited_ = attempt.wait_s != 0;
    const ErrorType type = limited_ ? ErrorType::rate_limited : ErrorType::unauthorized;
    record("refused", request, error_type_name(type));
    return RequestError{type, refusal_of(attempt)};
  }
  wrong_tokens_ = 0;
  if (place_ == nullptr) place_ = authenticator_->admit(access->name);
  if (place_ == nullptr) {
    record("refused", request, error_type_name(ErrorType::busy));
    return RequestError{ErrorType::busy, access->name + " has " + std::to_string(authenticator_->connections_max()) +
                                             " connections already (limits.connections_per_identity_max)"};
  }
  switch (set_access(std::move(access))) {
    case Verdict::keep:
      record("login", request, "success");
      return std::nullopt;
    case Verdict::forbidden:
      record("refused", request, error_type_name(ErrorType::forbidden));
      return RequestError{ErrorType::forbidden, "there is nothing here for a " + access_->role->name};
    default:
      return RequestError{ErrorType::busy, "too many requests wait for their reply"};
  }
}

std::string ClientProtocol::on_authenticate(const ClientRequest& request) {
  if (authenticator_ == nullptr) {
    return refuse(request, ErrorType::bad_request, "nobody has to say who he is here (auth.mode)");
  }
  if (const auto wrong = take_token(request)) return refuse(request, *wrong);
  ReplyWriter reply("authenticated", "authenticate", request.id_json);
  add_access(reply, *access_);
  return reply.finish(clock_.wall_us());
}

std::string ClientProtocol::on_subscribe(const ClientRequest& request, SubscribeOutcome* then) {
  const bool is_register = request.action == Action::register_client;
  const auto bad = [&](const Failure& failure) {
    return refuse(request, ErrorType::bad_request, failure.message);
  };
  auto client_id = optional_text(request.document, "client_id", kClientNameBytesMax);
  if (is_register && !client_id) return bad(client_id.error());
  auto client_type = optional_text(request.document, "client_type", kClientNameBytesMax);
  if (is_register && !client_type) return bad(client_type.error());
  auto parsed = parse_subscribe(request.document);
  if (!parsed) return bad(parsed.error());
  const ReadScopePtr may_read = scope();
  parsed.value().subscription.set_scope(may_read);
  const bool limited = parsed.value().subscription.limited();
  const std::optional<Since>& since = parsed.value().since;
  if (since && since->kind == Since::Kind::position && since->epoch == log_.epoch() &&
      since->seq > log_.last_seq()) {
    if (ahead_ != nullptr) return wait_for(since->seq, request);
    return bad({"since.seq is " + std::to_string(since->seq) + "; the newest event is " +
                std::to_string(log_.last_seq())});
  }
  end_wait();

  if (!feed_.has_room_for(parsed.value().subscription)) {
    return refuse(request, ErrorType::busy, "what all clients subscribe to takes too much memory");
  }
  if (is_register) {
    client_id_ = std::move(client_id.value());
    client_type_ = std::move(client_type.value());
  }
  Subscription& subscription = parsed.value().subscription;
  // All of it by value: where the journal must be asked, the reply is made later.
  const auto reply_of = [this, is_register, limited, id_json = request.id_json,
                         client_id = is_register ? client_id_ : std::string(),
                         patterns = json_list(subscription.patterns()),
                         filter = subscription.filter_json()](const SubscribeOutcome& outcome) {
    ReplyWriter reply(is_register ? "registered" : "subscribed",
                      action_name(is_register ? Action::register_client : Action::subscribe),
                      id_json);
    if (!client_id.empty()) reply.field("client_id", client_id);
    reply.key("subscriptions").raw(patterns);
    if (!filter.empty()) reply.key("filter").raw(filter);
    reply.field("epoch", log_.epoch()).field("seq", outcome.seq);
    if (outcome.recovered) reply.field("recovered", *outcome.recovered);
    if (limited) reply.field("limited", true);
    return reply.finish(clock_.wall_us());
  };
  const StreamOptions& options = parsed.value().options;
  if (since && feed_.must_look_up(subscription, *since)) {
    if (feed_.subscribe_later(std::move(subscription), *since, options, reply_of)) return {};
    return refuse(request, ErrorType::busy, "too many requests wait for their reply");
  }
  *then = feed_.subscribe(std::move(subscription), since, options);
  return reply_of(*then);
}

std::string ClientProtocol::wait_for(std::uint64_t seq, const ClientRequest& request) {
  end_wait();
  Awaited awaited{0, seq, {request.action, request.id_json, {}}};
  awaited.request.document.CopyFrom(request.document, awaited.request.document.GetAllocator());
  awaited.number = ahead_->add(this, seq, awaited.request.document.GetAllocator().Size(), clock_.steady_us(),
                               [this, alive = std::weak_ptr<char>(alive_)](bool there) {
                                 if (!alive.expired()) on_waited(there);
                               });
  if (awaited.number == 0) return refuse(request, ErrorType::busy, "too many wait for events that this bridge does not have yet");
  awaited_ = std::move(awaited);
  ++owed_;
  return {};
}

void ClientProtocol::on_waited(bool there) {
  if (!awaited_) return;
  const Awaited awaited = std::move(*awaited_);
  awaited_.reset();
  --owed_;
  SubscribeOutcome then;
  const std::string reply =
      there ? on_subscribe(awaited.request, &then)
            : refuse(awaited.request, ErrorType::busy,
                     "event " + std::to_string(awaited.seq) + " has not come to this bridge within " +
                         std::to_string(kAheadWaitUs / 1'000'000) + " s; the newest is " + std::to_string(log_.last_seq()));
  on_late_reply_(reply.empty() || say(reply, then) ? Verdict::keep : Verdict::too_slow);
}

void ClientProtocol::end_wait() {
  if (!awaited_) return;
  ahead_->forget(awaited_->number);
  const ClientRequest request = std::move(awaited_->request);
  awaited_.reset();
  --owed_;
  // Where there is no room for it, there is none for what follows either, which ends the connection.
  (void)feed_.say(refuse(request, ErrorType::busy, "a later subscription took the place of this one"));
}

std::string ClientProtocol::on_unsubscribe(const ClientRequest& request) {
  const auto named = request.document.FindMember("subscriptions");
  Subscription left;
  if (named != request.document.MemberEnd() && !named->value.IsNull()) {
    const auto patterns = parse_patterns(named->value, "subscriptions");
    if (!patterns) return refuse(request, ErrorType::bad_request, patterns.error().message);
    if (!patterns.value().empty()) {
      auto fewer = feed_.subscription().without(patterns.value());
      if (!fewer) return refuse(request, ErrorType::bad_request, fewer.error().message);
      left = std::move(fewer.value());
    }
  }
  end_wait();
  const SubscribeOutcome outcome = feed_.subscribe(std::move(left), std::nullopt);
  ReplyWriter reply("unsubscribed", "unsubscribe", request.id_json);
  reply.key("subscriptions").raw(json_list(feed_.subscription().patterns()));
  if (!feed_.subscription().excluded().empty()) {
    reply.key("excluded").raw(json_list(feed_.subscription().excluded()));
  }
  reply.field("epoch", log_.epoch()).field("seq", outcome.seq);
  return reply.finish(clock_.wall_us());
}

// The commands that are about this client's own stream.
std::string ClientProtocol::on_replay(const ClientRequest& request, std::string_view command) {
  static const rapidjson::Value kNull;
  const std::int64_t began_us = clock_.steady_us();
  const auto params = request.document.FindMember("params");
  const rapidjson::Value& given = params == request.document.MemberEnd() ? kNull : params->value;
  if (!given.IsNull() && !given.IsObject()) {
    record("command", request, error_type_name(ErrorType::bad_request));
    return refuse(request, ErrorType::bad_request, "params must be an object");
  }
  std::string result;
  if (command == kReplayStop) {
    result = replays_.stop(&feed_);
  } else {
    auto started = replays_.start(&feed_, given, scope(), [this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) on_late_reply_(Verdict::keep);
    });
    if (!started) {
      record("command", request, error_type_name(started.error().type));
      return refuse(request, started.error().type, started.error().message);
    }
    result = std::move(started.value());
  }
  record("command", request, "success");
  ReplyWriter reply("command_result", "command", request.id_json);
  reply.field("command", command).field("source", kOwnSource).field("success", true);
  reply.key("result").raw(result);
  reply.key("elapsed_ms").milliseconds(clock_.steady_us() - began_us);
  return reply.finish(clock_.wall_us());
}

std::string ClientProtocol::on_command(const ClientRequest& request) {
  const auto command = request.document.FindMember("command");
  if (command != request.document.MemberEnd() && command->value.IsString()) {
    const std::string_view name(command->value.GetString(), command->value.GetStringLength());
    const bool own = name == kReplay || name == kReplayStop;
    if (own && (access_ == nullptr || access_->may_command(name))) return on_replay(request, name);
  }
  // Most commands are answered before execute() returns; their reply goes the common way.
  struct Exchange {
    bool under_way = true;
    std::string reply;
  };
  const auto exchange = std::make_shared<Exchange>();
  dispatcher_.execute(
      request.document, request.id_json,
      requester(),
      [this, exchange, alive = std::weak_ptr<char>(alive_)](std::string reply) {
        if (exchange->under_way) {
          exchange->reply = std::move(reply);
        } else if (!alive.expired()) {
          --owed_;
          on_late_reply_(feed_.say_text(std::move(reply)) ? Verdict::keep : Verdict::too_slow);
        }
      });
  exchange->under_way = false;
  if (exchange->reply.empty()) ++owed_;
  return std::move(exchange->reply);
}

std::string ClientProtocol::refuse(const ClientRequest& request, ErrorType type,
                                   std::string message) {
  return refuse(request, {type, std::move(message)});
}

std::string ClientProtocol::refuse(const ClientRequest& request, const RequestError& error) {
  ++counters_.requests_refused;
  return error_message(error, action_name(request.action), request.id_json, clock_.wall_us());
}

}  // namespace bridge
