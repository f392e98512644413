// What a trainer answered to a command (PROTOCOL section 5).
#pragma once

#include <string_view>

#include <rapidjson/document.h>

#include "commands/command.h"

namespace bridge {

// Of an error that a trainer gives; a larger one is none.
inline constexpr std::size_t kTrainerErrorBytesMax = 64 * 1024;

// `reply` has the members `success` and `error` of the answer, and `result` is the text of its `result`, or empty. Who
// answered, and how long it took, is not in it.
TrainerAnswer read_trainer_answer(const rapidjson::Value& reply, std::string_view result);

}  // namespace bridge
