#include "stream/frames.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "event/stream_text.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

// Below this a message saves its client nothing: it goes in one packet anyway.
constexpr std::size_t kDeflateBytesMin = 1024;
// What is larger is one event, or nearly; to compress 128 KiB takes a millisecond.
constexpr std::size_t kDeflateBytesMax = 128 * 1024;

constexpr std::size_t kPooledBytesStep = 32 * 1024;  // so that one fits the next that is a little larger

}  // namespace

std::string FrameBuffers::take(std::size_t bytes) {
  const auto fits = [bytes](const std::string& buffer) {
    return buffer.capacity() >= bytes && buffer.capacity() <= 2 * bytes + kPooledBytesStep;
  };
  std::string buffer;
  if (bytes >= kPooledBytesMin) {
    const auto found = std::find_if(free_->rbegin(), free_->rend(), fits);
    if (found != free_->rend()) {
      buffer.swap(*found);
      free_->erase(std::next(found).base());
      return buffer;
    }
    bytes = (bytes + kPooledBytesStep - 1) / kPooledBytesStep * kPooledBytesStep;
  }
  buffer.reserve(bytes);
  return buffer;
}

void FrameBuffers::give_back(Free& free, std::string buffer) {
  if (buffer.capacity() < kPooledBytesMin || buffer.capacity() > kPooledBytesMax) return;
  if (free.size() >= kBuffersMax) free.erase(free.begin());  // it fitted nothing for longest
  buffer.clear();
  free.push_back(std::move(buffer));
}

std::shared_ptr<const std::string> FrameBuffers::share(std::string bytes) const {
  if (bytes.capacity() < kPooledBytesMin) return std::make_shared<const std::string>(std::move(bytes));
  return {new std::string(std::move(bytes)), [pool = std::weak_ptr<Free>(free_)](std::string* buffer) {
            if (const auto free = pool.lock()) give_back(*free, std::move(*buffer));
            delete buffer;
          }};
}

void FramesBuilder::expect(std::size_t bytes) {
  if (buffers_ == nullptr) return;
  if (batch_) array_ = buffers_->take(std::min(bytes, kBlockBytesMax));
  if (deflater_ == nullptr) bytes_ = buffers_->take(bytes);
}

void FramesBuilder::add(const Block& block, const EventRun& run) {
  if (run.from == run.to) return add_gap(block.gap_frame(run.from));
  if (batch_ || event_stream_) {
    for (std::size_t index = run.from; index < run.to; ++index) add(block, index);
    return;
  }
  const EventEntry& first = block.entry(run.from);
  const EventEntry& last = block.entry(run.to - 1);
  bytes_.append(block.frames(), first.frame_offset, last.frame_offset + last.frame_size - first.frame_offset);
  events_ += run.to - run.from;
}

void FramesBuilder::add(const Block& block, std::size_t index) {
  ++events_;
  if (event_stream_) return append_stream_event(bytes_, epoch_, block.seq(index), block.json(index));
  if (!batch_) {
    bytes_.append(block.frame(index));
    return;
  }
  const std::string_view json = block.json(index);
  if (array_.size() + json.size() + 2 > (deflater_ == nullptr ? kBlockBytesMax : kDeflateBytesMax)) close_array();
  array_.append(1, array_.empty() ? '[' : ',').append(json);
}

void FramesBuilder::add_gap(std::string_view frame) {
  close_array();
  if (event_stream_) {
    bytes_ += stream_message(frame_payload(frame));
  } else {
    bytes_.append(frame);
  }
  ++gaps_;
}

void FramesBuilder::close_array() {
  if (array_.empty()) return;
  array_.append(1, ']');
  std::string_view compressed;
  if (deflater_ != nullptr && array_.size() >= kDeflateBytesMin && array_.size() <= kDeflateBytesMax) {
    compressed = deflater_->compress(array_);
  }
  const std::string_view payload = compressed.empty() ? std::string_view(array_) : compressed;
  append_text_frame_header(bytes_, payload.size(), !compressed.empty());
  bytes_.append(payload);
  array_.clear();
}

Frames FramesBuilder::finish() {
  close_array();
  Frames frames;
  frames.events = events_;
  frames.gaps = gaps_;
  if (buffers_ != nullptr) buffers_->give_back(std::move(array_));
  if (bytes_.empty()) return frames;
  frames.bytes = buffers_ == nullptr ? std::make_shared<const std::string>(std::move(bytes_))
                                     : buffers_->share(std::move(bytes_));
  return frames;
}

}  // namespace bridge
