// A source's answer to `_replay`, as JSON (PROTOCOL section 6).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/source_tracker.h"

namespace bridge {

// The id of an answer that may be one to `_replay`; empty of what is none, or is not valid JSON. Unlike
// answers to commands it may hold NaN and Infinity, as bodies may, and bodies as deep as they may be.
std::string replay_id(std::string_view json);

// Whether it has events, and which: `*events` is the text of the list, in `json`.
// REQUIRES: replay_id(json) is not empty.
ReplayOutcome read_replay(std::string_view json, std::string_view* events);

// Visits the bodies of such a list: objects, or strings that hold one.
void for_each_replayed(std::string_view events,
                       const std::function<void(std::string_view body)>& visit);

}  // namespace bridge
