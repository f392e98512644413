#include "feed/subscription.h"

#include <cstdio>

#include "feed/json.h"

namespace feed {
namespace {

std::string position_json(const std::string& epoch, std::uint64_t seq) {
  return json::Object().add_string("epoch", epoch).add_number("seq", seq).text();
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
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.15g", since.seconds);
    return json::Object().add("seconds", digits).text();
  }
};

}  // namespace

std::string since_json(const Since& since, const std::string& epoch) {
  return std::visit(ToJson{epoch}, since);
}

}  // namespace feed
