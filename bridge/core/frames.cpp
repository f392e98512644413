#include "core/frames.h"

#include <utility>

#include "base/limits.h"
#include "event/ws_frame.h"

namespace bridge {

void FramesBuilder::add(const Block& block, std::size_t index) {
  ++events_;
  if (!batch_) {
    bytes_.append(block.frame(index));
    return;
  }
  array_.append(1, array_.empty() ? '[' : ',').append(block.json(index));
  if (array_.size() >= kBlockBytesMax) close_array();
}

void FramesBuilder::add_gap(std::string_view frame) {
  close_array();
  bytes_.append(frame);
  ++gaps_;
}

void FramesBuilder::close_array() {
  if (array_.empty()) return;
  bytes_.append(text_frame(array_.append(1, ']')));
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
