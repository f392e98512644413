// What a configuration says of the cluster, checked as a whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/result.h"
#include "engine/jetstream.h"

namespace bridge {

// The host of nats://HOST:PORT or tls://HOST:PORT; empty where it is neither.
std::string nats_host(std::string_view url);

// What is wrong with [cluster] where engine.kind = "jetstream"; nothing where it is not.
std::optional<Failure> wrong_cluster(const Config& config);

JetStreamOptions jetstream_options(const Config& config);

}  // namespace bridge
