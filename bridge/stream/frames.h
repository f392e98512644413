// Ready-framed messages of events, as many a message as the subscription asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

// The memory of buffers that are written and gone, for the next ones: it is there already, and warm. To let the allocator
// give a large one out anew costs more than to copy what is written into it. One thread.
class FrameBuffers {
 public:
  static constexpr std::size_t kPooledBytesMin = 16 * 1024;   // smaller ones are not worth it
  static constexpr std::size_t kPooledBytesMax = 512 * 1024;  // nor are these met often
  static constexpr std::size_t kBuffersMax = 4;

  // An empty one with room for so many bytes, and not for many more.
  std::string take(std::size_t bytes);
  // Comes back when nobody holds it any more.
  std::shared_ptr<const std::string> share(std::string bytes) const;
  void give_back(std::string buffer) { give_back(*free_, std::move(buffer)); }

 private:
  using Free = std::vector<std::string>;
  static void give_back(Free& free, std::string buffer);
  const std::shared_ptr<Free> free_ = std::make_shared<Free>();
};

// Events [from, to) of a block, with no gap message between them; of none, the gap message in front of the first.
struct EventRun {
  std::size_t from = 0;
  std::size_t to = 0;
};

// Puts events one behind the other: a message each, as a frame or as an event stream has it, or, `batch`, JSON arrays of at most
// kBlockBytesMax, unless one event alone is larger. One thread.
class FramesBuilder {
 public:
  // As the subscription wants them. With a deflater, which must outlive it, arrays for which it pays are
  // compressed. `epoch`: of the log, for positions in an event stream. The buffers, where there are such, must outlive it.
  FramesBuilder(const Subscription& wanted, Deflater* deflater, std::string_view epoch, FrameBuffers* buffers = nullptr)
      : buffers_(buffers),
        batch_(wanted.batch() && !wanted.event_stream()),
        event_stream_(wanted.event_stream()),
        deflater_(batch_ ? deflater : nullptr),
        epoch_(epoch) {}

  // Says how much is to come, as frames of their own.
  void expect(std::size_t bytes);

  void add(const Block& block, std::size_t index);
  void add(const Block& block, const EventRun& run);

  // A gap message, a whole frame, in its place among the events.
  void add_gap(std::string_view frame);

  // REQUIRES: nothing is added any more.
  Frames finish();

 private:
  void close_array();

  FrameBuffers* const buffers_;
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
