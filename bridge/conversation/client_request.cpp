#include "conversation/client_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::array<const char*, 6> kActionNames = {"register", "subscribe", "unsubscribe",
                                                     "command", "ping", "authenticate"};
constexpr const char* kMustBe = "must be one of register, subscribe, unsubscribe, command, ping, authenticate";
constexpr double kSinceSecondsMax = 1e9;

Result<Since> parse_since(const Value& v) {
  const char* const forms =
      "since must be {\"epoch\":e,\"seq\":n}, {\"last\":n} or {\"seconds\":s}";
  if (!v.IsObject()) return Failure{forms};
  Since since;
  const Value* const epoch = find(v, "epoch");
  const Value* const seq = find(v, "seq");
  const Value* const last = find(v, "last");
  const Value* const seconds = find(v, "seconds");
  const int named = (epoch || seq ? 1 : 0) + (last ? 1 : 0) + (seconds ? 1 : 0);
  if (named != 1) return Failure{forms};
  if (last != nullptr) {
    const auto n = read_integer(last, "since.last", 0, kIntegerMax);
    if (!n) return n.error();
    since.kind = Since::Kind::last;
    since.last = n.value();
  } else if (seconds != nullptr) {
    const auto s = read_number(seconds, "since.seconds", 0, kSinceSecondsMax);
    if (!s) return s.error();
    since.kind = Since::Kind::seconds;
    since.seconds = s.value();
  } else {
    if (epoch == nullptr || !epoch->IsString()) return Failure{"since.epoch must be a string"};
    const auto n = read_integer(seq, "since.seq", 0, kIntegerMax);
    if (!n) return n.error();
    since.epoch = view(*epoch);
    since.seq = n.value();
  }
  return since;
}

Result<StreamOptions> parse_options(const Value& request) {
  StreamOptions options;
  if (const Value* const snapshot = find(request, "snapshot"); snapshot != nullptr) {
    if (!snapshot->IsBool()) return Failure{"snapshot must be true or false"};
    options.snapshot = snapshot->GetBool();
  }
  if (const Value* const on_lag = find(request, "on_lag"); on_lag != nullptr) {
    const std::string_view policy = on_lag->IsString() ? view(*on_lag) : std::string_view();
    if (policy == "gap") {
      options.on_lag = OnLag::gap;
    } else if (policy == "latest") {
      options.on_lag = OnLag::latest;
    } else if (policy == "close") {
      options.on_lag = OnLag::close;
    } else {
      return Failure{"on_lag must be \"gap\", \"latest\" or \"close\""};
    }
  }
  return options;
}

}  // namespace

const char* action_name(Action action) {
  return kActionNames[static_cast<std::size_t>(action)];
}

Result<ClientRequest, RequestRefusal> parse_request(std::string_view text) {
  ClientRequest request;
  auto document = read_document(text);
  if (!document) {
    return RequestRefusal{
        {ErrorType::bad_json, "the request " + document.error().message}, {}, {}};
  }
  request.document = std::move(document.value());
  const auto refuse = [&request](ErrorType type, std::string message, std::string_view action) {
    return RequestRefusal{{type, std::move(message)}, std::string(action), request.id_json};
  };
  if (!request.document.IsObject()) {
    return refuse(ErrorType::bad_request, "a request must be a JSON object", {});
  }
  auto id = request_id(request.document);
  const Value* const action = find(request.document, "action");
  if (id) request.id_json = std::move(id.value());
  if (action == nullptr || !action->IsString()) {
    return refuse(ErrorType::bad_request,
                  std::string("action ") + kMustBe, {});
  }
  const auto name = std::find(kActionNames.begin(), kActionNames.end(), view(*action));
  if (name == kActionNames.end()) {
    return refuse(ErrorType::unknown_action,
                  "action is \"" + printable(view(*action)) + "\"; " + kMustBe,
                  view(*action).size() <= kNameBytesMax ? view(*action) : std::string_view());
  }
  if (!id) return refuse(ErrorType::bad_request, id.error().message, *name);
  request.action = static_cast<Action>(name - kActionNames.begin());
  return request;
}

Result<SubscribeRequest> parse_subscribe(const Value& request) {
  SubscribeRequest out;
  auto subscription = Subscription::parse(request);
  if (!subscription) return subscription.error();
  out.subscription = std::move(subscription.value());
  auto options = parse_options(request);
  if (!options) return options.error();
  out.options = options.value();
  if (const Value* const since = find(request, "since")) {
    auto parsed = parse_since(*since);
    if (!parsed) return parsed.error();
    out.since = std::move(parsed.value());
  }
  return out;
}

}  // namespace bridge
