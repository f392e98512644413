// What a bridge knows of its cluster, as text.
#pragma once

#include <string>
#include <string_view>

#include "ppo-client/line.h"

namespace client {

// `cluster`: of get_status (PROTOCOL.md, section 12). Empty where that is no object.
std::string cluster_text(std::string_view cluster, const Style& style);

}  // namespace client
