// A command on its way to the bridge of a cluster that has its trainer, and what that answers (PROTOCOL section 12). Texts
// from outside: what is wrong is named.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "commands/command.h"

namespace bridge {

inline constexpr std::size_t kRemoteAnswersMax = 8192;  // one a trainer

struct RemoteCommand {
  std::string from;  // the node that asks
  Command command;   // deadline_us: what was left of it
  std::int64_t by_us = 0;  // by that node's wall clock
  // Whom it is for; no source: all that are there ("*").
  std::string source;
  std::string run;
  std::string agent;
};

std::string write_remote_command(const RemoteCommand& wanted);
Result<RemoteCommand> read_remote_command(std::string_view text);

// The answers of trainers, or why none was asked.
using RemoteAnswers = Result<std::vector<TrainerAnswer>, RequestError>;
std::string write_remote_answers(const RemoteAnswers& answers);
Result<RemoteAnswers> read_remote_answers(std::string_view text);

}  // namespace bridge
