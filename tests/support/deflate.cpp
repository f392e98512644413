#include "deflate.h"

#include <stdexcept>

#include <zlib.h>

namespace testing_support {
namespace {

constexpr std::size_t kStepBytes = 64 * 1024;

z_stream stream_on(std::string& in) {
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  return stream;
}

// All that `step` makes of the stream's input; the result that it ended with.
template <class Step>
int run(z_stream& stream, std::string& out, Step step) {
  int result = Z_OK;
  do {
    const std::size_t size = out.size();
    out.resize(size + kStepBytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
    stream.avail_out = static_cast<uInt>(kStepBytes);
    result = step(&stream, Z_SYNC_FLUSH);
    out.resize(size + kStepBytes - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  return result;
}

}  // namespace

std::string deflated(std::string_view message) {
  std::string in(message);
  std::string out;
  z_stream stream = stream_on(in);
  if (deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  run(stream, out, deflate);
  deflateEnd(&stream);
  out.resize(out.size() - 4);
  return out;
}

std::optional<std::string> inflated(std::string_view payload) {
  std::string in = std::string(payload) + std::string("\x00\x00\xff\xff", 4);
  std::string out;
  z_stream stream = stream_on(in);
  if (inflateInit2(&stream, -15) != Z_OK) throw std::runtime_error("inflateInit2 failed");
  const int result = run(stream, out, inflate);
  const bool whole = (result == Z_OK || result == Z_BUF_ERROR) && stream.avail_in == 0;
  inflateEnd(&stream);
  if (!whole) return std::nullopt;
  return out;
}

}  // namespace testing_support
