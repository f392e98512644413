// The JSON texts that the bridge says besides events: welcome, replies, errors, gaps
// (PROTOCOL sections 3 to 5). Text without frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/json_writer.h"

namespace bridge {

// `error_type` of an error reply.
enum class ErrorType : std::uint8_t {
  bad_json,
  bad_request,
  unknown_action,
  unknown_command,
  unknown_target,
  ambiguous_target,
  timeout,
  rejected,
  unknown_outcome,
  busy,
  unauthorized,
  forbidden,
  rate_limited,
  too_large,
};
const char* error_type_name(ErrorType type);

// A refusal: what kind, and a message that names the field, its value and what is allowed.
struct RequestError {
  ErrorType type = ErrorType::bad_request;
  std::string message;
  std::string details_json = "{}";
};
inline RequestError bad_request(std::string message) { return {ErrorType::bad_request, std::move(message)}; }
inline RequestError bad_params(const std::string& message) { return bad_request("params." + message); }

// The first message on a connection. `seq` is the newest event's. `auth_json`: who the client is, as JSON text; empty
// where nobody has to say.
std::string welcome_message(std::string_view version, std::string_view epoch, std::uint64_t seq,
                            std::int64_t now_us, std::string_view auth_json = {});
// The same where it has yet to say who it is: nothing of the log is in it.
std::string closed_welcome_message(std::string_view version, std::int64_t now_us);

// That the client's token is good until then, and not for long any more.
std::string token_expires_message(std::int64_t expires_s, std::int64_t now_us);

// An error reply. `action` may be empty (unknown); `id_json` is the request's id as JSON text, or
// empty.
std::string error_message(const RequestError& error, std::string_view action,
                          std::string_view id_json, std::int64_t now_us);

// Events [from_seq, to_seq] will not come. An empty range (to_seq = from_seq - 1) says that the
// position asked for belongs to another epoch and nothing of this one is missing.
std::string gap_message(std::uint64_t from_seq, std::uint64_t to_seq, std::string_view reason,
                        std::int64_t now_us);

// Events of a source that nobody has: both ends included.
struct SourceLost {
  std::string_view source;
  std::string_view run;
  std::uint64_t from_source_seq = 0;
  std::uint64_t to_source_seq = 0;
};

// The `data` of the bridge's own event (type system_status) that records such a loss in the log.
std::string source_lost_data(const SourceLost& lost);

// Reads it back; nothing where `data`, a valid JSON object, is of another kind. Names that had escapes
// are none. The views are into `data`.
std::optional<SourceLost> read_source_lost(std::string_view data);

// The gap message of such a loss.
std::string source_lost_gap(const SourceLost& lost, std::int64_t now_us);

// That the wall clock has stepped, ahead or (below 0) back: for people, and as the `data` of the bridge's own
// event (type system_status).
std::string clock_step_message(std::int64_t step_us);
std::string clock_step_data(std::int64_t step_us);

// The `data` of a system_status: somebody who may not has spoken for that source. `by`: from where, for people.
std::string source_refused_data(std::string_view source, std::string_view by);

// Writes a reply a field at a time: {"status":S,"action":A,"id":I, ... ,"timestamp":T}.
class ReplyWriter : public JsonWriter {
 public:
  // `id_json` is the request's id as JSON text, or empty.
  ReplyWriter(std::string_view status, std::string_view action, std::string_view id_json);
  // Stamps and hands over the text. The writer is spent.
  std::string finish(std::int64_t now_us);
};

// A JSON list of strings. REQUIRES: they are UTF-8.
std::string json_list(const std::vector<std::string>& strings);

}  // namespace bridge

