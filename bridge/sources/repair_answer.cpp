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

// Visits the members of an object that comes next: visit(key) -> bool takes the value, false to stop. False too where it is
// none.
template <class Visit>
bool walk_object(JsonScanner& scan, Visit&& visit) {
  if (!scan.take('{')) return false;
  if (scan.take('}')) return true;
  do {
    JsonString key;
    if (scan.peek() != '"' || !scan.string(&key) || !scan.take(':')) return false;
    scan.peek();
    if (!visit(key.raw)) return false;
  } while (scan.take(','));
  return scan.take('}');
}

bool take_value(JsonScanner& scan, int depth, std::string_view* text) {
  const char* const start = scan.position();
  if (!scan.value(depth)) return false;
  *text = std::string_view(start, static_cast<std::size_t>(scan.position() - start));
  return true;
}

}  // namespace

// In one pass, for it may be megabytes.
RepairText read_repair(std::string_view json) {
  // Cheap to tell: the id's text must be there, and commands' answers hold it hardly ever.
  if (json.find("\"r-") == std::string_view::npos) return {};
  std::vector<TextSpan> not_finite;
  JsonScanner scan(json, &not_finite);
  std::string_view id, events, error, type, other;
  const bool valid = walk_object(scan, [&](std::string_view key) {
    if (key == "result" && scan.peek() == '{') {
      return walk_object(scan, [&](std::string_view name) { return take_value(scan, kAnswerDepth + 2, name == "events" ? &events : &other); });
    }
    if (key == "error" && scan.peek() == '{') {
      return walk_object(scan, [&](std::string_view name) { return take_value(scan, kAnswerDepth + 2, name == "error_type" ? &type : &other); });
    }
    return take_value(scan, kAnswerDepth + 1, key == "id" ? &id : key == "error" ? &error : &other);
  });
  RepairText found;
  if (!valid || !scan.at_end()) return found;
  found.id = decoded(id);
  if (found.id.compare(0, kIdStart.size(), kIdStart) != 0) found.id.clear();
  if (!events.empty() && events.front() == '[') {
    found.outcome = RepairOutcome::events;
    found.events = events;
  } else if (decoded(type.empty() ? error : type) == "unknown_command") {
    found.outcome = RepairOutcome::unknown;
  }
  return found;
}

bool next_repaired(std::string_view* events, std::string* body) {
  std::vector<TextSpan> not_finite;
  JsonScanner scan(*events, &not_finite);
  std::string_view value;
  if (!scan.take('[') && !scan.take(',')) return false;
  if (scan.peek() == ']' || !take_value(scan, 1, &value)) return false;
  if (value.front() == '"') {
    *body = decoded(value);
  } else {
    body->assign(value);
  }
  events->remove_prefix(static_cast<std::size_t>(scan.position() - events->data()));
  return true;
}

}  // namespace bridge
