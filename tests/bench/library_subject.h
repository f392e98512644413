// A subject whose events come by its own publisher library, as programs publish them, in place of bytes that the bench wrote.
#pragma once

#include <memory>

#include "subject.h"

namespace bench {

// `subject` is the bridge (then by ppo_publisher) or NATS (by nats.c), and otherwise as it was. Throws std::runtime_error
// where this build has no such library.
std::unique_ptr<Subject> with_library(std::unique_ptr<Subject> subject);

}  // namespace bench
