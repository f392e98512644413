// What JetStream's API says and is told, as text. No connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/jetstream.h"

namespace bridge {

// The request that makes the stream.
std::string stream_request(const JetStreamOptions& options);

struct StreamState {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::string leader;  // "": there is one server, or nobody leads
  bool led = true;     // by somebody: else the numbers are what a replica has, which may lag
};

struct StoredMessage {
  std::uint64_t seq = 0;
  std::string bytes;
};

// What an answer of the API says, or its error.
Result<StreamState> read_stream_state(std::string_view answer);
// The number that a message got.
Result<std::uint64_t> read_ack(std::string_view answer);
Result<StoredMessage> read_message(std::string_view answer);
// The error's number, as JetStream's; 0 where the answer is none.
int api_error_code(std::string_view answer);

// What of a stream that is there is not as it should be, from the answer that describes it: a failure where it cannot be
// used, else lines to be logged.
Result<std::vector<std::string>> check_stream(const JetStreamOptions& options, std::string_view answer);

}  // namespace bridge
