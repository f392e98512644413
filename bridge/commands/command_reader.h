// Commands as JSON says them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <rapidjson/document.h>

#include "access/access.h"
#include "base/result.h"
#include "commands/command.h"

namespace bridge {

// One thread: the log's.
class CommandReader {
 public:
  explicit CommandReader(std::int64_t default_deadline_us) : default_deadline_us_(default_deadline_us) {}

  // How long a trainer may take to answer where nobody says.
  void set_default_deadline(std::int64_t deadline_us) { default_deadline_us_ = deadline_us; }

  // `request` as for CommandTaker::execute(). `requester` names the one who asks, `access` is what he may do; null:
  // everything.
  Result<Command, RequestError> read(const rapidjson::Value& request, const std::string& requester,
                                     const Access* access = nullptr) const;

 private:
  std::int64_t default_deadline_us_;
};

// Why somebody may not have an alert act as `params` of create_alert want it.
std::optional<RequestError> check_action(const rapidjson::Value& params, const Access& access);

}  // namespace bridge
