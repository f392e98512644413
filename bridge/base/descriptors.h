// How many descriptors there are, and who gives way where they run short.
#pragma once

#include <cstddef>

namespace bridge {

// Of those the last are for what the bridge itself opens; as many again for files and sockets that it always has.
inline constexpr int kLastDescriptors = 64;

// Takes all that the system grants, and returns how many.
std::size_t raise_descriptor_limit();

// Whether this, which is the lowest that was free, is one of the last.
bool is_one_of_the_last(int descriptor);

// How many connections of ZeroMQ's peers, at all its addresses together, stay where descriptors run short.
std::size_t zmq_peers_that_fit();

}  // namespace bridge
