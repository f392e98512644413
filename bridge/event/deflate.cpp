#include "event/deflate.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

namespace bridge {
namespace {

constexpr int kRawWindowBits = -15;  // no zlib header, 32 KB
constexpr int kMemoryLevel = 8;      // zlib's default

// What a sender takes off the end of a message, and its receiver puts back: an empty stored block
// behind its three header bits.
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);

constexpr std::size_t kInflateStepBytes = 16 * 1024;

// z_stream counts in unsigned int.
constexpr std::size_t kMessageBytesMax = std::numeric_limits<uInt>::max() / 2;

const Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

// Appends within a capacity of `bytes_max`: a string that grows by itself doubles, beyond it.
void append_within(std::string& out, std::string_view more, std::size_t bytes_max) {
  const std::size_t needed = out.size() + more.size();
  if (needed > out.capacity()) {
    std::string grown;
    grown.reserve(std::min(bytes_max, std::max(needed, 2 * out.capacity())));
    grown.append(out);
    out.swap(grown);
  }
  out.append(more);
}

struct Inflating {
  Inflating() { ready = inflateInit2(&stream, kRawWindowBits) == Z_OK; }
  ~Inflating() {
    if (ready) inflateEnd(&stream);
  }
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;

  z_stream stream{};
  bool ready = false;
};

// Takes all of `in`.
Inflated inflate_piece(z_stream& stream, std::string_view in, std::size_t bytes_max,
                       std::string& out) {
  std::array<char, kInflateStepBytes> step;
  stream.next_in = const_cast<Bytef*>(bytes_of(in));
  stream.avail_in = static_cast<uInt>(in.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    // Z_BUF_ERROR: nothing was left to do.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      // zlib tells it by its message alone.
      const bool too_far = stream.msg != nullptr && std::string_view(stream.msg) == "invalid distance too far back";
      return too_far ? Inflated::refers_back : Inflated::not_deflate;
    }
    const std::size_t got = step.size() - stream.avail_out;
    if (got > bytes_max - out.size()) return Inflated::too_large;
    append_within(out, {step.data(), got}, bytes_max);
    // A block that calls itself the last (BFINAL) need not be: section 7.2.3.4.
    if (result == Z_STREAM_END && inflateReset(&stream) != Z_OK) return Inflated::not_deflate;
  } while (stream.avail_in != 0 || stream.avail_out == 0);
  return Inflated::whole;
}

}  // namespace

Deflater::Deflater(int level) : level_(level) {}
Deflater::~Deflater() = default;

void Deflater::End::operator()(z_stream_s* stream) const {
  deflateEnd(stream);
  delete stream;
}

std::string_view Deflater::compress(std::string_view message) {
  if (message.size() > kMessageBytesMax) return {};
  if (stream_) {
    deflateReset(stream_.get());
  } else {
    auto stream = std::make_unique<z_stream>();
    if (deflateInit2(stream.get(), level_, Z_DEFLATED, kRawWindowBits, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      return {};
    }
    stream_.reset(stream.release());
  }
  // No more room than makes it worth it, so that it ends as soon as it is not.
  const std::size_t room = message.size() + kTail.size();
  if (out_.size() < room) out_.resize(room);
  z_stream& stream = *stream_;
  stream.next_in = const_cast<Bytef*>(bytes_of(message));
  stream.avail_in = static_cast<uInt>(message.size());
  stream.next_out = reinterpret_cast<Bytef*>(out_.data());
  stream.avail_out = static_cast<uInt>(room);
  // With room left the flush is complete (zlib.h).
  if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_out == 0) return {};
  const std::size_t size = room - stream.avail_out - kTail.size();
  if (size >= message.size()) return {};
  ++tally_.messages;
  tally_.bytes_before += message.size();
  tally_.bytes_after += size;
  return std::string_view(out_).substr(0, size);
}

void Deflater::release() {
  stream_.reset();
  std::string().swap(out_);
}

Inflated inflate_message(std::string_view payload, std::size_t bytes_max, std::string& out) {
  out.clear();
  Inflating inflating;
  if (!inflating.ready || payload.size() > kMessageBytesMax) return Inflated::too_large;
  const Inflated begun = inflate_piece(inflating.stream, payload, bytes_max, out);
  if (begun != Inflated::whole) return begun;
  const std::size_t size = out.size();
  const Inflated ended = inflate_piece(inflating.stream, kTail, bytes_max, out);
  if (ended != Inflated::whole) return ended;
  // The tail is no message's content, and it ends at a block's end: else the payload broke off
  // before.
  constexpr int kBetweenBlocks = 128;
  constexpr int kUnusedBits = 63;
  const int state = inflating.stream.data_type;
  const bool complete = (state & kBetweenBlocks) != 0 && (state & kUnusedBits) == 0;
  return out.size() == size && complete ? Inflated::whole : Inflated::not_deflate;
}

}  // namespace bridge
