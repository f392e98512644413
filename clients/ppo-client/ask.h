// One request and its answer: status, recent, command and the like.
#pragma once

#include <string>

#include "feed/client.h"
#include "feed/message.h"
#include "ppo-client/line.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// Connects, asks, prints the answer to `out` or the error to `err`.
ExitCode ask(const Options& options, const AskOptions& task, const Style& style, Output& out,
             Output& err);

// Asks, with as many requests as `where` takes: its answer is as if the bridge itself had looked.
feed::Reply answer_to(feed::Client& client, const AskOptions& task);

// Prints the answer. Any result will do, whichever fields it has.
ExitCode show(const feed::Reply& reply, const AskOptions& task, bool json, const Style& style,
              Output& out, Output& err);

}  // namespace client
