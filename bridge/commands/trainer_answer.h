// What a trainer answered to a command (PROTOCOL section 5).
#pragma once

#include <string_view>

#include <rapidjson/document.h>

#include "commands/command.h"

namespace bridge {

// `reply` is an object, and `json` its text. Who answered, and how long it took, is not in it.
TrainerAnswer read_trainer_answer(const rapidjson::Value& reply, std::string_view json);

}  // namespace bridge
