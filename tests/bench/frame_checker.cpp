#include "frame_checker.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bench {
namespace {

constexpr unsigned kContinuation = 0x0;
constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kClose = 0x8;
constexpr unsigned kPing = 0x9;

// Whether `expected`, which ends in a number, stands at `offset`, and the number ends there too.
bool holds_number_at(std::string_view text, std::size_t offset, std::string_view expected) {
  const std::size_t after = offset + expected.size();
  return after < text.size() &&
         std::memcmp(text.data() + offset, expected.data(), expected.size()) == 0 &&
         !(text[after] >= '0' && text[after] <= '9');
}

}  // namespace

std::size_t FrameChecker::take(std::string_view bytes,
                               std::chrono::steady_clock::time_point read_at) {
  std::size_t at = 0;
  while (failure_.empty()) {
    const std::string_view rest = bytes.substr(at);
    const std::size_t used =
        frame_left_ > 0 ? take_stream(rest, read_at) : take_frame(rest, read_at);
    if (used == 0) break;
    at += used;
  }
  return at;
}

// The frame at the front of `bytes`, 0 if it is not whole; of a stream's only the header.
std::size_t FrameChecker::take_frame(std::string_view bytes,
                                     std::chrono::steady_clock::time_point read_at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 2) return 0;
  const unsigned short_length = byte(1) & 0x7fu;
  const std::size_t length_bytes = short_length < 126 ? 0 : short_length == 126 ? 2 : 8;
  const std::size_t begin = 2 + length_bytes;
  if (bytes.size() < begin) return 0;
  std::uint64_t length = length_bytes == 0 ? short_length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length = (length << 8) | byte(2 + i);
  const unsigned opcode = byte(0) & 0x0fu;
  if (rule_->stream != nullptr && opcode <= kBinary) {
    frame_left_ = length;
    return begin;
  }
  if (bytes.size() - begin < length) return 0;
  const std::string_view payload = bytes.substr(begin, static_cast<std::size_t>(length));
  if (opcode == kText) {
    take_text(payload, read_at);
  } else {
    take_control(opcode, payload);
  }
  return begin + payload.size();
}

// What has come of the frame at hand, but for a message that is to go on in it.
std::size_t FrameChecker::take_stream(std::string_view bytes,
                                      std::chrono::steady_clock::time_point read_at) {
  const std::string_view piece =
      bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(frame_left_, bytes.size())));
  std::size_t used = piece.size();
  if (!begun_.empty()) {
    begun_ += piece;
    begun_.erase(0, take_messages(begun_, read_at));
  } else {
    used = take_messages(piece, read_at);
    if (piece.size() == frame_left_ && used < piece.size()) {
      begun_ = piece.substr(used);
      used = piece.size();
    }
  }
  frame_left_ -= used;
  return used;
}

// All whole messages at the front of `stream`.
std::size_t FrameChecker::take_messages(std::string_view stream,
                                        std::chrono::steady_clock::time_point read_at) {
  std::size_t at = 0;
  while (failure_.empty() && at < stream.size()) {
    const StreamSyntax::Message message = rule_->stream->front(stream.substr(at));
    if (!message.error.empty()) failure_ = message.error;
    if (message.bytes == 0) break;
    if (!message.event.empty()) take_text(message.event, read_at);
    at += message.bytes;
  }
  return at;
}

void FrameChecker::take_text(std::string_view payload,
                             std::chrono::steady_clock::time_point read_at) {
  std::size_t key = *key_hint_;
  if (!holds_number_at(payload, key, expected_.text())) {
    key = payload.find(rule_->key);
    if (key == std::string_view::npos) return;  // the bridge's own: a gap shows in the numbers
    *key_hint_ = key;
    if (!holds_number_at(payload, key, expected_.text())) {
      const std::size_t number = key + rule_->key.size();
      failure_ = "expected event " + std::string(expected_.number()) + ", got " +
                 std::string(payload.substr(number, payload.find_first_of(",}", number) - number));
      return;
    }
  }
  if (listener_ != nullptr) listener_->on_event(next_, read_at);
  ++events_;
  if (next_ == rule_->cycle) {
    next_ = 1;
    expected_.restart();
  } else {
    ++next_;
    expected_.increment();
    skip_filtered();
  }
}

void FrameChecker::skip_filtered() {
  const std::vector<bool>& passes = rule_->passes;
  for (; !passes.empty() && !passes[(next_ - 1) % passes.size()]; ++next_) {
    ++filtered_;
    expected_.increment();
  }
}

void FrameChecker::take_control(unsigned opcode, std::string_view payload) {
  if (opcode == kPing) {
    pinged_ = true;
    ping_ = payload;
  } else if (opcode == kClose) {
    const unsigned code =
        payload.size() < 2
            ? 1005u
            : (static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]));
    failure_ = "closed with " + std::to_string(code);
  } else if (opcode == kContinuation) {
    failure_ = "a fragmented message";
  }
}

bool FrameChecker::take_ping(std::string& payload) {
  if (!pinged_) return false;
  pinged_ = false;
  payload = std::exchange(ping_, {});
  return true;
}

}  // namespace bench
