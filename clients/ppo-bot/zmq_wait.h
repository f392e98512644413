// Waiting for ZeroMQ sockets.
#pragma once

#include <chrono>
#include <initializer_list>
#include <zmq.hpp>

namespace bot {

// How soon a bridge that started is found.
inline constexpr int kReconnectMsMin = 50;
inline constexpr int kReconnectMsMax = 1'000;

// Returns when one of the sockets has something to read, when `wait` is over, or when a signal
// came.
void wait_readable(std::initializer_list<zmq::socket_t*> sockets, std::chrono::milliseconds wait);

}  // namespace bot
