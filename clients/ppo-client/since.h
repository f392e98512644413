// From where on to tail, as people type it.
#pragma once

#include <string>

#include "feed/result.h"
#include "feed/subscription.h"

namespace client {

// "42" (after event 42 of the bridge's present epoch; 0: from its beginning), "EPOCH:42",
// "last:100", or a time: "30s", "5m", "1.5h", "2d". Fails with a sentence.
feed::Result<feed::Since> parse_since(const std::string& text);

}  // namespace client
