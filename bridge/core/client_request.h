// A client's request, parsed: which action, which id, and the subscription fields (PROTOCOL section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"
#include "core/feed.h"
#include "core/subscription.h"
#include "event/messages.h"

namespace bridge {

enum class Action { register_client, subscribe, unsubscribe, command, ping };

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

// Parses a request's envelope. The fields of the action are read from `document` by what handles it.
Result<ClientRequest, RequestRefusal> parse_request(std::string_view text);

// The `id` of a request as JSON text, to be repeated; empty where there is none.
Result<std::string> request_id(const rapidjson::Value& request);

// The parts of `register` and `subscribe`.
struct SubscribeRequest {
  Subscription subscription;
  std::optional<Since> since;
  StreamOptions options;
};
Result<SubscribeRequest> parse_subscribe(const rapidjson::Value& request);

// An optional string field: absent and null are "". Fails where it is something else or longer than
// `bytes_max`.
Result<std::string> optional_text(const rapidjson::Value& request, const char* name,
                                  std::size_t bytes_max);

}  // namespace bridge
