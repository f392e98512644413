// What `ppo-client top` shows: sources, clients by lag, delays and memory by queue.
#pragma once

#include <cstddef>
#include <string>

#include "ppo-client/line.h"
#include "ppo-client/top_sample.h"

namespace client {

// The screen's lines, each with a line break and at most `style.width_max` wide (0: 160), at most `rows` of them (0: any
// number). Rates are since `before`; null: there are none yet. `delays_since`: of what the delays are told; null: of all since the
// bridge's start. `notice` stands above where it is not empty.
std::string top_screen(const TopSample& now, const TopSample* before, const TopSample* delays_since, const Style& style,
                       size_t rows, const std::string& notice);

}  // namespace client
