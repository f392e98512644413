#include "stream/frames.h"

#include <utility>

#include "base/limits.h"
#include "event/stream_text.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

// Below this a message saves its client nothing: it goes in one packet anyway.
constexpr std::size_t kDeflateBytesMin = 1024;

}  // namespace

void FramesBuilder::add(const Block& block, std::size_t index) {
  ++events_;
  if (event_stream_) return append_stream_event(bytes_, epoch_, block.seq(index), block.json(index));
  if (!batch_) {
    bytes_.append(block.frame(index));
    return;
  }
  const std::string_view json = block.json(index);
  if (array_.size() + json.size() + 2 > kBlockBytesMax) close_array();
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
  if (deflater_ != nullptr && array_.size() >= kDeflateBytesMin) {
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
  if (!bytes_.empty()) frames.bytes = std::make_shared<const std::string>(std::move(bytes_));
  return frames;
}

}  // namespace bridge
