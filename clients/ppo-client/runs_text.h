// What `runs`, `series` and `compare` print of the bridge's answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ppo-client/line.h"
#include "ppo-client/options.h"

namespace client {

struct RunsText {
  std::string text;
  std::vector<std::string> unknown;  // runs that were asked for and are none
};

// `result` of get_runs or get_series, whatever it holds; task.show is one of kRuns to kSeriesNdjson. `terminal`: it
// goes to one, which points that are for programs must not steer either.
RunsText runs_text(std::string_view result, const AskOptions& task, const Style& style, bool terminal);

}  // namespace client
