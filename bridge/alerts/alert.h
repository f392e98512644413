// An alert as the log's thread has it, and what it has raised.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "alerts/alert_evaluator.h"

namespace bridge {

struct RaisedAlert {
  AlertChange change;
  bool acknowledged = false;
  std::string acknowledged_by;  // JSON; may be empty
};

struct Alert {
  std::uint64_t id = 0;
  std::string name, rule;
  std::string action_json;  // empty: none
  std::string shown_action;
  std::string webhook;
  bool has_command = false;
  std::int64_t created_us = 0;
  std::uint64_t after_seq = 0;
  std::uint64_t times = 0, unacknowledged = 0, suppressed = 0;
  std::string last_action;  // JSON
  std::map<AlertSubject, RaisedAlert> raised;
  std::string key;  // of its row, where other bridges have it too
  std::uint64_t version = 0;

  std::string called() const { return name.empty() ? std::to_string(id) : name; }
};

using AlertsById = std::map<std::uint64_t, Alert>;

}  // namespace bridge
