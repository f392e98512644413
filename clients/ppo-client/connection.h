// The first connection to the bridge, and what goes wrong with it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "feed/client.h"
#include "feed/message.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// How the feed of a program with these options is to connect.
feed::Options feed_options(const Options& options, feed::Subscription subscription);

// For who only asks.
feed::Subscription no_events();

// Waits until the client stands. Otherwise says why on `err` and returns with what to exit; a stop
// that was requested is no failure.
std::optional<ExitCode> await_connection(feed::Client& client, const Options& options, Output& err,
                                         const std::function<bool()>& stop,
                                         feed::Notice* connected);

// "error: unknown_target: no such agent", safe to print.
std::string error_line(const std::string& error_type, const std::string& message);

}  // namespace client
