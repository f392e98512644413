// What `alerts` prints of the bridge's answers.
#pragma once

#include <string>
#include <string_view>

#include "ppo-client/line.h"

namespace client {

// `result` of list_alerts: a table of alerts and one of what is raised; of the other commands a sentence.
std::string alerts_text(std::string_view result, const Style& style);

}  // namespace client
