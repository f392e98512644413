// get_recent_events: a look into the history by type, agent, item, source and position.
#pragma once

#include <string>

#include <rapidjson/document.h>

#include "base/result.h"
#include "event/messages.h"
#include "log/event_log.h"

namespace bridge {

// The result as JSON: {"events":[...],"count":n,"complete":bool,"epoch":e,"seq":newest}, oldest
// first. Without `since_seq` the newest `count` (default 100, at most kRecentEventsMax) that match;
// with it the first `count` behind it, so that one can page forward. `complete` is false where
// matching events may be missing: the history does not reach back, `count` or kReplyBytesMax cut
// them off, or `since_seq` is beyond the newest event (it is then of another numbering).
Result<std::string, RequestError> recent_events(EventLog& log, const rapidjson::Value& params);

}  // namespace bridge
