// Events of one bridge's journal on their way to another one, which lacks them.
//
// A request, on <name>.cmd.<node>:          {"journal":{"after":812,"to":90000}}
// and its answer, in one message:            PAST1 {"from":813,"count":2}\n
//   for each event its stamp (microseconds, 64 bits), the size of its line (event/event_line.h) and that of `data` in it (32 bits
//   each), least byte first, and then the lines
//
// `from`: the first event behind `after` that is there, up to `to`; count 0: none is. There is one spelling: a reader refuses
// what the writer here would not have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/block.h"
#include "log/past_reader.h"

namespace bridge {

struct PastRequest {
  std::uint64_t after = 0;
  std::uint64_t to = 0;
};

std::string write_past_request(const PastRequest& request);
std::optional<PastRequest> read_past_request(std::string_view text);

// Of the blocks what the request asks for, as far as `bytes_max` goes, but for the first event, which has room.
std::string write_past_slice(const PastRequest& request, const std::vector<BlockPtr>& blocks, std::size_t bytes_max);
// The events in order, without a hole between them; nothing where it is no answer to that request.
std::optional<std::vector<BlockPtr>> read_past_slice(std::string_view text, const PastRequest& request);

}  // namespace bridge
