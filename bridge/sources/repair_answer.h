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

// An answer that may be one to `_replay`.
struct RepairText {
  std::string id;  // empty of what is none, or is not valid JSON
  RepairOutcome outcome = RepairOutcome::failed;  // whether it has events
  std::string_view events;  // the list's text, in that of the answer
};
// Unlike answers to commands it may hold NaN and Infinity, as bodies may, and bodies as deep as
// they may be.
RepairText read_repair(std::string_view json);

// Takes the next body off such a list: an object, or a string that holds one, which is decoded. False at the end.
bool next_repaired(std::string_view* events, std::string* body);

}  // namespace bridge
