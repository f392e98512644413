// Asio's hooks around every handler (ASIO_CUSTOM_HANDLER_TRACKING): they count the loop's turns, and nothing else.
// Every source that includes Asio must be compiled with it.
#pragma once

#include "base/loop_turns.h"

#define ASIO_INHERIT_TRACKED_HANDLER
#define ASIO_ALSO_INHERIT_TRACKED_HANDLER
#define ASIO_HANDLER_TRACKING_INIT (void)0
#define ASIO_HANDLER_CREATION(args) (void)0
#define ASIO_HANDLER_COMPLETION(args) (void)0
#define ASIO_HANDLER_INVOCATION_BEGIN(args) ::bridge::LoopTurns::begin()
#define ASIO_HANDLER_INVOCATION_END ::bridge::LoopTurns::end()
#define ASIO_HANDLER_LOCATION(args) (void)0
#define ASIO_HANDLER_OPERATION(args) (void)0
#define ASIO_HANDLER_REACTOR_REGISTRATION(args) (void)0
#define ASIO_HANDLER_REACTOR_DEREGISTRATION(args) (void)0
#define ASIO_HANDLER_REACTOR_READ_EVENT 0
#define ASIO_HANDLER_REACTOR_WRITE_EVENT 0
#define ASIO_HANDLER_REACTOR_ERROR_EVENT 0
#define ASIO_HANDLER_REACTOR_EVENTS(args) (void)0
#define ASIO_HANDLER_REACTOR_OPERATION(args) (void)0
