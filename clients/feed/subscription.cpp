#include "feed/subscription.h"

#include <cstdio>

#include "feed/json.h"

namespace feed {
namespace {

std::string position_json(const std::string& epoch, std::uint64_t seq) {
  return json::Object().add_string("epoch", epoch).add_number("seq", seq).text();
}

std::string digits_of(double number) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.15g", number);
  return digits;
}

struct ToJson {
  const std::string& epoch;

  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const Position& at) const { return position_json(at.epoch, at.seq); }
  std::string operator()(const SinceSeq& at) const { return position_json(epoch, at.seq); }
  std::string operator()(const SinceLast& last) const {
    return json::Object().add_number("last", last.count).text();
  }
  std::string operator()(const SinceSeconds& since) const {
    return json::Object().add("seconds", digits_of(since.seconds)).text();
  }
};

}  // namespace

void add_members(const Subscription& subscription, const std::string& since,
                 json::Object& request) {
  if (subscription.types) {
    std::string types;
    for (const std::string& type : *subscription.types) {
      types += (types.empty() ? "" : ",") + json::quote(type);
    }
    request.add("subscriptions", "[" + types + "]");
  }
  if (!subscription.filter.empty()) request.add("filter", subscription.filter);
  if (!since.empty()) request.add("since", since);
  if (subscription.snapshot) request.add("snapshot", "true");
  if (subscription.latest_hz > 0) {
    json::Object deliver;
    deliver.add_string("mode", "latest").add("max_rate_hz", digits_of(subscription.latest_hz));
    request.add("deliver", deliver.text());
  }
  if (!subscription.on_lag.empty()) request.add_string("on_lag", subscription.on_lag);
  if (subscription.batch) request.add("batch", "true");
}

std::string since_json(const Since& since, const std::string& epoch) {
  return std::visit(ToJson{epoch}, since);
}

}  // namespace feed
