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

// Whose name is his connection's is somebody else at each bridge: from now on it names the bridge too. `identity`: what the
// name may begin with, with a slash behind it.
void name_across(const std::string& node, const std::string& identity, std::string* name);
// Whether it is that of a connection alone: after a restart of its bridge somebody else may have it.
bool is_unnamed(const std::string& requester);

// Whether it was not done because nobody was there who could.
bool is_away(const RequestError& error);
inline constexpr std::string_view kBridgeIsAway = "its bridge is away: ";

std::string write_remote_command(const RemoteCommand& wanted);
Result<RemoteCommand> read_remote_command(std::string_view text);

// The answers of trainers, or why none was asked.
using RemoteAnswers = Result<std::vector<TrainerAnswer>, RequestError>;
std::string write_remote_answers(const RemoteAnswers& answers);
Result<RemoteAnswers> read_remote_answers(std::string_view text);

}  // namespace bridge
