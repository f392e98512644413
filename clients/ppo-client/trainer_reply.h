// What trainers answered, for people.
#pragma once

#include <string>
#include <string_view>

#include "ppo-client/line.h"

namespace client {

// "pause  agent_0 on trainer-1  done in 3.1 ms  at step 12,345" and, where it says more, the result
// as it came, a member a line. Ends with a line break. Empty where the reply is not a trainer's.
// REQUIRES: feed::json::valid(reply)
std::string one_trainer_text(std::string_view reply, const Style& style);

// A row a trainer: what came of it, after how long, at which step, and the result or the error.
// Empty where there is no list of results. REQUIRES: feed::json::valid(reply)
std::string all_trainers_text(std::string_view reply, const Style& style);

}  // namespace client
