// A client's request, parsed: which action, which id, and the subscription fields (PROTOCOL section
// 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"
#include "event/messages.h"
#include "event/request_fields.h"
#include "event/subscription.h"
#include "stream/feed.h"

namespace bridge {

enum class Action { register_client, subscribe, unsubscribe, command, ping, authenticate };

// The request's name of the action as the wire has it.
const char* action_name(Action action);

struct ClientRequest {
  Action action = Action::ping;
  std::string id_json;  // as to be repeated; empty where there is none
  rapidjson::Document document;
};

// Why a text is no request; `action` and `id_json` as far as they could be read, for the reply.
struct RequestRefusal {
  RequestError error;
  std::string action;
  std::string id_json;
};

// Parses a request's envelope. The fields of the action are read from `document` by what handles
// it.
Result<ClientRequest, RequestRefusal> parse_request(std::string_view text);

// The parts of `register` and `subscribe`.
struct SubscribeRequest {
  Subscription subscription;
  std::optional<Since> since;
  StreamOptions options;
};
Result<SubscribeRequest> parse_subscribe(const rapidjson::Value& request);

}  // namespace bridge
