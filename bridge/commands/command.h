// A command for trainers, and what becomes of it (PROTOCOL section 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "access/access.h"
#include "event/messages.h"

namespace bridge {

inline constexpr std::size_t kIdempotencyKeyBytesMax = 128;
inline constexpr std::int64_t kCommandDeadlineMaxUs = 60'000'000;

struct Command {
  std::string name;
  std::string params_json = "{}";
  std::string target;            // a source, an agent, SOURCE/AGENT, SOURCE@RUN, or "*"
  std::int64_t deadline_us = 0;  // from now, 1..kCommandDeadlineMaxUs
  std::string idempotency_key;   // empty = none
  std::string requester;         // owns the key; named in the command_executed event
  std::string identity;          // who that is, where one has to say so; `requester` begins with it and a slash
  std::string role;              // what that may do
  CommandTargetsPtr targets;     // whom it may be for; null: everybody
};

// One trainer's answer, or what took its place.
struct TrainerAnswer {
  std::string source;
  std::string run;   // that it was aimed at; empty: not known
  std::string node;  // of the cluster, that was asked for it; empty: here. Where nobody there could be asked `source` is it, too
  bool success = false;
  std::string result_json;  // of success; JSON text
  RequestError error;       // else
  std::int64_t elapsed_us = 0;
};

struct CommandOutcome {
  std::optional<RequestError> refusal;  // no trainer was asked
  bool to_all = false;                  // the target was "*"
  std::vector<TrainerAnswer> answers;   // one, or with "*" one a trainer
  std::int64_t elapsed_us = 0;
};

// What a `forbidden` names: {"permission":"command","command":"pause","target":"trainer-1"}. The target may be left out.
std::string permission_details(const std::string& command, const std::string& target);

using Respond = std::function<void(const CommandOutcome&)>;

}  // namespace bridge
