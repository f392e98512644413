// A source's answer to `_replay`, as JSON (PROTOCOL section 6).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bridge {

// How a question for missing events ended.
enum class RepairOutcome {
  events,   // answered; the events were given to SourceTracker::observe() before
  failed,   // no answer in time, or refused for the moment
  broken,   // what came cannot be read
  unsent,   // it was never asked: a command was with it all the time
  unknown,  // the source does not know the command
  late,     // as `events`, but the question was reported as failed before
};

// What became of a question for events [from, to].
struct RepairAnswer {
  std::string source;
  std::string run;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  RepairOutcome outcome = RepairOutcome::failed;
  std::string_view events;  // of events and late: the JSON list, valid but for NaN and Infinity
};

// The id of an answer that may be one to `_replay`; empty of what is none, or is not valid JSON.
// Unlike answers to commands it may hold NaN and Infinity, as bodies may, and bodies as deep as
// they may be.
std::string repair_id(std::string_view json);

// Whether it has events, and which: `*events` is the text of the list, in `json`.
// REQUIRES: repair_id(json) is not empty.
RepairOutcome read_repair(std::string_view json, std::string_view* events);

// Visits the bodies of such a list: objects, or strings that hold one.
void for_each_repaired(std::string_view events,
                       const std::function<void(std::string_view body)>& visit);

}  // namespace bridge
