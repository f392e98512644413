#include "net/gzip.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

#include "base/ascii.h"

namespace bridge {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // a gzip header, 32 KB
constexpr int kMemoryOfGzip = 8;
constexpr std::size_t kUnzipStepBytes = 16 * 1024;

// To move so much is no long turn. What is larger gets much room at once: where nothing is written it takes no memory.
constexpr std::size_t kMovedBytesMax = 1024 * 1024;
constexpr std::size_t kRoomBytes = 16 * 1024 * 1024;

// Within a capacity of `bytes_max`: a string that grows by itself doubles, beyond it.
void add_within(std::string& out, std::string_view more, std::size_t bytes_max) {
  const std::size_t needed = out.size() + more.size();
  if (needed > out.capacity()) {
    const std::size_t room = needed > kMovedBytesMax ? std::max(kRoomBytes, 2 * out.capacity()) : 2 * out.capacity();
    out.reserve(std::min(bytes_max, std::max(needed, room)));
  }
  out.append(more);
}

}  // namespace

void Gunzip::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

Gunzip::Gunzip(std::string_view body, std::size_t bytes_max) : bytes_max_(bytes_max) {
  auto stream = std::make_unique<z_stream>();
  if (body.size() > std::numeric_limits<uInt>::max() || inflateInit2(stream.get(), kGzipWindowBits) != Z_OK) return;
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream->avail_in = static_cast<uInt>(body.size());
  stream_.reset(stream.release());
}

Gunzip::~Gunzip() = default;

Unzipped Gunzip::step() {
  if (!stream_) return Unzipped::too_large;
  std::array<char, kUnzipStepBytes> step;
  z_stream& stream = *stream_;
  stream.next_out = reinterpret_cast<Bytef*>(step.data());
  stream.avail_out = static_cast<uInt>(step.size());
  const int result = inflate(&stream, Z_NO_FLUSH);
  if (result != Z_OK && result != Z_STREAM_END) return Unzipped::not_gzip;  // Z_BUF_ERROR: it breaks off
  const std::size_t got = step.size() - stream.avail_out;
  if (got > bytes_max_ - out_.size()) return Unzipped::too_large;
  add_within(out_, {step.data(), got}, bytes_max_);
  if (result != Z_STREAM_END) return Unzipped::more;
  if (stream.avail_in == 0) return Unzipped::whole;
  return inflateReset(&stream) == Z_OK ? Unzipped::more : Unzipped::not_gzip;
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  for (std::string_view left = accept_encoding; !left.empty();) {
    std::string_view element = take_until(left, ',');
    const std::string_view name = without_spaces(take_until(element, ';'));
    const std::string_view weight = without_spaces(element);
    // Zero is written "0", "0.", "0.0" and so on.
    const bool refused = weight.size() > 2 && weight.substr(0, 2) == "q=" &&
                         weight.find_first_not_of("0.", 2) == std::string_view::npos;
    if (name == "gzip" || name == "x-gzip") return !refused;
    if (name == "*") any = !refused;
  }
  return any;
}

Gzip::Gzip(int level) {
  auto stream = std::make_unique<z_stream>();
  if (deflateInit2(stream.get(), level, Z_DEFLATED, kGzipWindowBits, kMemoryOfGzip, Z_DEFAULT_STRATEGY) == Z_OK) {
    stream_.reset(stream.release());
  }
}

Gzip::~Gzip() = default;

void Gzip::End::operator()(z_stream_s* stream) const {
  deflateEnd(stream);
  delete stream;
}

bool Gzip::add(std::string_view part, bool last) {
  if (!stream_) return false;
  z_stream& stream = *stream_;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
  stream.avail_in = static_cast<uInt>(part.size());
  std::array<char, kUnzipStepBytes> step;
  int result = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    result = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
    out_.append(step.data(), step.size() - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  return last ? result == Z_STREAM_END : result == Z_OK || result == Z_BUF_ERROR;
}

}  // namespace bridge
