// SIGINT and SIGTERM as a question to ask.
#pragma once

namespace client {

// From now on the first SIGINT or SIGTERM only makes stop_requested() true and interrupts a system
// call that is stuck; a second one ends the program the hard way.
void catch_stop_signals();

bool stop_requested();

// A pipe whose reader has gone, and a file that may not grow (ulimit -f), are errors of write(), not the end of the
// program.
void ignore_broken_pipes();

}  // namespace client
