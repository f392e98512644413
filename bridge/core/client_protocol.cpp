#include "core/client_protocol.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/limits.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr double kBurstSeconds = 2.0;

std::string milliseconds(std::int64_t us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(us) / 1000.0);
  return text;
}

}  // namespace

ClientProtocol::ClientProtocol(Feed& feed, OwnCommands& commands, Counters& counters,
                               const Clock& clock, std::uint64_t requests_per_s_max)
    : feed_(feed),
      commands_(commands),
      counters_(counters),
      clock_(clock),
      tokens_per_s_(static_cast<double>(requests_per_s_max)),
      tokens_(tokens_per_s_ * kBurstSeconds),
      tokens_at_us_(clock.steady_us()) {}

Verdict ClientProtocol::handle(std::string_view text) {
  ++counters_.requests;
  auto parsed = parse_request(text);
  std::string then;
  std::string reply;
  if (!take_token()) {
    ++counters_.requests_rate_limited;
    ++refused_in_a_row_;
    const std::string id = parsed ? parsed.value().id_json : parsed.error().id_json;
    const std::string action =
        parsed ? action_name(parsed.value().action) : parsed.error().action;
    reply = error_message({ErrorType::rate_limited,
                           "more than " + std::to_string(static_cast<std::uint64_t>(tokens_per_s_)) +
                               " requests a second (websocket.requests_per_s_max)"},
                          action, id, clock_.wall_us());
  } else if (!parsed) {
    refused_in_a_row_ = 0;
    ++counters_.requests_refused;
    const RequestRefusal& refusal = parsed.error();
    reply = error_message(refusal.error, refusal.action, refusal.id_json, clock_.wall_us());
  } else {
    refused_in_a_row_ = 0;
    reply = reply_to(parsed.value(), &then);
  }
  if (!feed_.say(reply) || (!then.empty() && !feed_.say(then))) return Verdict::too_slow;
  return static_cast<double>(refused_in_a_row_) > tokens_per_s_ * kBurstSeconds
             ? Verdict::rate_limited
             : Verdict::keep;
}

bool ClientProtocol::take_token() {
  const std::int64_t now = clock_.steady_us();
  tokens_ = std::min(tokens_per_s_ * kBurstSeconds,
                     tokens_ + static_cast<double>(now - tokens_at_us_) / 1e6 * tokens_per_s_);
  tokens_at_us_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

std::string ClientProtocol::reply_to(const ClientRequest& request, std::string* then) {
  switch (request.action) {
    case Action::register_client:
    case Action::subscribe:
      return on_subscribe(request, then);
    case Action::unsubscribe:
      return on_unsubscribe(request);
    case Action::command:
      return on_command(request);
    case Action::ping:
      break;
  }
  return ReplyBuilder("pong", "ping", request.id_json).finish(clock_.wall_us());
}

std::string ClientProtocol::on_subscribe(const ClientRequest& request, std::string* then) {
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
  const std::optional<Since>& since = parsed.value().since;
  const EventLog& log = commands_.view().log;
  if (since && since->kind == Since::Kind::position && since->epoch == log.epoch() &&
      since->seq > log.last_seq()) {
    return bad({"since.seq is " + std::to_string(since->seq) + "; the newest event is " +
                std::to_string(log.last_seq())});
  }

  const SubscribeOutcome outcome =
      feed_.subscribe(std::move(parsed.value().subscription), since);
  *then = outcome.gap;
  ReplyBuilder reply(is_register ? "registered" : "subscribed", action_name(request.action),
                     request.id_json);
  if (is_register) {
    client_id_ = std::move(client_id.value());
    client_type_ = std::move(client_type.value());
    if (!client_id_.empty()) reply.text("client_id", client_id_);
  }
  reply.raw("subscriptions", json_list(feed_.subscription().patterns()));
  if (!feed_.subscription().filter_json().empty()) {
    reply.raw("filter", feed_.subscription().filter_json());
  }
  reply.text("epoch", log.epoch()).number("seq", outcome.seq);
  if (outcome.recovered) reply.boolean("recovered", *outcome.recovered);
  return reply.finish(clock_.wall_us());
}

std::string ClientProtocol::on_unsubscribe(const ClientRequest& request) {
  const auto named = request.document.FindMember("subscriptions");
  Subscription left;
  if (named != request.document.MemberEnd() && !named->value.IsNull()) {
    const auto patterns = parse_patterns(named->value, "subscriptions");
    if (!patterns) return refuse(request, ErrorType::bad_request, patterns.error().message);
    if (!patterns.value().empty()) left = feed_.subscription().without(patterns.value());
  }
  const SubscribeOutcome outcome = feed_.subscribe(std::move(left), std::nullopt);
  ReplyBuilder reply("unsubscribed", "unsubscribe", request.id_json);
  reply.raw("subscriptions", json_list(feed_.subscription().patterns()));
  if (!feed_.subscription().excluded().empty()) {
    reply.raw("excluded", json_list(feed_.subscription().excluded()));
  }
  return reply.text("epoch", commands_.view().log.epoch())
      .number("seq", outcome.seq)
      .finish(clock_.wall_us());
}

std::string ClientProtocol::on_command(const ClientRequest& request) {
  const std::int64_t began_us = clock_.steady_us();
  const auto command = request.document.FindMember("command");
  if (command == request.document.MemberEnd() || !command->value.IsString()) {
    return refuse(request, ErrorType::bad_request, "command must be a string");
  }
  const std::string_view name(command->value.GetString(), command->value.GetStringLength());
  static const rapidjson::Value kNull;
  const auto found = request.document.FindMember("params");
  const rapidjson::Value& params =
      found == request.document.MemberEnd() ? kNull : found->value;
  if (!params.IsNull() && !params.IsObject()) {
    return refuse(request, ErrorType::bad_request, "params must be an object");
  }
  if (!OwnCommands::knows(name)) {
    const auto target = optional_text(request.document, "target", kNameBytesMax);
    if (!target) return refuse(request, ErrorType::bad_request, target.error().message);
    if (!target.value().empty()) {
      return refuse(request, ErrorType::unknown_target,
                    "target is \"" + printable(target.value()) +
                        "\"; no trainer of that name takes commands");
    }
    return refuse(request, ErrorType::unknown_command,
                  "command is \"" + printable(name) + "\", which the bridge does not know");
  }
  const auto result = commands_.run(name, params);
  if (!result) return refuse(request, result.error().type, result.error().message);
  return ReplyBuilder("command_result", "command", request.id_json)
      .text("command", name)
      .text("source", "ppo-bridge")
      .boolean("success", true)
      .raw("result", result.value())
      .raw("elapsed_ms", milliseconds(clock_.steady_us() - began_us))
      .finish(clock_.wall_us());
}

std::string ClientProtocol::refuse(const ClientRequest& request, ErrorType type,
                                   std::string message) {
  ++counters_.requests_refused;
  return error_message({type, std::move(message)}, action_name(request.action), request.id_json,
                       clock_.wall_us());
}

}  // namespace bridge
