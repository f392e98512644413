// Commands as they are on the wire (the wire contract, section 5): read and answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ppo {

struct CommandRequest {
  std::string id;
  std::string command;
  std::string params = "{}";  // compact JSON
  std::string agent_id;       // empty: left out
  std::string run;
  std::string idempotency_key;      // empty: it may be done again
  std::int64_t deadline_ms = 2000;  // from when it came in; 0 or less: too late already
  std::optional<double> by;         // when it is wanted, in seconds by the bridge's clock
};

// The answer to a hello: our time as we sent it and the bridge's, in seconds. It wants none itself.
struct ClockAnswer {
  double clock = 0;
  double at = 0;
};

// A request, or a `_clock`, or else what is wrong with it.
struct [[nodiscard]] ParsedRequest {
  std::optional<CommandRequest> request;
  std::optional<ClockAnswer> clock;
  std::optional<std::string> id;  // as far as there is one to answer to
  std::string error_type;         // "bad_json" or "bad_request"
  std::string message;            // names the key, its value and its range
};

ParsedRequest parse_request(std::string_view body);

// What a bridge that misses events asks for: the command that every publisher answers.
inline constexpr std::string_view kReplayCommand = "_replay";

// Both ends included.
struct ReplayRange {
  std::uint64_t from = 1;
  std::uint64_t to = 0;
};

// Nothing where `params` are none of that command's. REQUIRES: a JSON object.
std::optional<ReplayRange> parse_replay(std::string_view params);

// The reply: `bodies` are events with commas between them.
std::string replay_reply(std::string_view id, std::string_view bodies);

// Replies; without an `id` it is null. A result that is not the text of a JSON object, or too long
// (commands.h), becomes an error reply.
std::string result_reply(std::string_view id, std::string_view result_json);
// Such a reply, to another request. REQUIRES: it is result_reply()'s to `id_then`.
std::string repeated_reply(std::string_view reply, std::string_view id_then, std::string_view id);
std::string error_reply(const std::optional<std::string>& id, std::string_view error_type,
                        std::string_view message);

}  // namespace ppo
