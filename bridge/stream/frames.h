// Ready-framed messages of events, as many a message as the subscription asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "event/block.h"
#include "event/deflate.h"
#include "event/subscription.h"

namespace bridge {

// Ready-framed bytes of some events, and of the gap messages between them. Shared and never
// changed.
struct Frames {
  std::shared_ptr<const std::string> bytes;  // null where nothing passes
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
};

// Puts events one behind the other: a message each, as a frame or as an event stream has it, or, `batch`, JSON arrays of at most
// kBlockBytesMax, unless one event alone is larger. One thread.
class FramesBuilder {
 public:
  // As the subscription wants them. With a deflater, which must outlive it, arrays for which it pays are
  // compressed. `epoch`: of the log, for positions in an event stream.
  FramesBuilder(const Subscription& wanted, Deflater* deflater, std::string_view epoch)
      : batch_(wanted.batch() && !wanted.event_stream()),
        event_stream_(wanted.event_stream()),
        deflater_(batch_ ? deflater : nullptr),
        epoch_(epoch) {}

  void add(const Block& block, std::size_t index);

  // A gap message, a whole frame, in its place among the events.
  void add_gap(std::string_view frame);

  // REQUIRES: nothing is added any more.
  Frames finish();

 private:
  void close_array();

  const bool batch_;
  const bool event_stream_;
  Deflater* const deflater_;
  const std::string epoch_;
  std::string bytes_;
  std::string array_;  // being gathered, without its ']'; empty before its first event
  std::uint64_t events_ = 0;
  std::uint64_t gaps_ = 0;
};

}  // namespace bridge
