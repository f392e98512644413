#include "sources/repair_answer.h"

#include <utility>
#include <vector>

#include "event/json_scanner.h"

namespace bridge {
namespace {

// Every question's id begins so, and no command's does.
constexpr std::string_view kIdStart = "r-";

// The level at which the answer's own object counts, so that a body in its list counts as level 1.
constexpr int kAnswerDepth = 1 - 3;

std::string decoded(std::string_view value) {
  std::string out;
  if (!value.empty() && value.front() == '"') {
    append_decoded(out, value.substr(1, value.size() - 2));
  }
  return out;
}

// The text of a member; empty where it is not there. How deep it goes repair_id() has looked at.
std::string_view member(std::string_view object, std::string_view wanted) {
  std::vector<TextSpan> not_finite;
  std::string_view found;
  for_each_member(
      object,
      [&](const JsonString& key, std::string_view value) {
        if (key.raw == wanted) found = value;
        return true;
      },
      &not_finite, kAnswerDepth);
  return found;
}

}  // namespace

std::string repair_id(std::string_view json) {
  // Cheap to tell: the id's text must be there, and commands' answers hold it hardly ever.
  if (json.find("\"r-") == std::string_view::npos) return {};
  std::vector<TextSpan> not_finite;
  JsonScanner scan(json, &not_finite);
  if (scan.peek() != '{' || !scan.value(kAnswerDepth) || !scan.at_end()) return {};
  std::string id = decoded(member(json, "id"));
  return id.compare(0, kIdStart.size(), kIdStart) == 0 ? std::move(id) : std::string();
}

RepairOutcome read_repair(std::string_view json, std::string_view* events) {
  const std::string_view result = member(json, "result");
  *events = member(result, "events");
  if (!events->empty() && events->front() == '[') return RepairOutcome::events;
  const std::string_view error = member(json, "error");
  const std::string_view type = member(error, "error_type");
  return decoded(type.empty() ? error : type) == "unknown_command" ? RepairOutcome::unknown
                                                                   : RepairOutcome::failed;
}

void for_each_repaired(std::string_view events,
                       const std::function<void(std::string_view body)>& visit) {
  std::vector<TextSpan> not_finite;
  for_each_element(
      events,
      [&](std::string_view value) {
        not_finite.clear();
        if (value.front() == '"') {
          visit(decoded(value));
        } else {
          visit(value);
        }
      },
      &not_finite, 1);
}

}  // namespace bridge
