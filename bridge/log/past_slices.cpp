#include "log/past_slices.h"

#include "base/exact_text.h"
#include "base/limits.h"
#include "base/text.h"
#include "event/event_line.h"

namespace bridge {
namespace {

constexpr std::size_t kIndexBytes = 16;  // of an event
constexpr std::uint64_t kStampUsMax = 253'402'300'799'000'000;  // the year 9999

void put(std::string& out, std::uint64_t n, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(n >> 8 * i & 0xFF);
}

std::uint64_t get(std::string_view bytes) {
  std::uint64_t n = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return n;
}

}  // namespace

std::string write_past_request(const PastRequest& request) {
  std::string out(R"({"journal":{"after":)");
  append_number(out, request.after);
  append_number(out.append(R"(,"to":)"), request.to);
  return out.append("}}");
}

std::optional<PastRequest> read_past_request(std::string_view request) {
  ExactText text(request);
  PastRequest read;
  if (!text.take(R"({"journal":{"after":)") || !text.take_number(INT64_MAX, &read.after) || !text.take(R"(,"to":)") ||
      !text.take_number(INT64_MAX, &read.to) || !text.take("}}") || !text.at_end() || read.to <= read.after) {
    return std::nullopt;
  }
  return read;
}

std::string write_past_slice(const PastRequest& request, const std::vector<BlockPtr>& blocks, std::size_t bytes_max) {
  std::uint64_t from = 0, count = 0;
  std::string index, lines;
  for (const BlockPtr& block : blocks) {
    for (std::size_t i = 0; i < block->size(); ++i) {
      const std::uint64_t seq = block->seq(i);
      if (seq <= request.after) continue;
      const EventEntry& entry = block->entry(i);
      const std::string_view json = block->json(i);
      const bool full = count != 0 && index.size() + lines.size() + kIndexBytes + json.size() > bytes_max;
      if (seq > request.to || (count != 0 && seq != from + count) || full) break;
      // Stamp and number stand behind `data`, and are put there anew.
      const std::size_t data_end = entry.data.offset - entry.frame_offset - entry.header_size + entry.data.size;
      ExactText behind(json.substr(data_end));
      std::string_view stamp;
      std::uint64_t number = 0;
      if (!behind.take(",\"timestamp\":") || !behind.take_until(',', &stamp) || !behind.take("\"seq\":") || !behind.take_number(INT64_MAX, &number)) break;
      if (count++ == 0) from = seq;
      put(index, static_cast<std::uint64_t>(entry.timestamp_us), 8);
      put(index, data_end + behind.left().size(), 4);
      put(index, entry.data.size, 4);
      lines.append(json.substr(0, data_end)).append(behind.left());
    }
  }
  std::string out("PAST1 {\"from\":");
  append_number(out, from);
  append_number(out.append(",\"count\":"), count);
  return out.append("}\n").append(index).append(lines);
}

std::optional<std::vector<BlockPtr>> read_past_slice(std::string_view answer, const PastRequest& request) {
  ExactText text(answer);
  std::uint64_t from = 0, count = 0;
  if (!text.take("PAST1 {\"from\":") || !text.take_number(INT64_MAX, &from) || !text.take(",\"count\":") ||
      !text.take_number(answer.size() / kIndexBytes, &count) || !text.take("}\n")) {
    return std::nullopt;
  }
  std::vector<BlockPtr> blocks;
  if (count == 0) return from == 0 && text.at_end() ? std::optional(blocks) : std::nullopt;
  if (from <= request.after || from > request.to || count > request.to - from + 1) return std::nullopt;
  const std::string_view index = text.take_bytes(static_cast<std::size_t>(count) * kIndexBytes);
  if (index.size() != count * kIndexBytes) return std::nullopt;
  BlockBuilder builder;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view one = index.substr(static_cast<std::size_t>(i) * kIndexBytes, kIndexBytes);
    const std::uint64_t stamp = get(one.substr(0, 8));
    const std::uint64_t size = get(one.substr(8, 4));
    const std::string_view bytes = text.take_bytes(static_cast<std::size_t>(size));
    EventLine line;
    if (stamp > kStampUsMax || bytes.size() != size || !read_event_line(bytes, static_cast<std::size_t>(get(one.substr(12))), &line)) {
      return std::nullopt;
    }
    builder.add_line(line, from + i, static_cast<std::int64_t>(stamp));
    if (builder.bytes() >= kBlockBytesMax) blocks.push_back(builder.seal());
  }
  if (!builder.empty()) blocks.push_back(builder.seal());
  return text.at_end() ? std::optional(std::move(blocks)) : std::nullopt;
}

}  // namespace bridge
