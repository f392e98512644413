// Which events pass a rule: the language of alerts (bridge/PROTOCOL.md section 9) and of the page's tape. No
// subscription says as much, so each event is looked at here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "feed/result.h"

namespace bridge {
struct Rule;
}

namespace client {

class Where {
 public:
  // Fails with a sentence that names the rule, the place and what is allowed: what takes more than one event to decide
  // (`for`, count, averages) is not.
  static feed::Result<Where> read(std::string_view rule);

  // The types that can pass, `order_*` for all that begin so; `*`: any.
  std::string types() const;

  // REQUIRES: feed::json::valid(event)
  bool passes(std::string_view event) const;

 private:
  explicit Where(std::shared_ptr<const bridge::Rule> rule) : rule_(std::move(rule)) {}

  std::shared_ptr<const bridge::Rule> rule_;
};

}  // namespace client
