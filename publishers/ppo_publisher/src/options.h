// What a publisher is told, checked before anything starts.
#pragma once

#include <string>

#include <ppo_publisher/publisher.h>

namespace ppo {

// With what was left out filled in. A source that is made up is to be given back (names.h).
PublisherOptions complete(PublisherOptions options);

// The first thing wrong with them: the option, its value and its range; "" where nothing is.
std::string check(const PublisherOptions& options);

}  // namespace ppo
